"""The documentation site, as `make site` builds it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tracked import ROOT

NOWHERE = "http://127.0.0.1:9"
"""A proxy that is not there: whatever asks the network fails."""


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")},
            **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE),
            "NO_MKDOCS_2_WARNING": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout
    assert "Doc file" not in done.stdout, done.stdout  # what mkdocs tells of links that lead nowhere, and is no warning
    return folder

"""What a command reports about files and folders that it has no permission for."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.fork_server import NCCO
from tests.support.server import plain_environment
from tests.system.cli.projects import project

AS_ANYBODY = [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
"""The superuser can write everywhere, unless these capabilities are dropped."""

pytestmark = pytest.mark.skipif(
    bool(AS_ANYBODY) and shutil.which("setpriv") is None, reason="the administrator needs setpriv to have fewer rights"
)
OPEN = "a sale:\n  script: [hear, press: 1, end]\n"


def run(folder: Path, *words: str) -> tuple[int, str, str]:
    """Run a command. Returns its exit code, its output and its standard error."""
    done = subprocess.run(
        [*AS_ANYBODY, NCCO, *words],
        cwd=folder,
        env=plain_environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_scenario_file_that_cannot_be_updated_is_reported(tmp_path: Path) -> None:
    (project(tmp_path, OPEN) / "tests/scenarios/shop.yaml").chmod(0o444)
    code, _, said = run(tmp_path, "test", "--update")

    assert (
        2,
        "Error: tests/scenarios/shop.yaml: Permission denied\n  fix: change its permissions, or name another\n",
    ) == (code, said)


def test_an_unreadable_folder_is_reported(tmp_path: Path) -> None:
    folder = project(tmp_path) / "tests/scenarios"
    folder.chmod(0)
    code, _, said = run(tmp_path, "test", "tests/scenarios/shop.yaml")
    folder.chmod(0o755)

    assert 2 == code
    assert said.startswith("Error: tests/scenarios/shop.yaml: Permission denied\n  fix: change its permissions")

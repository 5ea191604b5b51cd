"""`ncco check`: what it reads, what it prints, and its exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.command import ncco
from tests.system.cli.projects import SHOP, write_project

LOADED = """
import sys
STRANGERS = ("ncco_server.web", "ncco_server.store", "ncco_server.service", "fastapi", "httpx")
from ncco_server.desk.commands import main
try:
    main(["check"])
except SystemExit:
    print(*(name for name in sys.modules if name.startswith(STRANGERS)))
"""


def test_an_unreadable_file_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "pipe.yaml").symlink_to("/proc/self/mem")

    shown = ncco("check", "pipe.yaml")

    assert 2 == shown.exit_code
    assert "Error: pipe.yaml" in shown.stderr


def test_no_code_of_the_server_and_the_store_is_imported(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)

    assert "no issues: 1 flow in 1 file\n\n" == done.stdout

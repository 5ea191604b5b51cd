"""`ncco check`: what it reads, what it prints, and its exit code."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import ncco
from tests.support.fork_server import NCCO, PIPE, STDOUT, Forked
from tests.support.server import plain_environment
from tests.system.cli.projects import SHOP, TYPO, write_project

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


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Forked]:
    """`ncco check --watch` on a project without errors, once it waits for the first change."""
    write_project(tmp_path, shop=SHOP)
    process = Forked(
        [NCCO, "check", "--watch"],
        cwd=tmp_path,
        env={**plain_environment(tmp_path), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
        stdout=PIPE,
        stderr=STDOUT,
        text=True,
    )
    read_until(process, "Ctrl-C ends")
    yield process
    process.kill()
    process.communicate()


def read_until(process: Forked, text: str) -> str:
    """Read the output up to the first line that contains `text`."""
    assert process.stdout is not None
    printed = ""
    line: str
    for line in process.stdout:
        printed += line
        if text in line:
            return printed
    raise AssertionError(f"it ended without {text}:\n{printed}")


def test_watching_checks_again_on_every_save_and_ends_with_the_code_of_the_last_check(
    watching: Forked, tmp_path: Path
) -> None:
    write_project(tmp_path, shop=TYPO)
    assert "changed: flows/shop.yaml" in read_until(watching, "1 error in 1 file")
    write_project(tmp_path, shop=SHOP)
    assert "changed: flows/shop.yaml" in read_until(watching, "no issues")

    (tmp_path / ".env").write_text("FLOW_A=1\n")
    assert "changed: .env" in read_until(watching, "no issues")

    (tmp_path / "flows").rename(tmp_path / "away")
    read_until(watching, "there is no flow folder at flows")
    (tmp_path / "away").rename(tmp_path / "flows")
    assert read_until(watching, "no issues")

    write_project(tmp_path, shop=TYPO)
    read_until(watching, "1 error in 1 file")
    watching.send_signal(signal.SIGINT)
    rest, _ = watching.communicate(timeout=60)

    assert (1, "") == (watching.returncode, rest)

"""What becomes of a command whose output nobody takes, whose input is closed, or that somebody ends with Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.projects import SHOP, write_project
from tests.cli.running import NCCO, plain_environment

FULL = Path("/dev/full")


def shell(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A line for bash, in which NCCO is the command; the code is that of the first program of a pipe."""
    line = f"{command.replace('NCCO', NCCO)}; exit ${{PIPESTATUS[0]}}"
    env = plain_environment(write_project(folder, shop=SHOP))
    return subprocess.run(["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", ["explain", "check", "graph", "render shop", "simulate <&-", "validate - <&-"])
def test_a_closed_stream_leads_nowhere(tmp_path: Path, words: str) -> None:
    open_, closed = shell(tmp_path, f"NCCO {words} </dev/null"), shell(tmp_path, f"NCCO {words} </dev/null >&-")

    assert (open_.returncode, "") == (closed.returncode, closed.stdout)
    assert "Traceback" not in open_.stderr + closed.stderr


@pytest.mark.skipif(not FULL.exists(), reason="the system has no device that is always full")
@pytest.mark.parametrize("words", ["explain", "check", "graph", "render shop", "schema ncco"])
def test_output_that_cannot_be_written_ends_with_2(tmp_path: Path, words: str) -> None:
    done = shell(tmp_path, f"NCCO {words} >{FULL}")

    assert 2 == done.returncode
    assert done.stderr.startswith("Error: the output cannot be written: No space left on device\n  cure: make room ")


def test_a_reader_that_goes_away_is_told_from_a_fault(tmp_path: Path) -> None:
    done = shell(tmp_path, "NCCO schema ncco | (exec <&-; sleep 2)")

    assert (141, "") == (done.returncode, done.stderr)


def test_what_ctrl_c_ends_is_told_from_a_fault(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "answer.json")
    words, env = [NCCO, "validate", "answer.json"], plain_environment(tmp_path)
    reading = subprocess.Popen(words, cwd=tmp_path, env=env, stderr=subprocess.PIPE)
    with (tmp_path / "answer.json").open("w"):  # waits until it is opened for reading, too
        reading.send_signal(signal.SIGINT)
        _, printed = reading.communicate(timeout=20)

    assert (130, b"\nAborted!\n") == (reading.returncode, printed)

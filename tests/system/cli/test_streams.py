"""How a command ends when nobody reads its output, its input is closed, or somebody presses Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support import loopback
from tests.support.cases import each_case
from tests.support.fork_server import NCCO, PIPE, Forked, run
from tests.support.server import free_port, plain_environment
from tests.support.waiting import happens
from tests.system.cli.projects import SHOP, write_project

FULL = Path("/dev/full")
STARTS_A_PROGRAM = """\
import os
from ncco_server import Call, call_flow
os.system("echo noise")
@call_flow(default=True)
async def shop(call: Call) -> None:
    await call.talk("Hello.")
"""


def shell(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a bash line in which NCCO is the command; the exit code is that of the first program in a pipe."""
    line = f"{command.replace('NCCO', NCCO)}; exit ${{PIPESTATUS[0]}}"
    env = plain_environment(write_project(folder, shop=SHOP))
    return subprocess.run(["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, check=False)


def status_of(url: str) -> int:
    """The status of a server's first response; 0 if it never responds."""
    statuses: list[int] = []

    def answers() -> bool:
        with suppress(httpx.TransportError):
            statuses.append(loopback.get(url).status_code)
        return bool(statuses)

    return statuses[0] if happens(answers) else 0


@each_case(("words", "code"), [("check", 0), ("simulate", 0), ("validate - <&-", 2)])
def test_a_closed_stream_is_handled(tmp_path: Path, words: str, code: int) -> None:
    done = shell(tmp_path, f"NCCO {words} </dev/null >&-")

    assert (code, "") == (done.returncode, done.stdout)
    assert "Traceback" not in done.stderr


@each_case("words", ["graph shop", "simulate shop"])
def test_output_is_utf_8_in_any_locale(tmp_path: Path, words: str) -> None:
    shop = SHOP.replace("For sales", "Für Köln")
    env = plain_environment(write_project(tmp_path, shop=shop)) | {"LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run([NCCO, *words.split()], cwd=tmp_path, env=env, capture_output=True, check=False)

    assert (0, b"") == (done.returncode, done.stderr.partition(b"Traceback")[2])
    assert "Für Köln" in done.stdout.decode()


@pytest.mark.parametrize("words", ["check --format json", "render shop"])
def test_a_program_that_a_handler_starts_does_not_print_between_the_results(tmp_path: Path, words: str) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "shop.py").write_text(STARTS_A_PROGRAM)
    env = plain_environment(tmp_path, NCCO_PYTHON_FLOWS="shop.py")
    done = run([NCCO, *words.split()], cwd=tmp_path, env=env, stdout=PIPE, stderr=PIPE, text=True)

    assert (0, True) == (done.returncode, "noise\n" in done.stderr)
    assert "Hello." in done.stdout or [] == json.loads(done.stdout)["issues"]
    assert "noise" not in done.stdout


@pytest.mark.skipif(not FULL.exists(), reason="the system has no device that is always full")
@pytest.mark.parametrize("words", ["check", "render shop"])
def test_output_that_cannot_be_written_ends_with_2(tmp_path: Path, words: str) -> None:
    env = plain_environment(write_project(tmp_path, shop=SHOP))
    with FULL.open("wb") as full:
        done = run([NCCO, *words.split()], cwd=tmp_path, env=env, stdout=full, stderr=PIPE, text=True)

    assert 2 == done.returncode
    assert done.stderr.startswith(
        "Error: the output cannot be written: No space left on device\n  fix: free some space "
    )


@pytest.mark.skipif(not FULL.exists(), reason="the system has no device that is always full")
def test_a_server_that_cannot_print_still_answers(tmp_path: Path) -> None:
    env = plain_environment(write_project(tmp_path, shop=SHOP), NCCO_PORT=str(free_port()))
    with FULL.open("wb") as full:
        server = Forked([NCCO, "serve", "--dev"], cwd=tmp_path, env=env, stdout=full, stderr=full)
    status = status_of(f"http://127.0.0.1:{env['NCCO_PORT']}/healthz")
    server.terminate()

    assert (200, 0) == (status, server.wait(timeout=60))


def test_a_closed_reader_is_not_an_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words, env = [NCCO, "schema", "ncco"], plain_environment(tmp_path)
    done = run(words, cwd=tmp_path, env=env, stdout=writing, stderr=PIPE)
    os.close(writing)

    assert (141, b"") == (done.returncode, done.stderr)


def test_ctrl_c_is_not_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "answer.json")
    words, env = [NCCO, "validate", "answer.json"], plain_environment(tmp_path)
    reading = Forked(words, cwd=tmp_path, env=env, stderr=PIPE)
    with (tmp_path / "answer.json").open("w"):  # waits until the command has opened the file for reading
        reading.send_signal(signal.SIGINT)
        _, printed = reading.communicate(timeout=60)

    assert (130, b"\nAborted!\n") == (reading.returncode, printed)

"""A log that nobody takes holds up no call; what is lost is told when somebody takes it again."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import httpx
import pytest

from app.web.outlet import Outlet
from app.web.steady import JsonLines, Steady
from tests.cli.projects import SHOP, write_project
from tests.cli.running import running_server

LINE = b'{"event": "webhook", "padding": "' + b"x" * 300 + b'"}'
MANY = 1_000


@pytest.fixture
def pipe() -> Iterator[tuple[int, BinaryIO]]:
    """What reads a pipe, and what writes to it."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as out:
        yield reading, out
    os.close(reading)


def taken(reading: int) -> list[bytes]:
    """The lines that stand in a pipe."""
    fcntl.fcntl(reading, fcntl.F_SETFL, os.O_NONBLOCK)
    found = b""
    try:
        while piece := os.read(reading, 1 << 20):
            found += piece
    except BlockingIOError:
        return found.splitlines()
    return found.splitlines()


def test_nobody_waits_for_a_pipe_that_is_full_and_the_loss_is_told(pipe: tuple[int, BinaryIO]) -> None:
    reading, out = pipe
    lines = JsonLines(out)
    for _ in range(MANY):
        lines.msg(LINE)
    before = taken(reading)
    lines.msg(LINE)
    after = [json.loads(line) for line in taken(reading)]

    assert {LINE} == set(before)
    assert ["log lines lost", "webhook"] == [line["event"] for line in after]
    assert MANY - len(before) == after[0]["lost"]


def test_a_line_that_was_cut_is_ended_before_the_next_one(pipe: tuple[int, BinaryIO]) -> None:
    reading, out = pipe
    lines = JsonLines(out)
    for _ in range(20):
        lines.msg(b"[" + b"1," * 20_000 + b"1]")
    whole = [line for line in taken(reading) if line.endswith(b"]")]
    lines.msg(LINE)
    after = taken(reading)

    assert 0 < len(whole) < 20
    assert LINE == after[-1]
    assert 20 - len(whole) == json.loads(after[-2])["lost"]


def test_a_reader_that_has_gone_loses_everything_and_nothing_is_raised(pipe: tuple[int, BinaryIO]) -> None:
    reading, out = pipe
    other = os.dup(reading)
    os.dup2(os.open(os.devnull, os.O_RDONLY), reading)
    os.close(other)
    lines = JsonLines(out)
    for _ in range(2):
        lines.msg(LINE)

    with pytest.raises(BrokenPipeError):
        os.write(out.fileno(), LINE)


def test_nobody_waits_for_a_terminal_that_was_stopped() -> None:
    _master, terminal = pty.openpty()
    termios.tcflow(terminal, termios.TCOOFF)
    with os.fdopen(terminal, "w") as stream:
        steady = Steady(stream)
        for _ in range(MANY):
            steady.write(LINE.decode() + "\n")
            steady.flush()
        was_taken = Outlet(stream).takes()
        termios.tcflow(terminal, termios.TCOON)

    assert not was_taken


def test_a_file_and_what_is_in_memory_let_nobody_wait(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file, Path(os.devnull).open("wb") as nothing:
        found = [Outlet(stream).may_block for stream in (file, nothing, io.BytesIO())]

    assert [False] * 3 == found
    assert Outlet(io.BytesIO()).takes()


def test_a_server_whose_log_nobody_reads_answers_on(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", shop=SHOP)
    _reading, writing = os.pipe()
    with running_server(tmp_path, cwd=project, stdout=writing) as server, httpx.Client(timeout=10) as client:
        began = time.monotonic()
        for number in range(500):
            call = {"to": "442079460000", "from": "447700900123", "uuid": f"leg-{number}"}
            answer = client.post(f"http://{server.address}/webhooks/answer", json=call)
            assert 200 == answer.status_code
        took = time.monotonic() - began

    assert took < 60

"""The log lines of a webhook, and what they never contain."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from ncco_server.service.delivery import Reply
from ncco_server.web.log import LineStream, configure_log, with_log_form
from tests.support.cases import each_case
from tests.unit.server.web.fake_calls import Act, FakeCalls, client_of, crash, give, play, settings_with

INPUT = {"dtmf": {"digits": "84021739"}, "from": "447700900123", "to": "442079460000", "uuid": "leg-1"}


class Terminal(io.TextIOWrapper):
    """A stream in memory that may be a terminal."""

    def __init__(self, *, is_terminal: bool) -> None:
        self.kept = io.BytesIO()
        self.is_terminal = is_terminal
        super().__init__(self.kept, encoding="utf-8", write_through=True)

    def isatty(self) -> bool:
        return self.is_terminal

    @property
    def written(self) -> str:
        return self.kept.getvalue().decode()


async def logged(act: Act = play, *, is_terminal: bool = False, **values: Any) -> str:
    """What a webhook writes to the log with these settings."""
    out = Terminal(is_terminal=is_terminal)
    write_line = configure_log(settings_with(**values), out)
    await client_of(FakeCalls(act), write_line=write_line, **values).post("/webhooks/input/t", json=INPUT)
    await asyncio.sleep(0)
    return out.written


async def test_a_status_of_any_length_makes_no_long_line() -> None:
    with capture_logs() as lines:
        await client_of(FakeCalls(give(Reply(None, "event-" + "x" * 100_000, "recorded")))).post("/webhooks/event")

    assert 300 == len(lines[0]["kind"])


async def test_an_exception_is_logged_with_its_place_and_without_its_values() -> None:
    with capture_logs() as lines:
        await client_of(FakeCalls(crash), dev=False).post("/webhooks/input/t", json=INPUT)

    [line] = lines
    assert ("error", "KeyError", "leg-1") == (line["log_level"], line["error"], line["uuid"])
    assert "crash" in line["frames"][-1]
    assert "447700900123" not in json.dumps(line)
    assert "84021739" not in json.dumps(line)


async def test_in_development_an_exception_shows_its_values() -> None:
    with capture_logs() as lines:
        await client_of(FakeCalls(crash)).post("/webhooks/input/t", json=INPUT)

    assert ["'447700900123'"] == [line["message"] for line in lines]


@pytest.mark.parametrize(
    "given", [{"dtmf": {"digits": "447700900123"}}, {"speech": {"results": [{"text": "447700900123"}]}}]
)
async def test_in_development_an_exception_does_not_show_input_of_a_caller(given: dict[str, Any]) -> None:
    with capture_logs() as lines:
        await client_of(FakeCalls(crash)).post("/webhooks/input/t", json={**INPUT, **given})

    assert ["not shown: it contains what the caller said or pressed"] == [line["message"] for line in lines]


@pytest.mark.parametrize(("log", "is_terminal"), [("json", True), ("auto", False)])
async def test_lines_are_json_for_a_machine(log: str, is_terminal: bool) -> None:
    line: dict[str, Any] = json.loads(await logged(is_terminal=is_terminal, log=log))

    assert ("webhook", "info", "leg-1") == (line["event"], line["level"], line["uuid"])
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize(("log", "is_terminal"), [("pretty", False), ("auto", True)])
async def test_lines_are_readable_on_a_terminal(log: str, is_terminal: bool) -> None:
    written = await logged(is_terminal=is_terminal, log=log)

    assert "acme" in written
    assert not written.startswith("{")
    assert is_terminal == ("\x1b[" in written)


@pytest.mark.parametrize(
    ("log", "is_terminal", "form"),
    [("auto", True, "pretty"), ("auto", False, "json"), ("json", True, "json"), ("pretty", False, "pretty")],
)
def test_a_terminal_gets_the_pretty_log(
    log: str, is_terminal: bool, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", Terminal(is_terminal=is_terminal))

    assert form == with_log_form(settings_with(log=log)).log


async def test_a_pretty_log_shows_exceptions_with_their_place_and_colours_only_on_a_terminal() -> None:
    written = [await logged(crash, is_terminal=is_terminal, log="pretty") for is_terminal in (False, True)]

    assert [False, True] == ["\x1b[" in text for text in written]
    assert "fake_calls.py" in written[0]


async def test_lines_below_the_level_are_left_out() -> None:
    assert "" == await logged(log_level="warning")


TIME = re.compile(r"[\d:T.-]{8,}Z?")
LINE = {"route": "input", "uuid": "leg-\u202e1", "status": 200, "ms": 1.5, "frames": ["a.py:1 f"], "event": "webhook"}


@pytest.mark.parametrize("log", ["json", "pretty"])
@each_case("level", ["debug", "info", "warning", "error", "critical"])
@pytest.mark.parametrize("least", ["debug", "info", "warning", "error"])
def test_a_line_has_the_same_bytes_with_and_without_a_bound_logger(log: str, level: str, least: str) -> None:
    out = Terminal(is_terminal=False)
    write_line = configure_log(settings_with(log=log, log_level=least), out)
    write_line(level, dict(LINE))
    line = out.written
    getattr(structlog.get_logger(), level)(**LINE)

    assert 2 * TIME.sub("", line) == TIME.sub("", out.written)


@pytest.mark.parametrize("log", ["json", "pretty"])
def test_lines_of_libraries_have_the_same_format(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("uvicorn", "uvicorn.error"):  # a server that another test started has its own loggers
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
    out = Terminal(is_terminal=False)
    configure_log(settings_with(log=log), out)
    logging.getLogger("uvicorn.error").warning("port is %s", "hot")
    logging.getLogger("uvicorn.error").info("not this")

    assert 1 == out.written.count("\n")
    assert "port is hot" in out.written
    assert (log == "json") == out.written.startswith("{")


DIGITS = "840217395"


def failed(digits: str) -> None:
    """Raises an error with a value in its text, and another one in a variable."""
    variable = f"{digits} in a variable"
    raise ValueError(f"{digits} in the text", len(variable))


@pytest.mark.parametrize("log", ["json", "pretty"])
def test_an_exception_that_a_library_logs_shows_no_values(log: str) -> None:
    out = Terminal(is_terminal=False)
    configure_log(settings_with(log=log), out)
    try:
        failed(DIGITS)
    except ValueError as error:
        logging.getLogger("library").exception("Exception in a task\nfuture: <Task exception=%r>", error)
        structlog.get_logger().error("own", exc_info=KeyError("text"))

    assert DIGITS not in out.written
    assert "Exception in a task" in out.written
    assert "ValueError" in out.written
    assert "test_log.py" in out.written


def test_a_stack_as_text_shows_what_was_raised_and_no_values() -> None:
    out = Terminal(is_terminal=False)
    configure_log(settings_with(log="json"), out)
    try:
        failed(DIGITS)
    except ValueError:
        logging.getLogger("library").error(traceback.format_exc())

    assert "ValueError" == json.loads(out.written)["event"]


def test_an_exception_on_a_terminal_shows_no_variables() -> None:
    out = Terminal(is_terminal=True)
    configure_log(settings_with(log="pretty"), out)
    try:
        failed(DIGITS)
    except ValueError:
        structlog.get_logger().exception("flows not read")

    assert "in a variable" not in out.written
    assert "in the text" in out.written


async def test_a_log_that_cannot_be_written_breaks_no_call() -> None:
    out = Terminal(is_terminal=False)
    write_line = configure_log(settings_with(log="json"), out)
    out.close()
    response = await client_of(FakeCalls(play), write_line=write_line).post("/webhooks/input/t", json=INPUT)

    assert 200 == response.status_code


@pytest.mark.parametrize("log", ["json", "pretty"])
def test_control_and_bidirectional_characters_are_escaped(log: str) -> None:
    out = Terminal(is_terminal=False)
    configure_log(settings_with(log=log), out)
    structlog.get_logger().error("flow issue", problem="a\u009bb\u202ec\x1bd", flows=["\u202e"], more="\x7f")

    assert {"\\u009b", "\\u202e"} <= {out.written[at : at + 6] for at in range(len(out.written))}
    assert out.written.isascii()
    assert "\x7f" not in out.written


@pytest.fixture
def pipe() -> Iterator[tuple[io.TextIOWrapper, int]]:
    """A stream into a pipe, and the reading end."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        yield stream, reading
    os.close(reading)


def test_a_full_pipe_blocks_nobody_and_the_lost_lines_are_counted(pipe: tuple[io.TextIOWrapper, int]) -> None:
    stream, reading = pipe
    lines = LineStream(stream)
    for _ in range(200):
        lines.write("x" * 999 + "\n")
    first = os.read(reading, 1_000_000)
    lines.write("next\n")
    rest = os.read(reading, 1_000_000).splitlines()

    assert 200 == first.count(b"\n") + json.loads(rest[-2])["lost"]
    assert b"next" == rest[-1]


def test_a_truncated_line_ends_before_the_next_one(pipe: tuple[io.TextIOWrapper, int]) -> None:
    stream, reading = pipe
    lines = LineStream(stream)
    lines.write("x" * 1_000_000 + "\n")
    os.read(reading, 1_000_000)
    lines.write("next\n")

    assert [b"", b"log lines lost", b"next"] == [
        json.loads(line)["event"].encode() if line.startswith(b"{") else line
        for line in os.read(reading, 1_000_000).splitlines()
    ]


async def test_all_lines_of_one_round_are_written_at_its_end(pipe: tuple[io.TextIOWrapper, int]) -> None:
    stream, reading = pipe
    lines = LineStream(stream)
    lines.write("one\n")
    await asyncio.to_thread(lines.write, "from a thread\n")
    lines.write("two\n")
    lines.write("three\n")
    await asyncio.sleep(0)

    assert [b"one", b"from a thread", b"two", b"three"] == os.read(reading, 1_000).splitlines()


def test_a_closed_reader_raises_nothing(pipe: tuple[io.TextIOWrapper, int]) -> None:
    stream, reading = pipe
    lines = LineStream(stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), reading)

    assert 5 == lines.write("next\n")

"""Too many connections: those on which nobody asks anything go, and callers are served."""

from __future__ import annotations

import resource
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from app.web.crowd import LEAST, MOST_FILES, RESERVE, Crowd, most_files, room_for
from tests.cli.projects import SHOP, write_project
from tests.cli.running import running_server


class Someone:
    """A connection that does nothing."""

    def __init__(self, *, is_silent: bool = False, is_idle: bool = False) -> None:
        self.is_silent = is_silent
        self.is_idle = is_idle or is_silent
        self.is_gone = False

    def give_way(self) -> None:
        self.is_gone = True


def gone(*there: Someone, most: int) -> list[bool]:
    """Who of those who come one after another is sent away."""
    crowd = Crowd(most)
    for each in there:
        crowd.came(each)
    return [each.is_gone for each in there]


def test_the_one_who_was_silent_for_longest_gives_way() -> None:
    busy, first, second, idle = Someone(), Someone(is_silent=True), Someone(is_silent=True), Someone(is_idle=True)

    assert [False, True, False, False, False] == gone(busy, first, second, idle, Someone(is_silent=True), most=4)


def test_an_idle_one_gives_way_when_nobody_is_silent() -> None:
    assert [False, True, False] == gone(Someone(), Someone(is_idle=True), Someone(is_silent=True), most=2)


def test_a_new_one_is_not_let_in_where_all_are_busy() -> None:
    assert [False, False, True] == gone(Someone(), Someone(), Someone(is_silent=True), most=2)


def test_many_go_at_once_and_the_log_tells_of_it_once() -> None:
    with capture_logs() as lines:
        there = gone(*[Someone(is_silent=True) for _ in range(100)], most=64)

    assert 36 == sum(there)
    assert [("too many connections", 4)] == [(line["event"], line["closed"]) for line in lines]


def test_who_has_left_takes_no_place() -> None:
    crowd, first = Crowd(1), Someone()
    crowd.came(first)
    crowd.left(first)
    crowd.left(first)
    second = Someone()
    crowd.came(second)

    assert (1, False) == (len(crowd), second.is_gone)


def test_files_are_kept_for_everything_else() -> None:
    assert (LEAST, 1_024 - RESERVE) == (room_for(10), room_for(1_024))


@pytest.mark.parametrize(
    ("before", "expected", "after"),
    [
        ((1_024, 4_096), 4_096, (4_096, 4_096)),
        ((4_096, 4_096), 4_096, (4_096, 4_096)),
        ((100_000, 200_000), 100_000, (100_000, 200_000)),
        ((1_024, 1_000_000), MOST_FILES, (MOST_FILES, 1_000_000)),
        ((1_024, resource.RLIM_INFINITY), MOST_FILES, (MOST_FILES, resource.RLIM_INFINITY)),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), MOST_FILES, (resource.RLIM_INFINITY,) * 2),
    ],
)
def test_the_limit_is_raised_as_far_as_it_may_be(
    before: tuple[int, int], expected: int, after: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [before]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.append(wanted))

    assert expected == most_files()
    assert after == limits[-1]


def test_a_limit_that_cannot_be_raised_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int, wanted: tuple[int, int]) -> None:
        raise ValueError(wanted)

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)

    assert 256 == most_files()


def test_a_system_without_such_limits_is_taken_at_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)

    assert MOST_FILES == most_files()


def test_strangers_who_open_connections_and_say_nothing_do_not_silence_the_number(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", shop=SHOP)
    limited = ("sh", "-c", 'ulimit -Sn 128; ulimit -Hn 700; exec "$@"', "sh")
    call = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}
    with running_server(tmp_path, cwd=project, before=limited) as server, ExitStack() as strangers:
        host, port = server.address.rsplit(":", 1)
        for _ in range(800):
            strangers.enter_context(socket.create_connection((host, int(port)), timeout=10))
        answers = [
            httpx.post(f"http://{server.address}/webhooks/answer", json=call, timeout=10).status_code for _ in range(20)
        ]

    assert [200] * 20 == answers
    assert "too many connections" in server.printed

"""`ncco calls`, on calls that a service has recorded."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ncco_server.store import Store
from tests.support.command import ncco
from tests.support.fork_server import NCCO, PIPE, Forked
from tests.support.server import plain_environment
from tests.support.stored_rows import in_store
from tests.support.terminal import Terminal
from tests.system.cli.projects import write_project
from tests.unit.server.service.served_call import LEG, ServedCall, delivery, service_at

DESK = """flow: desk
numbers: ["442079460000"]
vars:
  pin: {type: text, default: "", sensitive: true}
start: menu
defaults: {on: {error: end}}
hooks:
  called: {post: "https://crm.example.com/called"}
steps:
  menu:
    do: [{talk: "For sales, press 1 or say sales."}]
    choices:
      sales: {dtmf: 1, speech: [sales], goto: sales}
      pin: {dtmf: 2, goto: pin}
      broken: {dtmf: 3, goto: broken}
    retry: {then: sales}
  sales:
    send: called
    do:
      - connect: "447700900111"
        timeout: 20
    on: {completed: end, otherwise: end}
  pin:
    do: [{talk: "Your PIN?"}]
    collect: {into: pin, digits: 4, sensitive: true}
    retry: {then: end}
    goto: end
  broken:
    do:
      - connect: "{{ call.from }}"
    on: {completed: end, otherwise: end}
"""
Play = Callable[[ServedCall], Awaitable[Any]]


def record(*plays: Play, path: Path = Path("ncco.db")) -> None:
    """Record calls in the database in the working directory, one after another."""
    write_project(Path(), desk=DESK)

    async def play_all(store: Store) -> None:
        service = await service_at(store, Path("flows"))
        for play in plays:
            await play(ServedCall(service))

    in_store(path, play_all)


async def to_sales(call: ServedCall) -> None:
    await call.ring()
    await call.press("9")
    await call.press("1")
    await call.dial("ringing", to="447700900111")
    await call.dial("busy", to="447700900111")
    await call.service.event(delivery({"uuid": LEG, "status": "completed", "duration": "42"}))


async def with_pin(call: ServedCall) -> None:
    await call.ring(uuid="aa02", **{"from": "447700900999"})
    await call.press("2")
    await call.press("4711")


async def broken(call: ServedCall) -> None:
    await call.ring(uuid="aa03")
    await call.press("3")


def document(id_: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ncco("calls", id_, "--format", "json").stdout)
    return found


# One call


def test_the_timeline_shows_webhooks_decisions_and_replies() -> None:
    record(to_sales)

    shown = ncco("calls", LEG[:6], "--format", "text")

    assert 0 == shown.exit_code
    revision = document(LEG)["call"]["revision"]
    assert (
        f"""\
call {LEG}
  from 447700900123 to 442079460000
  flow desk, revision {revision[:8]}
  began 2026-03-04 12:00:00 UTC, 4 turns, 0 s: played to the end
    0.0 s  webhook   answer
           why       desk: the flow that this call starts in  flows/desk.yaml:1
           talk      "For sales, press 1 or say sales."
           input     dtmf or speech
           talk      "Please call again later."
    0.0 s  presses   9
           why       menu → nomatch: digits 9 match no choice; failed attempt 1 of 3: asked again  flows/desk.yaml:16
           talk      "For sales, press 1 or say sales."
           input     dtmf or speech
           talk      "Please call again later."
    0.0 s  presses   1
           why       menu → sales: digits 1 are the key of choice "sales"  flows/desk.yaml:13
           connect   phone 447700900111, for 20 s
           hook      called: waiting
    0.0 s  webhook   event-ringing: to 447700900111
    0.0 s  webhook   event-busy: to 447700900111
           why       sales → busy: Vonage reported busy; no line for it, so "otherwise" decides  flows/desk.yaml:22
           nothing   the call continues as before
    0.0 s  webhook   event-completed: after 42 s
""".splitlines()
        == shown.stdout.splitlines()
    )


def test_a_call_without_a_flow_is_listed_too() -> None:
    async def unknown(call: ServedCall) -> None:
        await call.service.answer(delivery({"to": "15550100", "from": "447700900123", "uuid": "aa09"}))

    record(unknown)
    (call,) = json.loads(ncco("calls", "--number", "15550100", "--format", "json").stdout)["calls"]
    text = ncco("calls", "aa09", "--format", "text").stdout

    assert ("aa09", "", True, 1) == (call["id"], call["flow"], call["failed"], call["turns"])
    assert "no flow took the call" in text
    assert "failed: failsafe: " in text


def test_failed_step_is_reported_with_its_place() -> None:
    record(broken)

    text = ncco("calls", "aa03", "--format", "text").stdout

    assert "failed: broken → R101" in text
    assert "flows/desk.yaml:" in text
    assert "something failed" in text


def test_a_key_press_through_the_fallback_url_is_shown_with_the_reason() -> None:
    async def lost(call: ServedCall) -> None:
        await call.ring()
        await call.service.fallback(delivery(by_fallback(call)))

    record(lost)
    entry = document(LEG)["timeline"][1]

    assert "presses   1 (by the fallback URL: Connection reset.)" in ncco("calls", LEG, "--format", "text").stdout
    assert "Connection reset." == entry["fallback"]


def by_fallback(call: ServedCall) -> dict[str, Any]:
    """The fields of the fallback webhook after the reply to a key was lost."""
    url = f"https://calls.example.com/webhooks/input/{call.token('input')}"
    keyed = {"dtmf": {"digits": "1", "timed_out": False}, "uuid": LEG, "conversation_uuid": "CON-1"}
    return {**keyed, "reason": "Connection reset.", "original_request": {"url": url, "type": "event"}}


# Following


def following(*words: str) -> Forked:
    return Forked(
        [NCCO, "calls", "--follow", *words], env=plain_environment(Path.cwd()), stdout=PIPE, stderr=PIPE, text=True
    )


def interrupted(process: Forked) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    return process.wait(), said


def test_new_calls_are_shown_as_they_arrive_until_interrupted() -> None:
    record(to_sales)
    process = following("--format", "json")
    assert process.stdout is not None

    first = json.loads(process.stdout.readline())
    record(with_pin)
    second = json.loads(process.stdout.readline())

    assert (LEG, "aa02") == (first["id"], second["id"])
    assert (0, "") == interrupted(process)


def test_following_as_text_ends_when_nobody_reads_the_output() -> None:
    record(to_sales)
    process = following("--format", "text")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    record(with_pin)

    _, said = process.communicate(timeout=60)

    assert (0, "") == (process.returncode, said)


@pytest.mark.parametrize(("command", "columns"), [("calls", 80), ("calls", 200), ("report", 80)])
def test_a_terminal_shows_what_it_has_room_for_and_results_in_colour(
    command: str, columns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    record(to_sales)

    words = (command, "--from", "2026-01-01") if command == "report" else (command,)
    shown = in_terminal(tmp_path, columns, *words)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)

    assert [] == [line for line in plain.splitlines() if len(line) > columns]
    assert "missed" in plain
    assert ("\x1b[31m" in shown) is (command == "calls")
    assert ("020 7946 0000" in plain) is (columns == 200 or command == "report")
    assert "\x1b" not in in_terminal(tmp_path, columns, *words, NO_COLOR="1")


def test_a_list_that_is_piped_fits_100_columns() -> None:
    record(to_sales)

    (head, row) = ncco("calls", "--format", "text").stdout.splitlines()

    assert 100 >= max(len(head), len(row))
    assert {LEG[:12], "447700900123", "442079460000", "missed"} <= {*row.split()}


def test_a_code_links_to_its_page_where_a_terminal_shows_colours(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "main.yaml").write_text("flow: main\n")
    page = r"\x1b\]8;;file://[^\x1b]*errors\.md#L[0-9]+\x1b\\\x1b\[31mE[0-9]+\x1b\[0m\x1b\]8;;\x1b\\"

    assert re.search(page, in_terminal(tmp_path, 80, "check", exit_code=1))
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in in_terminal(tmp_path, 80, "check", exit_code=1, **env)


def in_terminal(folder: Path, columns: int, *words: str, exit_code: int = 0, **env: str) -> str:
    """What a command writes to a terminal with this number of columns."""
    env = plain_environment(folder, **{"TERM": "xterm-256color", "COLUMNS": str(columns), **env})
    terminal = Terminal(folder, env, NCCO, *words)
    assert exit_code == terminal.ends()
    return terminal.shown

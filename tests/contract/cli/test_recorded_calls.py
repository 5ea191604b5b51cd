"""`ncco calls` and `replay` on the database of a server that answered two calls."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import loopback
from tests.support.cases import each_case
from tests.support.command import json_of, ncco
from tests.support.server import running_server

DESK = """\
flow: desk
numbers: ["442079460000"]
vars:
  pin: {type: text, sensitive: true}
start: menu
defaults: {on: {error: end}}
hooks:
  called: {post: "http://127.0.0.1:9/called"}
steps:
  menu:
    do: [{talk: "For sales, press 1 or say sales."}]
    choices: {sales: {dtmf: 1, speech: [sales], goto: sales}, pin: {dtmf: 2, goto: pin}}
    retry: {then: sales}
  sales:
    send: called
    do: [{connect: "447700900111", timeout: 20}]
    on: {completed: end, otherwise: end}
  pin:
    do: [{talk: "Your PIN?"}]
    collect: {into: pin, digits: 8, sensitive: true}
    retry: {then: end}
    goto: check
  check: {branch: [{if: pin == "1234", goto: sales}, {else: end}]}
"""
SALES, PIN = "aa01", "aa02"
CALL_KEYS = {
    *("id", "leg", "conversation", "from", "to", "flow", "revision", "state", "step", "failed"),
    *("began_at", "ended_at", "seconds", "turns", "parent", "direction", "request", "previous"),
    *("name", "result", "own", "rang", "person_at", "returned_at", "returned_by", "words"),
}


def _post(url: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
    response = loopback.post(url, json=fields)
    response.raise_for_status()
    ncco: list[dict[str, Any]] = response.json() if response.content else []
    return ncco


def _press(played: list[dict[str, Any]], uuid: str, digits: str) -> list[dict[str, Any]]:
    (url,) = next(action["eventUrl"] for action in played if action["action"] == "input")
    pressed = {"dtmf": {"digits": digits, "timed_out": False}, "speech": {"results": []}}
    return _post(url, {**pressed, "uuid": uuid, "conversation_uuid": f"CON-{uuid}", "from": "447700900123"})


def _take_calls(address: str) -> None:
    """One call that is put through to sales and ends, and one that enters a PIN."""
    caller = {"from": "447700900123", "to": "442079460000"}
    for uuid in (SALES, PIN):
        played = _post(f"{address}/webhooks/answer", {**caller, "uuid": uuid, "conversation_uuid": f"CON-{uuid}"})
        played = _press(played, uuid, "9")
        if uuid == SALES:
            _press(played, uuid, "1")
            _post(f"{address}/webhooks/event", {"uuid": uuid, "status": "completed", "duration": "42"})
        else:
            _press(_press(played, uuid, "2"), uuid, "84021739")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a stopped server, with its database."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "flows").mkdir()
    (folder / "flows" / "desk.yaml").write_text(DESK, encoding="utf-8")
    env = {"NCCO_DATABASE_URL": "sqlite:///calls.db", "NCCO_DIAL_ALLOW": "44"}
    with running_server(folder, cwd=folder, env=env) as server:
        _take_calls(server.url)
        server.stop()
    yield folder
    shutil.rmtree(folder)


def _document(folder: Path, *words: str) -> Any:
    result = ncco(*words, "--format", "json", cwd=folder, env={"NCCO_DATABASE_URL": "sqlite:///calls.db"})
    assert 0 == result.exit_code, result.output
    return json_of(result)


def test_calls_are_listed_newest_first(recorded: Path) -> None:
    calls = _document(recorded, "calls")["calls"]

    assert [PIN, SALES] == [call["id"] for call in calls]
    assert all(call.keys() == CALL_KEYS for call in calls)
    assert ("desk", "447700900123", "442079460000", "hung-up", 3) == tuple(
        calls[1][key] for key in ("flow", "from", "to", "state", "turns")
    )


@each_case(
    ("words", "ids"),
    [
        (["--number", "447700900123"], [PIN, SALES]),
        (["--number", "900123"], [PIN, SALES]),
        (["--number", "447700900999"], []),
        (["--flow", "desk", "--limit", "1"], [PIN]),
        (["--since", "1h"], [PIN, SALES]),
        (["--since", "2020-01-01"], [PIN, SALES]),
        (["--failed"], []),
        (["--result", "missed"], [SALES]),
        (["--result", "person"], []),
        (["--own", "booked"], []),
        (["--word", "say SALES"], [PIN, SALES]),
        (["--word", "your pin"], [PIN]),
        (["--word", "84021739"], []),
        (["--since", "2020-01-01", "--until", "2020-01-02"], []),
        (["--open"], [PIN]),
    ],
)
def test_calls_can_be_filtered(words: list[str], ids: list[str], recorded: Path) -> None:
    assert ids == [call["id"] for call in _document(recorded, "calls", *words)["calls"]]


@each_case(
    ("hours", "zone"),
    [
        ("", "UTC"),
        ("hours: {shop: {timezone: Asia/Tokyo, week: {mon-fri: 09:00-17:00}}}\n", "Asia/Tokyo"),
        (
            "hours:\n  a: {timezone: Asia/Tokyo, week: {mon: 09:00-17:00}}\n"
            "  b: {timezone: UTC, week: {mon: 09:00-17:00}}\n",
            "UTC",
        ),
    ],
)
def test_times_are_in_the_zone_of_the_opening_hours(recorded: Path, tmp_path: Path, hours: str, zone: str) -> None:
    (tmp_path / "shop.yaml").write_text(f"flow: shop\ndefault: true\nstart: a\n{hours}steps: {{a: {{goto: end}}}}\n")
    env = {"NCCO_DATABASE_URL": "sqlite:///calls.db", "NCCO_FLOWS": str(tmp_path)}

    assert f"times in {zone}" in ncco("calls", "--format", "text", cwd=recorded, env=env).output


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (["--word", "pin", "--follow"], "leave out --follow"),
        ([SALES, "--follow"], "leave out --follow"),
        ([SALES, "--word", "pin"], "leave out the options that filter calls"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(words: list[str], fix: str, recorded: Path) -> None:
    refused = ncco("calls", *words, cwd=recorded, env={"NCCO_DATABASE_URL": "sqlite:///calls.db"})

    assert (2, True) == (refused.exit_code, fix in refused.output)


def test_one_call_shows_its_webhooks_turns_and_hooks(recorded: Path) -> None:
    call = _document(recorded, "calls", SALES)

    assert ["answer", "input-dtmf", "input-dtmf", "event-completed"] == [entry["kind"] for entry in call["timeline"]]
    turn = call["timeline"][2]["turn"]
    assert (3, "sales", "connect") == (turn["number"], turn["outcome"], turn["ncco"][0]["action"])
    assert {"turn": 2, "index": 0} == call["timeline"][2]["wait"]
    assert call["timeline"][3]["turn"] is None
    assert all(line["where"].startswith("flows/desk.yaml:") for line in turn["why"] if line["where"])
    assert ["called"] == [hook["hook"] for hook in call["hooks"]]


def test_a_recorded_call_is_replayed_with_the_same_nccos(recorded: Path) -> None:
    replayed = _document(recorded, "replay", SALES)

    assert [True, True, True] == [turn["same"] for turn in replayed["turns"]]

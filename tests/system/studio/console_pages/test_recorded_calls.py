"""The pages of calls that the webhook server answered, in virtual time, and calls saved as scenarios."""

from __future__ import annotations

import asyncio
import html
import json
import re
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

import httpx
import pytest

from ncco_server.service.delivery import Delivery
from ncco_server.store import SqliteDatabase, Store
from ncco_server.web import create_app
from ncco_studio.console.app import create_console
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour
from ncco_studio.verify.scenarios.files import read_files
from tests.support.command import ncco
from tests.support.webhooks import callback, running_app
from tests.system.cli.projects import write_project
from tests.system.studio.simulator.own_server import own_line
from tests.unit.server.service.served_call import ANSWER, LEG, NOON, service_at
from tests.unit.studio.console.conftest import REPOSITORY, OwnPlayer, logged_in, settings_for, with_worker_here

Acts: TypeAlias = Callable[[Leg], Awaitable[None]]
WEDNESDAY: Final = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
CALLER: Final = "447911123456"
BANK: Final = """\
flow: bank
numbers: ["442079460009"]
start: ask
vars: {pin: text}
lookups:
  account:
    python: "bank_of_tests:account"
    timeout: 3500ms
    with: {pin: "{{ pin }}"}
    returns: {owner: text, balance: {type: text, sensitive: true}}
    default: {owner: nobody, balance: "0"}
hooks:
  greeted: {post: "http://127.0.0.1:9/greeted"}
steps:
  ask:
    do: [{talk: "Please key in your PIN."}]
    collect: {into: pin, digits: 8, sensitive: true}
    retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], then: end}
    goto: account
  account: {lookup: account, branch: [{if: account.ok, goto: known}, {else: unknown}]}
  known: {send: greeted, do: [{talk: "Hello {{ account.owner }}."}], goto: more}
  unknown: {do: [{talk: "I do not know you."}], goto: more}
  more:
    do: [{talk: "For more, press 1."}]
    choices: {more: {dtmf: 1, goto: end}}
    retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], then: end}
"""
MEETING: Final = """\
flow: meeting
numbers: ["442079460007"]
start: begin
steps:
  begin: {do: [{talk: "Welcome to the meeting."}, {conversation: {name: weekly}}], goto: end}
"""
VIP: Final = """\
flow: vip
numbers: ["442079460008"]
start: begin
steps:
  begin: {branch: [{if: 'call.from == "447911123456"', goto: known}, {else: unknown}]}
  known: {do: [{talk: "Welcome back."}], goto: end}
  unknown: {do: [{talk: "Welcome."}], goto: end}
"""
ACCOUNT: Final = """\
def account(pin):
    if pin == "00000000":
        raise OSError(f"no account for {pin}")
    return {"owner": "Ann", "balance": "4711835529 pounds"}
"""


GREET = """flow: greet
default: true
params:
  who: {type: text, default: you}
  pin: {type: text, default: "", sensitive: true}
start: hello
steps:
  hello: {branch: [{if: call.direction == "outbound", goto: called}, {else: end}]}
  called: {do: [{talk: "Hello {{ who }}."}], goto: end}
"""

MODULE = "bank_of_tests"
ALLOWED = {"NCCO_PYTHON_LOOKUPS": MODULE}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("flows", "templates"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns(".*"))
    (tmp_path / "flows/bank.yaml").write_text(BANK)
    (tmp_path / "flows/meeting.yaml").write_text(MEETING)
    (tmp_path / "flows/vip.yaml").write_text(VIP)
    (tmp_path / "bank_of_tests.py").write_text(ACCOUNT)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, value in ALLOWED.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def database(project: Path) -> str:
    return f"sqlite:///{project}/calls.db"


async def record(project: Path, to: str, acts: Acts, *, other: Behaviour | None = None) -> str:
    """Make a call. Returns its id."""
    flows = project / "flows"
    async with own_line(flows, start=WEDNESDAY, other=other, database_url=database(project)) as vonage:
        leg = await vonage.call(to, CALLER)
        await acts(leg)
        await vonage.run()
        return leg.uuid


async def keep(project: Path, id_: str, **more: Any) -> httpx.Response:
    """Keep a call as a scenario; the console replays it in this process, with `more` settings."""
    settings = settings_for(project, database_url=database(project), python_lookups=MODULE, **more)
    console = create_console(settings, dev=True)
    console.state.console.phone_calls.make_worker = OwnPlayer
    async with await logged_in(with_worker_here(console)) as client:
        reply = await client.post(f"/calls/{id_}/keep", headers={"HX-Request": "true"})
        if reply.status_code == 200:
            assert "Keep as scenario" in (await client.get(f"/calls/{id_}")).text
    await console.state.console.close()
    return reply


def pressing(*keys: str) -> Acts:
    """Press a key whenever the call waits ("" for silence), then listen to the end."""

    async def acts(leg: Leg) -> None:
        for each in keys:
            await leg.listen()
            await (leg.press(each) if each else leg.silence())
        if not leg.is_over:
            await leg.listen()

    return acts


async def hanging_up(leg: Leg) -> None:
    await pressing("3")(leg)
    await leg.hang_up()


async def leaving_a_message(leg: Leg) -> None:
    await pressing("1")(leg)
    await leg.speak(seconds=7)
    await leg.press("#")
    await leg.listen()


CASES: Final[Sequence[tuple[str, str, Acts, Behaviour]]] = (
    ("a colleague answers", "442079460001", pressing("9", "", "1"), Behaviour("completed", talks_s=45)),
    ("a colleague is busy, so a message is left", "442079460001", leaving_a_message, Behaviour("busy")),
    ("the caller hangs up", "442079460001", hanging_up, Behaviour()),
    ("a sensitive answer", "442079460009", pressing("84021739", "1"), Behaviour()),
    ("a caller whom the flow knows", "442079460008", pressing(), Behaviour()),
)


@pytest.mark.parametrize(("to", "acts", "other"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_a_saved_call_is_a_scenario_that_passes(project: Path, to: str, acts: Acts, other: Behaviour) -> None:
    id_ = await record(project, to, acts, other=other)

    reply = await keep(project, id_)

    assert 200 == reply.status_code, reply.text
    (file,) = (project / "tests/scenarios").glob("*.yaml")
    played = await asyncio.to_thread(ncco, "test", file, cwd=project, env=ALLOWED)
    assert 0 == played.exit_code, played.output + file.read_text()
    (read,) = read_files([file])
    assert [step.word for step in read.scenarios[0].script if step.word != "hear"]


async def test_a_saved_call_lists_events_in_their_order(project: Path) -> None:
    async def leaving_the_meeting(leg: Leg) -> None:
        await leg.listen(until=60)
        await leg.hang_up()

    id_ = await record(project, "442079460007", leaving_the_meeting)

    assert 200 == (await keep(project, id_)).status_code
    (read,) = read_files([project / "tests/scenarios/meeting.yaml"])
    assert ["hear", "hangup"] == [step.word for step in read.scenarios[0].script]
    played = await asyncio.to_thread(ncco, "test", read.path, cwd=project, env=ALLOWED)
    assert 0 == played.exit_code, played.output


async def test_sensitive_values_and_the_number_of_the_caller_are_not_written(project: Path) -> None:
    id_ = await record(project, "442079460009", pressing("84021739", "1"))

    assert 200 == (await keep(project, id_)).status_code

    text = (project / "tests/scenarios/bank.yaml").read_text()
    assert not [secret for secret in ("84021739", "4711835529", CALLER, "secret:") if secret in text], text
    assert text.startswith("# A recorded call. Replaced with sample values: the caller's number, what the caller")
    assert "Ann" in text


REFUSED: Final[Sequence[tuple[str, str, Acts, tuple[str, str], str]]] = (
    (
        "the flow has changed", "442079460001", pressing("3", "1"),
        ("dtmf: 3, speech: [hours", "dtmf: 4, speech: [hours"), "on the current flow, it takes a different path",
    ),
    ("the flow has errors", "442079460001", pressing("3"), ("goto: menu", "goto: menue"), "has errors"),
    ("the flow is gone", "442079460001", pressing("3"), ("flow: reception", "flow: front"), "no longer in the project"),
    ("a right PIN", "442079460002", pressing("2580"), ("", ""), "with sample values in place of sensitive data"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("to", "acts", "change", "why"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
async def test_a_call_that_cannot_be_replayed_is_not_saved(
    project: Path, to: str, acts: Acts, change: tuple[str, str], why: str
) -> None:
    id_ = await record(project, to, acts)
    path = project / "flows/reception.yaml"
    path.write_text(path.read_text().replace(*change))

    reply = await keep(project, id_)

    assert 422 == reply.status_code, reply.text
    assert why in reply.text
    assert not (project / "tests").exists()


@pytest.mark.parametrize(("method", "flow"), [("GET", "greet"), ("POST", None)])
async def test_the_query_of_the_answer_url_is_saved_unless_it_is_sensitive(
    method: str, flow: str | None, tmp_path: Path
) -> None:
    write_project(tmp_path, greet=GREET)
    store = Store(SqliteDatabase(tmp_path / "calls.db"))
    await store.open()
    service = await service_at(store, tmp_path / "flows")
    fields = {**ANSWER, "uuid": LEG}
    query = {"who": "Ann", "pin": "84021739", "direction": "outbound"}
    if method == "GET":
        fields = query = fields | query
        raw = urlencode(query).encode()
    else:
        raw = json.dumps(fields).encode()
    received = Delivery(method, raw, fields, "https://calls.example.com", NOON, query=query)
    await service.answer(received, flow)
    await store.close()

    reply = await keep(tmp_path, f"{LEG}/{flow}" if flow else LEG)

    assert 200 == reply.status_code, reply.text
    kept = (tmp_path / "tests/scenarios/greet.yaml").read_text("utf-8")
    assert "who: Ann" in kept
    assert "direction: outbound" in kept
    assert "Hello Ann" in kept
    assert "84021739" not in kept


async def test_a_call_placed_by_the_server_is_not_saved(project: Path) -> None:
    id_ = await record(project, "442079460001", hanging_up)
    with closing(sqlite3.connect(project / "calls.db")) as calls, calls:
        calls.execute("UPDATE calls SET state = CAST(json_set(CAST(state AS TEXT), '$.call.request', 'r') AS BLOB)")

    reply = await keep(project, id_)

    assert (422, True) == (reply.status_code, "the server placed it" in reply.text)


async def test_a_call_without_a_flow_is_not_saved(project: Path) -> None:
    path = project / "flows/reception.yaml"
    path.write_text(path.read_text().replace("default: true", "# default"))
    id_ = await record(project, "442079469999", pressing())

    reply = await keep(project, id_)

    assert 422 == reply.status_code
    assert "no flow took it" in reply.text


async def page_of(project: Path, id_: str) -> str:
    settings = settings_for(project, database_url=database(project))
    console = create_console(settings, dev=True)
    async with await logged_in(console) as client:
        page = (await client.get(f"/calls/{id_}")).text
    await console.state.console.close()
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split()).replace(" ,", ",")


async def test_a_call_shows_lookup_answers_their_durations_and_its_hooks(project: Path) -> None:
    page = await page_of(project, await record(project, "442079460009", pressing("84021739", "1")))

    assert re.search(r'→ account: ok, in \d+ ms, \{"owner": "Ann", "balance": "••••", "ok": true\}', page), page
    line = BANK[: BANK.index("lookup: account")].count("\n") + 1
    assert f"flows/bank.yaml line {line}" in page
    assert "greeted waiting" in page
    assert not [secret for secret in ("84021739", "4711835529") if secret in page]


async def test_a_call_shows_why_a_lookup_failed_without_sensitive_values(project: Path) -> None:
    page = await page_of(project, await record(project, "442079460009", pressing("00000000", "1")))

    assert re.search(r"→ account: not ok: .*OSError.*, in \d+ ms", page)
    assert "no account for" not in page


@pytest.mark.parametrize(
    "given",
    [
        {"dtmf": {"digits": "abc", "timed_out": False}},
        {"speech": {"results": [{"text": '"]}}\n\nevil:\n  script: []\u2028', "confidence": None}]}},
        {"speech": {"error": "ERR1: Failed to analyze audio"}},
        {"dtmf": 7, "speech": 7},
    ],
)
async def test_any_received_call_is_saved_or_refused_with_a_reason(project: Path, given: dict[str, Any]) -> None:
    settings = settings_for(project, database_url=database(project), insecure=True, python_lookups=MODULE)
    app = create_app(settings, dev=True)
    names = {"uuid": "aaaaaaaa-0", "conversation_uuid": "CON-a"}
    async with running_app(app) as webhooks:
        fields = {"to": "442079460001", "from": "<b>\n", **names}
        asked = (await webhooks.post("/webhooks/answer", json=fields)).json()
        await webhooks.post(callback(asked), json={**given, **names})

    reply = await keep(project, names["uuid"])

    assert reply.status_code in (200, 422), reply.text
    if reply.status_code == 422:
        assert "cannot be kept as a scenario: " in reply.text
        assert not (project / "tests").exists()
    else:
        (read,) = read_files([project / "tests/scenarios/reception.yaml"])
        assert (1, ()) == (len(read.scenarios), read.issues)


async def test_a_damaged_call_is_shown_and_not_saved(project: Path) -> None:
    id_ = await record(project, "442079460001", pressing("3"))
    with closing(sqlite3.connect(project / "calls.db")) as calls, calls:
        calls.execute("UPDATE calls SET state = ?", (b"{",))

    assert "For sales, press 1" in await page_of(project, id_)
    reply = await keep(project, id_)

    assert (422, True) == (reply.status_code, "its record is damaged" in reply.text)

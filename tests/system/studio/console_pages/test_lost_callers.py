"""A call's page shows where the caller was lost, and the line to fix."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from ncco_server.settings import Settings
from ncco_server.web import create_app
from ncco_studio.console.app import create_console
from tests.support.cases import each_case
from tests.support.webhooks import running_app
from tests.unit.studio.console.conftest import logged_in, settings_for

FLOW: Final = """\
flow: shop
numbers: ["442079460000"]
start: menu
vars: {count: int}
steps:
  menu:
    do: [{talk: "Press a key."}]
    choices:
      failsafe: {dtmf: 1, goto: failsafe}
      hangup: {dtmf: 2, goto: hangup}
      handled: {dtmf: 3, goto: handled}
      fine: {dtmf: 4, goto: fine}
    retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], then: end}
  failsafe:
    set: {count: "{{ call.from }}x"}
    do: [{talk: "Never heard."}]
    goto: fine
  hangup:
    set: {count: "{{ call.from }}x"}
    do: [{talk: "Never heard."}, {connect: "447700900111"}]
    on: {completed: end, otherwise: end, error: sorry}
  handled:
    set: {count: "{{ call.from }}x"}
    do: [{talk: "Never heard."}, {connect: "447700900111"}]
    on: {completed: end, otherwise: end, error: message}
  sorry:
    do: [{talk: "Something is broken."}]
    goto: end
  message:
    do: [{talk: "Leave a message."}, {record: {endOnSilence: 3}}]
    goto: end
  fine:
    do: [{talk: "Goodbye."}]
    goto: end
"""
LEG: Final = {"uuid": "aaaaaaaa-0000", "conversation_uuid": "CON-a"}
ENDED: Final = {**LEG, "status": "completed", "direction": "inbound"}
ERROR: Final = {"conversation_uuid": "CON-a", "reason": "Syntax error in NCCO. Invalid value type or action."}
REFUSED: Final = {
    **{"to": "442079460000", "from": "447700900123", **LEG},
    "reason": "Invalid NCCO.",
    "original_request": {"url": "http://127.0.0.1:8000/webhooks/answer", "type": "answer"},
}


def settings(project: Path) -> Settings:
    return settings_for(project, database_url=f"sqlite:///{project}/calls.db", insecure=True)


async def call(project: Path, to: str, requests: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """Make a call. Each request has a path; "" means the path of the current input."""
    (project / "flows").mkdir()
    (project / "flows/shop.yaml").write_text(FLOW, encoding="utf-8")
    url = ""
    for path, fields in [("/webhooks/answer", {"to": to, "from": "447700900123", **LEG}), *requests]:
        if path == "the revision is lost":
            with closing(sqlite3.connect(project / "calls.db")) as database, database:
                database.execute("DELETE FROM revisions")
            flow = project / "flows/shop.yaml"
            flow.write_text(flow.read_text(encoding="utf-8").replace("Goodbye", "Bye"), encoding="utf-8")
            continue
        async with running_app(create_app(settings(project), dev=True)) as webhooks:
            reply = await webhooks.post(path or url, json=fields)
        actions = reply.json() if reply.content else []
        url = next((each["eventUrl"][0] for each in actions if each["action"] == "input"), url)
    console = create_console(settings(project), dev=True)
    async with await logged_in(console) as client:
        page = (await client.get(f"/calls/{LEG['uuid']}")).text
    await console.state.console.close()
    return page


def pressed(keys: str) -> tuple[str, dict[str, Any]]:
    return "", {**LEG, "dtmf": {"digits": keys, "timed_out": False}}


def line_of(text: str) -> int:
    return FLOW[: FLOW.index(text)].count("\n") + 1


END: Final = ("/webhooks/event", {**ENDED, "disconnected_by": "user"})
CASES: Final[dict[str, tuple[Sequence[tuple[str, dict[str, Any]]], str, str]]] = {
    "no error exit: the failsafe": ([pressed("1"), END], "the failsafe was played", "  failsafe:\n"),
    "the error exit ends the call": ([pressed("2"), END], "the error exit ended the call", "  hangup:\n"),
    "Vonage reports an error": ([("/webhooks/event", ERROR)], "Vonage reported: Syntax error in NCCO.", "  menu:\n"),
    "Vonage refuses the NCCO": (
        [("/webhooks/fallback", REFUSED), END],
        "the failsafe was played", "  menu:\n",
    ),
    "the revision is lost": ([("the revision is lost", {}), pressed("4")], "could not continue", "  menu:\n"),
    "Vonage hangs up": (
        [("/webhooks/event", {**ENDED, "disconnected_by": "platform"})], "Vonage ended the call", "  menu:\n"
    ),
}  # fmt: skip


@each_case("name", CASES)
async def test_lost_caller_is_marked_with_the_line_to_fix(tmp_path: Path, name: str) -> None:
    requests, why, step = CASES[name]

    page = await call(tmp_path, "442079460000", requests)

    (mark,) = re.findall(r'<p class="lost[^"]*">(.*?)</p>', page, re.DOTALL)
    assert why in mark
    assert f"flows/shop.yaml line {line_of(step)}<" in mark
    (jump,) = re.findall(r'href="#(b-[\w-]+)">Show where', page)
    assert page.index(f'id="{jump}"') < page.index(mark)


async def test_a_call_without_a_flow_says_what_to_do(tmp_path: Path) -> None:
    page = await call(tmp_path, "442079469999", [END])

    assert "The caller was lost here" in page
    assert "add the number to a flow&#39;s `numbers`" in page


FINE: Final = {
    "played to the end": [pressed("4"), END],
    "the error exit leads to a recording": [pressed("3"), END],
    "the caller hangs up": [END],
    "the input comes after the end": [END, pressed("")],
    "delivered twice": [pressed("4"), pressed("4"), END],
}


@each_case("name", FINE)
async def test_caller_who_was_not_lost_is_not_marked(tmp_path: Path, name: str) -> None:
    assert "was lost" not in await call(tmp_path, "442079460000", FINE[name])

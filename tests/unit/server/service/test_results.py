"""The results of calls that the webhook server answered, compared with what a listener would report."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from ncco_server.desk.call_search import find_calls
from ncco_server.settings import Settings
from ncco_server.store import ANY_CALL, milliseconds, open_store
from ncco_server.web import create_app

ALWAYS, NEVER = "{mon-sun: 00:00-24:00}", "{mon: 00:00-00:01}"
SALON = """\
flow: salon
default: true
hours: {shop: {timezone: Europe/London, week: WEEK}}
results: {booked: a cut was booked}
start: hello
steps:
  hello: {do: [{record: true}, {talk: "Salon Ann."}], branch: [{if: hours.shop.open, goto: menu}, {else: closed}]}
  menu:
    do: [{talk: "To book, press 1. For our prices, press 2. For our hours, press 3. For a message, press 4."}]
    choices:
      book: {dtmf: 1, goto: book}
      prices: {dtmf: 2, goto: prices}
      hours: {dtmf: 3, goto: hours}
      message: {dtmf: 4, goto: message}
      more: {dtmf: 5, goto: more}
      booked: {dtmf: 7, goto: booked}
    retry: {tries: 2, noinput: ["Sorry?"], nomatch: ["Sorry?"], then: bye}
  more: {do: [{talk: "For a cut, press 1."}], choices: {cut: {dtmf: 1, goto: prices}}, retry: {then: bye}}
  book: {do: [{connect: "447700900333"}], on: {completed: end, otherwise: nobody}}
  nobody: {do: [{talk: "Nobody is free."}], goto: message}
  booked: {result: booked, do: [{talk: "You have booked."}], goto: menu}
  prices: {do: [{talk: "A cut is ten pounds."}], goto: menu}
  hours: {do: [{talk: "We are {{ 'open' if hours.shop.open else 'closed' }}."}], goto: menu}
  message:
    do: [{talk: "Please speak."}, {record: {beepStart: true, endOnKey: "#"}}]
    goto: end
  closed: {do: [{talk: "We are closed."}, {record: {beepStart: true, endOnKey: "#"}}], goto: end}
  bye: {do: [{talk: "Goodbye."}], goto: end}
"""
CALLS = {
    "hangs up in the greeting": ([], "missed"),
    "says nothing": ([""], "missed"),
    "presses a key that is none": (["9"], "missed"),
    "comes to a second menu": (["5"], "missed"),
    "hears the prices": (["2"], "served"),
    "hears the prices behind a second menu": (["5", "1"], "served"),
    "hears the hours": (["3"], "served"),
    "is said goodbye to": (["", ""], "served"),
    "is asked for a message and leaves none": (["4"], "missed"),
    "leaves a message": (["4", "record"], "message"),
    "speaks with a person": (["1", "answered"], "person"),
    "reaches nobody": (["1", "timeout"], "missed"),
    "hangs up while it rings": (["1", "ringing"], "missed"),
    "reaches nobody and leaves a message": (["1", "busy", "record"], "message"),
    "hears the prices, then reaches nobody": (["2", "1", "timeout"], "missed"),
    "books": (["7"], "own"),
    "books, then reaches nobody": (["7", "1", "busy"], "own"),
    "books, then speaks with a person": (["7", "1", "answered"], "person"),
    "is on the line": (["2", "stays"], "open"),
}
"""What a caller does, and what came of the call."""


class Line:
    """A webhook server on a database, and its records."""

    def __init__(self, folder: Path, week: str) -> None:
        (folder / "flows").mkdir()
        (folder / "flows" / "salon.yaml").write_text(SALON.replace("WEEK", week), encoding="utf-8")
        self.url = f"sqlite:///{folder}/calls.db"
        settings = Settings(flows=folder / "flows", database_url=self.url, insecure=True)
        self.app = create_app(settings)

    async def call(self, leg: str, acts: list[str], direction: str = "inbound") -> None:
        """Play a call; each act is a key, an event of the dialled party, or a recording."""
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://127.0.0.1") as client:

            async def post(url: str, **fields: Any) -> list[dict[str, Any]]:
                reply = await client.post(url, json={"uuid": leg, "conversation_uuid": f"CON-{leg}", **fields})
                assert 200 == reply.status_code, reply.text
                return reply.json() if reply.content.startswith(b"[") else ncco

            called = {"to": "442079460000", "from": "447700900123"}
            ncco: list[dict[str, Any]] = []
            ncco = await post(f"/webhooks/answer?direction={direction}", **called)
            for act in acts:
                url = next((each["eventUrl"][0] for each in reversed(ncco) if "eventUrl" in each), "")
                if act == "record":
                    await post(url, recording_uuid=f"rec-{leg}", recording_url="https://api.nexmo.com/1", size=1000)
                elif act.isalpha() and act != "stays":
                    event = {"status": act, "direction": "outbound", "to": "447700900333", "uuid": f"other-{leg}"}
                    ncco = await post(url, **event)
                elif act != "stays":
                    ncco = await post(url, dtmf={"digits": act, "timed_out": not act})
            if acts[-1:] != ["stays"]:
                await post("/webhooks/event", status="completed", direction="inbound")


@pytest.fixture
async def line(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    line = Line(tmp_path, request.param)
    async with line.app.router.lifespan_context(line.app):
        yield line


async def judged(line: Line) -> dict[str, str]:
    now = milliseconds(datetime.now(UTC))
    async with open_store(line.url).records() as records:
        found = await find_calls(records, ANY_CALL, 100, now)
    return {result.id: result.result for _, result in found.calls if result is not None}


@pytest.mark.parametrize("line", [ALWAYS], indirect=True)
async def test_the_result_of_a_call_is_what_a_listener_would_report(line: Line) -> None:
    for leg, (acts, _) in CALLS.items():
        await line.call(leg, acts)

    assert {leg: result for leg, (_, result) in CALLS.items()} == await judged(line)


@pytest.mark.parametrize("line", [NEVER], indirect=True)
async def test_a_caller_who_left_no_message_is_a_missed_caller(line: Line) -> None:
    await line.call("hangs up", [])
    await line.call("leaves a message", ["record"])

    assert {"hangs up": "missed", "leaves a message": "message"} == await judged(line)


@pytest.mark.parametrize("line", [ALWAYS], indirect=True)
async def test_a_person_called_by_the_server_is_not_a_missed_caller(line: Line) -> None:
    await line.call("called us", [])
    await line.call("was called", [], direction="outbound")

    assert {"called us": "missed", "was called": "answered"} == await judged(line)

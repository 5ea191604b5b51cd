"""Everything that the server has acknowledged is still there after a kill, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest

from tests.contract.server.calls.cases import Exchange
from tests.contract.server.calls.conversation import Conversation
from tests.support.postgres_server import shared_server, why_not
from tests.support.server import Server, StandIn, running, standing_in
from tests.support.stored_rows import run_in
from tests.support.waiting import happens

FLOW: Final = """
flow: line
entry: true
start: menu
hooks: {began: {post: "{{ env.STAND_IN }}/began"}}
steps:
  menu:
    send: began
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: dial}}
    retry: {tries: 3, then: bye}
  dial:
    do: [{connect: "447700900111"}]
    on: {completed: end, otherwise: bye}
  bye:
    do: [{talk: "Goodbye."}]
    goto: end
"""
OLD_KEY: Final = "a key of this test alone, which is over"
NEW_KEY: Final = "a key of this test alone, which is new."

ANSWER: Final = Exchange(send="answer/line")
ONE: Final = Exchange.model_validate({"send": "<input>", "with": {"dtmf": {"digits": "1", "timed_out": False}}})
SILENCE: Final = Exchange.model_validate({"send": "<input>", "with": {"dtmf": {"digits": "", "timed_out": True}}})
BUSY: Final = Exchange.model_validate({"send": "<event>", "with": {"status": "busy", "uuid": "{call}-b"}})


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with standing_in() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path: Path, stand_in: StandIn) -> Iterator[Server]:
    settings = {"FLOW_STAND_IN": stand_in.url, "NCCO_KEY": OLD_KEY}
    if request.param == "postgresql":
        if reason := why_not():
            pytest.skip(reason)
        database = shared_server()
        settings["NCCO_DATABASE_URL"] = database.url(database.new_database())
    with running(tmp_path, {"flows/line.yaml": FLOW}, settings) as started:
        yield started


def a_minute_passes(server: Server) -> None:
    """End the leases on hooks, as a minute would: the process that was sending them is gone."""
    url, ends = server.settings["NCCO_DATABASE_URL"], "UPDATE hooks SET leased_until = 0"
    if url.startswith("sqlite"):
        run_in(Path(url.removeprefix("sqlite:///")), ends)
    else:
        shared_server().run(ends, urlsplit(url).path.lstrip("/"))


def test_a_call_continues_after_a_kill_and_with_a_new_key(server: Server, stand_in: StandIn) -> None:
    stand_in.reset({"POST /began": {"reply": {}, "after_s": 60}})
    with httpx.Client(base_url=server.url, timeout=30) as client:
        conversation = Conversation(client, {"call": "leg-1"})
        before = [conversation.send(exchange) for exchange in (ANSWER, SILENCE, ONE)]
    assert happens(lambda: bool(stand_in.asked))  # the kill comes during the first try
    server.end()
    a_minute_passes(server)
    server.settings |= {"NCCO_KEY": NEW_KEY, "NCCO_KEY_PREVIOUS": OLD_KEY}
    stand_in.reset({})
    server.start()
    with httpx.Client(base_url=server.url, timeout=30) as client:
        conversation.client = client
        after = [conversation.send(Exchange(again=number)) for number in (1, 2, 3)]
        last = conversation.send(BUSY)

    assert [reply.body for reply in before] == [reply.body for reply in after]
    assert [{"action": "talk", "text": "Goodbye."}] == last.ncco
    assert ["/began"] == [hook.path for hook in stand_in.wait_for_hooks(1)]

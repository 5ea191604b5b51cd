"""A text of a caller or another server that begins like a token is stored, shown and replayed as text."""

from __future__ import annotations

from typing import Final

import orjson
import pytest

from ncco_server.desk.recorded_calls import entries_of
from ncco_server.desk.replay import replay
from ncco_server.desk.transcript import DOTS, stored_lines
from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow
from ncco_server.service.call_search import spoken_in
from ncco_server.service.masks import MaskedText, has_token, mask, with_marks, without_marks
from ncco_server.store import Store, Timeline
from tests.support.cases import each_case
from tests.support.stored_rows import NOON_MS
from tests.unit.server.service.served_call import LEG, POLICY, ServedCall, delivery, service_of

LIKE: Final = ("secret:0123456789abcdef", "secret: at noon", "text:secret:AAAAAAAAAAAAAAAAAAAA", "secret:")
FLOW: Final = """
flow: main
default: true
entry: true
start: menu
params: {topic: {type: text, default: ""}}
vars: {said: {type: text, default: ""}}
lookups:
  note:
    get: "https://example.com/note"
    returns: {text: text, pin: {type: text, sensitive: true}}
    default: {text: "", pin: ""}
steps:
  menu:
    lookup: note
    do: [{talk: "Note {{ note.text }}, topic {{ topic }}. Say something."}]
    collect: {into: said, speech: any}
    retry: {then: end}
    goto: over
  over:
    do: [{talk: "You said {{ said }}."}]
    goto: end
"""


def flow_text(pin: str = "") -> str:
    return FLOW if pin else FLOW.replace("{type: text, sensitive: true}", "text")


async def timeline_of(store: Store, text: str, pin: str = "") -> Timeline:
    async def answer(wanted: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        return tuple(LookupAnswer({"text": text, "pin": pin}) for _ in wanted)

    call = ServedCall(await service_of(store, flow_text(pin), look_ups=lambda: answer))
    rung = await call.ring()
    assert rung.ncco == (await call.ring()).ncco
    heard = {"speech": {"results": [{"text": text, "confidence": 0.9}]}, "uuid": LEG}
    token = call.token("input")
    first = await call.post("input", heard)
    assert first.ncco == (await call.post("input", heard, token)).ncco
    await call.service.event(delivery({"status": "completed", "uuid": LEG, "reason": text}))
    async with store.records() as records:
        timeline = await records.timeline(LEG)
    assert timeline is not None
    return timeline


def flow_of(pin: str = "") -> Flow:
    return load({"flows/main.yaml": flow_text(pin)}, extent="project").flows["main"]


@pytest.mark.parametrize("text", LIKE)
async def test_a_text_like_a_token_is_shown_and_replayed_as_text(store: Store, text: str) -> None:
    timeline = await timeline_of(store, text)
    shown = list(stored_lines(timeline, NOON_MS))
    heard = next(entry.document for entry in entries_of(timeline) if entry.webhook.kind.startswith("input"))
    end = next(entry.document for entry in entries_of(timeline) if entry.webhook.kind == "event-completed")
    turns = list(replay(timeline, flow_of(), POLICY))

    assert f'said "{text}" (confidence 0.9)' == heard["told"]
    assert text == end["fields"]["reason"]
    said = next(each for each in shown if each.kind == "did")
    assert ("says", text, "confidence 0.9") == (said.verb, said.text, said.note)
    assert [f"Note {text}, topic . Say something.", f"You said {text}."] == [
        each.plain for each in shown if each.kind == "said" and each.plain
    ]
    assert [True, True] == [turn["same"] for turn in turns], turns
    assert text in next(iter(spoken_in(timeline.turns[1].ncco)))
    assert text in [words for row in timeline.webhooks for words in spoken_in(row.body)]
    assert not any(has_token([entry.fields, entry.inputs]) for entry in entries_of(timeline) if not entry.is_again)


async def test_a_sensitive_answer_stays_hidden(store: Store) -> None:
    timeline = await timeline_of(store, "secret:0123456789abcdef", pin="84021739")
    (answer,) = (answer for entry in entries_of(timeline) for answer in entry.answers)
    (reason,) = (each for each in stored_lines(timeline, NOON_MS) if each.kind == "why" and each.note)
    (turn,) = replay(timeline, flow_of("84021739"), POLICY)

    assert isinstance(answer.value["pin"], MaskedText)
    assert {"text": "secret:0123456789abcdef", "pin": DOTS, "ok": True} == orjson.loads(reason.note)
    assert "the answer of the lookup note is sensitive, so it was not stored" == turn["because"]


@each_case("text", [*LIKE, "text:", "text:text:secret:a", "a secret:b", "text:secret"])
def test_marks_are_taken_off_again(text: str) -> None:
    token = mask(b"key", "session", text)
    kept = orjson.loads(orjson.dumps(with_marks({"a": [text, token], "b": (text,)})))
    read = without_marks(kept)

    assert {"a": [text, token], "b": [text]} == read
    assert [False, True] == [isinstance(each, MaskedText) for each in read["a"]]


def test_a_token_that_an_earlier_version_stored_is_one() -> None:
    assert has_token(without_marks({"dtmf": {"digits": "secret:0123456789abcdef"}}))

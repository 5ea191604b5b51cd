"""What the trace stores about the requests of lookups."""

from __future__ import annotations

import orjson

from ncco_server.engine.session import AskedLine, TraceLine
from ncco_server.service.masks import mask
from tests.support.cases import each_case
from tests.unit.server.engine.scripted_call import ScriptedCall, load_flow

FLOW = """
flow: shop
default: true
start: one
lookups:
  order:
    params: {{number: {{type: text, sensitive: true}}}}
    post: https://shop.example.com/orders
    json: {json}
    returns: {{total: number}}
    default: {{total: 0}}
  again:
    params: {{number: {{type: text, sensitive: true}}}}
    post: https://shop.example.com/orders
    json: {json}
    returns: {{total: number}}
    default: {{total: 0}}
steps:
  one:
    lookup:
      - order: {{number: "{number}"}}
      - again: {{number: "1234"}}
    do:
      - talk: Thank you.
    goto: end
"""
NUMBER = '{n: "{{ number }}"}'


def asked(number: str, json: str = NUMBER, key: bytes = b"k" * 32) -> dict[str, str]:
    """The stored token of each lookup's request."""
    flow = load_flow(FLOW.format(json=json, number=number))
    call = ScriptedCall(
        flow, answers={"order": {"total": 1}, "again": {"total": 1}}, mask=lambda *given: mask(key, *given)
    )
    lines = orjson.loads(orjson.dumps(call.turn.trace))
    return {line.what: line.request for line in map(AskedLine.read, lines) if line.did == "asked"}


def test_equal_requests_of_a_call_have_one_token_that_needs_the_key() -> None:
    same, other, elsewhere = asked("1234"), asked("4321"), asked("1234", key=b"x" * 32)

    assert same["order"] == same["again"] == other["again"]
    assert 3 == len({same["order"], other["order"], elsewhere["order"]})
    assert not [token for token in same.values() if "1234" in token]


@each_case("json", ['{n: "{{ now }}"}', '{n: "{{ call }}"}', '["{{ number }}", 1, true, 1.5]', '"{{ number }}"'])
def test_every_body_has_a_token(json: str) -> None:
    assert {"order", "again"} == {name for name, token in asked("1234", json).items() if token}


def test_a_trace_line_of_an_older_version_has_no_token() -> None:
    line = orjson.loads(orjson.dumps(TraceLine("asked", "one", "order")))

    assert "" == AskedLine.read(line).request


MENU = """
flow: menu
default: true
start: menu
steps:
  menu:
    do: [talk: Press 1 or say one.]
    choices: {one: {dtmf: 1, speech: one, goto: menu}}
    retry: {noinput: [Pardon?], nomatch: [Pardon?], then: end}
"""


def test_the_trace_says_whether_keys_or_speech_were_heard() -> None:
    call = ScriptedCall(load_flow(MENU))
    call.press("1")
    heard = [*call.turn.trace]
    call.speak(("one", 0.9))
    heard += call.turn.trace
    call.silence()

    assert ["keys", "speech", ""] == [line.by for line in (*heard, *call.turn.trace) if line.did == "heard"]

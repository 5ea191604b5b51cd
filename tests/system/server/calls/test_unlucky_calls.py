"""What a caller hears when webhooks come twice, late, out of order, from the wrong sender or with hostile values."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path

import pytest

from ncco_server.ncco import check
from tests.system.server.calls.asgi_call import BASE, Caller, Host, serving

FLOWS = Path(__file__).resolve().parents[4] / "flows"
ANSWER_URL = f"{BASE}/webhooks/answer"
LOST = ["Connection closed.", "Connection reset.", "Socket timeout.", "Invalid response code."]
REFUSED = "Invalid NCCO."
SORRY = "I am putting you through."
EMPTY = (200, b"")
TALKATIVE = """
flow: talkative
default: true
start: ask
vars: {reason: {type: text, default: ""}}
defaults:
  retry: {then: end}
  on: {error: sorry}
steps:
  ask:
    do:
      - talk: "Why do you call?"
    collect: {into: reason, speech: any}
    goto: echo
  echo:
    do:
      - talk: "<speak>You said <break time='1s'/> {{ reason }}.</speak>"
      - talk: "{{ reason }}"
    choices: {again: {dtmf: 1, goto: echo}}
  sorry:
    do:
      - talk: "Sorry."
    goto: end
"""


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with serving(FLOWS) as host:
        yield host


@pytest.fixture
def talkative(tmp_path: Path) -> Path:
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "talkative.yaml").write_text(TALKATIVE)
    return flows


@pytest.mark.parametrize("form", ["json", "form", "query"])
async def test_a_whole_call_works_by_json_by_form_and_by_query(host: Host, form: str) -> None:
    caller = Caller(host, form=form)
    await caller.ring()
    menu = caller.url("input")
    sales = await caller.press("1")
    again = await caller.press("2", menu)
    await caller.dial("busy")
    recording = await caller.send(
        caller.url("event"), {"recording_url": "https://api-eu-3.vonage.com/v1/files/1", "conversation_uuid": "CON-1"}
    )
    ended = await caller.hang_up()

    assert sales.content == again.content
    assert "All our sales colleagues are on the phone." == caller.said[0]
    assert EMPTY == (recording.status_code, recording.content)
    assert EMPTY == (ended.status_code, ended.content)


async def test_fifty_simultaneous_deliveries_get_the_same_ncco(host: Host) -> None:
    caller = Caller(host)
    await caller.ring()
    menu = caller.url("input")
    replies = await asyncio.gather(*(caller.press(digits, menu) for digits in ["1", "2", "", "7", "3"] * 10))

    assert {200} == {reply.status_code for reply in replies}
    assert 1 == len({reply.content for reply in replies})
    assert 2 == len(host.store.turns[caller.leg])


async def test_a_busy_event_after_the_timeout_changes_nothing(host: Host) -> None:
    caller = Caller(host)
    await caller.ring()
    await caller.press("1")
    dialled = caller.url("event")
    timeout = await caller.dial("timeout", dialled)
    busy = await caller.dial("busy", dialled)
    again = await caller.dial("timeout", dialled)

    assert EMPTY == (busy.status_code, busy.content)
    assert timeout.content == again.content


async def test_webhooks_after_the_end_of_a_call_get_an_empty_reply(host: Host) -> None:
    caller = Caller(host)
    await caller.ring()
    menu = caller.url("input")
    await caller.hang_up()
    pressed = await caller.press("1", menu)

    assert EMPTY == (pressed.status_code, pressed.content)
    assert host.store.sessions[caller.leg].is_over


@pytest.mark.parametrize(("reason", "form"), [(LOST[0], "json"), (LOST[-1], "query")])
async def test_the_fallback_continues_where_the_reply_was_lost(host: Host, reason: str, form: str) -> None:
    caller = Caller(host, form=form)
    answered = await caller.fall_back(ANSWER_URL, reason)
    repeated = await caller.ring()
    pressed = await caller.fall_back(caller.url("input"), reason, dtmf={"digits": "1", "timed_out": False})
    sales = caller.said
    await caller.fall_back(caller.url("event"), reason, uuid="aa01", status="busy", direction="outbound")

    assert answered.content == repeated.content
    assert 200 == pressed.status_code
    assert ["Connecting you to sales."] == sales
    assert "All our sales colleagues are on the phone." == caller.said[0]


@pytest.mark.parametrize("form", ["json", "query"])
async def test_an_ncco_that_vonage_refused_is_never_sent_again(host: Host, form: str) -> None:
    caller = Caller(host, form=form)
    await caller.ring()
    menu = caller.url("input")
    refused = await caller.press("1")
    first = await caller.fall_back(menu, REFUSED, dtmf={"digits": "1", "timed_out": False})
    second = await caller.fall_back(menu, REFUSED, dtmf={"digits": "1", "timed_out": False})

    assert refused.content != first.content
    assert first.content == second.content
    assert [SORRY] == caller.said


ORIGINALS: tuple[object, ...] = (
    None,
    "",
    {},
    [],
    5,
    {"url": None},
    {"url": "https://"},
    {"url": "/webhooks/input/AAAA"},
)


async def test_a_fallback_without_useful_fields_still_plays_something(host: Host) -> None:
    for number, (reason, original) in enumerate(product((LOST[0], REFUSED, "", None, 5), ORIGINALS)):
        caller = Caller(host, f"{number:032}")
        fields = {**caller.common, "reason": reason, "original_request": original}
        reply = await caller.send("/webhooks/fallback", fields)

        assert 200 == reply.status_code
        assert caller.said, fields
        assert [] == [issue for issue in check(caller.ncco) if issue.severity == "error"], fields


SAID = (
    "<speak>boo</speak>",
    "</speak><speak>",
    "<break time='99s'/>",
    "{{ 7 * 7 }}",
    "{% for x in [1] %}{% endfor %}",
    '"}], {"action": "connect"',
    "a\x00b\x1b[31m",
    "\u202egnorw",
    "&lt;break/&gt; && &amp;",
    "<![CDATA[x]]>",
    "<!--",
)


async def test_words_of_a_caller_stay_plain_text(talkative: Path) -> None:
    async with serving(talkative) as host:
        for number, words in enumerate(SAID):
            caller = Caller(host, f"{number:032}")
            await caller.ring()
            speech = {"results": [{"text": words, "confidence": "0.9"}]}
            await caller.send(caller.url("input"), {**caller.common, "speech": speech})

            spoken, plain = caller.said[:2]
            assert ["talk", "talk", "input", "talk"] == caller.played
            assert spoken.startswith("<speak>You said <break time='1s'/> ")
            assert 3 == spoken.count("<") == spoken.count(">")
            assert "<" not in plain, words
            assert "49" not in plain, words

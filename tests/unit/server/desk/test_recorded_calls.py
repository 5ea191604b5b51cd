"""Descriptions of recorded calls, and the output of `ncco calls --follow`."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import orjson
import pytest

from ncco_server.desk.commands.calls import WIDTH, CallPrinter, follow_calls
from ncco_server.desk.documents import CallDocument
from ncco_server.desk.recorded_calls import action_words
from ncco_server.service.masks import without_marks
from ncco_server.service.told import summary
from ncco_server.store import ANY_CALL, CallRow, open_store
from tests.support.cases import each_case
from tests.support.stored_rows import NOON_MS, end_call, new_call, session_row, webhook_row


def open_call(**state: Any) -> CallRow:
    row = session_row("leg-1", state=orjson.dumps({"call": {"to": "1", "from_number": "2"}, "step": "menu", **state}))
    return CallRow(1, row, 3, has_failed=False)


def test_open_call_waits_in_its_step() -> None:
    call = CallDocument.of(open_call(at="pin_check"), None, NOON_MS + 65_000)

    assert ("open", "pin_check.menu", 65.0) == (call.state, call.step, call.seconds)
    assert "waits in pin_check.menu" == call.words


@each_case(
    ("expected", "state", "is_over", "later"),
    [
        ("saying goodbye", {"is_over": True, "step": ""}, False, 0),
        ("hung up in menu", {}, True, 0),
        ("hung up", {"step": ""}, True, 0),
        ("the end was not reported, last in menu", {}, False, 49 * 3_600_000),
        ("the end was not reported", {"step": ""}, False, 49 * 3_600_000),
    ],
)
def test_the_state_of_a_call_is_described_in_words(
    expected: str, state: dict[str, Any], is_over: bool, later: int
) -> None:
    call = open_call(**state)
    call = call._replace(session=call.session._replace(is_over=is_over))

    assert expected == CallDocument.of(call, None, NOON_MS + later).words


@each_case(
    "changes",
    [
        {"result": "own", "own": "confirmed"},
        {"result": "own", "own": "the_appointment_was_confirmed"},
        {"caller": "sip:somebody.with.a.long.name@phones.example.com", "result": "missed"},
    ],
)
def test_a_call_is_one_line_that_fits_beside_its_result(
    changes: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    call = CallDocument.of(open_call(), None, NOON_MS).model_copy(update=changes)
    CallPrinter(UTC, is_json=False).print_call(call)

    (line,) = capsys.readouterr().out.splitlines()
    assert WIDTH >= len(line)
    assert changes.get("own", "missed")[:9] in line


@each_case(
    ("expected", "kind", "fields"),
    [
        ("silence", "input", {"dtmf": {"digits": None}, "speech": {"results": []}}),
        ("silence", "input", {}),
        ("pressed 12", "input-dtmf", {"dtmf": "12"}),
        ("not understood: no match", "input", {"speech": {"error": "no match"}}),
        ('said "sales"', "input-speech", {"speech": {"results": [{"text": "sales"}]}}),
        ("said words (not stored)", "input-speech", {"speech": {"results": [{"text": "secret:ab"}]}}),
        ('said "secret:ab"', "input-speech", {"speech": {"results": [{"text": "text:secret:ab"}]}}),
        ("checkpoint terms", "notify", {"payload": {"checkpoint": "terms"}}),
        ("", "notify", {"payload": 7}),
        ("Socket timeout.", "fallback", {"reason": "Socket timeout."}),
        ("a recording of 4 bytes", "record", {"size": 4}),
        ("it failed", "transcription", {"type": "record", "status": "transcription_failed"}),
        ("", "transcription", {"status": "transcribed", "transcription_url": "https://api.vonage.com/v1/files/a"}),
        ("", "record", {}),
        ("not readable: the body is empty", "input", {"not_kept": "the body is empty"}),
        ("beep_start", "event-machine", {"sub_state": "beep_start"}),
        ("to 447700900111", "event-ringing", {"direction": "outbound", "to": "447700900111"}),
        ("after 5 s", "event-completed", {"direction": "inbound", "to": "442079460000", "duration": "5"}),
        ("", "transfer", {}),
        ("by the fallback URL (Socket timeout.)", "answer", {"reason": "Socket timeout.", "original_request": {}}),
        ("by the fallback URL (no reason)", "answer", {"original_request": {}}),
        ("pressed 1, by the fallback URL (late)", "input", {"dtmf": "1", "reason": "late", "original_request": {}}),
        ("Invalid NCCO.", "error", {"reason": "Invalid NCCO."}),
    ],
)
def test_a_webhook_is_summarised_in_a_few_words(expected: str, kind: str, fields: dict[str, Any]) -> None:
    assert expected == summary(kind, without_marks(fields))


@each_case(
    ("expected", "action"),
    [
        ('talk "Hello."', {"action": "talk", "text": "Hello."}),
        ("talk (not stored)", {"action": "talk", "text": "secret:0123456789abcdef", "encrypted": ["text"]}),
        ('stream ["https://x/a.mp3"]', {"action": "stream", "streamUrl": ["https://x/a.mp3"]}),
        ("connect sip sip:a@b", {"action": "connect", "endpoint": [{"type": "sip", "uri": "sip:a@b"}]}),
        ("connect vbc", {"action": "connect", "endpoint": [{"type": "vbc"}]}),
        ('conversation "room"', {"action": "conversation", "name": "room"}),
        ("input dtmf, up to 6 digits", {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 6}}),
        ("record endOnKey #", {"action": "record", "endOnKey": "#"}),
        ('notify {"checkpoint": "terms"}', {"action": "notify", "payload": {"checkpoint": "terms"}}),
        ("wait", {"action": "wait"}),
        ('transfer "CON-2"', {"action": "transfer", "conversationId": "CON-2"}),
        ("dance", {"action": "dance"}),
    ],
)
def test_an_action_is_summarised_in_one_line(expected: str, action: dict[str, Any]) -> None:
    assert expected == f"{action['action']} {action_words(action)}".rstrip()


def test_call_without_a_leg_never_ends_and_is_not_open() -> None:
    row = open_call()
    call = CallDocument.of(row._replace(session=row.session._replace(leg="")), None, NOON_MS)

    assert ("lost", None) == (call.state, call.seconds)
    assert "not a Vonage call, last in menu" == call.words


async def test_follow_shows_new_calls_and_changed_ones() -> None:
    store = open_store("memory://")
    await store.open()
    await store.open_call(*new_call("first"))
    async with store.records() as records:
        calls = follow_calls(records, ANY_CALL, 1, poll_s=0)
        first = await anext(calls)
        await store.open_call(*new_call("second"))
        second = await anext(calls)
        await end_call(store, "first", webhook_row("first"))
        changed = await anext(calls)
        await calls.aclose()

    assert ["first", "second", "first"] == [each.id for each in (first, second, changed)]
    assert ("hung-up", "missed") == (changed.state, changed.result)

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from ncco_server.engine import WaitRef
from ncco_server.service.calls import CallService
from ncco_server.service.tokens import make_token
from ncco_server.store import Store, WebhookRow
from tests.unit.server.service.served_call import ANSWER, LEG, NOON, POLICY, ServedCall, delivery, service_at

MENU = """
flow: test
default: true
start: welcome
vars:
  team: {type: text, default: nobody}
defaults:
  retry:
    noinput: ["I did not hear you.", "You can press a key."]
    nomatch: ["That is not a choice."]
    then: reception
  on: {error: sorry}
steps:
  welcome:
    do:
      - talk: "Welcome, {{ call.from }}."
    goto: menu
  menu:
    do:
      - talk: "For sales press 1, for support press 2."
    choices:
      sales: {dtmf: 1, speech: [sales], set: {team: sales}, goto: sales}
      support: {dtmf: 2, speech: [support], goto: support}
  sales:
    do:
      - talk: "Connecting you to {{ team }}."
      - connect: "447700900111"
        timeout: 20
    on:
      completed: end
      otherwise: voicemail
  support:
    do:
      - connect: "447700900222"
    on:
      completed: thanks
      busy: voicemail
      otherwise: reception
  thanks:
    do:
      - talk: "Thank you."
    goto: end
  reception:
    do:
      - talk: "I will get someone."
      - connect: "447700900333"
    on:
      completed: end
      otherwise: voicemail
  voicemail:
    do:
      - talk: "Please leave a message."
      - record: {endOnSilence: 4, beepStart: true}
      - talk: "Goodbye."
    goto: end
  sorry:
    do:
      - talk: "We have a technical problem."
    goto: end
"""

PIN = """
flow: test
default: true
start: ask
vars:
  right: {type: bool, default: "false"}
defaults:
  on: {error: sorry}
steps:
  ask:
    do: [talk: "Please enter your PIN."]
    collect: {into: pin, digits: 8, sensitive: true, check: pin == env.PIN}
    retry: {nomatch: ["That is not right."], then: sorry, tries: 2}
    goto: route
  route:
    branch:
      - if: pin == "84021739"
        goto: inside
      - else: sorry
  inside:
    do: [talk: "Welcome in."]
    goto: more
  more:
    do: [talk: "Press 1."]
    choices: {one: {dtmf: 1, goto: end}}
    retry: {then: end}
  sorry:
    do: [talk: "Sorry."]
    goto: end
"""


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    folder = tmp_path / "flows"
    folder.mkdir()
    (tmp_path / "templates").mkdir()
    (folder / "menu.yaml").write_text(MENU.replace("flow: test", "flow: menu"))
    (folder / "pin.yaml").write_text(PIN.replace("flow: test", "flow: pin").replace("default: true", "entry: true"))
    return folder


@pytest.fixture
async def service(store: Store, flows: Path) -> CallService:
    return await service_at(store, flows)


@pytest.fixture
def call(service: CallService) -> ServedCall:
    return ServedCall(service)


async def test_callback_urls_start_with_the_base_url(call: ServedCall) -> None:
    await call.ring()

    assert all(
        url.startswith("https://calls.example.com/webhooks/")
        for action in call.ncco
        for url in action.get("eventUrl", ())
    )


async def test_racing_deliveries_get_the_same_bytes_and_count_as_one_try(call: ServedCall) -> None:
    await call.ring()
    token, wrong = call.token("input"), {"dtmf": {"digits": "9"}, "uuid": LEG}
    replies = await asyncio.gather(*(call.post("input", wrong, token) for _ in range(8)))

    assert 1 == len({reply.ncco for reply in replies})
    assert 7 == sum(reply.is_repeat for reply in replies)


async def test_racing_answer_webhooks_get_the_same_bytes(call: ServedCall) -> None:
    replies = await asyncio.gather(*(call.ring() for _ in range(8)))

    assert 1 == len({reply.ncco for reply in replies})


async def test_the_end_of_a_dialled_leg_does_not_end_the_call(call: ServedCall) -> None:
    await call.ring()
    await call.service.event(delivery({"status": "completed", "uuid": "aa01"}))
    await call.press("1")

    assert "Connecting you to sales." == call.said[0]


async def test_an_event_names_the_user_who_calls_without_a_number(call: ServedCall) -> None:
    await call.ring()

    reply = await call.service.event(delivery({"status": "ringing", "uuid": "aa01", "from_user": "ann"}))

    assert "ann" == reply.caller


async def test_a_named_flow_starts_another_call_on_the_same_leg(call: ServedCall) -> None:
    await call.ring()
    await call.ring("pin")

    assert ["Please enter your PIN."] == call.said[:1]


async def test_a_flow_that_cannot_be_started_by_name_gives_the_failsafe(call: ServedCall) -> None:
    reply = await call.ring("nowhere")

    assert call.service.failsafe == reply.ncco
    assert "there is no such flow" in reply.problem


async def test_a_webhook_without_a_leg_opens_its_own_call(call: ServedCall) -> None:
    first = await call.ring(uuid=None)
    second = await call.ring(uuid=None)

    assert first.ncco != second.ncco
    assert not second.is_repeat


@pytest.mark.parametrize("leg", ["x" * 5000, "debug", "ü/../..", " "])
async def test_any_text_is_accepted_as_a_leg_id(call: ServedCall, leg: str) -> None:
    await call.ring(uuid=leg)
    await call.press("1")
    again = await call.ring(uuid=leg)

    assert again.is_repeat


async def test_a_signed_wait_that_the_store_does_not_know_gets_the_failsafe(call: ServedCall) -> None:
    token = make_token(POLICY.keys[0], WaitRef("input", "lost", 1, 0))
    reply = await call.post("input", {"dtmf": {"digits": "1"}}, token)

    assert call.service.failsafe == reply.ncco
    assert reply.is_failsafe


async def test_a_step_that_cannot_be_played_is_logged_with_code_and_place(store: Store, flows: Path) -> None:
    dialling = "flow: menu\ndefault: true\nstart: dial\nsteps:\n  dial:\n    do: [{connect: '{{ call.from }}'}]\n"
    (flows / "menu.yaml").write_text(f"{dialling}    on: {{completed: end, otherwise: end}}\n")
    reply = await ServedCall(await service_at(store, flows)).ring()

    assert reply.is_failsafe
    assert 'step "dial" could not be played: R101 (flows/menu.yaml:5)' == reply.problem


class _Watched:
    """Passes everything on to a store and records what was written."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.written: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if not callable(method):
            return method

        def call(*rows: Any, **others: Any) -> Any:
            self.written.extend([*rows, *others.values()])
            return method(*rows, **others)

        return call


async def test_a_sensitive_input_is_never_stored_or_logged(store: Store, flows: Path) -> None:
    watched: Any = _Watched(store)
    call = ServedCall(await service_at(watched, flows))
    await call.ring("pin")
    watched.written.clear()
    token = call.token("input")
    await call.press("84021739")
    await call.post("input", {"dtmf": {"digits": "84021739"}}, token)
    await call.post("input", {"dtmf": "84021739", "speech": {"results": [{"text": "84021739"}]}}, token)

    assert "Welcome in." == call.said[0]
    assert any(isinstance(row, WebhookRow) for row in watched.written)
    assert "84021739" not in repr(watched.written)


async def test_a_call_finishes_on_the_revision_it_began_with(call: ServedCall, flows: Path) -> None:
    await call.ring()
    changed = (flows / "menu.yaml").read_text().replace("Connecting you to", "Now ringing")
    (flows / "menu.yaml").write_text(changed)
    await call.service.library.reload()
    await call.press("1")
    finished = call.said
    new = ServedCall(call.service)
    await new.ring(uuid="another")
    await new.press("1")

    assert ["Connecting you to sales."] == finished
    assert ["Now ringing sales."] == new.said


async def test_a_call_finishes_on_its_revision_at_a_host_that_never_read_it(
    call: ServedCall, store: Store, flows: Path
) -> None:
    await call.ring()
    (flows / "menu.yaml").write_text((flows / "menu.yaml").read_text().replace("Connecting you to", "Now ringing"))
    call.service = await service_at(store, flows)
    await call.press("1")

    assert ["Connecting you to sales."] == call.said


async def test_a_revision_that_no_host_has_gives_the_failsafe(call: ServedCall, store: Store) -> None:
    await call.ring()
    row = await store.load(LEG)
    assert row is not None
    emptied: Any = _NoRevisions(store)
    call.service = CallService(emptied, lambda: call.service.library.current, POLICY)
    reply = await call.press("1")
    refused = await call.service.fallback(_fallback("Invalid NCCO.", "https://x/webhooks/answer", ANSWER))

    assert reply.is_failsafe
    assert refused.is_failsafe


class _NoRevisions:
    """A store that has lost its revisions."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def revision(self, _hash: str) -> None:
        return None


async def test_a_broken_file_keeps_the_last_good_flows_and_shows_the_issues(call: ServedCall, flows: Path) -> None:
    (flows / "menu.yaml").write_text(MENU.replace("goto: menu", "goto: manu"))
    shelf = call.service.library
    project = await shelf.reload()
    await call.ring()

    assert project.has_errors
    assert project is shelf.last
    assert 1 == shelf.rejected
    assert "Welcome, 447700900123." == call.said[0]


async def test_a_caller_in_a_deleted_flow_still_gets_the_stored_bytes(call: ServedCall, flows: Path) -> None:
    first = await call.ring()
    (flows / "menu.yaml").unlink()
    await call.service.library.reload(confirms_removals=True)
    again = await call.ring()
    other = await call.ring(uuid="other")

    assert first.ncco == again.ncco
    assert "no flow takes calls" in other.problem


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (
            "the body is not JSON: trailing comma at byte 7",
            "the body is not JSON: trailing comma at byte 7, and no flow has",
        ),
        ("", "the webhook does not name the called number, and no flow has"),
    ],
)
async def test_a_call_that_cannot_be_read_is_logged_as_such(
    problem: str, told: str, call: ServedCall, flows: Path
) -> None:
    (flows / "menu.yaml").unlink()
    await call.service.library.reload(confirms_removals=True)
    reply = await call.service.answer(replace(delivery({}), problem=problem))

    assert reply.is_failsafe
    assert reply.problem.startswith(told)


def _fallback(reason: str, url: str, fields: dict[str, Any]) -> Any:
    return delivery({**fields, "reason": reason, "original_request": {"url": url, "type": "answer"}})


async def test_the_fallback_of_an_answer_continues_in_the_named_flow(call: ServedCall) -> None:
    reply = await call.service.fallback(_fallback("Socket timeout.", "https://x/webhooks/answer/pin", ANSWER))

    assert reply.ncco is not None
    assert b"enter your PIN" in reply.ncco


async def test_the_fallback_of_an_unknown_refused_call_gives_the_failsafe(call: ServedCall) -> None:
    reply = await call.service.fallback(_fallback("Invalid NCCO.", "https://x/webhooks/answer", ANSWER))

    assert reply.is_failsafe


async def test_a_fallback_that_looks_like_an_answer_is_answered(call: ServedCall) -> None:
    reply = await call.service.fallback(delivery(ANSWER))

    assert b"Welcome" in (reply.ncco or b"")


async def test_the_webhook_the_session_and_the_turn_are_written_before_the_reply(
    call: ServedCall, store: Store
) -> None:
    reply = await call.ring()
    row = await store.load(LEG)

    assert row is not None
    assert ("menu", 1, int(NOON.timestamp() * 1000)) == (row.flow, row.version, row.created_at)
    assert reply.ncco == await store.reply(LEG, -1, -1, "")
    assert "menu" == orjson.loads(row.state)["step"]


async def test_a_late_retry_of_an_input_never_gets_what_vonage_refused(call: ServedCall) -> None:
    await call.ring()
    token = call.token("input")
    refused = await call.press("1")
    url = f"https://calls.example.com/webhooks/input/{token}"
    mended = await call.service.fallback(_fallback("Invalid NCCO.", url, {"dtmf": {"digits": "1"}, "uuid": LEG}))
    late = await call.post("input", {"dtmf": {"digits": "1"}, "uuid": LEG}, token)

    assert mended.ncco == late.ncco
    assert refused.ncco != late.ncco


async def test_a_call_that_began_days_ago_is_over(call: ServedCall) -> None:
    await call.ring()
    token = call.token("input")
    late = delivery({"dtmf": {"digits": "1"}, "uuid": LEG})
    reply = await call.service.resume("input", token, replace(late, received_at=NOON + timedelta(hours=49)))

    assert reply.ncco is None
    assert "recorded" == reply.outcome

"""The webhooks that are played while a point is broken, each with the call that leads to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from tests.faults.stage import Request, Stage

COMPANY: Final = 6


class Scene(NamedTuple):
    """One webhook.

    Attributes:
        prepare: makes the call and gives the webhook; nothing is broken then.
        is_played: whether what comes back is played, so that somebody must hear something.
        is_told: whether somebody outside is told because of it.
        may_be_empty: whether the NCCO that is played may go on as it is.
        needs_connections: whether it is of a store that connects to a server.
    """

    name: str
    prepare: Callable[[Stage], Awaitable[Request]]
    is_played: bool = True
    is_told: bool = False
    may_be_empty: bool = False
    needs_connections: bool = False

    @property
    def is_fallback(self) -> bool:
        """Whether it is one that comes when another has failed."""
        return self.name.startswith("fallback")


async def _answer(stage: Stage) -> Request:
    stage.leg = ""
    await stage.ring()
    stage.leg = f"{stage.leg}-2"
    return stage.answer()


async def _answer_again(stage: Stage) -> Request:
    await stage.ring()
    return stage.answer()


async def _nobody(stage: Stage) -> Request:
    await stage.ring()
    return Request("POST", "/webhooks/answer/nobody", {**stage.facts(), "uuid": f"{stage.leg}-3"})


async def _input(stage: Stage) -> Request:
    await stage.ring()
    return stage.press("1")


async def _wrong_input(stage: Stage) -> Request:
    await stage.ring()
    return stage.press("9")


async def _input_again(stage: Stage) -> Request:
    await stage.ring()
    pressed = stage.press("2")
    await stage.played(pressed)
    return pressed


async def _notify(stage: Stage) -> Request:
    await stage.ring()
    await stage.played(stage.press("4"))
    fields = {"payload": stage.ncco[-1]["payload"], "conversation_uuid": f"CON-{stage.leg}"}
    return Request("POST", stage.url("notify"), fields)


async def _busy(stage: Stage) -> Request:
    await stage.ring()
    await stage.played(stage.press("1"))
    return stage.event("busy")


async def _ringing(stage: Stage) -> Request:
    await stage.ring()
    await stage.played(stage.press("1"))
    return stage.event("ringing")


async def _record(stage: Stage) -> Request:
    await stage.ring()
    await stage.played(stage.press("2"))
    stage.office.mood = lambda _: "good"
    fields = {"recording_url": "https://api.nexmo.com/v1/files/1", "conversation_uuid": f"CON-{stage.leg}"}
    return Request("POST", stage.url("event"), fields)


async def _completed(stage: Stage) -> Request:
    await stage.ring()
    return Request("POST", "/webhooks/event", {**stage.facts(), "status": "completed", "direction": "inbound"})


async def _started(stage: Stage) -> Request:
    await stage.ring()
    return Request("GET", "/webhooks/event", {**stage.facts(), "status": "started", "direction": "inbound"})


async def _on_answer(stage: Stage) -> Request:
    await stage.ring()
    await stage.played(stage.press("3"))
    return stage.on_answer()


async def _on_answer_again(stage: Stage) -> Request:
    asked = await _on_answer(stage)
    await stage.played(asked)
    return asked


async def _declined(stage: Stage) -> Request:
    """The party that was dialled has heard its NCCO, and the caller's call comes to the checkpoint behind it."""
    asked = await _on_answer(stage)
    own = stage.ncco
    await stage.played(asked)
    await stage.played(stage.press("2"))
    stage.ncco = own
    payload = next(action["payload"] for action in own if action["action"] == "notify")
    return Request("POST", stage.url("notify"), {"payload": payload, "conversation_uuid": f"CON-{stage.leg}"})


async def _party_left(stage: Stage) -> Request:
    asked = await _on_answer(stage)
    own = stage.ncco
    await stage.played(asked)
    stage.ncco = own
    return stage.event("completed")


async def _fallback(stage: Stage) -> Request:
    return stage.fallback(await _input(stage))


async def _fallback_refused(stage: Stage) -> Request:
    pressed = await _input(stage)
    await stage.played(pressed)
    return stage.fallback(pressed, "Invalid NCCO.")


async def _fallback_of_event(stage: Stage) -> Request:
    return stage.fallback(await _started(stage))


async def _old_revision(stage: Stage) -> Request:
    """A call that began with flows that only the store still has."""
    await stage.ring_before()
    return stage.press("1")


async def _message(stage: Stage) -> Request:
    """A step that asks functions, and what was asked before."""
    await stage.ring()
    return stage.press("2")


async def _fallback_of_answer(stage: Stage) -> Request:
    await stage.ring()
    stage.leg = f"{stage.leg}-4"
    return stage.fallback(stage.answer())


async def _fallback_bad_status(stage: Stage) -> Request:
    return stage.fallback(await _input(stage), "Invalid response code.")


async def _fallback_of_called(stage: Stage) -> Request:
    return stage.fallback(await _on_answer(stage))


async def _fallback_unknown(stage: Stage) -> Request:
    await stage.ring()
    event = Request("POST", "/webhooks/event", {**stage.facts(), "uuid": f"{stage.leg}-5", "status": "started"})
    return stage.fallback(event)


async def _fallback_refused_answer(stage: Stage) -> Request:
    await stage.ring()
    return stage.fallback(stage.answer(), "Invalid NCCO.")


async def _late_input(stage: Stage) -> Request:
    await stage.ring()
    pressed = stage.press("1")
    await stage.played(Request("POST", "/webhooks/event", {**stage.facts(), "status": "completed"}))
    return pressed


async def _late_event(stage: Stage) -> Request:
    busy = await _busy(stage)
    await stage.played(busy)
    return Request("POST", busy.path, {**busy.fields, "status": "timeout"})


async def _no_leg(stage: Stage) -> Request:
    return Request("POST", "/webhooks/answer", {"to": "442079460000", "from": "447700900123"})


async def _party_gone(stage: Stage) -> Request:
    """The party that heard its NCCO hangs up after the call has gone on."""
    gone = await _party_left(stage)
    payload = next(action["payload"] for action in stage.ncco if action["action"] == "notify")
    await stage.played(
        Request("POST", stage.url("notify"), {"payload": payload, "conversation_uuid": f"CON-{stage.leg}"})
    )
    return gone


async def _nobody_home(stage: Stage) -> Request:
    """A party that asks what it hears after its call is over."""
    asked = await _on_answer(stage)
    await stage.played(Request("POST", "/webhooks/event", {**stage.facts(), "status": "completed"}))
    return asked


async def _record_refused(stage: Stage) -> Request:
    """Whoever is told of the recording does not take it now."""
    recorded = await _record(stage)
    stage.office.mood = lambda path: "failing" if path == "/saved" else "good"
    return recorded


async def _record_unwanted(stage: Stage) -> Request:
    """Whoever is told of the recording wants none, now or later."""
    recorded = await _record(stage)
    stage.office.mood = lambda path: "gone" if path == "/saved" else "good"
    return recorded


async def _answer_unconnected(stage: Stage) -> Request:
    asked = await _answer(stage)
    await stage.lose_connections()
    return asked


async def _input_unconnected(stage: Stage) -> Request:
    pressed = await _input(stage)
    await stage.lose_connections()
    return pressed


async def _inputs_at_once(stage: Stage) -> Request:
    """More calls at one moment than the store has connections for."""
    company = [await _input(stage) for _ in range(COMPANY)]
    pressed = await _input(stage)
    stage.company = company
    return pressed


async def _notify_unconnected(stage: Stage) -> Request:
    told = await _notify(stage)
    await stage.lose_connections()
    return told


SCENES: Final = (
    Scene("answer", _answer),
    Scene("answer again", _answer_again),
    Scene("answer for nobody", _nobody),
    Scene("input", _input, is_told=True),
    Scene("wrong input", _wrong_input),
    Scene("input again", _input_again),
    Scene("notify", _notify, may_be_empty=True),
    Scene("busy", _busy),
    Scene("ringing", _ringing, is_played=False),
    Scene("record", _record, is_played=False, is_told=True),
    Scene("record, refused", _record_refused, is_played=False, is_told=True),
    Scene("record, unwanted", _record_unwanted, is_played=False, is_told=True),
    Scene("completed", _completed, is_played=False),
    Scene("started", _started, is_played=False),
    Scene("onanswer", _on_answer),
    Scene("onanswer again", _on_answer_again),
    Scene("declined", _declined, may_be_empty=True),
    Scene("party left", _party_left, is_played=False),
    Scene("old revision", _old_revision, is_told=True),
    Scene("message", _message),
    Scene("late input", _late_input, may_be_empty=True),
    Scene("late event", _late_event, may_be_empty=True),
    Scene("no leg", _no_leg),
    Scene("party gone", _party_gone, is_played=False),
    Scene("nobody home", _nobody_home),
    Scene("fallback", _fallback, is_told=True),
    Scene("fallback of an answer", _fallback_of_answer),
    Scene("fallback of a bad status", _fallback_bad_status, is_told=True),
    Scene("fallback of a called party", _fallback_of_called),
    Scene("fallback of an unknown call", _fallback_unknown, may_be_empty=True),
    Scene("fallback, refused answer", _fallback_refused_answer),
    Scene("fallback, refused", _fallback_refused),
    Scene("fallback of an event", _fallback_of_event, may_be_empty=True),
    Scene("inputs at once", _inputs_at_once, is_told=True, needs_connections=True),
    Scene("answer, unconnected", _answer_unconnected, needs_connections=True),
    Scene("input, unconnected", _input_unconnected, is_told=True, needs_connections=True),
    Scene("notify, unconnected", _notify_unconnected, may_be_empty=True, needs_connections=True),
)

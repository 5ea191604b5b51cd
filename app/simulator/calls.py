"""Places calls on the virtual platform, and lets a party hear, press, speak, be silent and hang up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from app.errors import AppError
from app.simulator import payloads
from app.simulator.delivery import Message, WebhookDelivery
from app.simulator.legs import EndedBy, Heard, Identity, Leg, Waited
from app.simulator.parties import Behaviour
from app.simulator.platform import Platform
from app.simulator.player import play
from app.simulator.scheduler import LONGEST_MS, Steps, milliseconds

Kind: TypeAlias = Literal["input", "record", "dial", "until", "idle", "end"]
SURE: Final = 0.9


class CallIsOver(AppError):
    """The caller did something after the call had ended."""


class NothingToDecide(AppError):
    """No dial waits for a decision."""


@dataclass(frozen=True, slots=True)
class CallMoment:
    """Where a call has stopped playing on.

    Attributes:
        at: seconds since the call was answered.
        kind: input, record, dial: the party is waited for, see `Waited`; until: the given time has come; idle: nothing
            will happen unless somebody does something (an endless loop, a conversation), or a day has passed in which
            the caller was not waited for; end: the call is over.
        waited: what exactly is waited for; None for the last three.
    """

    at: float
    kind: Kind
    waited: Waited | None = None


class PhoneCall:
    """One party's call. Virtual time moves only inside its awaits, and for all calls of the platform."""

    def __init__(self, platform: Platform, leg: Leg) -> None:
        self._platform = platform
        self._leg = leg

    @property
    def uuid(self) -> str:
        """The leg."""
        return self._leg.uuid

    @property
    def conversation_uuid(self) -> str:
        """The conversation that the leg is in now."""
        return self._leg.conversation.uuid

    @property
    def at(self) -> float:
        """Seconds since the call was answered; since it came in, when it was not."""
        return (self._platform.clock.ms - self._leg.zero_ms) / 1000

    @property
    def transcript(self) -> tuple[Heard, ...]:
        """What the party has heard and done so far, in order."""
        return self._leg.transcript

    @property
    def log(self) -> tuple[WebhookDelivery, ...]:
        """The webhooks of this call with their replies, also those of parties that it has dialled."""
        root = self._leg.root.uuid
        return tuple(delivery for delivery in self._platform.deliveries.log if delivery.message.call == root)

    @property
    def performed(self) -> tuple[Mapping[str, Any], ...]:
        """The actions that this call has performed, also for parties that it has dialled, as they were written."""
        return tuple(self._leg.root.performed)

    @property
    def open(self) -> Waited | None:
        """What the party can do something about now, also while a prompt still plays that keys may cut short."""
        return self._leg.open

    @property
    def problem(self) -> str:
        """Why a party could not be dialled at all; "" when it could."""
        return self._leg.problem

    @property
    def is_answered(self) -> bool:
        """Whether the server's NCCO was played at all."""
        return self._leg.is_answered

    @property
    def is_over(self) -> bool:
        """Whether the call has ended."""
        return self._leg.over.is_fired

    @property
    def ended_by(self) -> EndedBy | None:
        """`user`: the party hung up; `platform`: the platform did. None while the call lasts."""
        return self._leg.ended_by

    @property
    def dialled(self) -> tuple[PhoneCall, ...]:
        """The calls of the parties that this one has dialled, in order."""
        return tuple(PhoneCall(self._platform, leg) for leg in self._leg.dependents)

    async def listen(self, until: float | None = None, at_most: float = LONGEST_MS / 1000) -> CallMoment:
        """Play on until the party is waited for, until `until` seconds since the answer, or to the end.

        Without `until` the call is idle when the party has not been waited for in `at_most` seconds.

        If the call already waits for the party, the same moment is returned at once; with an `until` that lies ahead
        the party stays silent up to that time.
        """
        leg, scheduler = self._leg, self._platform.scheduler
        if until is not None:
            await scheduler.advance(lambda: leg.over.is_fired, leg.zero_ms + milliseconds(until))
            return self._moment("until")
        latest_ms = self._platform.clock.ms + milliseconds(at_most)
        await scheduler.advance(lambda: leg.over.is_fired or leg.waited is not None, latest_ms=latest_ms)
        return self._moment("idle")

    async def hear(self) -> CallMoment:
        """Play on until something more begins to be heard, the party is waited for, or to the end."""
        leg, before = self._leg, self._leg.experienced
        await self._platform.scheduler.advance(
            lambda: leg.over.is_fired or leg.waited is not None or leg.experienced > before
        )
        return self._moment("idle" if leg.experienced == before else "until")

    def _moment(self, otherwise: Literal["idle", "until"]) -> CallMoment:
        """Where the call has stopped."""
        leg = self._leg
        if leg.over.is_fired:
            return CallMoment(self.at, "end")
        if leg.waited is not None:
            return CallMoment(self.at, leg.waited.kind, leg.waited)
        return CallMoment(self.at, otherwise)

    async def press(self, digits: str, at: float | None = None) -> None:
        """Press keys (0 to 9, * and #), now or `at` seconds since the answer. Raises CallIsOver, ValueError."""
        if not digits or set(digits) - set("0123456789*#"):
            raise ValueError(f"{digits!r} is not made of the keys 0 to 9, * and #")
        await self._do(self._leg.press(digits), at)

    async def speak(
        self,
        *results: str | tuple[str, float],
        at: float | None = None,
        seconds: float | None = None,
        error: str = "",
    ) -> None:
        """Say something, now or `at` seconds since the answer. Raises CallIsOver.

        Args:
            results: what the recogniser understands, best first: the text (then it is sure), or text and confidence.
                None: a noise that it makes nothing of.
            at: seconds since the answer.
            seconds: how long it takes; as long as the first text needs by default.
            error: what the recogniser says instead of results.
        """
        guesses = [(guess, SURE) if isinstance(guess, str) else guess for guess in results]
        wire = [{"confidence": str(confidence), "text": text} for text, confidence in guesses]
        lasts = self._platform.durations.speech(guesses[0][0] if guesses else "") if seconds is None else seconds
        await self._do(self._leg.speak(lasts, wire, error), at)

    async def silence(self) -> None:
        """Stay silent until the input times out or the recording ends; plays on to the next one if there is none."""
        if self._leg.open is None:
            await self.listen()
        waited = self._leg.open
        if waited is None:
            return
        await self._platform.scheduler.advance(lambda: self._leg.open is not waited or self._leg.over.is_fired)

    async def decide(self, behaviour: Behaviour) -> None:
        """Say what the party does that is being dialled. Raises NothingToDecide when no dial waits."""
        if self._leg.decide is None:
            raise NothingToDecide("no dial waits for a decision; `Parties(other=None)` makes dials wait")
        self._leg.waited = None
        self._leg.decide(behaviour)

    async def hang_up(self, at: float | None = None) -> None:
        """Hang up, now or `at` seconds since the answer; nothing happens when the call is over by then.

        A party that is being dialled declines the call.
        """
        if at is not None:
            await self._reach(at)
        if self._leg.is_answered or self._leg.identity.direction == "inbound":
            self._platform.end(self._leg, "user")
        else:
            self._leg.declined.fire()
        await self._platform.scheduler.advance(lambda: True)

    async def send_event(self, fields: Mapping[str, Any]) -> None:
        """Send the application an event of this call; `fields` come over those that every event has."""
        own, leg = self._platform.application, self._leg
        common = {
            "uuid": leg.uuid,
            "conversation_uuid": leg.conversation.uuid,
            "timestamp": payloads.stamp(self._platform.clock.now),
        }
        message = Message("event", own.event_url, own.event_method, {**common, **fields}, leg.root.uuid, is_spared=True)
        delivery = self._platform.deliveries.send(message)
        await self._platform.scheduler.advance(lambda: delivery is None or delivery.is_over)

    async def _do(self, steps: Steps[None], at: float | None) -> None:
        if at is not None:
            await self._reach(at)
        if self.is_over:
            ended = ((self._leg.ended_ms or 0) - self._leg.zero_ms) / 1000
            raise CallIsOver(f"the call ended {ended:g} s after the answer")
        given = self._platform.scheduler.spawn(steps)
        self._leg.processes.append(given)
        await self._platform.scheduler.advance(lambda: given.is_over)

    async def _reach(self, at: float) -> None:
        leg, until_ms = self._leg, self._leg.zero_ms + milliseconds(at)
        if until_ms < self._platform.clock.ms:
            raise ValueError(f"{at:g} s have passed: it is {self.at:g} s since the answer")
        await self._platform.scheduler.advance(lambda: leg.over.is_fired, until_ms)


class Vonage(Platform):
    """The platform, as somebody who places calls to the server under test sees it.

    Everything happens in virtual time, which moves only inside `await`s of this class and of its calls, and the same
    calls have the same course in every run. Await one call at a time.
    """

    @property
    def log(self) -> tuple[WebhookDelivery, ...]:
        """Every webhook so far, in the order in which they were due."""
        return tuple(self.deliveries.log)

    async def call(
        self,
        to: str,
        from_: str | None = None,
        *,
        endpoint_type: str = "phone",
        from_user: str = "",
        sip_headers: Mapping[str, str] | None = None,
        custom_data: Any = None,
        gives_up_after: float | None = None,
    ) -> PhoneCall:
        """Place an inbound call; returns when it has been answered, or has ended without.

        Args:
            to: the called number.
            from_: the calling number or SIP URI; None for a Client SDK user.
            from_user: the name of that user.
            endpoint_type: phone, sip, app or vbc.
            sip_headers: by their own names, e.g. `X-Tenant` or `User-to-User`.
            custom_data: what a Client SDK application sends along.
            gives_up_after: seconds after which the caller hangs up if the call is not answered by then.
        """
        identity = Identity(
            self.ids.leg(), "inbound", endpoint_type, to, from_, from_user, sip_headers or {}, custom_data
        )
        leg = self.new_inbound_leg(identity)
        leg.player = self.scheduler.spawn(_answer(self, leg))
        leg.processes.append(leg.player)
        call = PhoneCall(self, leg)
        until = None if gives_up_after is None else leg.started_ms + milliseconds(gives_up_after)
        await self.scheduler.advance(lambda: leg.is_answered or leg.over.is_fired, until)
        if not leg.is_answered and not leg.over.is_fired:
            await call.hang_up()
        return call

    async def run(self, seconds: float | None = None) -> None:
        """Let virtual time pass: `seconds` of it, or until nothing more happens by itself, at most a day.

        After a call this delivers what comes late, as recordings do.
        """
        now = self.clock.ms
        until = None if seconds is None else now + milliseconds(seconds)
        await self.scheduler.advance(lambda: False, until, now + LONGEST_MS)


def _answer(platform: Platform, leg: Leg) -> Steps[None]:
    """Ask what to do with the call, and do it.

    Source: webhook reference, Answer: replying answers the call; without an NCCO, also from the fallback, it is ended.
    """
    own = platform.application
    platform.send_status(leg, "started")
    platform.send_status(leg, "ringing")
    fields = payloads.answer(leg, own.region_url)
    result = yield from platform.ask("answer", own.answer_url, own.answer_method, fields, leg)
    if result.ncco is not None:
        leg.answered_ms = platform.clock.ms
        platform.send_status(leg, "answered")
        yield from play(platform, leg, result.ncco)
    platform.end(leg, "platform")

"""Legs and conversations: which parties hear each other, and what each can do."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal, Self, TypeAlias

from ncco_server.errors import AppError
from ncco_server.ncco.durations import Durations
from ncco_studio.simulator.clock import in_ms
from ncco_studio.simulator.delivery import WebhookDelivery
from ncco_studio.simulator.parties import Behaviour
from ncco_studio.simulator.scheduler import LONGEST_CALL_MS, Process, Routine, Scheduler, Signal, first_of, pause
from ncco_studio.simulator.servers import Target
from ncco_studio.simulator.transcript import (
    Action,
    AwaitedDial,
    CallMoment,
    Heard,
    HeardKind,
    PartyInput,
    PressedKey,
    Speech,
    Waited,
)

EndedBy: TypeAlias = Literal["user", "platform"]
"""Source: webhook reference, completed (disconnected_by)."""
BETWEEN_KEYS_S: Final = 0.25
"""Our estimate."""
SURE: Final = 0.9


class CallIsOver(AppError):
    """A party can no longer act."""


class NothingToDecide(AppError):
    """No dial waits for a decision."""


def ids_of(seed: str) -> Iterator[uuid.UUID]:
    """The same for the same seed, without end. Source: webhook reference, identifiers (opaque)."""
    for count in itertools.count(1):
        yield uuid.UUID(bytes=hashlib.sha256(f"{seed}:{count}".encode()).digest()[:16], version=4)


@dataclass(frozen=True, slots=True)
class Identity:
    """The fields of webhooks that identify a leg.

    Attributes:
        from_: a number or URI; None for a Client SDK user, whose name is in `from_user`.
        headers: SIP headers, or the metadata of a WebSocket.
        custom_data: from the Client SDK.
    """

    uuid: str
    direction: Literal["inbound", "outbound"]
    endpoint_type: str
    to: str
    from_: str | None
    from_user: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict)
    custom_data: Any = None


class Leg:
    """A party's connection. Its coroutines act as the party, and advance virtual time.

    Attributes:
        root: the leg of the call that dialled this leg, or the leg itself.
        log: the call's webhooks, including those of legs that it dialled.
        open: what the party can act on, even if a prompt is still playing before an input.
        waited: as `open`, but None while a prompt is playing or once the party has acted.
        player: plays the leg's own NCCO, if it has one.
        processes: cancelled when the leg ends.
        is_transferred: then it only ends with its conversation.
        status: in the REST API. Source: Voice API specification, status of a call.
        is_muted: None if the NCCO decides.
        is_earmuffed: whether it cannot hear others.
        performed: for a root, the actions of its call so far, as written.
        problem: why the leg could not be dialled, or "".
        picked_up: fires when an incoming call has an answer.
        far_end: the other leg of a call between two of the application's numbers.
    """

    def __init__(
        self,
        identity: Identity,
        conversation: SimulatedConversation,
        target: Target,
        *,
        root: Leg | None,
        scheduler: Scheduler,
        durations: Durations,
        end: Callable[[Leg, EndedBy], None],
    ) -> None:
        self.identity = identity
        self.uuid = identity.uuid
        self.scheduler = scheduler
        self.clock = scheduler.clock
        self.conversation = conversation
        self.target = target
        self.root = root or self
        self.log: list[WebhookDelivery] = [] if root is None else root.log
        self.is_transferred = False
        self.status = "started"
        self.is_muted: bool | None = None
        self.is_earmuffed = False
        self.started_ms = self.clock.ms
        self.answered_ms: int | None = None
        self.ended_ms: int | None = None
        self.ended_by: EndedBy | None = None
        self.waited: Waited | None = None
        self.open: Waited | None = None
        self.player: Process[Any] | None = None
        self.processes: list[Process[Any]] = []
        self.decision = Behaviour("timeout")
        self.dialled: list[Leg] = []
        self.problem = ""
        self.recordings: list[Recording] = []
        self.performed: list[Mapping[str, Any]] = []
        self.waits = Signal()
        self.declined = Signal()
        self.picked_up = Signal()
        self.far_end: Leg | None = None
        self.decided = Signal()
        self.over = Signal()
        self.listeners: list[tuple[InputQueue, type[PartyInput]]] = []
        self._heard: list[tuple[int, Heard]] = []
        self._durations = durations
        self._end = end

    @property
    def name(self) -> str:
        identity = self.identity
        return identity.to if identity.direction == "outbound" else identity.from_ or identity.from_user

    @property
    def is_answered(self) -> bool:
        return self.answered_ms is not None

    @property
    def is_over(self) -> bool:
        return self.over.is_fired

    @property
    def at(self) -> float:
        """Seconds since `zero_ms`."""
        return (self.clock.ms - self.zero_ms) / 1000

    @property
    def zero_ms(self) -> int:
        """The answer, or the start if there was none, in milliseconds of the clock."""
        return self.started_ms if self.answered_ms is None else self.answered_ms

    @property
    def transcript(self) -> tuple[Heard, ...]:
        """Times are relative to `zero_ms`."""
        return self.heard_since(0)

    @property
    def heard_count(self) -> int:
        return len(self._heard)

    def heard_since(self, first: int) -> tuple[Heard, ...]:
        zero_ms = self.zero_ms
        return tuple([replace(heard, at=(ms - zero_ms) / 1000) for ms, heard in self._heard[first:]])

    def note(self, kind: HeardKind, text: str = "", seconds: float | None = 0.0, action: Action | None = None) -> int:
        """Return the entry's index."""
        self._heard.append((self.clock.ms, Heard(0, self.uuid, kind, text, seconds, action=action)))
        return len(self._heard) - 1

    def cut(self, number: int) -> None:
        begun, heard = self._heard[number]
        lasted = (self.clock.ms - begun) / 1000
        if heard.seconds is None or lasted < heard.seconds:
            self._heard[number] = begun, replace(heard, seconds=lasted, is_cut=heard.kind in ("talk", "stream"))

    def dispatch(self, given: PartyInput) -> None:
        if self.waited is not None and self.waited.is_ended_by(given):
            self.waited = None
        for queue, kind in self.listeners:
            if isinstance(given, kind):
                queue.put(given)

    def pressing(self, digits: str) -> Routine[None]:
        for index, digit in enumerate(digits):
            if index:
                yield from pause(BETWEEN_KEYS_S)
            self.note("pressed", digit)
            self.dispatch(PressedKey(digit))

    def speaking(self, seconds: float, results: Sequence[Mapping[str, str]], error: str = "") -> Routine[None]:
        """`results` has the best first."""
        text = results[0]["text"] if results else ""
        self.note("spoke", text, seconds)
        self.conversation.relay_speech(self, text, seconds)
        self.dispatch(Speech(seconds, tuple(results), error))
        yield from pause(seconds)

    def wait_for_party(self, waited: Waited) -> None:
        self.open = self.waited = waited
        waits = self.waits
        self.waits = Signal()
        waits.fire()

    def stop_waiting(self) -> None:
        self.open = self.waited = None

    async def listen(self, until: float | None = None, at_most: float = LONGEST_CALL_MS / 1000) -> CallMoment:
        """Continue until the call waits for the party or ends, or until `until` seconds after the answer.

        With `until`, the party stays silent until then. Without it, the result is `idle` after `at_most` seconds.
        """
        if until is not None:
            await self.scheduler.advance(lambda: self.is_over, self.zero_ms + in_ms(until))
            return self._moment("until")
        latest_ms = self.clock.ms + in_ms(at_most)
        await self.scheduler.advance(lambda: self.is_over or self.waited is not None, latest_ms=latest_ms)
        return self._moment("idle")

    async def hear(self) -> CallMoment:
        before = len(self._heard)
        await self.scheduler.advance(lambda: self.is_over or self.waited is not None or len(self._heard) > before)
        return self._moment("idle" if len(self._heard) == before else "until")

    async def hear_out(self) -> None:
        """Continue until the last prompt has been played in full, or is cut short."""
        number = self.heard_count - 1
        begun_ms, heard = self._heard[number]
        ends_ms = max(begun_ms + in_ms(heard.seconds or 0), self.clock.ms)
        await self.scheduler.advance(lambda: self.is_over or self._heard[number][1].is_cut, until_ms=ends_ms)

    def _moment(self, otherwise: Literal["idle", "until"]) -> CallMoment:
        if self.is_over:
            return CallMoment(self.at, "end")
        if self.waited is not None:
            return CallMoment(self.at, self.waited.kind, self.waited)
        return CallMoment(self.at, otherwise)

    async def press(self, digits: str) -> None:
        """The keys are 0 to 9, * and #. Raises CallIsOver."""
        await self._do(self.pressing(digits))

    async def speak(self, *results: str | tuple[str, float], seconds: float | None = None, error: str = "") -> None:
        """Raises CallIsOver.

        Args:
            results: the recognised texts, best first, each as text or (text, confidence); none for noise.
            seconds: None for an estimate from the first text.
            error: of speech recognition, instead of results.
        """
        await self._do(self.saying(*results, seconds=seconds, error=error))

    def play_keys(self, digits: str) -> None:
        """`p` is a pause."""
        self.note("keys", digits)
        if self.far_end is not None and not self.far_end.is_over:
            self.far_end.begin(self.far_end.pressing(digits.replace("p", "")))

    def saying(self, *results: str | tuple[str, float], seconds: float | None = None, error: str = "") -> Routine[None]:
        guesses = [(guess, SURE) if isinstance(guess, str) else guess for guess in results]
        wire = [{"confidence": str(confidence), "text": text} for text, confidence in guesses]
        lasts = self._durations.talk(guesses[0][0] if guesses else "") if seconds is None else seconds
        return self.speaking(lasts, wire, error)

    async def silence(self) -> None:
        """Stay silent until the current or next input, recording or dial ends."""
        if self.open is None:
            await self.listen()
        if (waited := self.open) is not None:
            await self.scheduler.advance(lambda: self.open is not waited or self.is_over)

    async def decide(self, behaviour: Behaviour) -> None:
        """Raises NothingToDecide."""
        if not isinstance(self.open, AwaitedDial):
            raise NothingToDecide("no dial waits for a decision; `Parties(other=None)` makes dials wait")
        self.waited = None
        self.decision = behaviour
        self.decided.fire()

    def end(self, by: EndedBy) -> None:
        self._end(self, by)

    async def hang_up(self) -> None:
        """Decline a call that still rings. Does nothing if the call is over."""
        if self.is_answered or self.identity.direction == "inbound":
            self.end("user")
        else:
            self.declined.fire()
        await self.scheduler.advance(lambda: True)

    def begin(self, routine: Routine[None]) -> Process[None]:
        """Time does not advance. Raises CallIsOver."""
        if self.is_over:
            ended = ((self.ended_ms or 0) - self.zero_ms) / 1000
            raise CallIsOver(f"the call ended {ended:g} s after the answer")
        given = self.scheduler.spawn(routine)
        self.processes.append(given)
        return given

    async def _do(self, routine: Routine[None]) -> None:
        given = self.begin(routine)
        await self.scheduler.advance(lambda: given.is_over)


class InputQueue:
    """Collects inputs of some types from some legs, in order, between `with` and its end."""

    def __init__(self, *sources: tuple[Leg, type[PartyInput]]) -> None:
        self._sources = sources
        self._items: deque[PartyInput] = deque()
        self._arrived = Signal()

    def __enter__(self) -> Self:
        for leg, kind in self._sources:
            leg.listeners.append((self, kind))
        return self

    def __exit__(self, *_: object) -> None:
        for leg, kind in self._sources:
            leg.listeners.remove((self, kind))

    def put(self, item: PartyInput) -> None:
        self._items.append(item)
        self._arrived.fire()

    def take(self, within: float | None, unless: Signal | None = None) -> Routine[PartyInput | None]:
        """None after `within` seconds, or if `unless` fires first."""
        if not self._items:
            self._arrived = Signal()
            yield from first_of(self._arrived, *([unless] if unless is not None else ()), within=within)
        return self._items.popleft() if self._items else None


NO_SETTINGS: Final[Mapping[str, Any]] = {}


@dataclass(eq=False, slots=True)
class Sound:
    """`hearers` has the index of its entry in each leg's transcript."""

    conversation: SimulatedConversation
    kind: HeardKind
    text: str
    seconds: float | None
    action: Action | None
    hearers: dict[Leg, int] = field(default_factory=dict)

    def reach(self, leg: Leg) -> None:
        self.hearers[leg] = leg.note(self.kind, self.text, self.seconds, self.action)
        if leg.far_end is not None and self.kind == "talk":
            leg.far_end.dispatch(Speech(self.seconds or 0.0, ({"confidence": str(SURE), "text": self.text},)))

    def leave(self, leg: Leg) -> None:
        if leg in self.hearers:
            leg.cut(self.hearers.pop(leg))

    def stop(self) -> None:
        """Legs that join later do not hear it."""
        if self in self.conversation.sounds:
            self.conversation.sounds.remove(self)
        for leg in tuple(self.hearers):
            self.leave(leg)


class SimulatedConversation:
    """The parties that are connected.

    Attributes:
        name: "" for the conversation of a call.
        legs: in the order in which they joined, each with the action that added it.
        started: fires when the parties of a named conversation hear each other.
        controller: the leg whose NCCO is played; None for a named conversation.
        moderators: the legs that end it when they leave.
        over: fires when a named conversation ends for everyone.
    """

    def __init__(self, uuid: str, name: str = "") -> None:
        self.uuid = uuid
        self.name = name
        self.legs: dict[Leg, Mapping[str, Any]] = {}
        self.over = Signal()
        self.started = Signal()
        self.recordings: list[Recording] = []
        self.controller: Leg | None = None
        self.moderators: set[Leg] = set()
        self.sounds: list[Sound] = []

    def join(self, leg: Leg, action: Mapping[str, Any] = NO_SETTINGS) -> None:
        """The leg hears the sounds that are playing."""
        self.legs[leg] = action
        leg.conversation = self
        for sound in self.sounds:
            sound.reach(leg)

    def leave(self, leg: Leg) -> None:
        if self.legs.pop(leg, None) is not None:
            for sound in self.sounds:
                sound.leave(leg)

    def play(self, kind: HeardKind, text: str, seconds: float | None, action: Action | None = None) -> Sound:
        """Everybody hears it. Source: NCCO reference, Talk (to a Conversation)."""
        sound = Sound(self, kind, text, seconds, action)
        for leg in self.legs:
            sound.reach(leg)
        self.sounds.append(sound)
        return sound

    def relay_speech(self, speaker: Leg, text: str, seconds: float) -> None:
        """Nobody hears it before a named conversation starts."""
        if self.name and not self.started.is_fired:
            return
        kind: HeardKind = "agent" if speaker.identity.endpoint_type == "websocket" else "voice"
        for listener in self.legs:
            if listener is not speaker and self._hears(listener, speaker):
                listener.note(kind, text, seconds)

    def _hears(self, listener: Leg, speaker: Leg) -> bool:
        """Both sides must allow it. Source: NCCO reference, Conversation (canSpeak, canHear, mute)."""
        speaks = self.legs[speaker]
        hears = self.legs[listener]
        is_muted = str(speaks.get("mute", "")).lower() == "true" if speaker.is_muted is None else speaker.is_muted
        if is_muted or listener.is_earmuffed:
            return False
        is_allowed = listener.uuid in speaks.get("canSpeak", (listener.uuid,))
        return is_allowed and speaker.uuid in hears.get("canHear", (speaker.uuid,))


@dataclass(eq=False, slots=True)
class Recording:
    """A recording; `ended` is None while it is in progress."""

    uuid: str
    leg: Leg
    conversation: SimulatedConversation
    action: Mapping[str, Any]
    begun: datetime
    ended: datetime | None = None

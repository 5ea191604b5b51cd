"""Legs: one party's connection to the platform, what the party hears and does, and how a test or a person is it."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias

from app.errors import AppError
from app.simulator.parties import Behaviour
from app.simulator.scheduler import LONGEST_MS, Process, Signal, Steps, first_of, milliseconds, pause
from app.simulator.servers import Method

if TYPE_CHECKING:
    from app.simulator.conversations import Recording, SimulatedConversation
    from app.simulator.delivery import WebhookDelivery
    from app.simulator.platform import Vonage

EndedBy: TypeAlias = Literal["user", "platform"]
"""Who ended a leg: its own party, or the platform. Source: webhook reference, completed (disconnected_by)."""
BETWEEN_KEYS_S: Final = 0.25
"""How fast people press keys; our estimate."""
SURE: Final = 0.9
"""How sure the recogniser is of words that are given without a confidence."""


class CallIsOver(AppError):
    """The caller did something after the call had ended."""


class NothingToDecide(AppError):
    """No dial waits for a decision."""


def ids_of(seed: str) -> Iterator[uuid.UUID]:
    """The same ids for the same seed. Source: webhook reference, identifiers (opaque)."""
    for count in itertools.count(1):
        yield uuid.UUID(bytes=hashlib.sha256(f"{seed}:{count}".encode()).digest()[:16], version=4)


Action: TypeAlias = dict[str, Any]
"""An action of an NCCO."""
Ncco: TypeAlias = list[Action]
Target: TypeAlias = tuple[str, Method]
"""Where webhooks go: URL and method."""
Kind: TypeAlias = Literal[
    "ringing", "talk", "stream", "tone", "music", "beep", "keys", "joined", "left", "voice", "pressed", "spoke",
    "hung up", "ended",
]  # fmt: skip
"""ringing: the number that is dialled rings. tone: a ringback tone. music: of a conversation that has not begun.
keys: tones that were sent to the line. joined, left: another party. voice: what another party says.
pressed, spoke, hung up: what this party did. ended: the platform hung up."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing in the experience of a party.

    Attributes:
        at: seconds since its call was answered; before that, negative.
        leg: whose experience it is.
        kind: what it was.
        text: what was said, the URL of a file, a number, keys.
        seconds: how long it lasted, or would have; None for something endless that has not ended.
        is_cut: whether a prompt ended before its end, by a key, speech or a hang-up.
        action: the NCCO action behind it; None when there is none.
    """

    at: float
    leg: str
    kind: Kind
    text: str = ""
    seconds: float | None = 0.0
    is_cut: bool = False
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class PressedKey:
    """One key: a digit, * or #."""

    digit: str


@dataclass(frozen=True, slots=True)
class Speech:
    """Somebody begins to speak.

    Attributes:
        seconds: how long it lasts.
        results: what the recogniser understands, best first: `text` and `confidence`, both as text.
        error: what the recogniser says instead; "" for nothing.
    """

    seconds: float
    results: tuple[Mapping[str, str], ...] = ()
    error: str = ""


PartyInput: TypeAlias = PressedKey | Speech


class InputQueue:
    """What parties do while it is open, in order; nothing is lost between two calls of `take`. Open it with `with`.

    Args:
        sources: legs, each with the kind of input that is collected of it.
    """

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
        """Add an input."""
        self._items.append(item)
        self._arrived.fire()

    def take(self, within: float | None, unless: Signal | None = None) -> Steps[PartyInput | None]:
        """The next thing that is done; None when `within` seconds have passed before, or `unless` has happened."""
        if not self._items:
            self._arrived = Signal()
            yield from first_of(self._arrived, *([unless] if unless is not None else ()), within=within)
        return self._items.popleft() if self._items else None


@dataclass(frozen=True, slots=True)
class Waited:
    """The simulation waits for what a party does.

    Attributes:
        kind: `input`: keys or words are listened for and nothing is played; `record`: a recording that the party ends
            by silence or a key; `dial`: somebody must decide the outcome of a dial.
        action: the NCCO action that waits.
        takes: `dtmf`, `speech` or both, of an input.
        address: who is dialled.
    """

    kind: Literal["input", "record", "dial"]
    action: Mapping[str, Any]
    takes: frozenset[str] = frozenset()
    address: str = ""

    def is_met_by(self, given: PartyInput) -> bool:
        """Whether it comes to its end by itself once this was done; nothing that is done decides a dial."""
        if self.kind == "input":
            return ("dtmf" if isinstance(given, PressedKey) else "speech") in self.takes
        if isinstance(given, PressedKey):
            return self.kind == "record" and given.digit == self.action.get("endOnKey")
        return self.kind == "record" and any(self.action.get(name) is not None for name in ("endOnSilence", "timeOut"))


@dataclass(frozen=True, slots=True)
class Identity:
    """What webhooks say of a leg.

    Attributes:
        from_: the calling number or URI; None for a Client SDK user, whose name is `from_user` then.
        headers: SIP headers, or the metadata of a WebSocket.
        custom_data: what a Client SDK application sent along.
    """

    uuid: str
    direction: Literal["inbound", "outbound"]
    endpoint_type: str
    to: str
    from_: str | None
    from_user: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict)
    custom_data: Any = None


MomentKind: TypeAlias = Literal["input", "record", "dial", "until", "idle", "end"]


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
    kind: MomentKind
    waited: Waited | None = None


class Leg:
    """One party's connection.

    The coroutines are for somebody who is the party; they let virtual time pass, for all legs of the platform.

    Attributes:
        conversation: the conversation that it is in.
        root: the leg of the inbound call that it belongs to; itself for that one.
        target: where its states go.
        open: what its party can do something about: the input that listens, also while a prompt still plays; the
            recording; the dial to decide on.
        waited: the same while nothing has been done about it and nothing is played; None when it plays on by itself.
        player: plays its NCCO; None for a leg that has none of its own.
        processes: end with it, the player among them.
        is_guest: whether a transfer has brought it where it is: nothing but that conversation ends it.
        dialled: the legs of parties that it has dialled, which end with it. recordings: that end with it.
        decision, decided: what comes of the dial that waits for that, and that it was said.
        listeners: queues that collect what its party does, each one kind of input.
        performed: of a root, the NCCO actions of its call that were performed, as they were written, in order.
        problem: why it could not be dialled at all; "" when it could.
        declined: its party has refused the call.
        over: it has ended.
    """

    def __init__(
        self,
        identity: Identity,
        platform: Vonage,
        conversation: SimulatedConversation,
        target: Target,
        root: Leg | None = None,
    ) -> None:
        self.identity = identity
        self.uuid = identity.uuid
        self.platform = platform
        self.clock = platform.clock
        self.conversation = conversation
        self.target = target
        self.root = root or self
        self.is_guest = False
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
        self.waits, self.declined, self.decided, self.over = Signal(), Signal(), Signal(), Signal()
        self.listeners: list[tuple[InputQueue, type[PartyInput]]] = []
        self._heard: list[tuple[int, Heard]] = []

    @property
    def name(self) -> str:
        """Who its party is to others."""
        identity = self.identity
        return identity.to if identity.direction == "outbound" else identity.from_ or identity.from_user

    @property
    def is_answered(self) -> bool:
        """Whether somebody or something has picked up."""
        return self.answered_ms is not None

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.over.is_fired

    @property
    def at(self) -> float:
        """Seconds since `zero_ms`."""
        return (self.clock.ms - self.zero_ms) / 1000

    @property
    def log(self) -> tuple[WebhookDelivery, ...]:
        """The webhooks of its call with their replies, also those of parties that it has dialled."""
        return tuple(delivery for delivery in self.platform.log if delivery.leg.root is self.root)

    @property
    def zero_ms(self) -> int:
        """When it was answered; when it began, if it never was."""
        return self.started_ms if self.answered_ms is None else self.answered_ms

    @property
    def transcript(self) -> tuple[Heard, ...]:
        """What its party has experienced; times count from `zero_ms`."""
        return tuple(replace(heard, at=(ms - self.zero_ms) / 1000) for ms, heard in self._heard)

    def hears(self, kind: Kind, text: str = "", seconds: float | None = 0.0, action: Action | None = None) -> int:
        """Add to the transcript what its party hears or does now; returns the number of the entry, for `cut`."""
        self._heard.append((self.clock.ms, Heard(0, self.uuid, kind, text, seconds, action=action)))
        return len(self._heard) - 1

    def cut(self, number: int) -> None:
        """Something that was being heard ends now. What has ended by itself is left as it is."""
        begun, heard = self._heard[number]
        lasted = (self.clock.ms - begun) / 1000
        if heard.seconds is None or lasted < heard.seconds:
            self._heard[number] = begun, replace(heard, seconds=lasted, is_cut=heard.kind in ("talk", "stream"))

    def does(self, given: PartyInput) -> None:
        """Its party does something; it goes to every queue that collects that kind of input."""
        if self.waited is not None and self.waited.is_met_by(given):
            self.waited = None
        for queue, kind in self.listeners:
            if isinstance(given, kind):
                queue.put(given)

    def pressing(self, digits: str) -> Steps[None]:
        """Its party presses keys one after another."""
        for index, digit in enumerate(digits):
            if index:
                yield from pause(BETWEEN_KEYS_S)
            self.hears("pressed", digit)
            self.does(PressedKey(digit))

    def speaking(self, seconds: float, results: Sequence[Mapping[str, str]], error: str = "") -> Steps[None]:
        """Its party says something; `results` is what the recogniser understands, best first."""
        text = results[0]["text"] if results else ""
        self.hears("spoke", text, seconds)
        self.conversation.carry(self, text, seconds)
        self.does(Speech(seconds, tuple(results), error))
        yield from pause(seconds)

    def wait_for_party(self, waited: Waited) -> None:
        """From now on its party is waited for."""
        self.open = self.waited = waited
        waits, self.waits = self.waits, Signal()
        waits.fire()

    def wait_no_more(self) -> None:
        """What its party was waited for is over."""
        self.open = self.waited = None

    async def listen(self, until: float | None = None, at_most: float = LONGEST_MS / 1000) -> CallMoment:
        """Play on until the party is waited for, until `until` seconds since the answer, or to the end.

        Without `until` the call is idle when the party has not been waited for in `at_most` seconds.

        If the call already waits for the party, the same moment is returned at once; with an `until` that lies ahead
        the party stays silent up to that time.
        """
        scheduler = self.platform.scheduler
        if until is not None:
            await scheduler.advance(lambda: self.is_over, self.zero_ms + milliseconds(until))
            return self._moment("until")
        latest_ms = self.clock.ms + milliseconds(at_most)
        await scheduler.advance(lambda: self.is_over or self.waited is not None, latest_ms=latest_ms)
        return self._moment("idle")

    async def hear(self) -> CallMoment:
        """Play on until something more begins to be heard, the party is waited for, or to the end."""
        before = len(self._heard)
        await self.platform.scheduler.advance(
            lambda: self.is_over or self.waited is not None or len(self._heard) > before
        )
        return self._moment("idle" if len(self._heard) == before else "until")

    def _moment(self, otherwise: Literal["idle", "until"]) -> CallMoment:
        """Where the call has stopped."""
        if self.is_over:
            return CallMoment(self.at, "end")
        if self.waited is not None:
            return CallMoment(self.at, self.waited.kind, self.waited)
        return CallMoment(self.at, otherwise)

    async def press(self, digits: str) -> None:
        """Press keys (0 to 9, * and #). Raises CallIsOver."""
        await self._do(self.pressing(digits))

    async def speak(self, *results: str | tuple[str, float], seconds: float | None = None, error: str = "") -> None:
        """Say something. Raises CallIsOver.

        Args:
            results: what the recogniser understands, best first: the text (then it is sure), or text and confidence.
                None: a noise that it makes nothing of.
            seconds: how long it takes; as long as the first text needs by default.
            error: what the recogniser says instead of results.
        """
        guesses = [(guess, SURE) if isinstance(guess, str) else guess for guess in results]
        wire = [{"confidence": str(confidence), "text": text} for text, confidence in guesses]
        lasts = self.platform.durations.speech(guesses[0][0] if guesses else "") if seconds is None else seconds
        await self._do(self.speaking(lasts, wire, error))

    async def silence(self) -> None:
        """Stay silent until the input times out or the recording ends; plays on to the next one if there is none."""
        if self.open is None:
            await self.listen()
        if (waited := self.open) is not None:
            await self.platform.scheduler.advance(lambda: self.open is not waited or self.is_over)

    async def decide(self, behaviour: Behaviour) -> None:
        """Say what the party does that is being dialled. Raises NothingToDecide when no dial waits."""
        if self.open is None or self.open.kind != "dial":
            raise NothingToDecide("no dial waits for a decision; `Parties(other=None)` makes dials wait")
        self.waited, self.decision = None, behaviour
        self.decided.fire()

    async def hang_up(self) -> None:
        """Hang up; nothing happens when the call is over. A party that is being dialled declines the call."""
        if self.is_answered or self.identity.direction == "inbound":
            self.platform.end(self, "user")
        else:
            self.declined.fire()
        await self.platform.scheduler.advance(lambda: True)

    async def _do(self, steps: Steps[None]) -> None:
        if self.is_over:
            ended = ((self.ended_ms or 0) - self.zero_ms) / 1000
            raise CallIsOver(f"the call ended {ended:g} s after the answer")
        given = self.platform.scheduler.spawn(steps)
        self.processes.append(given)
        await self.platform.scheduler.advance(lambda: given.is_over)

"""Legs: one party's connection to the platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from app.simulator.clock import VirtualClock
from app.simulator.kernel import Process, Signal
from app.simulator.mailbox import Doing, Key, Mailbox
from app.simulator.parties import Behaviour
from app.simulator.requests import Method
from app.simulator.transcript import Heard, Transcript

if TYPE_CHECKING:
    from app.simulator.recording import Recording
    from app.simulator.room import Room

EndedBy: TypeAlias = Literal["user", "platform"]
"""Who ended a leg: its own party, or the platform. Source: webhook reference, completed (disconnected_by)."""


@dataclass(frozen=True, slots=True)
class Waited:
    """The simulation waits for what a party does.

    Attributes:
        kind: `input`: keys or words are listened for and nothing is played; `record`: a recording that the party ends
            by silence or a key; `dial`: somebody must decide what comes of a dial.
        action: the NCCO action that waits.
        takes: `dtmf`, `speech` or both, of an input.
        address: who is dialled.
    """

    kind: Literal["input", "record", "dial"]
    action: Mapping[str, Any]
    takes: frozenset[str] = frozenset()
    address: str = ""

    def is_met_by(self, doing: Doing) -> bool:
        """Whether it comes to its end by itself once this was done; nothing that is done decides a dial."""
        if self.kind == "input":
            return ("dtmf" if isinstance(doing, Key) else "speech") in self.takes
        if isinstance(doing, Key):
            return self.kind == "record" and doing.digit == self.action.get("endOnKey")
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


class Leg:
    """One party's connection.

    Attributes:
        room: the conversation that it is in.
        root: the leg of the inbound call that it belongs to; itself for that one.
        event_url, event_method: where its states go.
        open: what its party can do something about: the input that listens, also while a prompt still plays; the
            recording; the dial to decide on.
        waited: the same while nothing has been done about it and nothing is played; None when it plays on by itself.
        player: plays its NCCO; None for a leg that has none of its own.
        processes: end with it, the player among them.
        is_guest: whether a transfer has brought it where it is: nothing but that conversation ends it.
        dependents: legs that end with it. recordings: that end with it.
        performed: of a root, the NCCO actions of its call whose turn has come, as they were written, in order.
        problem: why it could not be dialled at all; "" when it could.
        declined: its party has refused the call.
        over: it has ended.
    """

    def __init__(
        self,
        identity: Identity,
        clock: VirtualClock,
        room: Room,
        *,
        event_url: str,
        event_method: Method,
        root: Leg | None,
    ) -> None:
        self.identity = identity
        self.uuid = identity.uuid
        self.clock = clock
        self.room = room
        self.event_url = event_url
        self.event_method: Method = event_method
        self.root = root or self
        self.is_guest = False
        self.started_ms = clock.ms
        self.answered_ms: int | None = None
        self.ended_ms: int | None = None
        self.ended_by: EndedBy | None = None
        self.waited: Waited | None = None
        self.open: Waited | None = None
        self.waits = Signal()
        self.player: Process[Any] | None = None
        self.processes: list[Process[Any]] = []
        self.decide: Callable[[Behaviour], None] | None = None
        self.dependents: list[Leg] = []
        self.problem = ""
        self.recordings: list[Recording] = []
        self.performed: list[Mapping[str, Any]] = []
        self.declined, self.over = Signal(), Signal()
        self._transcript = Transcript()
        self._listeners: list[tuple[Mailbox, type[Doing]]] = []

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
    def transcript(self) -> tuple[Heard, ...]:
        """What its party has experienced; times count from when it was answered, or begun if it never was."""
        return self._transcript.since(self.started_ms if self.answered_ms is None else self.answered_ms)

    @property
    def experienced(self) -> int:
        """How many entries its transcript has."""
        return len(self._transcript)

    def hears(self, heard: Heard) -> int:
        """Take down that its party hears or does something now; the number of the entry."""
        return self._transcript.add(self.clock.ms, replace(heard, leg=self.uuid))

    def cut(self, number: int) -> None:
        """Something that it hears ends now."""
        self._transcript.cut(number, self.clock.ms)

    def does(self, doing: Doing) -> None:
        """Its party does something; those who listen for that are told."""
        if self.waited is not None and self.waited.is_met_by(doing):
            self.waited = None
        for mailbox, kind in self._listeners:
            if isinstance(doing, kind):
                mailbox.put(doing)

    @contextmanager
    def listened_to(self, mailbox: Mailbox, *kinds: type[Doing]) -> Iterator[None]:
        """What its party does from now on comes into a mailbox, as far as it is of these kinds."""
        listeners = [(mailbox, kind) for kind in kinds]
        self._listeners += listeners
        try:
            yield
        finally:
            self._listeners = [entry for entry in self._listeners if entry not in listeners]

    def wait_for_party(self, waited: Waited) -> None:
        """From now on its party is waited for."""
        self.open = self.waited = waited
        waits, self.waits = self.waits, Signal()
        waits.fire()

    def wait_no_more(self) -> None:
        """What its party was waited for is over."""
        self.open = self.waited = None

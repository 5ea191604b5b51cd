"""The behaviour of called parties."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeAlias

from ncco_studio.simulator.scheduler import Signal

PartyOutcome: TypeAlias = Literal[
    "answered", "completed", "human", "machine", "beep", "disconnected",
    "busy", "timeout", "unanswered", "rejected", "failed",
]  # fmt: skip
"""`answered` and `completed` mean the same; `beep` is a machine that beeps."""

UNSPECIFIC: Final = frozenset({"answered", "completed"})
"""A person is detected, unless they hang up first."""
MACHINES: Final = frozenset({"machine", "beep"})
DETAILS: Final[Mapping[str, tuple[str | None, int | None]]] = {
    "busy": (None, 486),
    "timeout": (None, None),
    "unanswered": ("unavailable", 480),
    "rejected": ("declined", 603),
    "failed": ("cannot_route", 404),
}
"""`detail` and `sip_code`. Source: webhook reference, Call status events."""

ENDLESS: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Words:
    """Something that a called party says."""

    text: str
    confidence: float = 0.9


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a called party does.

    Attributes:
        rings_s: longer than the connect's `timeout` is a timeout.
        talks_s: from being connected until one party hangs up, or `ENDLESS`; if machine detection takes longer, it
            has no result unless the outcome implies one.
        hangs_up_first: rather than the caller.
        script: what the party does each time its own NCCO (`onAnswer`) waits: keys, words, or "" for nothing; after the
            last entry, it is silent.
        beeps_s: for `beep`, seconds from the answer.
        detail, sip_code: None for the usual values of the outcome.
    """

    outcome: PartyOutcome = "answered"
    rings_s: float = 4.0
    talks_s: float = 30.0
    hangs_up_first: bool = True
    script: tuple[str | Words, ...] = ()
    beeps_s: float = 12.0
    detail: str | None = None
    sip_code: int | None = None


class LiveSocket(Protocol):
    """A websocket that is really opened.

    Attributes:
        opened, closed: only the second one fires if it cannot be opened; `outcome` then says why.
        spoke: fires when the agent has said something, which took `spoke_s`.
    """

    opened: Signal
    closed: Signal
    spoke: Signal
    outcome: PartyOutcome
    spoke_s: float

    def press(self, key: str) -> None:
        """Send a key of the caller."""

    def hang_up(self) -> None:
        """Close it; `closed` does not wait for that."""


@dataclass(slots=True)
class Parties:
    """The behaviour of all parties that may be dialled.

    Attributes:
        known: by number, user, URI or extension, one behaviour for all dials or one per dial; the last one repeats.
        other: for everybody else; None if each dial waits for `Leg.decide`.
        open_socket: opens the websockets that are not `known`; None if they are parties like the others.
    """

    known: Mapping[str, Behaviour | Sequence[Behaviour]] = field(default_factory=dict)
    other: Behaviour | None = field(default_factory=Behaviour)
    open_socket: Callable[[Mapping[str, Any]], LiveSocket] | None = None
    _dials: dict[str, int] = field(default_factory=dict)

    def next_dial(self, address: str) -> Behaviour | None:
        found = self.known.get(address, self.other)
        if found is None or isinstance(found, Behaviour):
            return found
        dial = self._dials.get(address, 0)
        self._dials[address] = dial + 1
        return found[min(dial, len(found) - 1)] if found else self.other


def address_of(endpoint: Mapping[str, Any]) -> str:
    match endpoint["type"]:
        case "phone":
            return str(endpoint["number"]).removeprefix("+")
        case "app":
            return str(endpoint["user"])
        case "vbc":
            return str(endpoint["extension"])
    return str(
        endpoint.get("uri") or "sip:" + "@".join(endpoint[name] for name in ("user", "domain") if name in endpoint)
    )


def is_websocket(address: str) -> bool:
    return address.startswith(("ws:", "wss:"))

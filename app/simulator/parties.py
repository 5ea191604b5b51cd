"""What dialled parties do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

Outcome: TypeAlias = Literal[
    "answered", "completed", "human", "machine", "beep", "disconnected",
    "busy", "timeout", "unanswered", "rejected", "failed",
]  # fmt: skip
"""The result of a dial. `answered` and `completed` are the same; `beep` is a machine that beeps."""

SOMEBODY: Final = frozenset({"answered", "completed"})
"""Outcomes that do not say what machine detection finds: a person, unless that one hangs up before it is found."""
MACHINES: Final = frozenset({"machine", "beep"})
DETAILS: Final[Mapping[str, tuple[str | None, int | None]]] = {
    "busy": (None, 486),
    "timeout": (None, None),
    "unanswered": ("unavailable", 480),
    "rejected": ("declined", 603),
    "failed": ("cannot_route", 404),
}
"""The failures, each with its `detail` and `sip_code`. Source: webhook reference, Call status events."""

ENDLESS: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Words:
    """A called party says something."""

    text: str
    confidence: float = 0.9


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one dialled party does.

    Attributes:
        outcome: the result of the dial.
        rings_s: seconds until it does; longer than the connect's `timeout` is a timeout.
        talks_s: seconds from the joining of the parties until one hangs up; `ENDLESS`: until somebody makes them. When
            they are less than machine detection takes, nothing is detected, unless the outcome names what is.
        hangs_up_first: whether the called party does that, else the caller.
        script: what the called party does each time that an NCCO of its own waits for it (`onAnswer`): keys, words, or
            "" for nothing; when it is used up, it is silent.
        beeps_s: seconds from answering to the beep of a machine; with `machine` there is none.
        detail, sip_code: as the failing event says; None: as usual for the outcome.
    """

    outcome: Outcome = "answered"
    rings_s: float = 4.0
    talks_s: float = 30.0
    hangs_up_first: bool = True
    script: tuple[str | Words, ...] = ()
    beeps_s: float = 12.0
    detail: str | None = None
    sip_code: int | None = None


@dataclass(slots=True)
class Parties:
    """What is known of all parties that may be dialled.

    Attributes:
        known: by number, user, URI or extension: one behaviour for all dials, or one for each, the last repeating.
        other: everybody else; None: each dial waits until it is decided (`Leg.decide`).
    """

    known: Mapping[str, Behaviour | Sequence[Behaviour]] = field(default_factory=dict)
    other: Behaviour | None = field(default_factory=Behaviour)
    _dials: dict[str, int] = field(default_factory=dict)

    def next_dial(self, address: str) -> Behaviour | None:
        """What comes of the next dial of this address; None when somebody has to decide."""
        found = self.known.get(address, self.other)
        if found is None or isinstance(found, Behaviour):
            return found
        dial = self._dials.get(address, 0)
        self._dials[address] = dial + 1
        return found[min(dial, len(found) - 1)] if found else self.other


def address_of(endpoint: Mapping[str, Any]) -> str:
    """Whom an endpoint leads to: number, user, URI or extension. Source: NCCO reference, Endpoint types."""
    match endpoint["type"]:
        case "phone":
            return str(endpoint["number"])
        case "app":
            return str(endpoint["user"])
        case "vbc":
            return str(endpoint["extension"])
    return str(
        endpoint.get("uri") or "sip:" + "@".join(endpoint[name] for name in ("user", "domain") if name in endpoint)
    )

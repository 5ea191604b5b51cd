"""The faults of calls that `ncco prove` and `without` of a scenario look for. `faults.yaml`: their limits and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ncco_server.flow.issues import FlowRule
from ncco_server.flow.language.agents import DONE
from ncco_server.flow.model import Step
from ncco_server.issue import RuleBook
from ncco_server.ncco.statuses import DETECTIONS, DISCONNECTED

_NOT_CAUGHT: Final = "R113"
_TOLERANCE: Final = 0.01
"""Times in a call are rounded."""
_AFTER_CONVERSATION: Final = frozenset({"completed", DISCONNECTED, *DETECTIONS, DONE})
"""Outcomes of dials and agents, of callers who have talked, or are talking, to somebody.

After machine detection, the party is connected unless the reply is an NCCO. Source: webhook reference, machine
detection (`continue`).
"""


@dataclass(frozen=True, slots=True)
class CallFault(FlowRule):
    """A fault; `code` is its name.

    Attributes:
        message: with the names that its check gives.
        variants: other messages, cures and severities, by the reason for them.
        limit: the default; None if there is none.
        in_call: whether a single call can show it.
        lasts: whether only a call that outlasts its script shows it.
    """

    message: str = ""
    variants: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    limit: float | None = None
    in_call: bool = True
    lasts: bool = False

    def words(self, variant: str = "", **names: Any) -> dict[str, Any]:
        """The message, the cure and the severity of a fault that was found; a `message` among the names is whole."""
        other = self.variants.get(variant, {})
        return {
            "message": names.get("message") or other.get("message", self.message).format(**names),
            "cure": other.get("cure", self.cure),
            "severity": other.get("severity", self.severity),
        }

    def exceeded(self, found: float, most: float, shown: str) -> str:
        """Return "" within the limit; `shown` is the measure as text."""
        return self.message.format(found=shown) if is_over(found, most) else ""


FAULTS: Final[Mapping[str, CallFault]] = RuleBook(CallFault, Path(__file__).with_name("faults.yaml"))
LIMITS: Final[Mapping[str, float]] = {name: each.limit for name, each in FAULTS.items() if each.limit is not None}


def is_over(found: float, most: float) -> bool:
    return found > most + _TOLERANCE


def failure_of(code: str, step: Step | None) -> str:
    """Return "" if a step that fails with this issue code has an error exit of its own, or its handler meant it."""
    if code == _NOT_CAUGHT:
        return ""
    if code.startswith("N"):
        return "invalid_ncco"
    return "" if step is not None and step.error is not None else "error_exit"


def may_end_silently(dial_outcome: str, *, is_chosen: bool, enters: bool) -> bool:
    """`dial_outcome` is that of an agent, too; "" if nobody has just left."""
    return dial_outcome in _AFTER_CONVERSATION or (is_chosen and not enters)

"""What the decision of a step is counted as: read from a trace, line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from app.flow.language.branch import Branch
from app.flow.language.collect import Collect
from app.flow.language.hold import Hold
from app.flow.language.menu import Choices
from app.flow.language.outcomes import On, Run
from app.flow.language.retry import FAILURES
from app.flow.model import Step
from app.verify.outcomes import DEFAULT, KEYS, REAL, SPEECH, arm_name, failed_try

_TRY: Final = re.compile(r"failed try (\d+) of (\d+)")
_NEXT: Final = re.compile(r"; target \d+ of \d+ is next$")
_RUNS: Final = "run: "
"""How the exits say why: `app.flow.language.retry` and `.outcomes`. A test holds this to them."""


def asked(name: str, because: str) -> str:
    """What the answer of a look-up is counted as."""
    return f"{name} {REAL if because.startswith('ok, ') else DEFAULT}"


@dataclass(slots=True)
class Decisions:
    """The decisions of one turn: they follow from what was heard, or from entering a step."""

    _heard: str = ""
    _entered: str = ""

    def hear(self, because: str) -> None:
        """A webhook was understood."""
        self._heard, self._entered = because, ""

    def enter(self, step: str) -> None:
        """A step was entered."""
        self._heard, self._entered = "", step

    def outcome(self, step: Step, what: str, because: str, others: int) -> str:
        """The name of the outcome; "" for what is none, as asking again without blame.

        Args:
            step: the one that has decided.
            what: what it has decided for.
            because: why.
            others: how many others did not fit.
        """
        exit_ = step.exit
        is_at_once = self._entered == step.name
        if isinstance(exit_, Choices | Collect):
            return self._answered(what, because)
        if isinstance(exit_, Branch):
            return arm_name(exit_, others)
        if isinstance(exit_, Hold):
            return "ready" if is_at_once else what
        if isinstance(exit_, On):
            return _line_of(exit_, "otherwise" if is_at_once else what, because)
        return _outcome_of(exit_, what, because) if isinstance(exit_, Run) else ""

    def _answered(self, what: str, because: str) -> str:
        """What came of a menu or a data entry."""
        if what in FAILURES and (tried := _TRY.search(because)):
            return failed_try(what, int(tried[1]), int(tried[2]))
        way = SPEECH if self._heard.startswith("speech ") else KEYS
        return "" if what == "asr_error" else f"{what} {way}"


def _line_of(on: On, outcome: str, because: str) -> str:
    """The line of an `on` that takes an outcome; "" while the next of a list is dialled."""
    if _NEXT.search(because):
        return ""
    if outcome in on.lines:
        return outcome
    return "otherwise" if "otherwise" in on.lines else "failed"


def _outcome_of(run: Run, what: str, because: str) -> str:
    """What a flow has come back with; "" while it has not."""
    if because.startswith(_RUNS):
        return ""
    return what if what in run.lines else "otherwise"

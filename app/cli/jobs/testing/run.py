"""One run of `ncco test`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from app.verify.scenarios.suite import Suite
from app.verify.scenarios.telling import Ink

Form: TypeAlias = Literal["text", "json", "github", "junit"]


@dataclass(slots=True)
class Run:
    """The options of one run, and what came of it.

    Attributes:
        words: only scenarios that hold each of these, separated by blanks. least: the percentage of outcomes that each
            flow needs; None for any. update: whether what is heard is written where a scenario leaves it open.
        live: whether look-ups and hooks go outside. chaos: the seed of an unlucky network.
        suites: what came of each project. written: the files into which what was heard was written.
    """

    words: str
    least: float | None
    update: bool
    live: bool
    chaos: int | None
    form: Form
    ink: Ink
    suites: list[Suite] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    @property
    def is_text(self) -> bool:
        """Whether a person reads it."""
        return self.form == "text"

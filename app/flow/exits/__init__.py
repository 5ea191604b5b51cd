"""How a step ends: one file for each kind of exit."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from app.flow.exits.branch import Branch, read_branch
from app.flow.exits.choices import Choices, read_choices
from app.flow.exits.collect import Collect, read_collect
from app.flow.exits.goto import Goto, read_goto
from app.flow.exits.hold import Hold, read_hold
from app.flow.exits.on import On, read_on
from app.flow.exits.run import Run, read_run_exit
from app.flow.exits.source import StepSource, Wired
from app.flow.played import COMMON_WORDS
from app.flow.reader import Reader


class Kind(NamedTuple):
    """A kind of exit: its word, the step words that belong to it, and how it is read.

    `read` gives None when a fault leaves nothing that could be played; the fault is reported then.
    """

    word: str
    words: frozenset[str]
    read: Callable[[StepSource, Reader], Wired | None]


EXITS: tuple[Kind, ...] = (
    Kind(Choices.word, Choices.words, read_choices),
    Kind(Collect.word, Collect.words, read_collect),
    Kind(Hold.word, Hold.words, read_hold),
    Kind(Run.word, Run.words, read_run_exit),
    Kind(Branch.word, Branch.words, read_branch),
    Kind(Goto.word, Goto.words, read_goto),
    Kind(On.word, On.words, read_on),
)
"""Every kind of exit; where a step seems to have two, the first in this order is taken to be meant."""

_EXIT_WORDS = (word for kind in EXITS for word in (kind.word, *sorted(kind.words)))
STEP_WORDS: tuple[str, ...] = (*COMMON_WORDS, *dict.fromkeys(_EXIT_WORDS))
"""The words of a step: those of every step, and those of each kind of exit."""

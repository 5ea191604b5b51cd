"""What decides where a call waits, and which states go on alike once that is known."""

from __future__ import annotations

from collections.abc import Sequence

from app.engine import Session, Turn
from app.flow.language.menu import Choices
from app.flow.language.outcomes import On
from app.flow.model import Flow
from app.verify.prove.states import before_trying
from app.verify.prove.walked import State


def decider(root: Flow, before: Session | None, turn: Turn | None) -> str:
    """The choice or line that has decided, when nothing but that makes a difference to what follows; else "".

    Several of them may stand in one line of the file.
    """
    if before is None or turn is None:
        return ""
    step = root.named(before.at).steps[before.step]
    decided = next((line for line in turn.trace if line.did == "decided"), None)
    if step.exit.asks_again or decided is None or decided.what == "collected":
        return ""
    name = decided.what
    if isinstance(step.exit, On) and name not in step.exit.lines:
        name = "otherwise"
    return f"{decided.where} {name} {turn.session.tries} {turn.session.asr_errors} {turn.session.position}"


def is_menu(root: Flow, session: Session) -> bool:
    """Whether what is chosen depends on what the caller does alone."""
    return isinstance(root.named(session.at).steps[session.step].exit, Choices)


def told_apart(states: Sequence[State]) -> set[int]:
    """The states whose error exits differ: how often a step was tried makes no difference to those."""
    return {*{before_trying(state.key): number for number, state in reversed([*enumerate(states)])}.values()}

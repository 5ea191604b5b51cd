"""Every outcome that a call can take in a flow: what coverage counts, and what a proof has to reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from app.flow.language.collect import Collect
from app.flow.language.exits import Branch, Hold
from app.flow.language.menu import Choices
from app.flow.language.outcomes import On, Run
from app.flow.language.retry import FAILURES, Retry
from app.flow.model import Asked, Flow, Step
from app.flow.nodes import Place

KEYS: Final = "by keys"
SPEECH: Final = "by speech"
REAL: Final = "answered"
DEFAULT: Final = "default"
LAST: Final = "last try"
ENTERED: Final = "entered"


class Outcome(NamedTuple):
    """One way that a call can take.

    Attributes:
        flow: its name. step: where it is decided.
        name: `sales by keys`, `noinput, try 1`, `nomatch, last try`, `busy`, `if vip`, `else`, `ready`,
            `customer answered`, `customer default`, ...
        place: the line that decides.
    """

    flow: str
    step: str
    name: str
    place: Place


def outcomes_of(flow: Flow) -> tuple[Outcome, ...]:
    """Every outcome of a flow, step by step in the order of its file; those of the flows that it runs are theirs.

    Of a choice each way of making it that it has; each failed try by its reason; each line of `on`; each arm of a
    branch; both ways out of `hold`; each look-up with and without a real answer. A flow in which nothing is decided
    has one: that it was entered.
    """
    found = tuple(outcome for step in flow.steps.values() for outcome in _of_step(flow, step))
    return found or (Outcome(flow.name, flow.start, ENTERED, flow.steps[flow.start].place),)


def error_exits_of(flow: Flow) -> tuple[Outcome, ...]:
    """Where faults lead, which only faults take and which are counted apart: of steps, then of the flow (step "")."""
    own = [Outcome(flow.name, step.name, "error", step.error.place) for step in flow.steps.values() if step.error]
    return (*own, *([Outcome(flow.name, "", "error", flow.error.place)] if flow.error else ()))


def failed_try(reason: str, number: int, tries: int) -> str:
    """How a failed try is called; `number` counts from 1, and the last of `tries` leads to `then`."""
    return f"{reason}, {LAST}" if number >= tries else f"{reason}, try {number}"


def _of_step(flow: Flow, step: Step) -> Iterator[Outcome]:
    for asking in step.asks:
        for came in (REAL, DEFAULT):
            yield Outcome(flow.name, step.name, f"{asking.name} {came}", asking.place)
    for name, place in _of_exit(step):
        yield Outcome(flow.name, step.name, name, place)


def _of_exit(step: Step) -> Iterator[tuple[str, Place]]:
    exit_ = step.exit
    if isinstance(exit_, Choices):
        yield from _of_menu(exit_)
    elif isinstance(exit_, Collect):
        yield from _of_collect(exit_)
    elif isinstance(exit_, Branch):
        yield from ((arm_name(exit_, number), arm.place) for number, arm in enumerate(exit_.arms))
        yield arm_name(exit_, len(exit_.arms)), exit_.otherwise.place
    elif isinstance(exit_, Hold):
        yield from ((name, target.place) for name, target in exit_.lines.items())
    elif isinstance(exit_, On | Run):
        yield from ((name, line.place) for name, line in exit_.lines.items())


def arm_name(branch: Branch, number: int) -> str:
    """What the arm of a branch is called; the last one is `else`."""
    return f"if {branch.arms[number].shown}" if number < len(branch.arms) else "else"


def _of_menu(menu: Choices) -> Iterator[tuple[str, Place]]:
    for choice in menu.choices.values():
        if choice.keys:
            yield f"{choice.name} {KEYS}", choice.place
        if choice.phrases:
            yield f"{choice.name} {SPEECH}", choice.place
    for reason in FAILURES:
        yield from _tries(menu.retry, reason)


def _of_collect(collect: Collect) -> Iterator[tuple[str, Place]]:
    if collect.digits is not None:
        yield f"collected {KEYS}", collect.place
    if collect.speech:
        yield f"collected {SPEECH}", collect.place
    yield from _tries(collect.retry, "noinput")
    if not _fits_anything(collect, collect.asked):
        yield from _tries(collect.retry, "nomatch")


def _fits_anything(collect: Collect, asked: Asked) -> bool:
    """Whether all that can be given is taken: any words, however unsure."""
    is_checked = collect.check is not None or collect.type.name != "text" or bool(collect.type.words)
    return asked.lengths is None and not asked.min_confidence and not is_checked


def _tries(retry: Retry, reason: str) -> Iterator[tuple[str, Place]]:
    for number in range(1, retry.tries):
        said = retry.prompts[reason]
        prompt = said[min(number, len(said)) - 1] if said else ()
        yield failed_try(reason, number, retry.tries), prompt[0].place if prompt else retry.place
    yield failed_try(reason, retry.tries, retry.tries), retry.then[reason].place

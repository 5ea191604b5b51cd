"""Every outcome that a call can take in a flow, and which of them the trace of a turn has taken.

Coverage and the traffic of a flow read the traces that the server has kept, and `prove` those of the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple, TypeAlias

from app.engine.outcome import hear_connected
from app.engine.session import Session, TraceLine
from app.flow.graph import Arrow, Drawing, labelled_edges, onanswer_flows
from app.flow.language.collect import Collect
from app.flow.language.exits import Branch, Goto, Hold
from app.flow.language.menu import Choices
from app.flow.language.outcomes import On, RunFlow
from app.flow.language.retry import FAILURES, Retry
from app.flow.model import Flow, Step
from app.flow.nodes import Place
from app.flow.report import counted
from app.flow.runtime import Asked, Exit

KEYS: Final = "by keys"
SPEECH: Final = "by speech"
REAL: Final = "answered"
DEFAULT: Final = "default"
LAST: Final = "last try"
ENTERED: Final = "entered"
BEGUN: Final = "begun"
JUMPED: Final = "jumped"


class FlowOutcome(NamedTuple):
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


def outcomes_of(flow: Flow) -> tuple[FlowOutcome, ...]:
    """Every outcome of a flow, step by step in the order of its file; those of the flows that it runs are theirs.

    Of a choice each way of making it that it has; each failed try by its reason; each line of `on`; each arm of a
    branch; both ways out of `hold`; each lookup with and without a real answer. A flow in which nothing is decided
    has one: that it was entered.
    """
    found = tuple(outcome for step in flow.steps.values() for outcome in _of_step(flow, step))
    return found or (FlowOutcome(flow.name, flow.start, ENTERED, flow.steps[flow.start].place),)


def error_exits_of(flow: Flow) -> tuple[FlowOutcome, ...]:
    """Where faults lead, which only faults take and which are counted apart: of steps, then of the flow (step "")."""
    own = [FlowOutcome(flow.name, step.name, "error", step.error.place) for step in flow.steps.values() if step.error]
    return (*own, *([FlowOutcome(flow.name, "", "error", flow.error.place)] if flow.error else ()))


def failed_try(reason: str, number: int, tries: int) -> str:
    """How a failed try is called; `number` counts from 1, and the last of `tries` leads to `then`."""
    return f"{reason}, {LAST}" if number >= tries else f"{reason}, try {number}"


def _of_step(flow: Flow, step: Step) -> Iterator[FlowOutcome]:
    for asking in step.asks:
        for came in (REAL, DEFAULT):
            yield FlowOutcome(flow.name, step.name, f"{asking.name} {came}", asking.place)
    for name, place in _of_exit(step):
        yield FlowOutcome(flow.name, step.name, name, place)


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
    elif isinstance(exit_, On | RunFlow):
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


Key: TypeAlias = tuple[str, str, str]
"""Flow, step, name of the outcome."""
Files: TypeAlias = Mapping[str, Flow]
"""The flows that a call may be in, by their files."""


def by_file(flows: Iterable[Flow]) -> Files:
    """Flows by their files."""
    return {flow.place.file: flow for flow in flows}


class Following:
    """Follows a call from flow to flow through one turn.

    A line that was heard, entered or failed has its place in the file of the flow that the call is in. A line that
    decided may be in a file of shared parts: then the call stays in its flow.

    Args:
        files: of the flows that the call may be in.
        at: the flow that it waits in; None: the trace says.

    Attributes:
        begun: the flow that the call, or a party, was answered with; None when it was answered before.
        entered: the steps that were entered, as (flow, step), in order.
        taken: the outcomes, in order.
        jumped: the steps that were left by `goto`, or for the flow that they run, as (flow, step).
        failed: the failures, as (flow, step, line); "" is an unknown step.
    """

    def __init__(self, files: Files, at: Flow | None = None) -> None:
        self._files = files
        self._flow = at
        self._latest: tuple[str, str] | None = None
        """The step that was entered last; None after something was heard."""
        self._heard_by = ""
        self.begun: Flow | None = None
        self.entered: list[tuple[str, str]] = []
        self.taken: list[Key] = []
        self.jumped: list[tuple[str, str]] = []
        self.failed: list[tuple[str, str, TraceLine]] = []

    def read(self, lines: Iterable[TraceLine]) -> Following:
        """Follow the trace of a turn."""
        for line in lines:
            self._flow = self._files.get(line.where.rpartition(":")[0], self._flow)
            if self._flow is not None:
                self._line(line, self._flow)
        return self

    def _line(self, line: TraceLine, flow: Flow) -> None:
        match line.did:
            case "answered":
                self.begun = flow
            case "heard":
                self._latest, self._heard_by = None, line.by
            case "entered":
                self._latest = (flow.name, line.step)
                self.entered.append(self._latest)
            case "asked":
                came = REAL if line.by == "answer" else DEFAULT
                self.taken.append((flow.name, line.step, f"{line.what} {came}"))
            case "failed" if line.what != "failsafe":
                self.failed.append((flow.name, line.step, line))
            case "decided" if line.step in flow.steps:
                is_at_once = self._latest == (flow.name, line.step)
                name = self._outcome(flow.steps[line.step], line, is_at_once=is_at_once)
                self.taken += [(flow.name, line.step, name)] if name else []
                if is_at_once and isinstance(flow.steps[line.step].exit, Goto | RunFlow):
                    self.jumped.append((flow.name, line.step))
            case _:
                pass

    def _outcome(self, step: Step, line: TraceLine, *, is_at_once: bool) -> str:
        """The name of the outcome of a decision; "" for none, such as asking again without a failed try.

        `is_at_once`: the step has decided on entering.
        """
        exit_ = step.exit
        match exit_:
            case Choices() | Collect() if line.attempt:
                return failed_try(line.what, line.attempt, line.attempts)
            case Choices() | Collect():
                way = SPEECH if self._heard_by == "speech" else KEYS
                return "" if line.what == "asr_error" else f"{line.what} {way}"
            case Branch():
                return arm_name(exit_, len(line.others))
            case Hold():
                return "ready" if is_at_once else line.what
            case On():
                return _line_of(exit_, "otherwise" if is_at_once else line.what) if not line.next_target else ""
            case RunFlow():
                return "" if is_at_once else line.what if line.what in exit_.lines else "otherwise"
        return ""


def _line_of(on: On, outcome: str) -> str:
    """The line of an `on` that takes an outcome."""
    if outcome in on.lines:
        return outcome
    return "otherwise" if "otherwise" in on.lines else "failed"


def completed_last(flows: Mapping[str, Flow], session: Session, statuses: Iterable[tuple[int, str]]) -> Iterator[Key]:
    """`completed: end` of the dial that a call was in last: nothing asks the server what follows it.

    `statuses` are those reported of the waits of its last turn, as (wait, status).
    """
    seen = list(statuses)
    for wait in session.waits:
        flow = flows.get(wait.flow or session.flow)
        exit_ = flow.steps[wait.step].exit if flow is not None and wait.step in flow.steps else None
        if flow is None or not isinstance(exit_, On) or wait.kind != "event" or "completed" not in exit_.lines:
            continue
        reported = frozenset(status for number, status in seen if number == wait.index)
        is_end = exit_.lines["completed"].target.is_end
        if is_end and "answered" in reported and hear_connected(reported).name == "completed":
            yield flow.name, wait.step, "completed"


def error_exit(flow: Flow, step: str) -> Key:
    """Where a failure of a step leads: its own error exit, or that of the flow."""
    own = flow.steps.get(step)
    return flow.name, step if own is not None and own.error is not None else "", "error"


def ways_of(flow: Flow, *, errors: bool = False) -> Iterator[tuple[Key, ...]]:
    """The outcomes that lead along each arrow of a flow, in the order of `app.flow.graph.draw`; () for unknown."""
    yield ((flow.name, "", BEGUN),)
    for step in flow.steps.values():
        for number, (lines, edge) in enumerate(labelled_edges(step.exit)):
            is_jump = isinstance(step.exit, Goto) or (edge.target.runs is not None and isinstance(step.exit, RunFlow))
            names = (JUMPED,) if is_jump else _names_along(step.exit, number, lines)
            yield tuple((flow.name, step.name, name) for name in names)
        yield from (() for _ in onanswer_flows(step))
        if errors and step.error is not None:
            yield (error_exit(flow, step.name),)
    if errors and flow.error is not None:
        yield (error_exit(flow, ""),)


def _names_along(exit_: Exit, number: int, lines: tuple[str, ...]) -> Iterable[str]:
    """The names of the outcomes that lead along one way out."""
    first = lines[0] if lines else ""
    if isinstance(exit_, Branch):
        return (arm_name(exit_, number),)
    if isinstance(exit_, Choices | Collect):
        failures = [name for name in first.split(", ") if name in FAILURES]
        made = "collected" if isinstance(exit_, Collect) else first
        return [f"{name}, {LAST}" for name in failures] or (f"{made} {KEYS}", f"{made} {SPEECH}")
    return first.split(", ")


def paint_ways(
    drawing: Drawing, flows: Mapping[str, Flow], painted: Callable[[Arrow, tuple[Key, ...]], Arrow], *, errors: bool
) -> Drawing:
    """A drawing of `flows` with each arrow `painted` by the outcomes that lead along it, as far as they are known."""
    ways = (way for subgraph in drawing.subgraphs for way in ways_of(flows[subgraph.title], errors=errors))
    arrows = (painted(arrow, way) if way else arrow for arrow, way in zip(drawing.arrows, ways, strict=True))
    return replace(drawing, arrows=tuple(arrows))


def paint_taken(drawing: Drawing, flows: Mapping[str, Flow], counts: Mapping[Key, int], *, errors: bool) -> Drawing:
    """A drawing of `flows` with what was taken by how many calls, and what never was; `counts` has every outcome."""

    def painted(arrow: Arrow, way: tuple[Key, ...]) -> Arrow:
        known = [counts[key] for key in way if key in counts]
        if not known:
            return arrow
        count = sum(known)
        said = counted(count, "call") if count else "never"
        return replace(arrow, lines=(*arrow.lines, said), stroke="taken" if count else "missed")

    return paint_ways(drawing, flows, painted, errors=errors)

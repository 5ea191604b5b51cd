"""From step to step, through flows and back, until one waits for a webhook or the call ends."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TypeAlias, TypeVar

from app.engine.run import Run
from app.engine.trace import entered, jumped
from app.engine.turn import Lookup, LookupAnswer
from app.errors import RenderError
from app.flow.model import Asking, Assignment, Decision, Flow, Go, Outcome, Step, Target

Result = TypeVar("Result")
Playing: TypeAlias = Generator[tuple[Lookup, ...], tuple[LookupAnswer, ...], Result]


def go_step_by_step(run: Run, target: Target, step: Step | None = None) -> Playing[None]:
    """Enter `target`, where `step` has led, and what follows it; what Vonage would refuse is taken back."""
    yield from _walk(run, target, step)
    yield from mend(run)


def _walk(run: Run, target: Target, step: Step | None) -> Playing[None]:
    """Enter `target` and what follows it, until a step waits or the call ends; `step` is where it comes from."""
    following: Target | None = target
    while following is not None:
        try:
            left = run.flow
            entering = run.come_back(following) if following.returns else _follow(run, following)
            if entering is None:
                run.end()
                return
            step = entering
            run.mark(step)
            if following.returns:
                following = _decide_on(run, step, following, left)
            else:
                run.tell(entered(step))
                following = yield from _enter(run, step)
        except RenderError as error:
            following, step = _take_back(run, step, error)


def _follow(run: Run, target: Target) -> Step | None:
    """The step that a target leads to, in this flow or another; None: the call ends. Raises RenderError."""
    if target.runs is not None:
        run.note("ran", run.step, target.runs.flow, where=target.place)
        return run.begin_flow(target.runs)
    if target.step is None:
        return None
    set_all(run, target.sets)
    return run.flow.steps[target.step]


def _decide_on(run: Run, step: Step, target: Target, left: Flow) -> Target:
    """Where `step` goes on, now that the flow that it ran has returned what `target` says. Raises RenderError."""
    outcome = Outcome(target.returns, because=f"{left.name} returned {target.returns}")
    decision = step.exit.decide(outcome, run.frame(run.names()), 0)
    if decision is None or not isinstance(decision.move, Go):
        raise RenderError("R106", f'the step "{step.name}" does not say where {target.returns} leads', str(step.place))
    tell(run, step, decision)
    return decision.move.target


def _enter(run: Run, step: Step) -> Playing[Target | None]:
    """Ask its look-ups, set its variables, play it; where it jumps to, or None when it waits. Raises RenderError."""
    if step.asks:
        yield from ask(run, step)
    set_all(run, step.sets)
    names = run.names()
    for sending in step.sends:
        run.send(sending, {**names, "step": step.name, "flow": run.flow.name})
    frame = run.frame(names)
    jump = step.exit.enter(frame) if step.exit.is_early else None
    if jump is None:
        run.play(step, frame)
        jump = None if step.exit.is_early else step.exit.enter(frame)
    if jump is None:
        return None
    run.tell(jumped(step, jump))
    return jump.target


def ask(run: Run, step: Step) -> Playing[None]:
    """Ask the look-ups of a step, all at once; what fails is not ok, and the call goes on."""
    names, asked = run.names(), []
    for asking in step.asks:
        try:
            request, key = asking.request(names), _key(run, step, asking)
            asked.append((asking, Lookup(step.name, asking.name, request, key, run.flow.name)))
        except RenderError as error:
            _hear_answers(run, step, [(asking, LookupAnswer(None, f"it cannot be asked: {run.shown(error)}"))])
    if asked:
        answers = yield tuple(lookup for _, lookup in asked)
        _hear_answers(run, step, list(zip((asking for asking, _ in asked), answers, strict=True)))


def _key(run: Run, step: Step, asking: Asking) -> str:
    """What names a question: the same in each try of the turn, another each time that the turn asks it."""
    asked = f"{run.before.id}:{run.before.turn + 1}:{run.flow.name}.{step.name}.{asking.name}"
    run.asked[asked] += 1
    return asked if run.asked[asked] == 1 else f"{asked}:{run.asked[asked]}"


def _hear_answers(run: Run, step: Step, answers: list[tuple[Asking, LookupAnswer]]) -> None:
    """Put answers that came together into scope: what is sensitive in one, another may tell."""
    problems = run.keep([(asking, *asking.read(answer.value, answer.problem)) for asking, answer in answers])
    for (asking, answer), problem in zip(answers, problems, strict=True):
        took = "from memory" if answer.is_cached else f"in {answer.ms} ms"
        what = f"not ok: {problem}" if problem else "ok"
        run.note("asked", step.name, asking.name, where=asking.place, because=f"{what}, {took}")


def _take_back(run: Run, step: Step | None, error: RenderError) -> tuple[Target | None, Step | None]:
    """Forget what the failed step added; where its failure leads, and from which step. None: the failsafe."""
    where = step.place if step else None
    run.note("failed", step.name if step else "", error.code, where=where, because=run.shown(error))
    run.take_back_last(step)
    target, origin = run.error_target(step)
    if target is None:
        run.fall_back("no error exit can be played")
    return target, origin


def take_error_exit(run: Run, step: Step | None, because: str) -> Playing[None]:
    """Take the `error` exit of `step`, or of the flow."""
    run.note("failed", step.name if step else "", "error", where=step.place if step else None, because=because)
    target, origin = run.error_target(step)
    if target is None:
        run.fall_back(because)
    else:
        run.start_step(run.around.now)
        yield from go_step_by_step(run, target, origin)


def mend(run: Run) -> Playing[None]:
    """Take back each step that Vonage would refuse, and go on at its `error` exit instead."""
    while not run.is_failsafe:
        fault = run.fault()
        if fault is None:
            return
        mark, issue = fault
        run.note("failed", mark.step.name, issue.code, where=mark.step.place, because=f"{issue.path}: {issue.message}")
        run.take_back(mark)
        target, origin = run.error_target(mark.step)
        if target is None:
            run.fall_back("what the error exit plays is refused too")
        else:
            run.start_step(run.around.now)
            yield from _walk(run, target, origin)


def tell(run: Run, step: Step, decision: Decision) -> None:
    """Add what an exit has decided to the trace."""
    run.note(
        "decided",
        step.name,
        decision.outcome,
        where=decision.place,
        because=decision.because,
        others=decision.others,
    )


def keep(run: Run, decision: Decision) -> None:
    """Put what was collected and what the deciding line sets into the variables. Raises RenderError."""
    for name, value in decision.values.items():
        run.assign(name, value)
    set_all(run, decision.sets)


def set_all(run: Run, assignments: Iterable[Assignment]) -> None:
    """Set what a flow sets, one after another: each sees what those before it have set. Raises RenderError."""
    for assignment in assignments:
        value = assignment.value
        run.assign(assignment.name, value.render(run.names()), is_literal=value.is_literal)

"""Plays a flow: from one webhook to the next NCCO.

Each function here is a generator: it yields what it needs from outside (a tuple of `Lookup`s, to be asked side by
side), is sent a tuple with their answers, and returns a `Turn`. Whoever drives it persists nothing before it has
returned.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, TypeAlias, TypeVar

from app.engine.hearing import hear
from app.engine.run import Run
from app.engine.scope import heard_record
from app.engine.session import Call, Session, Wait
from app.engine.standing import begun
from app.engine.stretch import play_answer, play_from
from app.engine.trace import answered, entered, jumped
from app.engine.turn import Lookup, LookupAnswer, Surroundings, Turn
from app.errors import RenderError
from app.flow.model import Again, Asking, Decision, Flow, Frame, Go, Outcome, Step, Target
from app.ncco.webhooks import Webhook

Result = TypeVar("Result")
Asked: TypeAlias = tuple[Lookup, ...]
Answers: TypeAlias = tuple[LookupAnswer, ...]
Playing: TypeAlias = Generator[Asked, Answers, Result]


def begin(flow: Flow, session_id: str, call: Call, around: Surroundings) -> Playing[Turn]:
    """The first turn of a call: enters the flow's start step."""
    variables = {name: variable.default for name, variable in flow.variables.items()}
    run = Run(flow, Session(session_id, flow.name, flow.revision, call, variables=variables), around)
    if not play_answer(run):
        run.tell(answered(flow))
        yield from _go_step_by_step(run, Target(flow.start, flow.place))
    return run.finish("answer")


def begin_other(flow: Flow, session_id: str, parent: Session, wait: Wait, around: Surroundings) -> Playing[Turn]:
    """The first turn of the leg that a connect made: the other party hears the flow that `onAnswer` names.

    Args:
        flow: the flow of the call that dialled, in the revision that it began with.
        session_id: of the new leg.
        parent: the session of the call that dialled.
        wait: its wait, whose `runs` says what is heard.
        around: what the turn may look at.
    """
    runs = wait.runs or {}
    heard = begun(flow.named(str(runs.get("flow", ""))), dict(runs.get("given", {})))
    at = "" if heard.flow is flow else heard.flow.name
    session = Session(
        session_id,
        flow.name,
        flow.revision,
        parent.call,
        variables=heard.variables,
        at=at,
        locale=parent.locale,
        parent=parent.id,
    )
    run = Run(flow, session, around)
    run.tell(answered(heard.flow))
    yield from _go_step_by_step(run, Target(heard.flow.start, heard.flow.place))
    return run.finish("answer")


def resume(
    flow: Flow,
    session: Session,
    wait: Wait,
    webhook: Webhook | None,
    around: Surroundings,
    *,
    seen: frozenset[str] = frozenset(),
) -> Playing[Turn | None]:
    """The turn that a webhook of an open wait brings, or None when it does not steer.

    Args:
        flow: in the revision that the session began with.
        session: the state whose latest turn opened `wait`.
        wait: where the webhook came in.
        webhook: as recognised; None when it could not be read, which takes the `error` exit.
        around: what the turn may look at.
        seen: the statuses that were recorded for the waits of this turn.
    """
    run = Run(flow, session, around)
    step = run.flow.steps[wait.step]
    outcome = hear(step, session, wait, webhook, seen)
    if outcome is None:
        return None
    if outcome.name == "error":
        yield from _fail(run, step, outcome.because)
        return run.finish("error")
    return (yield from _decide(run, step, wait, outcome))


def fail(flow: Flow, session: Session, around: Surroundings, because: str) -> Playing[Turn]:
    """The turn that takes the `error` exit of where the call is: Vonage has refused what it was sent."""
    run = Run(flow, session, around)
    yield from _fail(run, run.flow.steps.get(session.step), because)
    return run.finish("error")


def _decide(run: Run, step: Step, wait: Wait, outcome: Outcome) -> Playing[Turn | None]:
    """Let the step's exit decide, and play where it leads."""
    before = run.before
    run.note("heard", step.name, outcome.name, where=step.exit.place, because=outcome.because)
    run.tries, run.asr_errors, run.position = before.tries, before.asr_errors, before.position
    run.entered_at = before.entered_at or run.around.now
    if step.exit.asks_again:
        yield from _ask(run, step)
    try:
        waited = (run.around.now - run.entered_at).total_seconds()
        frame = Frame(_names_with(run, wait, outcome), before.position, waited)
        decision = step.exit.decide(outcome, frame, before.tries)
        if decision is None:
            return None
        _tell(run, step, decision)
        if isinstance(decision.move, Go):
            run.step = step.name
            run.heard = _heard(run, wait, outcome)
            run.entered_at = run.around.now
            _keep(run, decision)
            yield from _go(run, decision.move.target, step)
        else:
            yield from _again(run, step, decision)
    except RenderError as error:
        run.take_back_last()
        yield from _fail(run, step, f"{error.code} (not shown: sensitive)" if wait.sensitive else str(error))
        return run.finish("error")
    return run.finish(decision.outcome)


def _tell(run: Run, step: Step, decision: Decision) -> None:
    run.note(
        "decided",
        step.name,
        decision.outcome,
        where=decision.place,
        because=decision.because,
        others=decision.others,
    )


def _heard(run: Run, wait: Wait, outcome: Outcome) -> Mapping[str, Any]:
    """`input` after this outcome: what the caller gave, or what was given before when this was no input."""
    if wait.kind != "input":
        return run.heard
    secret = outcome.digits or outcome.text
    token = run.around.mask(run.before.id, secret) if wait.sensitive else ""
    return heard_record(outcome, sensitive=wait.sensitive, token=token)


def _names_with(run: Run, wait: Wait, outcome: Outcome) -> dict[str, Any]:
    return {**run.names(), "input": _heard(run, wait, outcome), "now": run.around.now}


def _keep(run: Run, decision: Decision) -> None:
    """Put what was collected and what the deciding line sets into the variables. Raises RenderError."""
    for name, value in decision.values.items():
        run.assign(name, value)
    for assignment in decision.sets:
        run.assign(assignment.name, assignment.value.render(run.names()))


def _again(run: Run, step: Step, decision: Decision) -> Playing[None]:
    """Ask the same step again, or ring the next of its list; what it says keeps the values it had on entering."""
    run.mark(step)
    if isinstance(decision.move, Again):
        run.tries += decision.move.blame
        run.asr_errors += not decision.move.blame
        again = decision.move
    else:
        run.position += 1
        again = Again()
    run.play(step, Frame(run.names(), run.position), prompts=again.prompts, reprompt=again.reprompt)
    yield from _mend(run)


def _go(run: Run, target: Target, step: Step) -> Playing[None]:
    """Enter `target`, where `step` has led, and every step that follows without a decision."""
    run.start_step(run.around.now)
    if not target.is_plain or target.step is None or not play_from(run, target.step):
        yield from _go_step_by_step(run, target, step)


def _go_step_by_step(run: Run, target: Target, step: Step | None = None) -> Playing[None]:
    yield from _walk(run, target, step)
    yield from _mend(run)


def _walk(run: Run, target: Target, step: Step | None) -> Playing[None]:
    """Enter `target` and what follows it, until a step waits or the call ends; `step` is where it comes from."""
    following: Target | None = target
    while following is not None:
        try:
            entering = _follow(run, following)
            if entering is None:
                run.end()
                return
            step = entering
            run.mark(step)
            run.tell(entered(step))
            following = yield from _enter(run, step)
        except RenderError as error:
            following = _take_back(run, step, error)


def _follow(run: Run, target: Target) -> Step | None:
    """The step that a target leads to, in this flow or another; None: the call ends. Raises RenderError."""
    following: Target | None = target
    while following is not None and not following.is_end:
        if following.runs is not None:
            run.note("ran", run.step, following.runs.flow, where=following.place)
            return run.begin_flow(following.runs)
        if not following.returns:
            _set(run, following)
            return run.flow.steps[following.step] if following.step is not None else None
        following = _come_back(run, following)
    return None


def _set(run: Run, target: Target) -> None:
    for assignment in target.sets:
        run.assign(assignment.name, assignment.value.render(run.names()))


def _come_back(run: Run, target: Target) -> Target | None:
    """Where the step that ran this flow goes on, by the outcome that it returns; None: nobody waits for it."""
    flow = run.flow.name
    step = run.come_back(target)
    if step is None:
        return None
    outcome = Outcome(target.returns, because=f"{flow} returned {target.returns}")
    decision = step.exit.decide(outcome, Frame(run.names()), 0)
    if decision is None or not isinstance(decision.move, Go):
        raise RenderError("R106", f'the step "{step.name}" does not say where {target.returns} leads', str(step.place))
    _tell(run, step, decision)
    _keep(run, decision)
    return decision.move.target


def _enter(run: Run, step: Step) -> Playing[Target | None]:
    """Ask its look-ups, set its variables, play it; where it jumps to, or None when it waits. Raises RenderError."""
    if step.asks:
        yield from _ask(run, step)
    names = run.names()
    for assignment in step.sets:
        run.assign(assignment.name, assignment.value.render(names))
        names = run.names()
    for sending in step.sends:
        run.send(sending, {**names, "step": step.name, "flow": run.flow.name})
    frame = Frame(names)
    jump = step.exit.enter(frame) if step.exit.is_early else None
    if jump is None:
        run.play(step, frame)
        jump = None if step.exit.is_early else step.exit.enter(frame)
    if jump is None:
        return None
    run.tell(jumped(step, jump))
    return jump.target


def _ask(run: Run, step: Step) -> Playing[None]:
    """Ask the look-ups of a step, all at once; what fails is not ok, and the call goes on."""
    names, asked = run.names(), []
    for asking in step.asks:
        key = f"{run.before.id}:{run.before.turn + 1}:{run.flow.name}.{step.name}.{asking.name}"
        try:
            asked.append((asking, Lookup(step.name, asking.name, asking.request(names), key)))
        except RenderError as error:
            _hear_answer(run, step, asking, LookupAnswer(None, f"it cannot be asked: {error.message}"))
    if asked:
        answers = yield tuple(lookup for _, lookup in asked)
        for (asking, _), answer in zip(asked, answers, strict=True):
            _hear_answer(run, step, asking, answer)


def _hear_answer(run: Run, step: Step, asking: Asking, answer: LookupAnswer) -> None:
    record, problem = asking.read(answer.value, answer.problem)
    run.keep(asking.name, record)
    took = "from memory" if answer.is_cached else f"in {answer.ms} ms"
    what = f"not ok: {problem}" if problem else "ok"
    run.note("asked", step.name, asking.name, where=asking.place, because=f"{what}, {took}")


def _take_back(run: Run, step: Step | None, error: RenderError) -> Target | None:
    """Forget what the failed step added; where its failure leads. None: the failsafe NCCO is played."""
    where = step.place if step else None
    run.note("failed", step.name if step else "", error.code, where=where, because=str(error))
    run.take_back_last()
    target = run.error_target(step)
    if target is None:
        run.fall_back("no error exit can be played")
    return target


def _fail(run: Run, step: Step | None, because: str) -> Playing[None]:
    """Take the `error` exit of `step`, or of the flow."""
    run.note("failed", step.name if step else "", "error", where=step.place if step else None, because=because)
    target = run.error_target(step)
    if target is None:
        run.fall_back(because)
    else:
        run.start_step(run.around.now)
        yield from _go_step_by_step(run, target, step)


def _mend(run: Run) -> Playing[None]:
    """Take back each step that Vonage would refuse, and go on at its `error` exit instead."""
    while not run.is_failsafe:
        fault = run.fault()
        if fault is None:
            return
        mark, issue = fault
        run.note("failed", mark.step.name, issue.code, where=mark.step.place, because=f"{issue.path}: {issue.message}")
        run.take_back(mark)
        target = run.error_target(mark.step)
        if target is None:
            run.fall_back("what the error exit plays is refused too")
        else:
            run.start_step(run.around.now)
            yield from _walk(run, target, mark.step)

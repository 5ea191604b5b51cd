"""Plays a flow: from one webhook to the next NCCO.

Each function here is a generator: it yields what it needs from outside (`Lookup`), is sent the answer, and returns a
`Turn`. Whoever drives it persists nothing before it has returned.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, TypeAlias

from app.engine.outcome import CONNECTED, hear_connected, hear_input, hear_status
from app.engine.run import Run
from app.engine.scope import heard_record
from app.engine.session import Call, Session, Wait
from app.engine.stretch import play_answer, play_from
from app.engine.trace import answered, entered, jumped
from app.engine.turn import Lookup, Surroundings, Turn
from app.errors import RenderError
from app.flow.model import Again, Decision, Flow, Frame, Go, Outcome, Step, Target
from app.ncco.webhooks import InputWebhook, NotifyWebhook, StatusWebhook, Webhook

ASR_ERRORS = 2
"""How often a fault of the speech recogniser is asked again without counting as a failed try."""

Playing: TypeAlias = Generator[Lookup, Any, None]


def begin(flow: Flow, session_id: str, call: Call, around: Surroundings) -> Generator[Lookup, Any, Turn]:
    """The first turn of a call: enters the flow's start step."""
    variables = {name: variable.default for name, variable in flow.variables.items()}
    run = Run(flow, Session(session_id, flow.name, flow.revision, call, variables=variables), around)
    if not play_answer(run):
        run.tell(answered(flow))
        yield from _go_step_by_step(run, Target(flow.start, flow.place))
    return run.finish("answer")


def resume(
    flow: Flow,
    session: Session,
    wait: Wait,
    webhook: Webhook | None,
    around: Surroundings,
    *,
    seen: frozenset[str] = frozenset(),
) -> Generator[Lookup, Any, Turn | None]:
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
    step = flow.steps[wait.step]
    outcome = _hear(step, session, wait, webhook, seen)
    if outcome is None:
        return None
    if outcome.name == "error":
        yield from _fail(run, step, outcome.because)
        return run.finish("error")
    return (yield from _decide(run, step, wait, outcome))


def fail(flow: Flow, session: Session, around: Surroundings, because: str) -> Generator[Lookup, Any, Turn]:
    """The turn that takes the `error` exit of where the call is: Vonage has refused what it was sent."""
    run = Run(flow, session, around)
    yield from _fail(run, flow.steps.get(session.step), because)
    return run.finish("error")


def _hear(step: Step, session: Session, wait: Wait, webhook: Webhook | None, seen: frozenset[str]) -> Outcome | None:
    """What came of the wait; None for what never steers, `error` for what cannot be read."""
    match wait.kind:
        case "input":
            return _hear_answer(step, session, webhook)
        case "notify":
            return hear_connected(seen) if wait.name == CONNECTED else _hear_checkpoint(wait, webhook)
        case _:  # an event
            if not wait.steers or not isinstance(webhook, StatusWebhook) or webhook.status == "completed":
                return None
            return hear_status(webhook)


def _hear_answer(step: Step, session: Session, webhook: Webhook | None) -> Outcome:
    asked = step.exit.asked
    if asked is None or not isinstance(webhook, InputWebhook):
        return Outcome("error", because="the input webhook could not be read")
    outcome = hear_input(asked, webhook)
    if outcome.name == "asr_error" and session.asr_errors >= ASR_ERRORS:
        return Outcome("noinput", reason="asr_error", because="the recogniser failed more than twice")
    return outcome


def _hear_checkpoint(wait: Wait, webhook: Webhook | None) -> Outcome | None:
    if not wait.steers:
        return None
    if not isinstance(webhook, NotifyWebhook):
        return Outcome("error", because="the notify webhook could not be read")
    return Outcome(wait.name, because=f"the checkpoint {wait.name} was reached")


def _decide(run: Run, step: Step, wait: Wait, outcome: Outcome) -> Generator[Lookup, Any, Turn | None]:
    """Let the step's exit decide, and play where it leads."""
    before = run.before
    run.note("heard", step.name, outcome.name, where=step.exit.place, because=outcome.because)
    run.tries, run.asr_errors, run.position = before.tries, before.asr_errors, before.position
    run.entered_at = before.entered_at or run.around.now
    try:
        decision = step.exit.decide(outcome, Frame(_names_with(run, wait, outcome), before.position), before.tries)
        if decision is None:
            return None
        run.note(
            "decided",
            step.name,
            decision.outcome,
            where=decision.place,
            because=decision.because,
            others=decision.others,
        )
        if isinstance(decision.move, Go):
            run.heard = _heard(run, wait, outcome)
            run.entered_at = run.around.now
            _keep(run, decision)
            yield from _go(run, decision.move.target)
        else:
            yield from _again(run, step, decision)
    except RenderError as error:
        run.take_back_last()
        yield from _fail(run, step, f"{error.code} (not shown: sensitive)" if wait.sensitive else str(error))
        return run.finish("error")
    return run.finish(decision.outcome)


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


def _again(run: Run, step: Step, decision: Decision) -> Playing:
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


def _go(run: Run, target: Target) -> Playing:
    """Enter `target` and every step that follows without a decision."""
    run.start_step(run.around.now)
    if target.step is None or not play_from(run, target.step):
        yield from _go_step_by_step(run, target)


def _go_step_by_step(run: Run, target: Target) -> Playing:
    yield from _walk(run, target)
    yield from _mend(run)


def _walk(run: Run, target: Target) -> Playing:
    following: Target | None = target
    while following is not None and following.step is not None:
        step = run.flow.steps[following.step]
        try:
            run.mark(step)
            run.tell(entered(step))
            following = yield from _enter(run, step)
        except RenderError as error:
            following = _take_back(run, step, error)
            if following is None:
                return
    if following is not None:
        run.end()


def _enter(run: Run, step: Step) -> Generator[Lookup, Any, Target | None]:
    """Ask its look-ups, set its variables, play it; where it jumps to, or None when it waits. Raises RenderError."""
    names = run.names()
    for name in step.lookups:
        names[name] = yield Lookup(step.name, name)
    for assignment in step.sets:
        names[assignment.name] = assignment.value.render(names)
        run.assign(assignment.name, names[assignment.name])
    frame = Frame(names)
    run.play(step, frame)
    jump = step.exit.enter(frame)
    if jump is None:
        return None
    run.tell(jumped(step, jump))
    return jump.target


def _take_back(run: Run, step: Step, error: RenderError) -> Target | None:
    """Forget what the failed step added; where its failure leads. None: the failsafe NCCO is played."""
    run.note("failed", step.name, error.code, where=step.place, because=str(error))
    run.take_back_last()
    target = run.error_target(step)
    if target is None:
        run.fall_back("no error exit can be played")
    return target


def _fail(run: Run, step: Step | None, because: str) -> Playing:
    """Take the `error` exit of `step`, or of the flow."""
    run.note("failed", step.name if step else "", "error", where=step.place if step else None, because=because)
    target = run.error_target(step)
    if target is None:
        run.fall_back(because)
    else:
        yield from _go(run, target)


def _mend(run: Run) -> Playing:
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
            yield from _walk(run, target)

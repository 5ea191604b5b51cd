"""Plays a flow: from one webhook to the next NCCO.

Each function here is a generator: it yields what it needs from outside (a tuple of `Lookup`s, to be asked side by
side), is sent a tuple with their answers, and returns a `Turn`. Whoever drives it persists nothing before it has
returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.engine.hearing import hear
from app.engine.run import Run
from app.engine.scope import heard_record
from app.engine.session import Call, Session, Wait
from app.engine.standing import begun
from app.engine.stretch import answer_at_once, play_from
from app.engine.trace import answered
from app.engine.turn import Surroundings, Turn
from app.engine.walking import Playing, ask, go_step_by_step, keep, mend, take_error_exit, tell
from app.errors import RenderError
from app.flow.model import Again, Decision, Flow, Go, Outcome, Step, Target
from app.ncco.webhooks import Webhook


def begin(flow: Flow, session_id: str, call: Call, around: Surroundings) -> Playing[Turn]:
    """The first turn of a call: enters the flow's start step."""
    turn = answer_at_once(flow, session_id, call, around)
    if turn is not None:
        return turn
    variables = {name: variable.default for name, variable in flow.variables.items()}
    run = Run(flow, Session(session_id, flow.name, flow.revision, call, variables=variables), around)
    run.tell(answered(flow))
    yield from go_step_by_step(run, Target(flow.start, flow.place))
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
        dialled=parent.dialled,
        locale=parent.locale,
        parent=parent.id,
    )
    run = Run(flow, session, around)
    run.tell(answered(heard.flow))
    yield from go_step_by_step(run, Target(heard.flow.start, heard.flow.place))
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
    if not wait.steers:
        return None
    run = Run(flow, session, around)
    step = run.flow.steps[wait.step]
    outcome = hear(step, session, wait, webhook, seen)
    if outcome is None:
        return None
    if outcome.name == "error":
        yield from take_error_exit(run, step, outcome.because)
        return run.finish("error")
    return (yield from _decide(run, step, wait, outcome))


def fail(flow: Flow, session: Session, around: Surroundings, because: str) -> Playing[Turn]:
    """The turn that takes the `error` exit of where the call is: Vonage has refused what it was sent."""
    run = Run(flow, session, around)
    yield from take_error_exit(run, run.flow.steps.get(session.step), because)
    return run.finish("error")


def _decide(run: Run, step: Step, wait: Wait, outcome: Outcome) -> Playing[Turn | None]:
    """Let the step's exit decide, and play where it leads."""
    before = run.before
    if wait.sensitive:
        run.answers.echoes.learn([outcome.digits, outcome.text])
    run.note("heard", step.name, outcome.name, where=step.exit.place, because=outcome.because)
    run.tries, run.asr_errors, run.position = before.tries, before.asr_errors, before.position
    now = run.around.now
    run.entered_at = min(before.entered_at or now, now)  # a clock may have been put back
    if step.exit.asks_again:
        yield from ask(run, step)
    try:
        waited = (now - run.entered_at).total_seconds()
        frame = run.frame(_names_with(run, wait, outcome), before.position, waited)
        decision = step.exit.decide(outcome, frame, before.tries)
        if decision is None:
            return None
        tell(run, step, decision)
        if isinstance(decision.move, Go):
            run.step = step.name
            run.heard = _heard(run, wait, outcome)
            run.entered_at = now
            keep(run, decision)
            yield from _go(run, decision.move.target, step)
        else:
            yield from _again(run, step, decision)
    except RenderError as error:
        run.take_back_last(step)
        yield from take_error_exit(
            run, step, f"{error.code} (not shown: sensitive)" if wait.sensitive else run.shown(error)
        )
        return run.finish("error")
    return run.finish(decision.outcome)


def _heard(run: Run, wait: Wait, outcome: Outcome) -> Mapping[str, Any]:
    """`input` after this outcome: what the caller gave, or what was given before when this was no input."""
    return heard_record(outcome, sensitive=wait.sensitive) if wait.kind == "input" else run.heard


def _names_with(run: Run, wait: Wait, outcome: Outcome) -> dict[str, Any]:
    return {**run.names(run.around.now), "input": _heard(run, wait, outcome)}


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
    run.play(step, run.frame(run.names(), run.position), prompts=again.prompts, reprompt=again.reprompt)
    yield from mend(run)


def _go(run: Run, target: Target, step: Step) -> Playing[None]:
    """Enter `target`, where `step` has led, and every step that follows without a decision."""
    run.start_step(run.around.now)
    if not target.is_plain or target.step is None or not play_from(run, target.step):
        yield from go_step_by_step(run, target, step)

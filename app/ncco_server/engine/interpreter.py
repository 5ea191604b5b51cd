"""Plays a flow, from one webhook to the next NCCO.

Functions that play a turn are generators: each yields `Lookup`s, to be made concurrently, is sent the answers, and
returns a `Turn`. Nothing is stored before that.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar

from ncco_server.engine.agents import agent_wait, noted
from ncco_server.engine.drafts import without_webhooks
from ncco_server.engine.flow_scope import new_scope
from ncco_server.engine.playbacks import begun_handler
from ncco_server.engine.records import call_record, heard_record
from ncco_server.engine.run import Run
from ncco_server.engine.secrets import NOT_SHOWN
from ncco_server.engine.session import (
    NOTHING,
    CallData,
    CalledFunction,
    Lookup,
    LookupAnswer,
    OpenWait,
    Session,
    TraceLine,
    Turn,
    TurnContext,
    WaitRef,
)
from ncco_server.engine.stretch import begun, decided, first_turn, written_at
from ncco_server.engine.waits import kind_of
from ncco_server.engine.waits.detection import awaits_detection
from ncco_server.engine.waits.kind import WaitKind
from ncco_server.errors import RenderError
from ncco_server.flow.frame import Assignment, Target
from ncco_server.flow.language.lookups import AskedLookup
from ncco_server.flow.language.saves import RowOfTable, Save
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.runtime import OTHERWISE, Again, Decision, Go, Outcome
from ncco_server.flow.templates.budget import Budget
from ncco_server.flow.templates.values import Names
from ncco_server.ncco import check
from ncco_server.ncco.value_types import Kind
from ncco_server.ncco.webhooks import Webhook

Result = TypeVar("Result")
Playing: TypeAlias = Generator[tuple[Lookup, ...], tuple[LookupAnswer, ...], Result]


def _enter(run: Run, target: Target, step: Step | None = None) -> Playing[None]:
    run.start_step(run.context.now)
    if not run.enter_stretch(target):
        yield from _walk(run, target, step)
        yield from replace_refused_steps(run)


def _walk(run: Run, target: Target, step: Step | None) -> Playing[None]:
    following: Target | None = target
    while following is not None:
        saves = run.saves
        try:
            left = run.scopes.flow
            entering = run.come_back(following) if following.returns else (yield from _follow(run, following))
            if entering is None:
                run.end()
                return
            step = entering
            run.mark(step, saves)
            if following.returns:
                following = _decide_on(run, step, following, left)
                continue
            if run.begins_later(step):
                run.wait_for(step)
                return
            run.note("entered", step.name, step.exit.word, step.place)
            run.entered.append((run.scopes.flow, step))
            if step.asks:
                yield from ask(run, step)
            set_all(run, step.sets)
            if step.saves:
                yield from _save(run, step)
            following = _play(run, step)
            if following is not None and run.enter_stretch(following):
                return
        except RenderError as error:
            run.saves = saves
            following, step = _roll_back(run, step, error)


def _follow(run: Run, target: Target) -> Playing[Step | None]:
    """None if the call ends. Raises RenderError."""
    name = target.step
    if target.runs is not None:
        run.note("ran", run.step, target.runs.flow, where=target.place)
        run.scopes.begin(target.runs, run.step)
        name = run.scopes.flow.beginning
    elif target.sets:
        set_all(run, target.sets)
    if name is not None and run.scopes.flow.handler is not None:
        yield from _call_functions(run)
        return run.scopes.step_of(name)
    return run.scopes.flow.steps[name] if name is not None else None


def _call_functions(run: Run) -> Playing[None]:
    """Call functions, and read and change rows, in order. Raises RenderError."""
    run.scopes.begin_handler()
    while wanted := (playback := run.scopes.playback).wanted:
        if wanted[0][1].method == "TABLE":
            yield from _go_to_row(run, wanted[0][1])
            continue
        flow = run.scopes.flow.name
        progress = run.scopes.secrets.mask(playback.progress_key)
        redact = run.scopes.secrets.redactor()
        lookups = []
        for name, request in wanted:
            asked = f"{flow}.{name}:{progress}"
            times = run.asked[asked] = run.asked.get(asked, 0) + 1
            key = f"{asked}:{times}"
            lookups.append(Lookup(run.step, name, request, key, flow, run.before.turn + 1, run.before.id, redact))
        answers = yield tuple(lookups)
        for (name, _), answer in zip(wanted, answers, strict=True):
            value = answer.value if redact is None else redact(answer.value)
            run.called += (CalledFunction(flow, name, value, answer.problem),)
            run.scopes.record(value, answer.problem)
            run.trace.append(_asked(run.step, name, "", answer, answer.problem))


def _go_to_row(run: Run, row: RowOfTable) -> Playing[None]:
    """Read or change a row for a handler. Raises RenderError."""
    names = Names({**run.scopes.names(), **row.values})
    if row.save is not None:
        run.scopes.record((yield from _change_row(run, run.step, row.save, names)))
    elif row.asks is not None:
        wanted = _lookup(run, run.step, row.asks, names)
        (answer,) = yield (wanted,)
        found, problem = row.asks.definition.cast_answer(answer.value, answer.problem)
        why = run.scopes.record_row(row.asks, found, problem)
        run.trace.append(_asked(run.step, row.asks.name, written_at(row.asks.place), answer, why))


def _decide_on(run: Run, step: Step, target: Target, left: Flow) -> Target:
    """Decide on the outcome that the sub-flow of `step` has returned. Raises RenderError."""
    outcome = Outcome(target.returns, because=f"{left.name} returned {target.returns}")
    run.scopes.step_of(step.name)  # raises what keeps a handler from getting here again
    decision = step.exit.decide(outcome, run.frame(run.scopes.names()), 0)
    if decision is None or not isinstance(decision.move, Go):
        raise RenderError(
            "R106", f'the step "{step.name}" does not handle the outcome {target.returns}', str(step.place)
        )
    run.note_decision(step, decision)
    if run.scopes.flow.handler is not None:
        run.scopes.record_outcome(decision.outcome, run.scopes.returned)
    return decision.move.target


def _play(run: Run, step: Step) -> Target | None:
    """None if the step waits. Raises RenderError."""
    names = run.scopes.names()
    leave = step.exit
    for hook in step.sends:
        run.hooks.append(hook.render({**names, "step": step.name, "flow": run.scopes.flow.name}))
    frame = run.frame(names)
    jump = leave.enter(frame) if leave.is_early and not run.holds_again(step) else None
    if jump is None:
        if not step.is_silent:
            if run.play_stretch(step):
                return None
            run.play(step, frame)
        jump = None if leave.is_early else leave.enter(frame)
    if jump is None:
        return None
    run.trace.append(decided(step, jump))
    if leave.is_early and run.scopes.flow.handler is not None:
        outcome = leave.outcome_of(run.trace[-1], "", is_at_once=True)
        run.scopes.record("failed" if outcome == OTHERWISE else outcome)
    return jump.target


def ask(run: Run, step: Step) -> Playing[None]:
    """Make lookups concurrently. If one fails, its `ok` is false and the call continues."""
    names = run.scopes.names()
    asked = []
    for lookup in step.asks:
        try:
            asked.append((lookup, _lookup(run, step.name, lookup, names)))
        except RenderError as error:
            problem = f"it could not be made: {run.scopes.shown(error)}"
            _keep_answers(run, step, [(lookup, LookupAnswer(None, problem))], is_made=False)
    if asked:
        answers = yield tuple(wanted for _, wanted in asked)
        _keep_answers(run, step, [(lookup, answer) for (lookup, _), answer in zip(asked, answers, strict=True)])


def _lookup(run: Run, step: str, lookup: AskedLookup, names: Names) -> Lookup:
    """Raises RenderError."""
    request = lookup.request(names, round(run.context.now.timestamp() * 1000), run.saves)
    return Lookup(step, lookup.name, request, _key(run, step, lookup), run.scopes.flow.name)


def _save(run: Run, step: Step) -> Playing[None]:
    """Raises RenderError."""
    for save in step.saves:
        is_saved = yield from _change_row(run, step.name, save, run.scopes.names())
        if save.into:
            run.scopes.assign(save.into, is_saved)


def _change_row(run: Run, step: str, save: Save, names: Names) -> Playing[bool]:
    """Return whether the row is changed. Raises RenderError.

    Whether a row that must be new exists is read now. If somebody else adds it before the turn is stored, the turn is
    played again.
    """
    change = save.change(names)
    is_saved = change is not None
    if save.asks is not None and change is not None:
        (answer,) = yield (_lookup(run, step, save.asks, names),)
        is_saved = answer.value is None
        run.scopes.note_answer(save.asks.name, {"ok": not is_saved})
    if change is not None and is_saved:
        run.saves += (change,)
    why = "no row can have this key" if change is None else "" if is_saved else "the row exists already"
    run.note("saved", step, save.table.name, save.place, f"nothing: {why}" if why else "")
    return is_saved


def _key(run: Run, step: str, lookup: AskedLookup) -> str:
    """The same if the turn is tried again, and different for each lookup in it."""
    asked = f"{run.before.id}:{run.before.turn + 1}:{run.scopes.flow.name}.{step}.{lookup.name}"
    times = run.asked[asked] = run.asked.get(asked, 0) + 1
    return asked if times == 1 else f"{asked}:{times}"


def _keep_answers(
    run: Run, step: Step, answers: list[tuple[AskedLookup, LookupAnswer]], *, is_made: bool = True
) -> None:
    problems = run.scopes.keep(
        [(lookup, *lookup.definition.cast_answer(answer.value, answer.problem)) for lookup, answer in answers]
    )
    for (lookup, answer), problem in zip(answers, problems, strict=True):
        if is_made:
            run.scopes.note_answer(lookup.name)
        run.trace.append(_asked(step.name, lookup.name, written_at(lookup.place), answer, problem))


def _asked(step: str, name: str, place: str, answer: LookupAnswer, problem: str) -> TraceLine:
    took = "from memory" if answer.is_cached else f"in {answer.ms} ms"
    what = f"not ok: {problem}" if problem else "ok"
    by = "default" if problem else "answer"
    return TraceLine("asked", step, name, place, f"{what}, {took}", by=by)


_HANDLER_FAILED: Final = "R110"


def _roll_back(run: Run, step: Step | None, error: RenderError) -> tuple[Target | None, Step | None]:
    """Return where the call goes, as `Run.error_target` does."""
    where = step.place if step else None
    name = step.name if step else ""
    run.note("failed", name, error.code, where=where, because=run.scopes.shown(error), at=error.where)
    if error.code == _HANDLER_FAILED and error.__context__ is not None:
        run.errors += (error.__context__,)
    run.roll_back_last(step)
    return run.error_target(step, "no error exit can be played")


def take_error_exit(run: Run, step: Step | None, because: str, code: str = "error", at: str = "") -> Playing[None]:
    run.note("failed", step.name if step else "", code, where=step.place if step else None, because=because, at=at)
    target, origin = run.error_target(step, because)
    if target is not None:
        yield from _enter(run, target, origin)


def replace_refused_steps(run: Run) -> Playing[None]:
    while not run.is_failsafe:
        fault = run.fault()
        if fault is None:
            return
        mark, issue = fault
        run.note("failed", mark.step.name, issue.code, where=mark.step.place, because=f"{issue.path}: {issue.message}")
        run.roll_back(mark)
        target, origin = run.error_target(mark.step, "the error exit's NCCO is refused too")
        if target is not None:
            run.start_step(run.context.now)
            yield from _walk(run, target, origin)


def set_all(run: Run, assignments: Iterable[Assignment]) -> None:
    """Each value sees the assignments before it. Raises RenderError."""
    for assignment in assignments:
        value = assignment.value
        run.scopes.assign(assignment.name, value.render(run.scopes.names()), is_literal=value.is_literal)


def begin(
    flow: Flow, session_id: str, call: CallData, context: TurnContext, given: Mapping[str, str] = NOTHING
) -> Playing[Turn]:
    """`given` has texts for the flow's params; one that does not fit is ignored."""
    budget = Budget()
    record = call_record(call)
    handler = begun_handler(flow, session_id, record, context) if flow.handler is not None and not given else None
    is_compilable = not given and (handler is None or handler.is_compilable)
    if is_compilable and not context.by_hand:
        playback = handler.playback if handler is not None else None
        turn = first_turn(flow, session_id, call, context, record=record, budget=budget, playback=playback)
        if turn is not None:
            return turn
    run = Run(flow, new_session(flow, session_id, call), context, budget, record)
    if handler is not None:
        run.scopes.begin_handler(handler)
    if flow.is_line:
        run.scopes.assign("params", dict(given))
    for name, text in () if flow.is_line else given.items():
        with suppress(ValueError):
            run.scopes.assign(name, param_of_query(flow.params[name].type, text))
    return (yield from _start(run, Target(flow.beginning, flow.place)))


def begin_placed(
    flow: Flow, session_id: str, call: CallData, values: Mapping[str, Any], context: TurnContext, *, detected: str = ""
) -> Playing[Turn]:
    """`detected`: `human`, `machine` or `beep` if the result of machine detection came first, or ""."""
    outbound = flow.outbound
    target = Target(flow.beginning, flow.place)
    if outbound is not None:
        target = outbound.ways.get(detected) or (outbound.on and outbound.on.answered) or target
    run = Run(flow, new_session(flow, session_id, call), context)
    run.scopes.give(values)
    return (yield from _start(run, target))


def detected(
    flow: Flow, session: Session, outcome: str, values: Mapping[str, Any], context: TurnContext
) -> Playing[Turn | None]:
    """None if the result of machine detection (`human`, `machine` or `beep`) does not steer the call.

    The turn leads out of all flows that were run, to a step of the flow that declares `outbound`.
    """
    target = flow.outbound.ways.get(outcome) if flow.outbound is not None else None
    if target is None or not awaits_detection(session):
        return None
    run = Run(flow, session, context)
    run.note("heard", session.step, outcome, where=target.place, because=f"Vonage reported {outcome}")
    run.scopes.leave_all(values)
    run.is_moved = True
    yield from _enter(run, target)
    return run.finish(outcome)


def new_session(flow: Flow, session_id: str, call: CallData, values: Mapping[str, Any] = NOTHING) -> Session:
    """`values` has tokens for sensitive values."""
    variables = {name: variable.default for name, variable in flow.variables.items()}
    return Session(session_id, flow.name, flow.revision, call, variables=variables | dict(values))


def param_of_query(type_: Kind, text: str) -> Any:
    """Commas separate entries of a list. Raises ValueError."""
    is_list = type_.family == "list"
    return type_.cast_at([each.strip() for each in text.split(",") if each.strip()] if is_list else text, "")


def begin_called(flow: Flow, session_id: str, parent: Session, wait: OpenWait, context: TurnContext) -> Playing[Turn]:
    """`flow` and `parent` are those of the call that dialled."""
    runs = wait.runs or {}
    heard = new_scope(flow.named(str(runs.get("flow", ""))), dict(runs.get("given", {})))
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
    run = Run(flow, session, context)
    return (yield from _start(run, Target(heard.flow.beginning, heard.flow.place)))


def _start(run: Run, target: Target) -> Playing[Turn]:
    run.trace.append(begun(run.scopes.flow))
    yield from _enter(run, target)
    return run.finish("answer")


def resume(
    flow: Flow,
    session: Session,
    wait: OpenWait,
    webhook: Webhook | None,
    context: TurnContext,
    *,
    seen: frozenset[str] = frozenset(),
) -> Playing[Turn | None]:
    """None if the webhook does not steer.

    `webhook` is None if it is unreadable, which takes the `error` exit. `seen` contains the statuses recorded for the
    waits since the call came to its step.
    """
    if not wait.steers:
        return None
    session = noted(session, wait, webhook, context.now)
    run = Run(flow, session, context)
    try:
        step = run.scopes.step_of(wait.step)
    except RenderError as error:
        run.note("failed", wait.step, error.code, because=run.scopes.shown(error), at=error.where)
        yield from take_error_exit(run, None, "the handler cannot go on")
        return run.finish("error")
    kind = kind_of(wait)
    outcome = kind.hear(step, session, wait, webhook, seen)
    if outcome is None:
        return None
    if outcome.name == "error":
        yield from take_error_exit(run, step, outcome.because)
        return run.finish("error")
    return (yield from _decide(run, step, wait, kind, outcome._replace(reply=wait.reply)))


def waiting_handler(flow: Flow, session: Session, context: TurnContext) -> Step | None:
    """The step that a handler waits in, which may run another flow; None if the handler does not go on."""
    scopes = Run(flow, session, context).scopes
    name = session.step
    while not scopes.is_outermost:
        name = scopes.leave().name
    return scopes.step_of(name) if name and scopes.flow is flow else None


def resume_with(
    flow: Flow, session: Session, step: Step, result: Any, context: TurnContext, *, problem: str
) -> Playing[Turn]:
    """For tests of handlers: the turn after a result that came without a webhook.

    `problem` says why a question got no answer. Of another flow, `result` is the outcome and the values.
    """
    run = Run(flow, session, context)
    while not run.scopes.is_outermost:
        run.scopes.leave()
    run.step = step.name
    run.mark_decision(step)
    asked = step.exit.asked
    if isinstance(result, tuple):
        run.scopes.record_outcome(*result)
    else:
        run.scopes.record(result, problem, sensitive=asked is not None and asked.sensitive)
    yield from _enter(run, Target(step.name, step.place), step)
    return run.finish("given")


def fail(flow: Flow, session: Session, context: TurnContext, because: str) -> Playing[Turn]:
    """Take the current step's `error` exit, because Vonage refused an NCCO."""
    run = Run(flow, session, context)
    yield from take_error_exit(run, run.scopes.played_step(session.step), because)
    return run.finish("error")


def played(playing: Playing[Result], answer: Callable[[Lookup], LookupAnswer]) -> Result:
    try:
        lookups = next(playing)
        while True:
            lookups = playing.send(tuple(answer(lookup) for lookup in lookups))
    except StopIteration as done:
        result: Result = done.value
    return result


def without_store(flow: Flow, session_id: str, call: CallData, context: TurnContext) -> Turn | None:
    """What the `error` exit of the start step plays before it needs a webhook; None if nothing, or it needs an agent.

    Nothing about the call is known: variables and lookups have their defaults.
    """
    session = new_session(flow, session_id, call)._replace(step=flow.start)
    why = "the store is unavailable"
    turn = played(fail(flow, session, context, why), lambda _: LookupAnswer(None, why))
    after = turn.session
    callbacks = {
        context.link(WaitRef(wait.kind, after.id, after.turn, wait.index)): wait.steers for wait in after.waits
    }
    ncco = without_webhooks(turn.ncco, callbacks)
    if turn.is_failsafe or not ncco or agent_wait(after) is not None:
        return None
    if any(issue.severity == "error" for issue in check(ncco)):
        return None
    return turn._replace(ncco=ncco)


def _decide(run: Run, step: Step, wait: OpenWait, kind: WaitKind, outcome: Outcome) -> Playing[Turn | None]:
    """None if the exit ignores the outcome."""
    before = run.before
    if wait.sensitive:
        run.scopes.secrets.learn([outcome.digits, outcome.text])
    run.has_chosen = outcome.name == "choice"
    by = "keys" if outcome.digits else "speech" if outcome.text else ""
    run.note("heard", step.name, outcome.name, where=step.exit_place, because=outcome.because, by=by)
    if kind.begins_step:
        yield from _enter(run, Target(step.name, step.place), step)
        return run.finish(outcome.name)
    run.tries = before.tries
    run.asr_errors = before.asr_errors
    run.position = before.position
    now = run.context.now
    run.scopes.entered_at = min(before.entered_at or now, now)  # the clock may have been set back
    if step.exit.asks_again:
        yield from ask(run, step)
    try:
        waited = (now - run.scopes.entered_at).total_seconds()
        heard = heard_record(outcome, sensitive=wait.sensitive) if kind.asks else run.scopes.heard
        frame = run.frame(run.scopes.names(now, heard), before.position, waited)
        decision = step.exit.decide(outcome, frame, before.tries)
        if decision is None:
            return None
        run.note_decision(step, decision)
        if isinstance(decision.move, Go):
            run.step = step.name
            run.scopes.heard = heard
            run.scopes.entered_at = now
            run.mark_decision(step)
            _keep(run, step, wait, decision)
            yield from _enter(run, decision.move.target, step)
        else:
            yield from _play_again(run, step, decision)
    except RenderError as error:
        because = NOT_SHOWN if wait.sensitive else run.scopes.shown(error)
        run.roll_back_last(step)
        yield from take_error_exit(run, step, because, error.code, error.where)
        return run.finish("error")
    return run.finish(decision.outcome)


def _keep(run: Run, step: Step, wait: OpenWait, decision: Decision) -> None:
    """Set variables, and record for a handler what came. Raises RenderError."""
    for name, value in decision.values.items():
        run.scopes.assign(name, value)
    if decision.sets:
        set_all(run, decision.sets)
    answer = decision.answer
    if answer is not None:
        answer = run.scopes.keep_handed_back(answer)
    if run.scopes.flow.handler is None:
        return
    if step.exit.has_agent:
        run.scopes.record([decision.outcome, answer])
        return
    heard = _heard_by_handler(decision)
    run.scopes.record(heard, decision.outcome if heard is None else "", sensitive=wait.sensitive)


def _heard_by_handler(decision: Decision) -> Any:
    """None after the last failed attempt."""
    if decision.outcome == "collected":
        (value,) = decision.values.values()
        return value
    return None if decision.attempt else decision.outcome


def _play_again(run: Run, step: Step, decision: Decision) -> Playing[None]:
    if isinstance(decision.move, Again):
        run.tries += decision.move.counts_try
        run.asr_errors += not decision.move.counts_try
        again = decision.move
    else:
        run.position += 1
        again = Again()
    if not run.play_stretch(step, again):
        run.mark(step, run.saves)
        run.play(step, run.frame(run.scopes.names(), run.position), again)
        yield from replace_refused_steps(run)

"""Finds the steps of a handler before anybody calls, and what only its runs show, for `ncco check`."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime
from types import CoroutineType
from typing import Any, Final

from ncco_server.flow.handlers.effects import WrittenText
from ncco_server.flow.handlers.inspection import WITHOUT_AWAIT
from ncco_server.flow.handlers.limits import LineTracer
from ncco_server.flow.handlers.reading import HandlerSteps, LoadedHandler, issue_of
from ncco_server.flow.handlers.steps import EffectAt
from ncco_server.flow.handlers.written import WrittenCode
from ncco_server.flow.issues import RULES, FlowIssue, unset_variable
from ncco_server.flow.language.flow import ReadFlow
from ncco_server.flow.language.shared import Context
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.nodes import Place
from ncco_server.flow.runtime import Followers
from ncco_studio.verify.handlers.conditions import ComparedConditions
from ncco_studio.verify.handlers.explored import CALLERS, ExploredHandler, FailedRun, Watch, explored_in
from ncco_studio.verify.handlers.raised import counted_only, hidden_errors, passed_on, run_by
from ncco_studio.verify.prove.explore import Explorer
from ncco_studio.verify.prove.space import SearchLimits
from ncco_studio.verify.prove.uses import flows_run_from

MOST: Final = SearchLimits(states=1000, seconds=20.0, is_brief=True)
"""Of one handler; our choice."""
_MONDAY: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)


def explore(
    read: ReadFlow, linked: Flow, context: Context, issues: list[FlowIssue], *, most: SearchLimits = MOST
) -> ReadFlow:
    """Find the steps of a handler, for `ncco_server.flow.loader.load`. `linked` has the flows that it runs."""
    root = _watched(linked)
    handling = root.handler
    assert isinstance(handling, ExploredHandler)  # noqa: S101 - it has a handler
    maker, code, watch = handling.maker, handling.code, handling.watch
    maker.read = {}
    is_whole = False
    handlers = [*filter(None, map(explored_in, flows_run_from(root).values()))]
    known: list[frozenset[str]] = []
    with _noted_coroutines(watch, code.file):
        while known != (known := [each.reads for each in handlers]):
            explorer = Explorer(root, _MONDAY, {}, most)
            is_whole = not (explorer.explore().stopped or explorer.unusual.has_left_out)
        hidden = [*hidden_errors(code, watch.tracer.raised)]
        watch.tracer.raised.clear()  # their tracebacks keep coroutines
    file, written = root.place.file, code.written
    steps = _steps(watch, handling)
    if context.has_all_flows:  # a stored revision was checked when it was new, and calls may be in it
        found_by_runs = watch.forgotten, watch.dropped or watch.written, watch.unawaited
        remarks = [issue_of(each, written) for each in code.remarks(*found_by_runs)]
        errors = {each.place.line for each in remarks if each.code in (WITHOUT_AWAIT[0], "E703")}
        at = (each.place.line for each in remarks if each.code in ("W705", "E703"))
        reported = {line for each in at for line in code.told_by(each)}
        said = {each.message for each in remarks}  # perhaps in another line of the same call
        params = {each.place for each in linked.params.values()}
        has_odd_param = any(each.code == "E203" and each.place in params for each in issues)  # they fail by its values
        found = () if has_odd_param else _first_failures(watch, said)
        if any(".or_raise()" in each.cure for each in remarks):  # without it there is None
            found = (each for each in found if "'NoneType'" not in each.message)
        if any(each.code == "W705" for each in remarks):  # what it does differently follows from that
            found = (each for each in found if each.code != "R111")
        failures = ((failure, _issue_of(failure, written)) for failure in found)
        issues.extend(
            issue
            for failure, issue in failures
            if (not errors or (failure.is_certain and issue.place.line not in errors))
            and not (issue.code in ("W703", "E703") and issue.place.line in reported)
        )
        issues.extend(remarks)
        told = {issue.place.line for issue in issues if issue.place.file == file}
        issues.extend(
            RULES["E703"].at(written.place(at), message, cure)
            for at, message, cure in hidden
            if at.lineno not in told and message not in said
        )
    wrong = {issue.place.line for issue in issues if issue.code == "E703"}
    issues.extend(each for each in maker.warnings if each.code != "W703" or each.place.line not in wrong)
    made = maker.read or {}
    maker.read = None
    unset = watch.env.keys() - (watch.env.keys() if context.env is None else context.env)
    places = {name: written.place(code.env.get(name, written.on_line(watch.env[name]))) for name in unset}
    issues.extend(unset_variable(places[name], name) for name in sorted(unset))
    explored = replace(
        handling,
        guessed=frozenset(),
        env=frozenset(watch.env),
        hours=frozenset(watch.hours),
        is_whole=is_whole and not watch.failures,
        followers=_followers(watch),
        variants=tuple(watch.variants.values()),
        never_run=run_by(code, watch.tracer.lines).shown,
        functions=watch.functions,
        watch=Watch(watch.tracer if watch.tracer.late else LineTracer(code.file), watch.is_timeless, reads=watch.reads),
    )
    assert read.flow is not None  # noqa: S101 - it was linked
    of_name = HandlerSteps(maker, read.flow.steps[read.flow.start], steps)
    flow = replace(read.flow, start=next(iter(steps), read.flow.start), steps=of_name, handler=explored)
    return replace(read, flow=flow, made={name: made[name] for name in steps if name in made})


@contextmanager
def _noted_coroutines(watch: Watch, file: str) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as shown:
        warnings.filterwarnings("always", "coroutine '.*' was never awaited", RuntimeWarning)
        yield
        if watch.failures:
            gc.collect()  # their tracebacks keep coroutines
    failed = {Place.read(each.where).line for each in watch.failures}
    for each in shown:
        if not isinstance(each.source, CoroutineType):
            warnings.showwarning(each.message, each.category, each.filename, each.lineno)
            continue
        for origin, line, _ in each.source.cr_origin or ():
            is_used = each.filename == origin or line in failed  # otherwise, the run may only have ended too early
            if is_used and origin == file:
                watch.dropped.setdefault(line, each.source.__name__)


def _watched(flow: Flow) -> Flow:
    """Each handler gets what it needs to be explored."""
    subs = {name: _watched(each) for name, each in flow.subs.items()}
    handler = flow.handler
    if isinstance(handler, LoadedHandler) and not isinstance(handler, ExploredHandler):
        known: dict[str, Any] = {each.name: getattr(handler, each.name) for each in fields(handler)}
        code = handler.code
        compared, passed = ComparedConditions(code.tree), passed_on(code)
        watch = Watch(LineTracer(code.file), is_timeless="now" in passed)
        found: dict[str, Any] = {"passed": passed, "counted": counted_only(code), "watch": watch}
        handler = ExploredHandler(**known, compared=compared, **found).guessing()
    return replace(flow, handler=handler, subs=subs)


def _steps(watch: Watch, handling: LoadedHandler) -> dict[str, Step]:
    found: dict[str, Step] = {}
    ways = {origin: WrittenText(next(iter(to))) for origin, to in watch.led.items()}
    for (*_, name), said in watch.said.items():
        targets = {way: to for (step, way), to in ways.items() if step == name}
        led = (*said[:-1], EffectAt(said[-1].effect.leading(targets), said[-1].place))
        for step in handling.maker.make(name, led).steps:
            found.setdefault(step.name, step)
    return {name: found[name] for name in watch.order}


def _followers(watch: Watch) -> Followers:
    return {
        origin: {to: [each for each in because if each] for to, because in found.items()}
        for origin, found in watch.led.items()
        if len(found) > 1
    }


def _first_failures(watch: Watch, said: Set[str]) -> Iterator[FailedRun]:
    """For each line, the errors of the most usual caller who has one; none if a column has an unknown type.

    Leave out those with a message that has been `said`, and all but one of each class.
    """
    if any(type_.name == "any" for each in watch.functions.values() for type_ in each.returns.fields.values()):
        return
    unsaid = ((each, why) for each, why in watch.failures.items() if _message_of(each) not in said)
    detailed = [each._replace(message=each.message + why) for each, why in unsaid]
    if any(each.code == "R110" for each in detailed):  # one loop may be interrupted in two lines
        detailed = [each for each in detailed if each.code != "W703"]
    found = sorted(detailed, key=lambda each: CALLERS.index(each.caller))
    first = {each.where: each.caller for each in reversed(found)}
    usual = [each for each in found if each.caller == first[each.where]]
    others = {each.place for each in usual if each.place is not None and "'NoneType'" not in each.message}
    of_values = (each for each in usual if each.place not in others or "'NoneType'" not in each.message)
    classes = {(each.place or each.where, each.message.partition(": ")[0]): each for each in reversed([*of_values])}
    yield from reversed(classes.values())


def _issue_of(failure: FailedRun, written: WrittenCode) -> FlowIssue:
    """An issue of the step that the run made, or of its code (E703, W703)."""
    place = failure.place or written.exact(Place.read(failure.where))
    message = _message_of(failure)
    if failure.is_certain:
        return RULES["E703"].at(place, message, failure.cure)
    if failure.caller:
        message = f"for {failure.caller}: {message}"
    code = "W703" if failure.caller or failure.code not in RULES else failure.code
    return RULES[code].at(place, message, failure.cure)


def _message_of(failure: FailedRun) -> str:
    return failure.message.removeprefix(f"{failure.where}: ")

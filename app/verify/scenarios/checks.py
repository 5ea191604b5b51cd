"""Holds what a scenario expects of the whole call against what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.flow.nodes import Place
from app.ncco.suggest import nearest
from app.verify.scenarios.heard import in_order
from app.verify.scenarios.model import Expect, ExpectedHook
from app.verify.scenarios.result import Difference, Result


def check_expectations(result: Result, *, is_told: bool = False) -> Iterator[Difference]:
    """Everything that is not as expected; a fault of the server is so always, and a failsafe that nobody expects.

    Of a call that has left its script nothing more is asked. `is_told`: why the failsafe was heard is told already.
    """
    expect, scenario = result.scenario.expect, result.scenario
    yield from (Difference(scenario.place, message, at=result.seconds) for message in result.broken)
    ended = how_ended(result)
    if ended == "failsafe" and expect.end != "failsafe" and not (is_told and result.is_answered):
        why = next((line.because for line in reversed(result.decided) if line.did == "failed"), "")
        heard = "the caller hears the failsafe: nothing of the flow could be played"
        message = heard if result.is_answered else "the caller hears nothing: no NCCO was played"
        yield Difference(scenario.place, f"{message}{f' ({why})' if why else ''}", at=result.seconds)
    if result.differences:
        return
    if expect.end is not None and ended not in (expect.end, "failsafe"):
        yield Difference(expect.places["end"], "the call ends otherwise", expect.end, ended, at=result.seconds)
    yield from _check_seconds(expect, result)
    yield from _check_said(expect, result)
    yield from _check_variables(expect, result)
    if expect.hooks is not None:
        yield from _check_hooks(expect.hooks, expect.places["hooks"], result)
    yield from _check_ncco(expect, result)


def how_ended(result: Result) -> str:
    """`hangup`, `completed`, or `failsafe` when that was played."""
    if not result.is_answered or any(line.did == "failed" and line.what == "failsafe" for line in result.decided):
        return "failsafe"
    return "hangup" if any(heard.kind == "hung up" for heard in result.transcript) else "completed"


def _check_seconds(expect: Expect, result: Result) -> Iterator[Difference]:
    if expect.seconds is not None and not expect.seconds.holds(result.seconds):
        found = f"{result.seconds:.1f} seconds"
        wanted = f"{expect.seconds.written} seconds"
        place = expect.places["seconds"]
        yield Difference(place, "the call lasts another time", wanted, found, at=result.seconds)


def _check_said(expect: Expect, result: Result) -> Iterator[Difference]:
    missing = in_order((hear.text or "" for hear in expect.said), result.transcript)
    if missing is not None:
        place = next(hear.place for hear in expect.said if (hear.text or "") == missing)
        yield Difference(place, "this is not heard, or not in this order", missing, at=result.seconds)


def _check_variables(expect: Expect, result: Result) -> Iterator[Difference]:
    known: dict[str, Any] = {}
    for record in result.records[:1]:
        for level in record.session.callers:
            known |= level.variables
        known |= record.session.variables
    for name, value in expect.variables.items():
        place = expect.places[f"variables.{name}"]
        if name not in known:
            near = nearest(name, known)
            hint = f'; did you mean "{near}"?' if near else f"; there are: {', '.join(sorted(known)) or 'none'}"
            yield Difference(place, f'the call has no variable "{name}" in the end{hint}', at=result.seconds)
        elif not is_part(value, known[name]):
            message = f'the variable "{name}" has another value'
            yield Difference(place, message, shown(value), shown(known[name]), at=result.seconds)


def _check_hooks(expected: Sequence[ExpectedHook], place: Place, result: Result) -> Iterator[Difference]:
    sent = [hook.name for hook in result.hooks]
    wanted = [hook.name for hook in expected]
    if sent != wanted:
        message = "other hooks are sent"
        yield Difference(place, message, ", ".join(wanted) or "none", ", ".join(sent) or "none", at=result.seconds)
        return
    for hook, row in zip(expected, result.hooks, strict=True):
        if row.problem:
            yield Difference(hook.place, f'the hook "{row.name}" cannot be sent: {row.problem}', at=result.seconds)
        elif hook.json is not None and not is_part(hook.json, body := json.loads(row.body)):
            message = f'the hook "{row.name}" says something else'
            yield Difference(hook.place, message, shown(hook.json), shown(body), at=result.seconds)


def _check_ncco(expect: Expect, result: Result) -> Iterator[Difference]:
    played = iter(result.performed)
    for wanted in expect.ncco:
        if not any(is_part(wanted, action) for action in played):
            names = ", ".join(str(action.get("action")) for action in result.performed)
            message = "no such action is played, or not in this order"
            yield Difference(expect.places["ncco"], message, shown(wanted), names, at=result.seconds)
            return


def is_part(expected: Any, found: Any) -> bool:
    """Whether `found` has all of `expected`: maps may have more entries; numbers and texts compare as written."""
    if isinstance(expected, Mapping):
        return isinstance(found, Mapping) and all(
            key in found and is_part(value, found[key]) for key, value in expected.items()
        )
    if isinstance(expected, list):
        is_list = isinstance(found, list) and len(found) == len(expected)
        return is_list and all(is_part(one, other) for one, other in zip(expected, found, strict=True))
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    return bool(expected == found) or (not isinstance(found, Mapping | list) and str(expected) == str(found))


def shown(value: Any) -> str:
    """A value in one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)

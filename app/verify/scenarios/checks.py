"""Holds what a scenario expects of the whole call against the call that was played."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from app.ncco.suggest import nearest
from app.verify.scenarios.heard import in_order
from app.verify.scenarios.result import Difference, Result


def check_expectations(result: Result, *, is_explained: bool = False) -> Iterator[Difference]:
    """Everything that is not as expected; a fault of the server always is, and a failsafe that is not expected.

    Of a call that has left its script nothing more is asked. `is_explained`: a difference says already why the
    failsafe was heard.
    """
    place, expect = result.scenario.place, result.scenario.expect
    yield from (Difference(place, message, at=result.seconds) for message in result.broken)
    if result.ended == "failsafe" and expect.end != "failsafe" and not (is_explained and result.is_answered):
        why = next((line.because for line in reversed(result.decided) if line.did == "failed"), "")
        heard = "the caller hears the failsafe: nothing of the flow could be played"
        message = heard if result.is_answered else "the caller hears nothing: no NCCO was played"
        yield Difference(place, f"{message}{f' ({why})' if why else ''}", at=result.seconds)
    if result.differences:
        return
    if expect.end is not None and result.ended not in (expect.end, "failsafe"):
        message = "the call ends in another way"
        yield Difference(expect.at("end"), message, expect.end, result.ended, at=result.seconds)
    if expect.seconds is not None and not expect.seconds.holds(result.seconds):
        wanted, found = f"{expect.seconds.written} seconds", f"{result.seconds:.1f} seconds"
        yield Difference(expect.at("seconds"), "the call lasts another time", wanted, found, at=result.seconds)
    for text in [in_order((excerpt.text or "" for excerpt in expect.said), result.transcript)]:
        if text is not None:
            at = next(excerpt.place for excerpt in expect.said if (excerpt.text or "") == text)
            yield Difference(at, "this is not heard, or not in this order", text, at=result.seconds)
    yield from _check_variables(result)
    yield from _check_hooks(result)
    yield from _check_ncco(result)


def _check_variables(result: Result) -> Iterator[Difference]:
    known: dict[str, Any] = {}
    for record in result.records[:1]:
        for level in record.session.callers:
            known |= level.variables
        known |= record.session.variables
    for name, (place, value) in result.scenario.expect.variables.items():
        if name not in known:
            near = nearest(name, known)
            hint = f'; did you mean "{near}"?' if near else f"; there are: {', '.join(sorted(known)) or 'none'}"
            yield Difference(place, f'the call has no variable "{name}" in the end{hint}', at=result.seconds)
        elif not is_part(value, known[name]):
            message = f'the variable "{name}" has another value'
            yield Difference(place, message, shown(value), shown(known[name]), at=result.seconds)


def _check_hooks(result: Result) -> Iterator[Difference]:
    expected = result.scenario.expect.hooks
    if expected is None:
        return
    sent, wanted = [hook.name for hook in result.hooks], [hook.name for hook in expected]
    if sent != wanted:
        place = result.scenario.expect.at("hooks")
        names = (", ".join(wanted) or "none", ", ".join(sent) or "none")
        yield Difference(place, "other hooks are sent", *names, at=result.seconds)
        return
    for hook, row in zip(expected, result.hooks, strict=True):
        if row.problem:
            yield Difference(hook.place, f'the hook "{row.name}" cannot be sent: {row.problem}', at=result.seconds)
        elif hook.json is not None and not is_part(hook.json, body := json.loads(row.body)):
            message = f'the hook "{row.name}" says something else'
            yield Difference(hook.place, message, shown(hook.json), shown(body), at=result.seconds)


def _check_ncco(result: Result) -> Iterator[Difference]:
    played = iter(result.performed)
    for wanted in result.scenario.expect.ncco:
        if not any(is_part(wanted, action) for action in played):
            names = ", ".join(str(action.get("action")) for action in result.performed)
            message = "no such action is played, or not in this order"
            yield Difference(result.scenario.expect.at("ncco"), message, shown(wanted), names, at=result.seconds)
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

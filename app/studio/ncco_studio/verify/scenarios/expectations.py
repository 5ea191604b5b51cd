"""Checks a finished call against what its scenario expects (`expect`) and excludes (`expect.without`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from ncco_server.flow.language.retry import FAILURES
from ncco_server.flow.model import Flow, Step
from ncco_server.ncco.durations import is_spoken, longest_pause
from ncco_studio.simulator.transcript import Heard
from ncco_studio.verify.faults import FAULTS, failure_of, may_end_silently
from ncco_studio.verify.scenarios.listener import SPOKEN, first_unheard
from ncco_studio.verify.scenarios.result import Decided, Difference, Result, failsafe_in


def check_expectations(result: Result, *, is_explained: bool = False) -> Iterator[Difference]:
    """Report server errors and an unexpected failsafe in any case.

    Nothing else is checked after a difference from the script. `is_explained`: another difference explains the
    failsafe.
    """
    place = result.scenario.place
    expect = result.scenario.expect
    yield from (Difference(place, message, at=result.seconds) for message in result.broken)
    if result.ended == "failsafe" and expect.end != "failsafe" and not (is_explained and result.is_answered):
        why = next((line.because for line in reversed(result.decided) if line.did == "failed"), "")
        heard = "the caller hears the failsafe, because nothing in the flow could be played"
        message = heard if result.is_answered else "the caller hears nothing: no NCCO was played"
        yield Difference(place, f"{message}{f' ({why})' if why else ''}", at=result.seconds)
    if result.differences:
        return
    if expect.end is not None and result.ended not in (expect.end, "failsafe"):
        message = "the call ends differently"
        yield Difference(expect.at("end"), message, expect.end, result.ended, at=result.seconds)
    yield from _check_result(result)
    if expect.seconds is not None and not expect.seconds.low <= result.seconds <= expect.seconds.high:
        wanted = f"{expect.seconds.written} seconds"
        found = f"{result.seconds:.1f} seconds"
        yield Difference(expect.at("seconds"), "the call has a different length", wanted, found, at=result.seconds)
    if (missing := first_unheard(expect.said, result.transcript)) is not None:
        message = "this is not heard, or the order is different"
        yield Difference(missing.place, message, missing.text or "", at=result.seconds)
    yield from _check_attempts(result)
    yield from _check_variables(result)
    yield from _check_hooks(result)
    yield from _check_ncco(result)


def _check_result(result: Result) -> Iterator[Difference]:
    expect = result.scenario.expect
    if not expect.result or result.became is None:
        return
    found = (result.became.result, result.became.own)
    if expect.result not in found:
        message = "the call has a different result"
        shown_found = ", ".join(each for each in found if each not in ("", "own"))
        yield Difference(expect.at("result"), message, expect.result, shown_found, at=result.seconds)


def _check_attempts(result: Result) -> Iterator[Difference]:
    expected = result.scenario.expect.attempts
    if expected is None:
        return
    made = [(at.replace(microsecond=0), outcome) for at, outcome in result.attempts or ()]
    if len({at.replace(second=0) for at, _ in made}) == len(made):  # seconds distinguish attempts of the same minute
        made = [(at.replace(second=0), outcome) for at, outcome in made]
    wanted = [*expected.items()]
    if made != wanted:
        shown_wanted, shown_made = (
            ", ".join(f"{_time_of(at)} {outcome}" for at, outcome in each) or "none" for each in (wanted, made)
        )
        message = "other attempts are made (times in UTC)"
        place = result.scenario.expect.at("attempts")
        yield Difference(place, message, shown_wanted, shown_made, at=result.seconds)


def _time_of(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S" if moment.second else "%Y-%m-%dT%H:%M")


def _check_variables(result: Result) -> Iterator[Difference]:
    known: dict[str, Any] = {}
    for record in result.records[:1]:
        for level in record.session.callers:
            known |= level.variables
        known |= record.session.variables
    for name, (place, value, _) in result.scenario.expect.variables.items():
        if name not in known:
            message = f'at the end, the call has no variable "{name}"; it has {", ".join(sorted(known)) or "none"}'
            yield Difference(place, message, at=result.seconds)
        elif not is_part(value, known[name]):
            message = f'the variable "{name}" has a different value'
            yield Difference(place, message, shown(value), shown(known[name]), at=result.seconds)


def _check_hooks(result: Result) -> Iterator[Difference]:
    expected = result.scenario.expect.hooks
    if expected is None:
        return
    sent = [hook.name for hook in result.hooks]
    wanted = [hook.name for hook in expected]
    if sent != wanted:
        place = result.scenario.expect.at("hooks")
        names = (", ".join(wanted) or "none", ", ".join(sent) or "none")
        yield Difference(place, "different hooks are sent", *names, at=result.seconds)
        return
    for hook, row in zip(expected, result.hooks, strict=True):
        if row.problem:
            yield Difference(hook.place, f'the hook "{row.name}" cannot be sent: {row.problem}', at=result.seconds)
        elif hook.json is not None and not is_part(hook.json, body := json.loads(row.body)):
            message = f'the hook "{row.name}" has a different body'
            yield Difference(hook.place, message, shown(hook.json), shown(body), at=result.seconds)


def _check_ncco(result: Result) -> Iterator[Difference]:
    played = iter(result.performed)
    for wanted in result.scenario.expect.ncco:
        if not any(is_part(wanted, action) for action in played):
            names = ", ".join(str(action.get("action")) for action in result.performed)
            message = "no such action is played, or the order is different"
            yield Difference(result.scenario.expect.at("ncco"), message, shown(wanted), names, at=result.seconds)
            return


def is_part(expected: Any, found: Any) -> bool:
    """Maps may have more entries; numbers and texts are compared as written."""
    if isinstance(expected, Mapping):
        return isinstance(found, Mapping) and all(
            key in found and is_part(value, found[key]) for key, value in expected.items()
        )
    if isinstance(expected, list):
        is_list = isinstance(found, list) and len(found) == len(expected)
        return is_list and all(is_part(one, other) for one, other in zip(expected, found, strict=True))
    if any(isinstance(value, bool | None) for value in (expected, found)):
        return expected is found
    return bool(expected == found) or (not isinstance(found, Mapping | list) and str(expected) == str(found))


def shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


_RINGS: Final = frozenset({"ringing", "tone"})
_SOUNDS: Final = frozenset({"talk", "stream", "tone", "music", "beep", "ringing", "voice", "agent"})
_CHOSEN: Final = frozenset({"choice", "collected"})
"""Outcomes of an input that the flow accepts."""
_TOLERANCE_S: Final = 0.01


FoundAt: TypeAlias = tuple[float, str]
"""When a fault happened, in seconds of the call, and a message about it."""


class AudibleSpan(NamedTuple):
    """A sound (`is_heard`) or a recording of the caller, in seconds of the call."""

    start: float
    end: float
    is_heard: bool


def check_without(result: Result, flows: Sequence[Flow]) -> Iterator[Difference]:
    checks: Mapping[str, Callable[[float], FoundAt | None]] = {
        "silence": lambda bound: _silence("silence", result.transcript, result.seconds, bound),
        "silent_party": lambda bound: _silent_party(result, bound),
        **{name: partial(_failure, name, result, flows) for name in ("error_exit", "invalid_ncco")},
        "refused_ncco": lambda _: _refused(result),
        "failsafe": lambda _: _failsafe(result),
        **dict.fromkeys(("dead_end", "silent_fault", "lost_webhook"), lambda _: _dead_end(result)),
        **{name: lambda _: _forever(result) for name, each in FAULTS.items() if each.lasts},
    }
    for name, bound in result.scenario.expect.without.items():
        if (found := checks[name](bound.most)) is not None:
            entry = next((number for number, heard in enumerate(result.transcript) if heard.at >= found[0]), None)
            yield Difference(bound.place, f"{name}: {found[1]}", entry=entry, at=found[0], fault=name)


def sounds(transcript: Iterable[Heard], end: float) -> list[AudibleSpan]:
    """A conversation is a sound until the other party leaves."""
    found: list[AudibleSpan] = []
    joined: float | None = None
    for heard in transcript:
        if heard.kind == "joined" and joined is None:
            joined = heard.at
        elif heard.kind in ("left", "ended", "hung up") and joined is not None:
            found.append(AudibleSpan(joined, heard.at, is_heard=True))
            joined = None
        elif heard.kind in _SOUNDS and (heard.kind not in SPOKEN or is_spoken(heard.text)):
            found += _pieces(heard, end)
        elif heard.kind == "spoke" and not heard.text:
            found.append(AudibleSpan(heard.at, heard.at + (heard.seconds or 0), is_heard=False))
    return sorted(found)


def _pieces(heard: Heard, end: float) -> list[AudibleSpan]:
    """Split a prompt that contains a pause."""
    over = end if heard.seconds is None else heard.at + heard.seconds
    longest = longest_pause(heard.text)
    if longest <= 0 or longest >= over - heard.at:
        return [AudibleSpan(heard.at, over, is_heard=True)]
    return [AudibleSpan(heard.at, over - longest, is_heard=True), AudibleSpan(over, over, is_heard=True)]


def _dead_end(result: Result) -> FoundAt | None:
    """The platform must not end the call without a sound since the last decision, NCCO request or ringing."""
    if not any(heard.kind == "ended" for heard in result.transcript):
        return None
    decided = [line.at for line in result.decided]
    asked = [sent.at - result.answered_s for sent in result.webhooks if sent.kind in ("answer", "input", "fallback")]
    rung = [heard.at + (heard.seconds or 0) for heard in result.transcript if heard.kind in _RINGS]
    until = result.seconds + _TOLERANCE_S
    since = max([at for at in (*decided, *asked, *rung) if at <= until], default=0.0)
    heard = any(
        sound.is_heard and sound.end > since + _TOLERANCE_S for sound in sounds(result.transcript, result.seconds)
    )
    if heard or _is_intended([line for line in result.decided if line.at >= since - _TOLERANCE_S]):
        return None
    return since, "the call ends, and the caller has heard nothing since"


def _is_intended(last: list[Decided]) -> bool:
    """Whether the call may end after these lines without a word."""
    heard = next((line for line in reversed(last) if line.did == "heard"), None)
    if heard is None:
        return False
    turn = [line for line in last if line.turn == heard.turn]
    is_chosen = heard.what in _CHOSEN and not any(line.what in FAILURES for line in turn)
    return may_end_silently(heard.what, is_chosen=is_chosen, enters=any(line.did == "entered" for line in turn))


def _forever(result: Result) -> FoundAt | None:
    return (result.seconds, "the call would never end if nobody did anything more") if result.is_endless else None


def _silent_party(result: Result, bound: float) -> FoundAt | None:
    """The silence before called parties are connected; silence until a hang-up does not count."""
    for heard in result.called:
        end = max((each.at for each in heard if each.kind != "hung up"), default=0.0)
        found = _silence("silent_party", heard, end, bound)
        if found is not None:
            return result.seconds, found[1]
    return None


def _failsafe(result: Result) -> FoundAt | None:
    found = failsafe_in(result.decided)
    return None if found is None else (found.at, f"the caller hears only the failsafe: {found.because}")


def _silence(fault: str, transcript: Iterable[Heard], end: float, bound: float) -> FoundAt | None:
    quiet_since = 0.0
    for sound in (*sounds(transcript, end), AudibleSpan(end, end, is_heard=False)):
        seconds = sound.start - quiet_since
        if problem := FAULTS[fault].exceeded(seconds, bound, f"for {seconds:.1f} seconds"):
            return quiet_since, problem
        quiet_since = max(quiet_since, sound.end)
    return None


def _failure(fault: str, result: Result, flows: Sequence[Flow], _: float) -> FoundAt | None:
    """A handler that fails before its first wait is in no step; a refused NCCO there counts only with the failsafe."""
    unplayed = failsafe_in(result.decided)
    lines = (line for line in result.decided if line.did == "failed" and line.what != "failsafe")
    failed = (line for line in lines if line.step or unplayed is not None or line.what != "error")
    found = next((line for line in failed if failure_of(line.what, _step_of(line, flows)) == fault), None)
    if found is None:
        return None
    failing = f'step "{found.step}"' if found.step else "the flow"
    return found.at, f"{failing} takes its error exit: {found.what} {found.because}"


def _refused(result: Result) -> FoundAt | None:
    for sent in result.webhooks:
        if sent.result is not None and sent.result.failure == "Invalid NCCO." and sent.is_over:
            return sent.at - result.answered_s, f"Vonage refuses the NCCO: {sent.result.problem}"
    return None


def _step_of(line: Decided, flows: Sequence[Flow]) -> Step | None:
    steps = (flow.steps.get(line.step) for flow in flows)
    return next((step for step in steps if step and f"{step.place.file}:{step.place.line}" == line.where), None)

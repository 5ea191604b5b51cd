"""Reports the results of scenarios as text, JSON, GitHub annotations and JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import click

from ncco_server.desk.transcript import DECIDING, CallLine, line_text, why_text
from ncco_server.flow.language.exits import Goto
from ncco_server.flow.nodes import Place
from ncco_server.flow.report import annotation, report
from ncco_server.terminal import printable
from ncco_studio.verify.coverage import Coverage
from ncco_studio.verify.outcomes import FlowOutcome
from ncco_studio.verify.played_lines import heard_line
from ncco_studio.verify.scenarios.result import Difference, Result
from ncco_studio.verify.scenarios.runner import Suite

MOST_NOTES: Final = 8
_ANSI_CODES: Final = {"red": "31", "green": "32", "dim": "2", "bold": "1", "yellow": "33"}


def ink(text: str, colour: str) -> str:
    """`click.echo` removes colours if the terminal cannot show them."""
    return f"\x1b[{_ANSI_CODES[colour]}m{text}\x1b[0m" if text else text


def as_text(result: Result, *, is_shown: bool = False) -> str:
    """`is_shown`: include transcript and notes even if the scenario holds."""
    name = printable(result.scenario.name)
    place = result.scenario.place
    where = f"  {place.file}:{place.line}"
    unjudged = [f"  not judged: {what}" for what in result.unjudged]
    notes = [f"  note: {printable(note)}" for note in result.notes[:MOST_NOTES]]
    if result.holds:
        first = ink(f"~ {name}{where}", "yellow") if unjudged else f"{ink('✓', 'green')} {name}{where}"
        shown = [f"    {line}" for line in transcript_lines(result)]
        return "\n".join([first, *((*shown, *notes) if is_shown else ()), *unjudged, *([""] if is_shown else ())])
    lines = [ink(f"✗ {name}", "red") + where]
    for difference in result.differences:
        lines.append(f"  {difference.place.file}:{difference.place.line}: {ink(printable(difference.message), 'bold')}")
        lines += [f"      expected: {ink(printable(difference.expected), 'green')}"] if difference.expected else []
        lines += [f"      instead:  {ink(printable(difference.found), 'red')}"] if difference.found else []
    lines += [f"  {line}" for line in deciding_lines(result)]
    lines += ["", *_transcript(result, result.differences[0])]
    lines += notes
    return "\n".join([*lines, *unjudged, ""])


def transcript_lines(result: Result) -> list[str]:
    return [line_text(heard_line(heard)) for heard in result.transcript]


def deciding_lines(result: Result) -> list[str]:
    at = result.differences[0].at + 0.001
    before = [line for line in result.decided if line.at <= at and line.did in DECIDING]
    if not before:
        return []
    last = [line for line in before if (line.at, line.turn) == (before[-1].at, before[-1].turn)]
    gotos = {line.step: line.where for line in result.decided if line.did == "entered" and line.what == Goto.word}
    relevant = [line for line in last if line.did != "decided" or gotos.get(line.step, line.where) == line.where]
    relevant = relevant or last[-1:]
    return [printable(f"decided by {line.shown or 'the server'}: {why_text(line)}") for line in relevant]


def _transcript(result: Result, first: Difference) -> Iterator[str]:
    is_marked = False
    for number, heard in enumerate(result.transcript):
        here = first.entry is not None and number >= first.entry and not is_marked
        is_marked = is_marked or here
        line = line_text(heard_line(heard))
        yield ink(f"  > {line}", "red") if here else (ink(f"    {line}", "dim") if is_marked else f"    {line}")
        if here and first.expected:
            yield ink(f"  > {line_text(CallLine('said', 'expected', first.expected))}", "green")
    if not is_marked:
        yield ink(f"  > {line_text(CallLine('note', 'differs', first.message, first.at))}", "red")


def as_json(suites: Sequence[Suite], short: Sequence[str] = ()) -> str:
    """`short`: one sentence for each flow with too little coverage."""
    results = [result for suite in suites for result in suite.results]
    document = {
        "played": len(results),
        "differing": sum(not result.holds for result in results),
        "issues": [
            _json_place(issue.place) | _fields(issue, "severity", "code", "message") | {"fix": issue.cure}
            for suite in suites
            for issue in suite.issues
        ],
        "scenarios": [_json_result(result) for suite in suites for result in suite.results],
        "short": list(short),
        "coverage": [_json_coverage(suite.coverage) for suite in suites],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _json_place(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "column": place.column}


def _fields(value: object, *names: str) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _json_result(result: Result) -> dict[str, Any]:
    place = result.scenario.place
    found = {"name": result.scenario.name, "file": place.file, "line": place.line}
    found |= _fields(result, "holds", "seconds", "unjudged")
    if result.holds:
        return found
    return found | {
        "differences": [
            _json_place(difference.place) | _fields(difference, "at", "message", "expected", "found")
            for difference in result.differences
        ],
        "decided": deciding_lines(result),
        "transcript": [" ".join(line_text(heard_line(heard)).split()) for heard in result.transcript],
    }


def _json_coverage(coverage: Coverage) -> dict[str, Any]:
    flows = [
        {"flow": name, "percent": round(each.percent, 2), "outcomes": _json_outcomes(each.outcomes)}
        | ({"lines": len(each.lines.all), "never_run": each.lines.never} if each.lines.all else {})
        for name, each in coverage.flows.items()
    ]
    return {"percent": round(coverage.percent, 2), **_fields(coverage, "outcomes", "taken"), "flows": flows}


def _json_outcomes(outcomes: Mapping[FlowOutcome, int]) -> list[dict[str, Any]]:
    return [
        {"step": step, "outcome": name, "calls": count, "file": place.file, "line": place.line}
        for (_, step, name, place), count in outcomes.items()
    ]


def as_github(suites: Sequence[Suite], *, needs_all: bool) -> str:
    """Report an error for each difference and, with `needs_all`, for each outcome never taken."""
    lines = []
    for suite in suites:
        lines.append(report(suite.issues, {}, "github"))
        for result in suite.differing:
            for difference in result.differences:
                values = {"expected": difference.expected, "instead": difference.found}
                details = [f"{name}: {value}" for name, value in values.items() if value]
                text = "\n".join([difference.message, *details, *deciding_lines(result)])
                lines.append(_annotation("error", text, difference.place, result.scenario.name))
        for result in suite.results:
            place = result.scenario.place
            name = result.scenario.name
            lines += [_annotation("notice", f"not judged: {what}", place, name) for what in result.unjudged]
        for flow, step, name, place in suite.coverage.missing:
            text = f'flow {flow}, step {step}: "{name}" is not covered by any scenario'
            lines.append(_annotation("error" if needs_all else "notice", text, place, "never taken"))
        for flow_coverage in suite.coverage.flows.values():
            for first, last in flow_coverage.lines.never:
                text = f"flow {flow_coverage.flow.name}: no scenario runs the lines {first} to {last}"
                lines.append(_annotation("notice", text, Place(flow_coverage.path, first, 1), "never run"))
    return "".join(lines)


def _annotation(level: str, text: str, place: Place, title: str) -> str:
    return annotation(level, text, file=place.file, line=place.line, title=title)


def as_junit(suites: Sequence[Suite]) -> str:
    """Write one `testsuite` for each file, one `testcase` for each scenario."""
    root = Element("testsuites")
    for suite in suites:
        for file in suite.files:
            results = [result for result in suite.results if result.scenario.place.file == file.name]
            errors = [issue for issue in suite.issues if issue.is_error and issue.place.file == file.name]
            counts = {"tests": len(results) + len(errors), "failures": sum(not each.holds for each in results)}
            took = f"{sum(result.took_s for result in results):.3f}"
            cases = _child(root, "testsuite", name=file.name, **counts, errors=len(errors), time=took)
            for issue in errors:
                case = _child(cases, "testcase", classname=file.name, name=issue.place)
                _child(case, "error", type=issue.code, message=f"{issue.place}: {issue.message}; {issue.cure}")
            for result in results:
                _add_case(cases, file.name, result)
    indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n'


def _add_case(cases: Element, file: str, result: Result) -> None:
    name = result.scenario.name
    line = result.scenario.place.line
    case = _child(cases, "testcase", classname=file, name=name, line=line, time=f"{result.took_s:.3f}")
    if not result.holds:
        failure = _child(case, "failure", message=result.differences[0].message)
        failure.text = _printable_lines(click.unstyle(as_text(result)))
    if result.unjudged:
        _child(case, "system-out").text = _printable_lines("\n".join(f"not judged: {what}" for what in result.unjudged))


def _child(parent: Element, tag: str, **values: object) -> Element:
    return SubElement(parent, tag, {name: printable(str(value)) for name, value in values.items()})


def _printable_lines(text: str) -> str:
    """Remove characters that XML does not allow."""
    return "\n".join(printable(line) for line in text.split("\n"))

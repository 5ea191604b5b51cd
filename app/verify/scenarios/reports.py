"""What came of scenarios, for machines: JSON, annotations for GitHub, JUnit's XML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from app.flow.issues import Issue
from app.flow.report import printable, report
from app.verify.coverage import Coverage, FlowCoverage
from app.verify.outcomes import Outcome
from app.verify.scenarios.result import Difference, Result
from app.verify.scenarios.suite import Rename, Suite
from app.verify.scenarios.telling import Ink, entry, told, why_so


def as_json(suites: Sequence[Suite], short: Sequence[str] = ()) -> str:
    """Everything, as one document. `short`: which flows have too few of their outcomes taken, a sentence each."""
    results = [result for suite in suites for result in suite.results]
    document = {
        "played": len(results),
        "differing": sum(not result.holds for result in results),
        "issues": [_issue(issue) for suite in suites for issue in suite.issues],
        "scenarios": [_scenario(result, suite.rename) for suite in suites for result in suite.results],
        "short": list(short),
        "coverage": [_coverage(suite.coverage, suite.rename) for suite in suites],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _issue(issue: Issue) -> dict[str, Any]:
    place = {"file": issue.place.file, "line": issue.place.line, "column": issue.place.column}
    return {**place, "severity": issue.severity, "code": issue.code, "message": issue.message, "cure": issue.cure}


def _scenario(result: Result, rename: Rename) -> dict[str, Any]:
    place = result.scenario.place
    found = {
        "name": result.scenario.name,
        "file": place.file,
        "line": place.line,
        "holds": result.holds,
        "seconds": result.seconds,
        "unjudged": list(result.unjudged),
    }
    if result.holds:
        return found
    return found | {
        "differences": [_difference(difference) for difference in result.differences],
        "decided": why_so(result, rename),
        "transcript": [" ".join(entry(heard).split()) for heard in result.transcript],
    }


def _difference(difference: Difference) -> dict[str, Any]:
    place = difference.place
    told = {"message": difference.message, "expected": difference.expected, "found": difference.found}
    return {"file": place.file, "line": place.line, "column": place.column, "at": difference.at, **told}


def _coverage(coverage: Coverage, rename: Rename) -> dict[str, Any]:
    return {
        "percent": round(coverage.percent, 2),
        "outcomes": coverage.outcomes,
        "taken": coverage.taken,
        "flows": [_flow(flow, rename) for flow in coverage.flows.values()],
    }


def _flow(flow: FlowCoverage, rename: Rename) -> dict[str, Any]:
    return {
        "flow": flow.flow.name,
        "percent": round(flow.percent, 2),
        "outcomes": [_outcome(outcome, count, rename) for outcome, count in flow.outcomes.items()],
        "error_exits": [_outcome(outcome, count, rename) for outcome, count in flow.error_exits.items()],
    }


def _outcome(outcome: Outcome, count: int, rename: Rename) -> dict[str, Any]:
    place = {"file": rename(outcome.place.file), "line": outcome.place.line}
    return {"step": outcome.step, "outcome": outcome.name, "calls": count, **place}


def as_github(suites: Sequence[Suite], *, needs_all: bool) -> str:
    """Workflow commands: an error for each difference; with `needs_all` one for each outcome never taken, too."""
    lines = []
    for suite in suites:
        lines.append(report(suite.issues, {}, "github"))
        for result in suite.differing:
            for difference in result.differences:
                place, title = difference.place, _property(result.scenario.name)
                expected = f"\nexpected: {difference.expected}" if difference.expected else ""
                found = f"\ninstead: {difference.found}" if difference.found else ""
                why = "".join(f"\n{line}" for line in why_so(result, suite.rename))
                text = _data(f"{difference.message}{expected}{found}{why}")
                lines.append(f"::error file={_property(place.file)},line={place.line},title={title}::{text}\n")
        for result in suite.results:
            for what in result.unjudged:
                place, title = result.scenario.place, _property(result.scenario.name)
                where = f"file={_property(place.file)},line={place.line},title={title}"
                lines.append(f"::notice {where}::not judged: {_data(what)}\n")
        level = "error" if needs_all else "notice"
        for outcome in suite.coverage.missing:
            file, line = _property(suite.rename(outcome.place.file)), outcome.place.line
            text = _data(f'flow {outcome.flow}, step {outcome.step}: "{outcome.name}" is taken by no scenario')
            lines.append(f"::{level} file={file},line={line},title=never taken::{text}\n")
    return "".join(lines)


def _data(text: str) -> str:
    """Source: GitHub's workflow commands, how values are escaped."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_junit(suites: Sequence[Suite]) -> str:
    """JUnit's XML, as most CI servers read it: one `testsuite` for a file, one `testcase` for a scenario."""
    parts = ['<?xml version="1.0" encoding="utf-8"?>', "<testsuites>"]
    for suite in suites:
        for file in suite.files:
            results = [result for result in suite.results if result.scenario.place.file == file.name]
            errors = [issue for issue in suite.issues if issue.is_error and issue.place.file == file.name]
            parts += _testsuite(file.name, results, errors, suite.rename)
    return "\n".join([*parts, "</testsuites>", ""])


def _testsuite(name: str, results: Sequence[Result], errors: Sequence[Issue], rename: Rename) -> Iterable[str]:
    failures = sum(not result.holds for result in results)
    took = sum(result.took_s for result in results)
    counts = f'tests="{len(results) + len(errors)}" failures="{failures}" errors="{len(errors)}" time="{took:.3f}"'
    yield f"  <testsuite name={_attribute(name)} {counts}>"
    for issue in errors:
        message = _attribute(f"{issue.place}: {issue.message}; {issue.cure}")
        yield f"    <testcase classname={_attribute(name)} name={_attribute(str(issue.place))}>"
        yield f"      <error type={_attribute(issue.code)} message={message}/>"
        yield "    </testcase>"
    for result in results:
        named = f"classname={_attribute(name)} name={_attribute(result.scenario.name)}"
        yield f'    <testcase {named} line="{result.scenario.place.line}" time="{result.took_s:.3f}">'
        if not result.holds:
            message = _attribute(result.differences[0].message)
            text = escape(printable_lines(told(result, rename, Ink(is_on=False))))
            yield f"      <failure message={message}>{text}</failure>"
        if result.unjudged:
            unjudged = "\n".join(f"not judged: {what}" for what in result.unjudged)
            yield f"      <system-out>{escape(unjudged)}</system-out>"
        yield "    </testcase>"
    yield "  </testsuite>"


def _attribute(text: str) -> str:
    return quoteattr(printable(text))


def printable_lines(text: str) -> str:
    """A text of several lines without anything that XML cannot hold."""
    return "\n".join(printable(line) for line in text.split("\n"))

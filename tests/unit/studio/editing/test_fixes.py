"""An offered fix removes its issue and causes no new one."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pytest

from ncco_server.flow.issues import PHASES, RULES, FlowIssue
from ncco_server.flow.loader import load
from ncco_studio.editing.fixes import quick_fix, tried_fixes, with_edits
from tests.support.cases import each_case
from tests.support.checked_projects import CHECKED, cases_of, files_of
from tests.unit.server.flow.test_changed_projects import PROJECTS

TODAY: Final = date(2026, 1, 1)
EXAMPLE: Final = re.compile(r"^#=== (\S+)\n", re.MULTILINE)
FILES: Final = ("yaml", "hours", "hooks", "targets", "variables")
"""Data of `ncco check` that are tried beside the examples of the rules."""
MOST_OF_A_CODE: Final = 4
"""Fixes of one code that are tried; the data have hundreds of some."""


LEADS_TO_ANOTHER: Final = {"E231", "W288"}
"""Codes with a fix that shows another issue in every example: a flow without its number cannot be called, say."""


def example_of(code: str) -> dict[str, str]:
    """The texts of a rule's bad example; none if it does not consist of texts."""
    example = RULES[code].bad
    if isinstance(example, bytes) or " -> " in example:
        return {}
    first, *parts = EXAMPLE.split(example)
    files = dict(zip(parts[::2], parts[1::2], strict=True))
    return {"flows/main.yaml": first, **files} if first.strip() else files


def cases() -> Iterator[tuple[str, dict[str, str]]]:
    for code in RULES:
        yield code, example_of(code)
    for name in FILES:
        for case in cases_of(CHECKED / f"{name}.yaml"):
            files = files_of(*case.values)
            texts = {path: text for path, text in files.items() if isinstance(text, str)}
            if texts == files:
                yield f"{name}: {case.id}", texts


def issues_of(texts: Mapping[str, str], env: Mapping[str, str] = MappingProxyType({})) -> tuple[FlowIssue, ...]:
    return load(texts, env, extent="project", today=TODAY).issues


def kinds_of(issues: Iterable[FlowIssue]) -> Counter[tuple[str, str, str]]:
    return Counter((issue.place.file, issue.code, issue.message) for issue in issues)


def is_later(code: str, other: str) -> bool:
    """Whether issues of one code are reported only in files without issues of the other."""
    return PHASES.index(RULES[code].found_in) > PHASES.index(RULES[other].found_in)


def test_an_offered_fix_removes_its_issue_and_makes_no_new_one() -> None:
    offered = Counter[str]()
    worse = []
    for name, texts in cases():
        before = issues_of(texts)
        tried = [issue for issue in before if offered[issue.code] < MOST_OF_A_CODE]
        for issue, fix in tried_fixes(tried, texts, issues_of).items():
            offered[issue.code] += 1
            after = kinds_of(issues_of(with_edits(texts, fix.edits)))
            [kind] = kinds_of([issue])
            new = after.keys() - kinds_of(before).keys()
            if after[kind] == kinds_of(before)[kind] or not all(is_later(code, issue.code) for _, code, _ in new):
                worse.append((name, fix.title, new))
    assert [] == worse
    unoffered = {code for code, rule in RULES.items() if rule.quick_fix is not None} - offered.keys()
    assert LEADS_TO_ANOTHER == unoffered


@each_case("code", RULES)
def test_no_issue_is_left_after_the_fix_of_a_bad_example(code: str) -> None:
    assert [] == left_behind(example_of(code), ())


SLIPS: Final = 500


def slipped(chance: random.Random, text: str) -> str:
    """The text with one typo: a character lost, doubled, swapped or added, or a line lost or indented."""
    at = chance.choice([at for at in range(len(text) - 1) if "\n" not in text[at : at + 2]])
    lines = text.split("\n")
    line = chance.randrange(len(lines) - 1)
    typed = chance.choice("aeosnt,:.{}[]\"'- ")
    return chance.choice(
        (
            text[:at] + text[at + 1 :],
            text[: at + 1] + text[at:],
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + typed + text[at:],
            "\n".join(lines[:line] + lines[line + 1 :]),
            "\n".join([*lines[:line], f"  {lines[line]}", *lines[line + 1 :]]),
        )
    )


def test_no_issue_is_left_after_the_fix_of_a_random_typo(pytestconfig: pytest.Config) -> None:
    chance = random.Random(SLIPS)  # noqa: S311 - no secret, and the same typos in every run
    written = [texts for texts in PROJECTS if any(path.endswith(".yaml") for path in texts)]
    left, sound = [], [issues_of(texts) for texts in written]
    for number in range(SLIPS if pytestconfig.getoption("--night") else SLIPS // 5):
        texts = dict(written[number % len(written)])
        path = chance.choice([path for path in sorted(texts) if path.endswith(".yaml")])
        texts[path] = slipped(chance, texts[path])
        left += [(number, path, each) for each in left_behind(texts, sound[number % len(written)])]
    assert [] == left


def left_behind(texts: Mapping[str, str], known: Iterable[FlowIssue]) -> list[tuple[str, str, set[object]]]:
    """For each offered fix that leaves or causes an issue: the code, the title, and the remaining issues."""
    before = issues_of(texts)
    known_kinds = kinds_of((*before, *known))
    left = []
    for issue, fix in tried_fixes(before, texts, issues_of).items():
        after = kinds_of(issues_of(with_edits(texts, fix.edits)))
        [kind] = kinds_of([issue])
        new: set[object] = {*(after.keys() - known_kinds.keys())}
        if new or after[kind] >= kinds_of(before)[kind]:
            left.append((issue.code, fix.title, new))
    return left


@each_case("file", sorted((CHECKED / "faults").glob("*.yaml")), ids=lambda path: path.stem)
def test_fixes_of_single_errors_leave_no_issue_where_the_data_say_so(file: Path) -> None:
    found, expected = set(), set()
    for param in cases_of(file):
        project, case = param.values
        texts = {path: str(text) for path, text in files_of(project, case).items()}
        if case.get("fixed"):
            expected.add(param.id)
        for issue in issues_of(texts, project.get("env", {}))[:1]:
            fix = quick_fix(issue, texts)
            if fix and not issues_of(with_edits(texts, fix.edits), project.get("env", {})):
                found.add(param.id)
    assert expected == found


@pytest.mark.parametrize(
    ("line", "fixed"),
    [
        ("goto: by", "goto: bye"),
        ('goto: "by"', 'goto: "bye"'),
        ("goto: 'by'", "goto: 'bye'"),
        ("goto: by # then home", "goto: bye # then home"),
        ("got: bye", "goto: bye"),
        ("goto:bye", "goto: bye"),
    ],
)
def test_a_fix_keeps_quotes_comments_and_the_text_around_it(line: str, fixed: str) -> None:
    head = "flow: main\ndefault: true\nstart: hello\nsteps:\n  hello:\n    do: [{{talk: Hello.}}]\n"
    text = head + "    {}\n  bye: {{goto: end}}\n"
    texts = {"flows/main.yaml": text.format(line)}
    issue = next(issue for issue in issues_of(texts) if issue.is_error)

    fix = quick_fix(issue, texts)

    assert fix is not None
    assert text.format(fixed) == with_edits(texts, fix.edits)["flows/main.yaml"]


@pytest.mark.parametrize("line_break", ["\r\n", "\r"])
@pytest.mark.parametrize(("goto", "added"), [("menu", 1), ("bye", -1)])
def test_a_fix_changes_the_same_lines_whatever_ends_them(line_break: str, goto: str, added: int) -> None:
    lines = ["flow: main", "default: true", "start: hello", "vars:", "  name: text", "  pin: text  # unused", "steps:"]
    lines += ["  hello:", f"    goto: {goto}", "  bye:", '    do: [{talk: "Hello {{ name }}."}]', "    goto: end", ""]

    def fixed(texts: Mapping[str, str]) -> list[list[str]]:
        fixes = [fix for issue in issues_of(texts) if (fix := quick_fix(issue, texts))]
        return [re.split("\r\n|\r|\n", with_edits(texts, fix.edits)["flows/main.yaml"]) for fix in fixes]

    found = fixed({"flows/main.yaml": line_break.join(lines)})

    assert fixed({"flows/main.yaml": "\n".join(lines)}) == found
    assert added in {len(each) - len(lines) for each in found}


@pytest.mark.parametrize("zone", ["Europe/Valencia", "Europe/Manchester", "America/Boston", "England", "BST"])
def test_a_city_without_a_time_zone_is_not_replaced_by_another_city(zone: str) -> None:
    head = f"hours: {{o: {{timezone: {zone}, week: {{mon: closed}}}}}}"
    step = "  hello: {do: [{talk: Hello.}], goto: end}\n"
    texts = {"flows/main.yaml": f"flow: main\ndefault: true\nstart: hello\n{head}\nsteps:\n{step}"}

    cures = [issue.cure for issue in issues_of(texts) if issue.is_error]

    assert ['write continent and city, using the largest city of the zone, such as "Europe/London"'] == cures

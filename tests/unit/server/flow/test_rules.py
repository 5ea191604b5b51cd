"""Every rule has an example that breaks only this rule, one that breaks none, and a cure that removes the issue."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from ncco_server.flow.issues import RULES, RUNNING_RULES
from ncco_server.flow.loader import load_files
from ncco_server.flow.model import Project
from ncco_studio.verify.prove import prove, roots_of
from tests.support.cases import each_case
from tests.support.rule_examples import listed_in, write_example

TODAY = date(2026, 1, 1)
APPLIED: dict[str, list[str]] = yaml.load(Path(__file__).with_name("applied_cures.yaml").read_bytes(), yaml.CSafeLoader)
"""By code: the edits that an author makes who follows the cure."""
SHOWN = """
E114 E115 E201 E202 E203 E226 E260 E270 E276 E308 E313 E314 E330 E332
E401 E533 E537 E551 E552 E555 W296 W302 W401
"""
"""Rules whose cure a case of `tests/contract/server/check` applies."""
PLACES = {
    "E104": "flows/bad.yaml:7:21",
    "E119": "flows/bad.yaml:7:74",
    "E120": "flows/bad.yaml:1:1",
    "E121": "flows/bad.yaml:7:19",
    "E122": "flows/more.yaml:1:1",
    "E123": "flows:1:1",
    "E276": "flows/main.yaml:7:5",
    "E294": "flows/bad.yaml:3:3",
    "E305": "flows/bad.yaml:7:25",
    "E330": "flows/bad.yaml:10:33",
    "E408": "flows/bad.yaml:8:9",
    "E562": "flows/bad.yaml:7:15",
    "E586": "flows/bad.yaml:9:11",
    "E701": "flows/pizza.py:3:1",
    "E702": "flows/pizza.py:1:1",
    "W126": "flows/more.yaml.txt:1:1",
    "W213": "flows/bad.yaml:1:7",
    "W287": "flows/bad.yaml:8:23",
    "W288": "flows/bad.yaml:10:14",
    "W298": "flows/bad.yaml:5:26",
    "W524": "flows/bad.yaml:8:16",
    "W531": "flows/bad.yaml:6:43",
    "W556": "flows/bad.yaml:4:3",
    "W609": "flows/bad.yaml:7:9",
    "W638": "flows/bad.yaml:22:32",
    "W707": "flows/bakery.py:1:1",
}
"""By code: where the issue of its bad example is, if no case of `tests/contract/server/check` shows it."""
SETTINGS = {"W302": {"MUSIC_URL": "https://audio.example.com"}}
"""By code: what its cure says to set in the environment."""

pytestmark = pytest.mark.filterwarnings(
    "ignore:coroutine 'greet':RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def project_of(
    example: str | bytes,
    root: Path,
    env: dict[str, str] | None = None,
    modules: Collection[str] | None = None,
    *,
    code: str = "",
) -> Project:
    """The project of an example; without `env` its settings and Python modules are the ones that it names.

    `code` is the code of the rule that it breaks, if any.
    """
    root.mkdir(exist_ok=True)
    write_example(example, root)
    listed = listed_in(root, code)
    return load_files(root / "flows", root / "templates", env, modules=modules, today=TODAY, handlers=listed)


@each_case("code", RULES)
def test_the_bad_example_of_a_rule_breaks_only_this_rule(code: str, tmp_path: Path) -> None:
    (issue,) = project_of(RULES[code].bad, tmp_path, env={}, modules=(), code=code).issues

    assert (code, RULES[code].severity) == (issue.code, issue.severity)
    assert PLACES.get(code, "") in str(issue.place)
    assert issue.message
    assert issue.cure


@each_case("code", [*RULES, *RUNNING_RULES])
def test_the_good_example_of_a_rule_breaks_no_rule_and_loses_no_caller(code: str, tmp_path: Path) -> None:
    rule = RULES.get(code) or RUNNING_RULES[code]

    project = project_of(rule.good, tmp_path)
    proofs = [prove(flow, datetime(2026, 1, 1, tzinfo=UTC)) for flow in roots_of(project.flows)]

    assert [] == [f"{issue.code} {issue.place} {issue.message}" for issue in project.issues]
    assert [] == [each.message for proof in proofs for each in proof.violations if each.is_error]


@each_case("code", sorted(RULES.keys() - set(SHOWN.split())))
def test_the_cure_of_a_rule_removes_the_issue(code: str, tmp_path: Path) -> None:
    bad = RULES[code].bad
    text = bad if isinstance(bad, str) else bad.decode("latin-1")
    for old, new in zip(APPLIED[code][::2], APPLIED[code][1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new)
    issues = project_of(text, tmp_path, SETTINGS.get(code, {})).issues

    assert [] == [each for each in issues if each.code == code or each.is_error]


@each_case("code", RUNNING_RULES)
def test_the_bad_example_of_a_rule_that_only_a_call_breaks_can_be_loaded(code: str, tmp_path: Path) -> None:
    assert not project_of(RUNNING_RULES[code].bad, tmp_path).has_errors


@each_case("code", [*RULES, *RUNNING_RULES])
def test_a_rule_says_why_it_exists(code: str) -> None:
    rule = RULES.get(code) or RUNNING_RULES[code]

    assert len(rule.about) > 40
    assert ("warning" if code.startswith("W") else "error") == rule.severity

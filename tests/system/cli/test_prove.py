"""`ncco prove`: what it prints, what it writes, and its exit code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.command import ncco
from tests.support.tracked import ROOT
from tests.system.cli.projects import SHOP, write_project

FAULTY = SHOP.replace("dtmf: 1, goto: sales}\n", "dtmf: 1, goto: sales}\n    tail: false\n")


def test_saved_violations_pass_once_the_flow_is_fixed(tmp_path: Path) -> None:
    folder = write_project(tmp_path, shop=FAULTY)
    ncco("prove", "--save", "tests/scenarios", cwd=folder)
    (folder / "flows" / "shop.yaml").write_text(SHOP, encoding="utf-8")
    played = ncco("test", cwd=folder)

    assert 0 == played.exit_code, played.output


def test_secrets_of_requests_are_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = """\
flow: shop
default: true
start: ask
lookups:
  crm: {get: "{{ env.CRM_URL }}", headers: {Authorization: "Bearer {{ env.TOKEN }}"}, returns: {vip: bool}}
hooks:
  asked: {post: "{{ env.SLACK_URL }}"}
steps:
  ask:
    lookup: crm
    send: asked
    do: [{talk: "Please key in the code of the office."}]
    collect: {into: pin, digits: 8, check: pin == env.PIN}
    retry: {then: end}
    goto: season
  season: {branch: [{if: env.SEASON == "summer", goto: end}, {else: closed}]}
  closed: {do: [{talk: "We are closed."}], goto: end}
"""
    given = {"CRM_URL": "https://crm.example.org", "TOKEN": "t0ken", "SLACK_URL": "https://slack.example.org/T0/B0"}
    for name, value in {**given, "PIN": "84021739", "SEASON": "rainy season"}.items():
        monkeypatch.setenv(f"FLOW_{name}", value)
    folder = write_project(tmp_path, shop=flow)
    shown = ncco("prove", "--tests", "tests/scenarios", "--save", "tests/scenarios", cwd=folder).output
    written = "".join(path.read_text(encoding="utf-8") for path in (folder / "tests" / "scenarios").iterdir())

    assert "rainy season" in written
    assert [] == [value for value in (*given.values(), "84021739") if value in shown + written]


def test_texts_that_depend_on_the_path_are_the_ones_of_the_call(tmp_path: Path) -> None:
    menus = "".join(
        f"""  ask{number}:
    do: [{{talk: "Press 2 or 3."}}]
    choices:
      two: {{dtmf: 2, set: {{v{number}: two}}, goto: ask{number + 1}}}
      three: {{dtmf: 3, set: {{v{number}: three}}, goto: ask{number + 1}}}
    retry: {{tries: 1, then: ask{number + 1}}}
"""
        for number in range(3)
    )
    text = (
        "flow: shop\ndefault: true\nstart: ask0\nvars: {v0: {type: text}, v1: {type: text}, v2: {type: text}}\nsteps:\n"
        + menus
        + '  ask3: {do: [{talk: "You said {{ v0 }}, {{ v1 }} and {{ v2 }}."}], goto: end}\n'
    )
    folder = write_project(tmp_path, shop=text)
    written = ncco("prove", "--tests", "tests/scenarios", cwd=folder)
    played = ncco("test", "--min", "100", cwd=folder)

    assert "left out" not in written.output
    assert 0 == played.exit_code, played.output


LOTTERY = """
flow: lottery
default: true
start: guess
vars: {sum: {type: int}, guess: {type: int}, n: {type: int}}
defaults: {retry: {noinput: ["Hello?"], nomatch: ["A digit."], then: over}, on: {error: over}}
steps:
  guess: {do: [{talk: "Digit {{ n + 1 }}."}], collect: {into: guess, digits: 1}, goto: add}
  add:
    set: {sum: "{{ sum + guess }}", n: "{{ n + 1 }}"}
    branch: [{if: n < 3, goto: guess}, {if: sum == 15, goto: won}, {else: over}]
  won: {do: [{talk: "You have won!"}], goto: end}
  over: {do: [{talk: "Your sum is {{ sum }}."}], goto: end}
"""


def test_an_outcome_that_only_other_values_take_is_not_reported_as_unused(tmp_path: Path) -> None:
    folder = write_project(tmp_path, lottery=LOTTERY)
    text, document = ncco("prove", cwd=folder), ncco("prove", "--format", "json", cwd=folder)
    (proof,) = json.loads(document.stdout)["flows"]

    assert "  not reached with these values: add: if sum == 15\n" in text.output
    assert (False, [{"step": "add", "outcome": "if sum == 15"}]) == (proof["certain"], proof["never"])


def test_it_ends_with_what_it_is_for_or_what_was_not_tried(tmp_path: Path) -> None:
    folder = write_project(tmp_path, shop=SHOP)
    texts = [ncco("prove", *words, cwd=folder).stdout for words in ((), ("--states", "2"))]

    ends = [text.splitlines()[-1] for text in texts]

    assert re.fullmatch(r"No caller gets lost: \d+ states, \d+ edges", ends[0])
    assert "Not everything was tried: shop stopped at 2 states" == ends[1]


def test_templates_are_left_to_their_scenarios() -> None:
    project = ROOT / "examples" / "template"
    whole = ncco("prove", project)
    one = ncco("prove", "hello", cwd=project)

    assert (0, "left to their scenarios, because proofs are of flow files: hello\n") == (whole.exit_code, whole.output)
    assert 2 == one.exit_code
    assert '"hello" is not a flow file' in one.output

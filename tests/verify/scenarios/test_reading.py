"""Scenario files: every fault at its place, with a cure."""

from __future__ import annotations

import pytest

from app.flow.report import report
from app.verify.scenarios import model
from app.verify.scenarios.reading import read_scenarios
from app.verify.scenarios.rules import RULES

HEAD = "a call:\n  script:\n"


def issues_of(text: str) -> list[str]:
    return [f"{issue.place.line}:{issue.place.column} {issue.code}" for issue in read_scenarios("s.yaml", text)[1]]


def step_of(line: str) -> model.ScriptStep:
    scenarios, issues = read_scenarios("s.yaml", f"{HEAD}    - {line}\n  expect: {{end: hangup}}\n")
    assert not issues, issues
    return scenarios[0].script[0]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("- one\n", ["1:1 S101"]),
        ("a call: yes\n", ["1:9 S101"]),
        ("a call:\n  script: press\n  expect: {end: hangup}\n", ["2:11 S101"]),
        (HEAD + "    - [press]\n  expect: {end: hangup}\n", ["3:7 S105"]),
        (HEAD + "    - press: {a: b}\n    - end\n", ["3:14 S101"]),
        (HEAD + "    - press: [1]\n    - end\n", ["3:14 S101"]),
        (HEAD + "    - silence: now\n    - end\n", ["3:7 S101"]),
        (HEAD + "    - event: busy\n    - end\n", ["3:14 S101"]),
        ("a call:\n  script: []\n  expect: end\n", ["3:11 S101"]),
        ("a call:\n  script: [end]\n  expect: {ncco: [[talk]]}\n", ["3:19 S101"]),
        ("a call:\n  script: [end]\n  given: none\n", ["3:10 S101"]),
        ("a call:\n  script: [end]\n  env: none\n", ["3:8 S101"]),
        ("a call:\n  steps: [end]\n", ["2:3 S102"]),
        ("a call:\n  scrpt: [end]\n", ["2:3 S102"]),
        ("a call:\n  from: '44'\n", ["1:1 S103"]),
        ("defaults: {script: [end]}\na call:\n  script: [end]\n", ["1:12 S102"]),
        ("a call:\n  call: {to: '44'}\n  to: '45'\n  script: [end]\n", ["3:3 S102"]),
        (HEAD + "    - {press: 1, after: 3s}\n    - end\n", ["3:18 S102"]),
        (HEAD + "    - {silence: 1, at: 3s}\n    - end\n", ["3:8 S101", "3:20 S102"]),
        (HEAD + "    - dial: {number: '44'}\n    - end\n", ["3:14 S102"]),
        (HEAD + "    - prss: 1\n    - end\n", ["3:7 S102"]),
        (HEAD + "    - press\n    - end\n", ["3:7 S103"]),
        (HEAD + "    - speak: {confidence: 0.4}\n    - end\n", ["3:7 S103"]),
        (HEAD + "    - speak: {text: a, alternatives: [{confidence: 0.4}]}\n    - end\n", ["3:39 S103"]),
        ("a call:\n  script: [end]\n  given: {customer: []}\n", ["3:21 S103"]),
        ("defaults: {flow: a}\n", ["1:1 S103"]),
        (HEAD + "    - press: x\n    - end\n", ["3:14 S104"]),
        (HEAD + "    - wait: soon\n    - end\n", ["3:13 S104"]),
        (HEAD + "    - {press: 1, at: soon}\n    - end\n", ["3:22 S104"]),
        (HEAD + "    - speak: {text: a, confidence: 40}\n    - end\n", ["3:36 S104"]),
        (HEAD + "    - speak: {text: a, alternatives: [{text: b, confidence: x}]}\n    - end\n", ["3:61 S104"]),
        (HEAD + "    - dial: {outcome: engaged}\n", ["3:23 S104"]),
        (HEAD + "    - dial: {hangs_up: nobody}\n", ["3:24 S104"]),
        (HEAD + "    - dial: {presses: [x]}\n", ["3:24 S104"]),
        (HEAD + "    - dial: {presses: [{speak: 'yes'}, 1, '']}\n", []),
        (HEAD + "    - dial: {presses: [{says: 'yes'}]}\n", ["3:25 S102"]),
        (HEAD + "    - dial: {presses: [[1]]}\n", ["3:24 S101"]),
        (HEAD + "    - record: {key: x}\n", ["3:21 S104"]),
        (HEAD + "    - record: long\n", ["3:15 S104"]),
        (HEAD + "    - hangup: later\n    - end\n", ["3:15 S104"]),
        (HEAD + "    - fault: unraedable\n    - end\n", ["3:14 S104"]),
        (HEAD + "    - event: {status: rining}\n    - end\n", ["3:23 S104"]),
        ("a call:\n", ["1:1 E103"]),
        ("a call:\n  at: noon\n  script: [end]\n", ["2:7 S104"]),
        ("a call:\n  at: 9999-12-31T23:59\n  script: [end]\n", ["2:7 S104"]),
        ("a call:\n  at: 0001-01-01T00:00+14:00\n  script: [end]\n", ["2:7 S104"]),
        ("a call:\n  at: 2101-01-01\n  script: [end]\n", ["2:7 S104"]),
        ("a call:\n  at: 2100-12-31\n  script: [end]\n", []),
        ("a call:\n  dial_allow: [GB]\n  script: [end]\n", ["2:16 S104"]),
        ("a call:\n  script: [end]\n  expect: {end: hangpu}\n", ["3:17 S104"]),
        ("a call:\n  script: [end]\n  expect: {seconds: long}\n", ["3:21 S104"]),
        ("a call:\n  script: [end]\n  expect: {seconds: 9..3}\n", ["3:21 S104"]),
        (HEAD + "    - sing\n    - end\n", ["3:7 S105"]),
        (HEAD + "    - {press: 1, hear: a}\n    - end\n", ["3:18 S105"]),
        (HEAD + "    - {}\n    - end\n", ["3:7 S105"]),
        ("a call:\n  script: [silence]\n", ["1:1 S111"]),
        (HEAD + "    - hear:\n", ["3:7 E103"]),
    ],
)
def test_a_fault_is_told_at_its_place(text: str, found: list[str]) -> None:
    assert found == issues_of(text)


def test_a_fault_is_shown_with_a_caret_and_a_cure() -> None:
    text = f"{HEAD}    - prss: 1\n    - end\n"
    shown = report(read_scenarios("s.yaml", text)[1], {"s.yaml": text})

    assert 's.yaml:3:7  S102  a script has no "prss"\n   3 |     - prss: 1\n' in shown
    assert '^^^^ did you mean "press"?' in shown


def test_a_lost_colon_is_told_as_such() -> None:
    (issue,) = read_scenarios("s.yaml", f'{HEAD}    - hear "Welcome"\n    - end\n')[1]

    assert ("a colon is missing behind `hear`", 'write `- hear: "Welcome"`') == (issue.message, issue.cure)


def test_a_scenario_with_an_error_is_left_out() -> None:
    read, _ = read_scenarios("s.yaml", f"{HEAD}    - prss: 1\nanother:\n  script: [end]\n")

    assert ["another"] == [scenario.name for scenario in read]


def test_what_shares_an_error_is_left_out() -> None:
    assert () == read_scenarios("s.yaml", "defaults: {at: noon}\na call:\n  script: [end]\n")[0]


@pytest.mark.parametrize("open_hear", ["hear", 'hear: "?"', 'hear: ""'])
def test_a_hear_may_be_left_open(open_hear: str) -> None:
    ((scenario,), _) = read_scenarios("s.yaml", f"{HEAD}    - {open_hear}\n")

    assert [None] == [step.text for step in scenario.script if isinstance(step, model.Hear)]


def test_a_misspelt_outcome_is_no_party() -> None:
    (near,) = read_scenarios("s.yaml", f"{HEAD}    - dial: bussy\n")[1]
    (far,) = read_scenarios("s.yaml", f"{HEAD}    - dial: engaged\n")[1]

    assert ("S104", 'did you mean "busy"?') == (near.code, near.cure)
    assert far.cure is not None
    assert far.cure.startswith("write one of: answered, completed, ")


def test_each_rule_has_a_code_of_its_own_and_a_cure() -> None:
    assert [f"S{number}" for number in range(101, 112)] == sorted(RULES)
    assert all(rule.title and rule.cure for rule in RULES.values())


@pytest.mark.parametrize(
    ("line", "word", "fields"),
    [
        ("press: 12#", "Press", {"digits": "12#", "at": None}),
        ('{press: "1", at: 4s}', "Press", {"digits": "1", "at": 4.0}),
        ("speak: sales", "Speak", {"results": (model.Said("sales", 0.9),)}),
        ("speak: {error: ERR1}", "Speak", {"results": (), "error": "ERR1"}),
        (
            "speak: {text: sales, confidence: 0.4, alternatives: [sails, {text: sale, confidence: 1}]}",
            "Speak",
            {"results": (model.Said("sales", 0.4), model.Said("sails", 0.5), model.Said("sale", 1.0))},
        ),
        ("silence", "Silence", {}),
        ("dial", "Dial", {"to": "", "outcome": "completed"}),
        ("dial: busy", "Dial", {"to": "", "outcome": "busy"}),
        ('dial: "447700900111"', "Dial", {"to": "447700900111", "outcome": "completed"}),
        (
            "dial: {to: '44', outcome: machine, rings: 2s, talks: 1m, hangs_up: caller, presses: [1, '']}",
            "Dial",
            {"outcome": "machine", "rings": 2.0, "talks": 60.0, "hangs_up_first": False, "presses": ("1", "")},
        ),
        ("dial: {hangs_up: party}", "Dial", {"hangs_up_first": True}),
        ("record", "Record", {"seconds": 5.0, "key": ""}),
        ("record: 8", "Record", {"seconds": 8.0}),
        ("record: {seconds: 2m, key: '#'}", "Record", {"seconds": 120.0, "key": "#"}),
        ("wait: 500ms", "Wait", {"seconds": 0.5}),
        ("hangup", "HangUp", {"at": None}),
        ("hangup: now", "HangUp", {"at": None}),
        ("hangup: 20s", "HangUp", {"at": 20.0}),
        ("{hangup: now, at: 20s}", "HangUp", {"at": 20.0}),
        ("end", "End", {}),
        ("fault: lost", "Disturb", {"fault": "lost"}),
        ("event: {n: 1, is: true, x: '1'}", "Event", {"fields": {"n": 1, "is": True, "x": "1"}}),
    ],
)
def test_a_step_is_read(line: str, word: str, fields: dict[str, object]) -> None:
    step = step_of(line)

    assert word == type(step).__name__
    assert fields == {name: getattr(step, name) for name in fields}


def test_a_list_of_texts_is_one_hear_after_another() -> None:
    scenarios, _ = read_scenarios("s.yaml", f'{HEAD}    - hear: [One, "Two: 2"]\n    - hear\n    - hear: "?"\n')

    assert ["One", "Two: 2", None, None] == [step.text for step in scenarios[0].script if isinstance(step, model.Hear)]


def test_what_a_file_shares_is_completed_by_each_scenario() -> None:
    text = """\
defaults:
  flow: reception
  from: "447700900999"
  at: 2026-12-24T10:00+01:00
  env: {A: one, B: two}
  given: {first: {timeout: true}, second: {error: "503"}}
  dial_allow: ["44", "sip:"]
  expect: {end: completed, hooks: [told], seconds: <40, ncco: [talk]}
a call:
  call: {sip: {X-Tenant: blue}, custom_data: {order: 7}, user: alice}
  env: {B: three}
  given: {second: {value: [1]}}
  script: [end]
  expect: {hooks: [], said: bye, variables: {n: 1}}
"""
    (scenario,), issues = read_scenarios("s.yaml", text)

    assert [] == issues
    assert ("reception", "447700900999", "alice") == (scenario.call.flow, scenario.call.from_, scenario.call.user)
    assert ("2026-12-24T10:00:00+01:00", {"X-Tenant": "blue"}) == (scenario.call.at.isoformat(), scenario.call.sip)
    assert {"order": 7} == scenario.call.custom_data
    assert {"A": "one", "B": "three"} == scenario.env
    assert ["first", "second"] == list(scenario.given)
    assert ("44", "sip:") == scenario.dial_allow
    assert ("completed", (), {"n": 1}) == (scenario.expect.end, scenario.expect.hooks, scenario.expect.variables)
    assert ({"action": "talk"},) == scenario.expect.ncco


@pytest.mark.parametrize(
    ("written", "inside", "outside"),
    [
        ("<40", 39.9, 40),
        ("<=40", 40, 40.1),
        ('">10"', 10.1, 10),
        ('">=10"', 10, 9.9),
        ("30..40", 30, 41),
        ("35", 35.4, 36),
        ("35s", 34.6, 34),
    ],
)
def test_seconds_are_a_range(written: str, inside: float, outside: float) -> None:
    (scenario,), _ = read_scenarios("s.yaml", f"a call:\n  script: []\n  expect: {{seconds: {written}}}\n")
    seconds = scenario.expect.seconds

    assert seconds is not None
    assert (True, False) == (seconds.holds(inside), seconds.holds(outside))

from __future__ import annotations

import pytest

from app.flow.loader import load

STEPS = "steps:\n  hello:\n    do:\n      - talk: Hello.\n    goto: end\n"


def faults(text: str) -> list[str]:
    issues = load({"flows/a.yaml": text}).issues
    return [f"{issue.place.line}:{issue.place.column} {issue.code} {issue.message} → {issue.cure}" for issue in issues]


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ("default: true\nstart: hello", "1:1 E204 the flow has no `flow` → begin the file with `flow: name`"),
        ("flow: a\ndefault: true", "1:1 E204 the flow has no `start` → add `start: hello`"),
        ("flow: [a]\ndefault: true\nstart: hello", "1:7 E201 `flow` is a list → write a text here"),
        (
            "flow: Acme\ndefault: true\nstart: hello",
            '1:7 E205 a flow cannot be named "Acme" → use a to z, 0 to 9, _ and -',
        ),
        ("flow: a\ndefault: true\nstart: helo", '3:8 E214 unknown step "helo" → did you mean "hello"?'),
        (
            "flow: a\ndefault: true\nstart: end",
            "3:8 E214 a call cannot start at its end → name a step, e.g. `start: hello`",
        ),
        ("flow: a\ndefault: true\nstart: [hello]", '3:8 E201 `start` is a list → write the name of a step, or "end"'),
        (
            "flow: a\ndefault: maybe\nstart: hello\nentry: true",
            '2:10 E203 `default` cannot be "maybe" → true or false is needed',
        ),
        (
            "flow: a\ndefault: yes\nstart: hello",
            '2:10 E203 `default` cannot be "yes" → true or false is needed: write true',
        ),
        (
            "flow: a\nnumbers: 442079460000\nstart: hello",
            '2:10 E201 `numbers` is not a list → write `numbers: ["442079460000"]`',
        ),
        (
            "flow: a\nnumbers: {a: b}\nstart: hello",
            '2:10 E201 `numbers` is not a list → write `numbers: ["442079460000"]`',
        ),
        (
            "flow: a\nnumbers: [anna]\nstart: hello",
            '2:11 E203 `numbers` cannot be "anna" → a phone number is needed: 7 to 15 digits with the country code,'
            " such as 447700900123",
        ),
        (
            "flow: a\nstart: hello",
            '1:7 W213 no call can start in the flow "a" → add `numbers`, `default: true` or `entry: true`',
        ),
        (
            "flow: a\nnumbers: []\nstart: hello",
            '1:7 W213 no call can start in the flow "a" → add `numbers`, `default: true` or `entry: true`',
        ),
        (
            "flow: a\nentry: false\nstart: hello",
            '1:7 W213 no call can start in the flow "a" → add `numbers`, `default: true` or `entry: true`',
        ),
        ("flow: a\nentry: true\nstrat: hello", '3:1 E202 the flow has no "strat" → did you mean "start"?'),
        ("name: a\nentry: true\nstart: hello", '1:1 E202 the flow has no "name" → write `flow`'),
        (
            "flow: a\nentry: true\nstart: hello\ntalk: {language: en-GB}",
            '4:1 E202 the flow has no "talk" → write it under `defaults`: `defaults: {talk: {..}}`',
        ),
        (
            "flow: a\nentry: true\nstart: hello\ndefault: {talk: {language: en-GB}}",
            "4:1 E201 `default` is a map, and it takes true or false → write `defaults`",
        ),
        (
            "flow: a\nentry: true\nstart: hello\ndefault: {a: b}\ndefaults: {talk: {language: en-GB}}",
            "4:10 E201 `default` is a map → write a text here",
        ),
        (
            "flow: a\nentry: true\nstart: hello\ndefaults: none",
            "4:11 E201 `defaults` is a text → write e.g. `defaults: {talk: {language: en-GB}}`",
        ),
    ],
)
def test_a_fault_at_the_top_is_reported_once_with_its_cure(head: str, fault: str) -> None:
    assert [fault] == faults(f"{head}\n{STEPS}")


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ("", "1:1 E204 the flow has no `steps` → write the steps of the call under `steps:`"),
        ("steps: {}\n", "4:1 E204 `steps` is empty → write the steps of the call under `steps:`"),
        (
            "steps: [hello]\n",
            "4:8 E201 `steps` is a list → write each step below the other, its name in front: `welcome:`",
        ),
        (
            "step:\n  hello: {do: [{talk: Hello.}], goto: end}\n",
            '4:1 E202 the flow has no "step" → did you mean "steps"?',
        ),
    ],
)
def test_a_flow_without_steps_says_what_to_write(steps: str, fault: str) -> None:
    assert [fault] == faults(f"flow: a\nentry: true\nstart: hello\n{steps}")


def test_a_file_that_is_a_text_says_how_a_flow_begins() -> None:
    assert [
        "1:1 E201 a flow file is a map, and this is none → begin with `flow: name`, `start: step` and `steps:`"
    ] == faults("hello\n")


def test_an_empty_map_lacks_everything() -> None:
    assert ["E204", "E204", "E204"] == [fault.split()[1] for fault in faults("{}\n")]


def test_a_step_cannot_be_named_end() -> None:
    assert [
        '9:3 E206 a step cannot be named "end": as a target it is the end of the call → choose another name'
    ] == faults(f"flow: a\nentry: true\nstart: hello\n{STEPS}  end:\n    goto: end\n")


def test_a_faulty_step_name_is_not_held_against_who_means_it() -> None:
    text = f"flow: a\nentry: true\nstart: hello\n{STEPS}".replace("  hello:", "  hel lo:")

    assert ['5:3 E205 a step cannot be named "hel lo" → use letters, digits, _ and -'] == faults(text)


DEFAULTS = [
    ("language: en-GB", '5:3 E202 `defaults` has no "language" → write it under its action: `talk: {language: en-GB}`'),
    ("error: hello", '5:3 E202 `defaults` has no "error" → write `on: {error: step}`'),
    ("talk: en-GB", "5:9 E201 `talk` is a text → write the options that every talk has: `talk: {..}`"),
    ("talk: {langage: en-GB}", '5:10 E202 talk has no "langage" → did you mean "language"?'),
    ("on: hello", "5:7 E201 `on` of defaults is a text → write `on: {error: step}`"),
    ("on: {busy: hello}", '5:8 E202 `on` of defaults has no "busy" → known are: error'),
    ("on: {error: helo}", '5:15 E214 unknown step "helo" → did you mean "hello"?'),
    ("on: {error: [a]}", '5:15 E201 `error` is a list → write the name of a step, or "end"'),
    ("min_confidence: 2", '5:19 E203 `min_confidence` cannot be "2" → write a number from 0 to 1'),
    ("retry: end", "5:10 E201 `retry` is a text → write `retry: {noinput: [..], nomatch: [..], then: step}`"),
    (
        "choices: end",
        "5:12 E201 `choices` is not a map → write one choice a line: `sales: {dtmf: 1, speech: [sales], goto: sales}`",
    ),
    ("choices: {operator: {dtmf: 0}}", '5:13 E204 the choice "operator" has no `goto` → add `goto: step`'),
]


@pytest.mark.parametrize(("written", "fault"), DEFAULTS)
def test_a_fault_in_the_defaults_is_reported_once_with_its_cure(written: str, fault: str) -> None:
    assert [fault] == faults(f"flow: a\nentry: true\nstart: hello\ndefaults:\n  {written}\n{STEPS}")


MENUS = """steps:
  hello:
    do: [{talk: Press 1.}]
    choices: {one: {dtmf: 1, goto: second}}
  second:
    do: [{talk: Press 2.}]
    choices: {two: {dtmf: 2, goto: end}}
"""


@pytest.mark.parametrize("written", ["retry: end", "rtry: {then: hello}", "retry: {then: [end]}", "choices: end"])
def test_a_fault_in_the_defaults_is_not_held_against_the_steps(written: str) -> None:
    text = f"flow: a\nentry: true\nstart: hello\ndefaults:\n  retry: {{then: end}}\n  {written}\n{MENUS}"
    if "try" in written:
        text = text.replace("  retry: {then: end}\n", "", 1)

    assert 1 == len([fault for fault in faults(text) if "E216" not in fault])


def test_every_fault_of_a_file_is_found_at_once() -> None:
    text = """flow: ten
numbers: ["02079460000"]
start: welcom

vars:
  count: {type: integer}

defaults:
  talk: {langage: en-GB}

steps:
  welcome:
    do:
      - talk: "Hello {{ custmer }}."
    goto: menu

  menu:
    do:
      - talk: "Press 1 or 2."
    choices:
      sales: {dtmf: 1, speech: [sales], goto: sales}
      support: {dtmf: 1, speech: [support], goto: supprt}

  sales:
    do:
      - connect: "447700900111"
    on:
      completed: end
      busy: support

  support:
    branch:
      - if: call.from = "447700900123"
        goto: sales

  lost:
    do:
      - talk: "Nobody comes here."
    goto: end
"""

    assert [
        ("E203", 2),
        ("E214", 3),
        ("E203", 6),
        ("E202", 9),
        ("E303", 14),
        ("E240", 20),
        ("E233", 22),
        ("E214", 22),
        ("E260", 27),
        ("E250", 32),
        ("E302", 33),
    ] == [(issue.code, issue.place.line) for issue in load({"flows/ten.yaml": text}).issues]


def test_a_flow_that_one_with_faults_may_run_is_not_told_to_be_out_of_reach() -> None:
    part = "flow: part\nstart: a\nsteps:\n  a: {do: [{talk: Hello}], goto: return}\n"
    runs = "flow: main\ndefault: true\nstart: a\nsteps:\n  a: {run: part, on: {return: end}}\n"

    def codes(main: str) -> list[str]:
        return [issue.code for issue in load({"flows/main.yaml": main, "flows/part.yaml": part}).issues]

    assert [] == codes(runs)
    assert ["W213"] == codes("flow: main\ndefault: true\nstart: a\nsteps:\n  a: {goto: end}\n")
    assert ["E101"] == codes(runs.replace("  a: {run", "  a {run"))
    assert ["E202"] == codes(runs.replace("steps:", "step:"))

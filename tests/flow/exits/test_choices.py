from __future__ import annotations

import pytest

from app.flow.actions.do import KINDS
from app.flow.actions.item import KINDS as SCANNED
from app.flow.model import Again, Frame, Go, Outcome
from tests.flow.loading_flows import decision_of, exit_of, faults_of, flow_of, marked

MENU = """
hello:
  do:
    - talk: "For sales press 1, for support press 2, to wait press hash."
  choices:
    sales:   {dtmf: 1, speech: [sales, buy], goto: end}
    support: {dtmf: [2, "*"], speech: "Help, please!", set: {topic: support}, goto: end}
    silent:  {dtmf: "#", goto: end}
  retry: {noinput: ["Sorry?"], then: end}
"""
VARS = """
vars:
  topic: {type: text}
"""


def test_a_key_leads_to_its_choice() -> None:
    decision = decision_of(exit_of(MENU, VARS), Outcome("choice", "sales", digits="1"))

    assert isinstance(decision.move, Go)
    assert decision.outcome == "sales"
    assert decision.because == 'digits 1 are the key of choice "sales"'
    assert decision.others == ('support: needs 2 or * or "Help, please!"', "silent: needs #")
    assert decision.place.line == 12


def test_a_phrase_leads_to_its_choice() -> None:
    outcome = Outcome("choice", "support", text="some help please now", confidence=0.9)

    decision = decision_of(exit_of(MENU, VARS), outcome)

    assert decision.outcome == "support"
    assert decision.because == '"some help please now" holds "help please", a phrase of choice "support"'
    assert decision.others == ('sales: needs 1 or "sales", "buy"', "silent: needs #")


def test_what_a_choice_sets_goes_with_the_decision() -> None:
    decision = decision_of(exit_of(MENU, VARS), Outcome("choice", "support", digits="2"))

    assert [("topic", "support")] == [(each.name, each.value.render({})) for each in decision.sets]


def test_silence_is_asked_again_and_says_what_each_choice_needs() -> None:
    decision = decision_of(exit_of(MENU, VARS), Outcome("noinput", because="nothing was heard"))

    assert isinstance(decision.move, Again)
    assert decision.outcome == "noinput"
    assert decision.because == "nothing was heard; failed try 1 of 2: asked again"
    assert len(decision.others) == 3


def test_a_fault_of_the_recogniser_is_asked_again_without_blame() -> None:
    decision = decision_of(exit_of(MENU, VARS), Outcome("asr_error", because="it failed"), tries=1)

    assert decision.move == Again(blame=False)
    assert decision.outcome == "asr_error"


def test_an_outcome_of_a_dial_does_not_steer_a_menu() -> None:
    assert exit_of(MENU, VARS).decide(Outcome("busy"), Frame({}), 0) is None


def test_a_menu_waits_for_a_webhook() -> None:
    assert exit_of(MENU, VARS).enter(Frame({})) is None


def test_every_key_and_folded_phrase_is_asked_for() -> None:
    asked = exit_of(MENU, VARS).asked

    assert asked is not None
    assert asked.keys == {"1": "sales", "2": "support", "*": "support", "#": "silent"}
    assert asked.phrases == {"sales": "sales", "buy": "sales", "help please": "support"}
    assert asked.min_confidence == 0.0


def test_a_choice_passes_input_and_a_last_try_does_not() -> None:
    edges = [(edge.label, edge.passes_input) for edge in exit_of(MENU, VARS).edges()]

    assert edges == [
        ("sales", True),
        ("support", True),
        ("silent", True),
        ("noinput", False),
        ("nomatch", False),
    ]


def test_the_input_asks_for_what_the_choices_need() -> None:
    step = flow_of(MENU, VARS).steps["hello"]

    action = step.parts[-1].render(Frame({}))[0].action

    assert action["action"] == "input"
    assert action["type"] == ["dtmf", "speech"]
    assert action["dtmf"] == {"maxDigits": 1}
    assert action["speech"]["context"] == ["sales", "buy", "Help, please!"]


def test_a_menu_inherits_choices_and_its_own_win_by_name() -> None:
    head = """
    defaults:
      min_confidence: 0.4
      choices:
        operator: {dtmf: 0, goto: end}
        sales: {dtmf: 9, goto: end}
    """

    asked = exit_of(MENU, VARS + head.replace("\n    ", "\n")).asked

    assert asked is not None
    assert asked.keys == {"1": "sales", "2": "support", "*": "support", "#": "silent", "0": "operator"}
    assert asked.min_confidence == 0.4


def test_a_step_may_be_surer_than_the_flow() -> None:
    steps = MENU.replace("  retry:", "  min_confidence: 0.7\n  retry:")

    asked = exit_of(steps, "defaults: {min_confidence: 0.2}" + VARS).asked

    assert asked is not None
    assert asked.min_confidence == 0.7


def test_a_menu_of_inherited_choices_alone_is_fine() -> None:
    steps = """
    hello:
      do:
        - talk: "Press 0."
      choices: {}
      retry: {then: end}
    """

    asked = exit_of(steps, "defaults: {choices: {operator: {dtmf: 0, goto: end}}}\n").asked

    assert asked is not None
    assert asked.keys == {"0": "operator"}


NO_KEY = 'write digits, "*" or "#", or a list of them'
NO_PHRASE = "write words as they are said, without braces"
CHOICE_FAULTS = [
    ("one: {dtmf: 1}", 'E204 the choice "one" has no `goto`', "add `goto: step`"),
    ("one: {dtmf: 1, target: end}", 'E202 the choice "one" has no "target"', "write `goto`"),
    ("one: {dtfm: 1, goto: end}", 'E202 the choice "one" has no "dtfm"', 'did you mean "dtmf"?'),
    ("one: {press: 1, goto: end}", 'E202 the choice "one" has no "press"', "write `dtmf`"),
    ("one: end", 'E201 the choice "one" is not a map', "write `one: {dtmf: 1, goto: step}`"),
    (
        "one: {goto: end}",
        'E231 the choice "one" can be neither pressed nor said',
        "add `dtmf`, `speech` or both",
    ),
    ("one: {dtmf: [], goto: end}", 'E232 `dtmf` of the choice "one" is an empty list', NO_KEY),
    ("one: {dtmf: 1#, goto: end}", 'E232 "1#" cannot be pressed', NO_KEY),
    ("one: {dtmf: {a: b}, goto: end}", 'E201 `dtmf` of the choice "one" is a map', "write a text here"),
    (
        "one: {speech: [], goto: end}",
        'E235 `speech` of the choice "one" is an empty list',
        "list what a caller may say",
    ),
    ("one: {speech: [[a]], goto: end}", 'E201 `speech` of the choice "one" is a list', "write a text here"),
    ("one: {speech: '!?', goto: end}", 'E235 "!?" holds no word that could be heard', NO_PHRASE),
    ("one: {speech: '{{ call.to }}', goto: end}", "E235 a phrase cannot be computed", NO_PHRASE),
    (
        "noinput: {dtmf: 1, goto: end}",
        'E206 a choice cannot be named "noinput"',
        "write it under `retry`: `retry: {noinput: [..], then: step}`",
    ),
    ("error: {dtmf: 1, goto: end}", 'E206 a choice cannot be named "error"', "give the choice another name"),
    (
        "'1 a': {dtmf: 1, goto: end}",
        'E205 a choice cannot be named "1 a"',
        "name the choice by what it stands for; keys go into `dtmf`",
    ),
]


@pytest.mark.parametrize(("choice", "message", "cure"), CHOICE_FAULTS)
def test_a_fault_in_a_choice_is_reported_once_with_its_cure(choice: str, message: str, cure: str) -> None:
    steps = f"""
    hello:
      do:
        - talk: "Press 1."
      choices:
        {choice}
      retry: {{then: end}}
    """

    assert [f"{message} → {cure}"] == faults_of(steps)


def test_choices_that_are_no_map_say_how_a_choice_is_written() -> None:
    steps = """
    hello:
      do:
        - talk: "Press 1."
      choices: [sales, support]
      retry: {then: end}
    """

    assert [
        "E201 `choices` is not a map → write one choice a line: `sales: {dtmf: 1, speech: [sales], goto: sales}`"
    ] == faults_of(steps)


def test_a_shared_key_is_reported_where_it_is_pressed_the_second_time() -> None:
    steps = """
    hello:
      do:
        - talk: "Press 1."
      choices:
        sales: {dtmf: 1, goto: end}
        support: {dtmf: [2, 1], goto: end}
      retry: {then: end}
    """

    assert ["E233 1"] == marked(steps)
    assert [
        'E233 the key 1 stands for "support" and, in line 9, for "sales" → give one of them another key'
    ] == faults_of(steps)


def test_a_shared_phrase_is_found_behind_case_and_punctuation() -> None:
    steps = """
    hello:
      do:
        - talk: "Say it."
      choices:
        sales: {speech: [Café], goto: end}
        support:
          goto: end
          speech: [bar, "cafe!"]
      retry: {then: end}
    """

    assert ['E234 "cafe!"'] == marked(steps)
    assert [
        'E234 the phrase "cafe" stands for "support" and, in line 9, for "sales" → give one of them another phrase'
    ] == faults_of(steps)


def test_the_words_of_do_are_those_that_the_parts_know() -> None:
    assert {kind.word for kind in KINDS} == set(SCANNED)


def test_a_key_that_ends_the_input_can_be_no_choice() -> None:
    steps = """
    hello:
      do:
        - talk: "Press hash."
        - input: {dtmf: {submitOnHash: true}}
      choices: {done: {dtmf: "#", goto: end}}
      retry: {then: end}
    """

    assert ["E406 true"] == marked(steps)
    assert [] == marked(steps.replace('"#"', "1").replace("hash", "1"))

from __future__ import annotations

import pytest

from app.flow.model import Again, Frame, Go, Outcome
from tests.flow.loading_flows import codes_of, decision_of, exit_of, faults_of, flow_of

STEPS = """
hello:
  do:
    - talk: "Key in your account number."
  collect: {into: account, digits: 6..8, check: account != "000000"}
  retry: {nomatch: ["That is wrong."], then: end}
  goto: thanks
thanks:
  do:
    - talk: "Thank you."
  goto: end
"""
SPEECH = """
hello:
  do:
    - talk: "What is it about?"
  collect: {into: reason, speech: any, min_confidence: 0.5}
  retry: {then: end}
  goto: end
"""
PIN = """
hello:
  do:
    - talk: "Key in your PIN."
  collect: {into: pin, digits: 4, sensitive: true, check: pin == "2580"}
  retry: {then: end}
  goto: end
"""


def test_what_fits_goes_into_the_variable() -> None:
    decision = decision_of(exit_of(STEPS), Outcome("collected", digits="1234567"))

    assert isinstance(decision.move, Go)
    assert decision.move.target.step == "thanks"
    assert decision.outcome == "collected"
    assert decision.values == {"account": "1234567"}
    assert decision.because == '7 digits go into account; check: account != "000000" holds'


@pytest.mark.parametrize(
    ("outcome", "because"),
    [
        (Outcome("collected", digits="12345"), "length: 5 digits were entered where 6 to 8 are due"),
        (Outcome("collected", digits="123456789"), "length: 9 digits were entered where 6 to 8 are due"),
        (Outcome("collected", digits="12*4567"), "digits are due, and another key was pressed"),
        (Outcome("collected", digits="#"), "digits are due, and another key was pressed"),
        (Outcome("collected", digits="000000"), 'check: account != "000000" does not hold'),
        (Outcome("collected", text="one two"), "speech was given, but keys were asked for"),
    ],
)
def test_what_does_not_fit_is_a_failed_try(outcome: Outcome, because: str) -> None:
    decision = decision_of(exit_of(STEPS), outcome)

    assert isinstance(decision.move, Again)
    assert decision.outcome == "nomatch"
    assert decision.because == f"{because}; failed try 1 of 2: asked again"
    assert decision.values == {}


def test_a_fixed_length_is_named_in_the_reason() -> None:
    decision = decision_of(exit_of(PIN), Outcome("collected", digits="12"))

    assert decision.because == "length: 2 digits were entered where 4 are due; failed try 1 of 3: asked again"


def test_the_last_failed_try_leads_to_then() -> None:
    decision = decision_of(exit_of(PIN), Outcome("collected", digits="1111"), tries=2)

    assert isinstance(decision.move, Go)
    assert decision.outcome == "nomatch"
    assert decision.because == "the check does not hold; failed try 3 of 3: retry.then leads to the end"


def test_the_trace_never_shows_what_a_sensitive_value_is_compared_with() -> None:
    right = decision_of(exit_of(PIN), Outcome("collected", digits="2580"))
    wrong = decision_of(exit_of(PIN), Outcome("collected", digits="1111"))

    assert right.because == "4 digits go into pin; the check holds"
    assert wrong.because == "the check does not hold; failed try 1 of 3: asked again"


def test_silence_is_noinput() -> None:
    assert decision_of(exit_of(STEPS), Outcome("noinput")).outcome == "noinput"


def test_a_fault_of_the_recogniser_is_asked_again_without_blame() -> None:
    assert decision_of(exit_of(SPEECH), Outcome("asr_error")).move == Again(blame=False)


def test_free_speech_is_kept_as_it_was_said() -> None:
    decision = decision_of(exit_of(SPEECH), Outcome("collected", text="my bike", confidence=0.8))

    assert decision.values == {"reason": "my bike"}
    assert decision.because == "what was said goes into reason"


def test_keys_are_no_answer_to_a_question_by_speech() -> None:
    decision = decision_of(exit_of(SPEECH), Outcome("collected", digits="12"))

    assert decision.outcome == "nomatch"
    assert decision.because == "keys were pressed, but speech was asked for; failed try 1 of 3: asked again"


def test_an_outcome_of_a_dial_does_not_steer_a_data_entry() -> None:
    assert exit_of(STEPS).decide(Outcome("busy"), Frame({}), 0) is None


def test_a_data_entry_waits_for_a_webhook() -> None:
    assert exit_of(STEPS).enter(Frame({})) is None


def test_what_is_collected_is_cast_to_its_variable() -> None:
    head = "vars: {account: {type: int}}\n"
    steps = STEPS.replace('account != "000000"', "account != 0")

    decision = decision_of(exit_of(steps, head), Outcome("collected", digits="0012345"))

    assert decision.values == {"account": 12345}


def test_what_is_not_of_the_type_is_a_failed_try() -> None:
    head = "vars: {reason: {type: int}}\n"

    decision = decision_of(exit_of(SPEECH, head), Outcome("collected", text="twelve"))

    assert decision.outcome == "nomatch"
    assert decision.because.startswith("it does not fit the type of reason: a whole number is needed")


def test_nothing_is_said_of_a_sensitive_value_that_does_not_fit() -> None:
    head = "vars: {reason: {type: int, sensitive: true}}\n"

    decision = decision_of(exit_of(SPEECH, head), Outcome("collected", text="twelve"))

    assert decision.because == "it does not fit the type of reason; failed try 1 of 3: asked again"


def test_collect_declares_a_text_that_begins_empty() -> None:
    variable = flow_of(STEPS).variables["account"]

    assert (variable.type_name, variable.default, variable.sensitive) == ("text", "", False)


def test_collect_makes_its_variable_sensitive() -> None:
    flow = flow_of(PIN, 'vars: {pin: {type: text, default: ""}}\n')

    assert flow.variables["pin"].sensitive
    assert flow.steps["hello"].exit.asked is not None
    assert flow.steps["hello"].exit.asked.sensitive


def test_a_range_ends_with_hash_and_a_fixed_length_does_not() -> None:
    asks = [flow_of(steps).steps["hello"].parts[-1].render(Frame({}))[0].action for steps in (STEPS, PIN)]

    assert [
        {"maxDigits": 8, "submitOnHash": True},
        {"maxDigits": 4},
    ] == [action["dtmf"] for action in asks]


def test_only_what_is_collected_passes_input() -> None:
    edges = [(edge.label, edge.passes_input) for edge in exit_of(STEPS).edges()]

    assert edges == [("collected", True), ("noinput", False), ("nomatch", False)]


@pytest.mark.parametrize(
    ("collect", "fault"),
    [
        ("12", "E201 `collect` is a text → write `collect: {into: name, digits: 4}`"),
        ("{digits: 4}", "E204 `collect` has no `into` → add `into: name`, the variable that keeps what was given"),
        ("{into: [a], digits: 4}", "E201 `into` is a list → write a text here"),
        ("{into: a b, digits: 4}", 'E205 a variable cannot be named "a b" → use letters, digits and _, e.g. a_b'),
        ("{into: now, digits: 4}", 'E206 "now" is a name that every call has already → choose another name'),
        ("{into: a}", "E245 `collect` takes neither digits nor speech → add `digits: 4` or `speech: any`"),
        ("{into: a, digits: four}", 'E246 `digits` is "four" → write a number from 1 to 20, or a range such as 6..8'),
        ("{into: a, digits: 4-6}", 'E246 `digits` is "4-6" → write 4..6'),
        ("{into: a, digits: 8..6}", 'E246 `digits` is "8..6" → write the smaller number first: 6..8'),
        (
            "{into: a, digits: 21}",
            'E246 `digits` is "21" → an `input` takes 1 to 20 digits: write a number or a range within',
        ),
        ("{into: a, digits: [4]}", "E201 `digits` is a list → write a text here"),
        (
            "{into: a, speech: [yes]}",
            "E203 `speech` of `collect` takes any words → write `speech: any`, or use `choices`",
        ),
        ("{into: a, dtmf: 4}", 'E202 `collect` has no "dtmf" → write `digits: 4`, or a range such as `digits: 6..8`'),
        (
            "{into: a, digits: 4, min_confidence: 0.5}",
            "E219 `min_confidence` is in a `collect` without speech → delete it, or add `speech: any`",
        ),
        ("{into: a, digits: 4, sensitive: maybe}", 'E203 `sensitive` cannot be "maybe" → true or false is needed'),
        (
            "{into: a, speech: any, min_confidence: 50}",
            'E203 `min_confidence` cannot be "50" → write a number from 0 to 1',
        ),
        (
            "{into: a, speech: any, min_confidence: high}",
            'E203 `min_confidence` cannot be "high" → write a number from 0 to 1',
        ),
        (
            "{into: a, digits: 4, goto: end}",
            'E202 `collect` has no "goto" → write `goto` beside `collect`, not inside it',
        ),
    ],
)
def test_a_fault_in_a_collect_is_reported_once_with_its_cure(collect: str, fault: str) -> None:
    steps = f"""
    hello:
      do:
        - talk: "Key in something."
      collect: {collect}
      retry: {{then: end}}
      goto: end
    """

    assert [fault] == faults_of(steps)


def test_a_misspelt_into_declares_its_variable_all_the_same() -> None:
    assert ["E202"] == codes_of(STEPS.replace("into:", "inot:"))


def test_collect_without_goto_says_what_to_add() -> None:
    steps = PIN.replace("  goto: end\n", "")

    assert ['E204 step "hello" has no `goto` → add `goto: step` beside `collect`'] == faults_of(steps)


def test_min_confidence_beside_collect_belongs_inside() -> None:
    steps = SPEECH.replace("  goto: end", "  min_confidence: 0.5\n  goto: end")

    assert [
        "E219 `min_confidence` has no effect beside `collect` → write `min_confidence` inside `collect`"
    ] == faults_of(steps)

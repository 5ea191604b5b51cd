from __future__ import annotations

import pytest

from app.flow.loader import load
from app.flow.model import Again, Decision, Frame, Go, Outcome
from tests.flow.loading_flows import PATH, codes_of, decision_of, exit_of, faults_of, flow_of, text_of

MENU = """
hello:
  do:
    - talk: "Press 1 or 2."
  choices:
    one: {dtmf: 1, goto: end}
    two: {dtmf: 2, goto: other}
  retry: RETRY
other:
  do:
    - talk: "Other."
  goto: end
"""
BOTH = '{noinput: ["Silence 1.", "Silence 2."], nomatch: ["Wrong 1."], then: {noinput: other, nomatch: end}}'


def menu(retry: str) -> str:
    return MENU.replace("RETRY", retry)


def texts(decision: Decision) -> list[str]:
    assert isinstance(decision.move, Again)
    return [draft.action["text"] for part in decision.move.prompts for draft in part.render(Frame({}))]


@pytest.mark.parametrize(
    ("failure", "tries", "said"),
    [
        ("noinput", 0, ["Silence 1."]),
        ("noinput", 1, ["Silence 2."]),
        ("nomatch", 0, ["Wrong 1."]),
        ("nomatch", 1, ["Wrong 1."]),
    ],
)
def test_the_position_in_the_list_is_the_failed_try_and_the_last_prompt_repeats(
    failure: str, tries: int, said: list[str]
) -> None:
    decision = decision_of(exit_of(menu(BOTH)), Outcome(failure), tries=tries)

    assert said == texts(decision)
    assert failure == decision.outcome


@pytest.mark.parametrize(("failure", "target"), [("noinput", "other"), ("nomatch", None)])
def test_the_last_try_leads_to_then(failure: str, target: str | None) -> None:
    decision = decision_of(exit_of(menu(BOTH)), Outcome(failure, because="so"), tries=2)

    assert isinstance(decision.move, Go)
    assert target == decision.move.target.step
    assert decision.because.startswith("so; failed try 3 of 3: retry.then leads to ")
    assert decision.place == decision.move.target.place


@pytest.mark.parametrize(
    ("retry", "asked"),
    [
        ("{then: end}", 3),
        ('{noinput: ["Sorry?"], then: end}', 2),
        ('{noinput: ["Sorry?"], nomatch: ["a", "b", "c"], then: end}', 4),
        ("{tries: 1, then: end}", 1),
        ("{tries: 10, then: end}", 10),
    ],
)
def test_how_often_a_menu_asks_altogether(retry: str, asked: int) -> None:
    exit_ = exit_of(menu(retry))

    moves = [type(decision_of(exit_, Outcome("noinput"), tries=tries).move) for tries in range(asked)]

    assert [*[Again] * (asked - 1), Go] == moves


def test_without_prompts_the_menu_is_read_again_as_it_was() -> None:
    decision = decision_of(exit_of(menu("{then: end}")), Outcome("noinput"))

    assert decision.move == Again((), reprompt=True)
    assert decision.place.line == 11


def test_reprompt_false_plays_the_prompt_alone() -> None:
    decision = decision_of(exit_of(menu('{noinput: "Sorry?", reprompt: false, then: end}')), Outcome("noinput"))

    assert texts(decision) == ["Sorry?"]
    assert isinstance(decision.move, Again)
    assert not decision.move.reprompt


def test_a_step_inherits_what_its_own_retry_leaves_out() -> None:
    head = 'defaults: {retry: {noinput: ["Inherited."], nomatch: ["Inherited too."], reprompt: false, then: other}}\n'

    exit_ = exit_of(menu('{noinput: ["Own."]}'), head)

    assert texts(decision_of(exit_, Outcome("noinput"))) == ["Own."]
    assert texts(decision_of(exit_, Outcome("nomatch"))) == ["Inherited too."]
    assert decision_of(exit_, Outcome("nomatch")).move == Again(
        decision_of(exit_, Outcome("nomatch")).move.prompts,  # type: ignore[union-attr]  # it is asked again
        reprompt=False,
    )
    assert [edge.target.step for edge in exit_.edges()] == [None, "other", "other", "other"]


def barge_in_of(steps: str) -> list[bool | None]:
    move = decision_of(exit_of(steps), Outcome("noinput")).move
    assert isinstance(move, Again)
    return [draft.action.get("bargeIn") for part in move.prompts for draft in part.render(Frame({}))]


def test_a_prompt_can_be_interrupted_where_only_talk_stands_before_the_input() -> None:
    assert [True] == barge_in_of(menu('{noinput: "Sorry?", then: other}'))


def test_a_prompt_cannot_be_interrupted_where_other_actions_stand_before_the_input() -> None:
    steps = menu('{noinput: "Sorry?", then: other}').replace('"Press 1 or 2."', '"Press 1 or 2."\n    - wait: 1')

    assert [None] == barge_in_of(steps)


def test_a_prompt_that_is_played_alone_can_always_be_interrupted() -> None:
    asked = menu('{noinput: "Sorry?", reprompt: false, then: other}')
    steps = asked.replace('"Press 1 or 2."', '"Press 1 or 2."\n    - wait: 1')

    assert [True] == barge_in_of(steps)


def test_what_a_prompt_says_of_barge_in_counts() -> None:
    assert [False] == barge_in_of(menu('{noinput: [{talk: "Sorry?", bargeIn: false}], then: other}'))


def test_a_streamed_prompt_in_front_of_talk_is_not_interrupted() -> None:
    assert [None] == barge_in_of(menu("{noinput: [{stream: 'https://example.com/sorry.mp3'}], then: other}"))


def test_prompts_inherit_the_talk_defaults_of_the_flow() -> None:
    steps = menu('{noinput: "Sorry?", then: other}')

    move = decision_of(exit_of(steps, "defaults: {talk: {language: en-GB}}\n"), Outcome("noinput")).move

    assert isinstance(move, Again)
    assert move.prompts[0].render(Frame({}))[0].action["language"] == "en-GB"


@pytest.mark.parametrize(
    ("retry", "fault"),
    [
        ("end", "E201 `retry` is a text → write `retry: {noinput: [..], nomatch: [..], then: step}`"),
        ("{them: end}", 'E202 `retry` has no "them" → did you mean "then"?'),
        ("{attempts: 3, then: end}", 'E202 `retry` has no "attempts" → write `tries`'),
        (
            "{tries: 3}",
            "E240 a caller who never answers is asked forever: no `then` says what follows the last try"
            " → add `retry: {then: step}`, here or under `defaults`",
        ),
        (
            "{then: {nomatch: end}}",
            "E240 `then` does not say what follows the last try after noinput → add `noinput: step` to `then`",
        ),
        ("{then: {silence: end, nomatch: end}}", 'E202 `then` has no "silence" → write `noinput`'),
        ("{then: [end]}", 'E201 `then` is a list → write the name of a step, or "end"'),
        ("{then: {noinput: [end], nomatch: end}}", 'E201 `noinput` is a list → write the name of a step, or "end"'),
        ("{tries: 0, then: end}", 'E203 `tries` cannot be "0" → write a whole number from 1 to 10'),
        ("{tries: 11, then: end}", 'E203 `tries` cannot be "11" → write a whole number from 1 to 10'),
        ("{tries: [3], then: end}", "E201 `tries` is a list → write a text here"),
        ("{tries: two, then: end}", 'E203 `tries` cannot be "two" → write a whole number from 1 to 10'),
        ("{reprompt: no, then: end}", 'E203 `reprompt` cannot be "no" → true or false is needed: write false'),
        (
            "{noinput: [[a]], then: end}",
            "E201 a prompt of `retry` is neither spoken nor streamed"
            " → write a text, {template: file.j2} or {stream: url}",
        ),
        (
            "{noinput: {say: hello}, then: end}",
            "E201 a prompt of `retry` is neither spoken nor streamed"
            " → write a text, {template: file.j2} or {stream: url}",
        ),
        ('{noinput: "Sorry {{ call.form }}", then: end}', 'E304 call has no "form" → did you mean "from"?'),
        (
            '{noinput: ["One.", "Two."], tries: 2, then: end}',
            "W241 prompt 2 of `noinput` is never played: the caller is asked 2 times, then comes `then`"
            " → write `tries: 3`, or delete the prompt",
        ),
        (
            '{noinput: ["One."], tries: 1, then: end}',
            "W241 prompt 1 of `noinput` is never played: the caller is asked once, then comes `then`"
            " → write `tries: 2`, or delete the prompt",
        ),
    ],
)
def test_a_fault_in_a_retry_is_reported_once_with_its_cure(retry: str, fault: str) -> None:
    steps = f"""
    hello:
      do:
        - talk: "Press 1."
      choices:
        one: {{dtmf: 1, goto: end}}
      retry: {retry}
    """

    assert [fault] == faults_of(steps)


def test_a_menu_without_any_then_is_an_error() -> None:
    assert ["E240"] == codes_of(MENU.replace("  retry: RETRY\n", ""))


def test_an_inherited_retry_without_then_is_reported_once() -> None:
    steps = """
    hello:
      do:
        - talk: "Press 1 or 2."
      choices:
        one: {dtmf: 1, goto: second}
    second:
      do:
        - talk: "Press 2."
      choices:
        two: {dtmf: 2, goto: end}
    """

    assert ["E240"] == codes_of(steps, 'defaults: {retry: {noinput: ["Sorry?"]}}\n')


def test_a_retry_that_leads_back_to_its_own_menu_asks_for_ever() -> None:
    steps = menu("{then: hello}")

    assert [
        "E216 a call can go round for ever without any input of the caller: hello → hello (hello: noinput)"
        " → let one of these steps ask the caller, end the call, or count the rounds and lead out by a `branch`"
    ] == faults_of(steps)


def test_prompts_of_a_template_file_are_read() -> None:
    steps = menu("{noinput: [{template: sorry.j2}], then: other}")

    flow = load({PATH: text_of(steps), "templates/sorry.j2": "Sorry?"}).flows["test"]
    decision = decision_of(flow.steps["hello"].exit, Outcome("noinput"))

    assert texts(decision) == ["Sorry?"]
    assert flow_of(menu("{then: other}")).revision != flow.revision

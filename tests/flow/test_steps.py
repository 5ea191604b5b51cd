from __future__ import annotations

import pytest

from tests.flow.loading_flows import codes_of, faults_of, flow_of, marked, project_of


def step(*lines: str) -> str:
    return "hello:\n" + "".join(f"  {line}\n" for line in lines)


TALK = 'do: [{talk: "Hello."}]'
MENU = "choices: {one: {dtmf: 1, goto: end}}"
THEN = "retry: {then: end}"
DIAL = 'do: [{connect: "447700900111"}]'


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (
            ("talk: Hello.", "goto: end"),
            'E202 step "hello" has no "talk" → put it under `do`, as the line `- talk: ..`',
        ),
        ((TALK, "next: end"), 'E202 step "hello" has no "next" → write `goto: step`'),
        ((TALK, "hangup: true"), 'E202 step "hello" has no "hangup" → to end the call write `goto: end`'),
        ((TALK, "if: a == b"), 'E202 step "hello" has no "if" → write `branch`, a list of `- if: ..` with `goto`'),
        (
            (TALK, "else: end"),
            'E202 step "hello" has no "else" → write it as a line of `branch`: `- else: step` at last, '
            "`- if: ..` with `goto` before",
        ),
        ((TALK, "busy: end"), 'E202 step "hello" has no "busy" → write it under `on`'),
        ((TALK, "gto: end"), 'E202 step "hello" has no "gto" → did you mean "goto"?'),
        (
            (TALK, MENU, THEN, "goto: end"),
            'E218 step "hello" has two exits, `choices` and `goto`'
            " → keep one of them; `goto` goes into a step of its own",
        ),
        (
            (TALK, "goto: end", "on: {busy: end}"),
            'E218 step "hello" has two exits, `goto` and `on` → keep of `on` at most `error`: this step dials nobody',
        ),
        (
            (DIAL, "goto: end", "on: {completed: end, otherwise: end}"),
            'E218 step "hello" has two exits, `goto` and `on`'
            " → delete `goto`; where it leads becomes a line of `on`, e.g. `completed: step`",
        ),
        (
            (TALK, "goto: end", "retry: {tries: 2}"),
            "E219 `retry` has no effect in a step that asks nothing → delete it, or add `choices` or `collect`",
        ),
        (
            (TALK, "goto: end", "tail: false"),
            "E219 `tail` has no effect in a step that asks nothing → delete it, or add `choices` or `collect`",
        ),
        (
            ("do: [{talk: Hello.}, {input: {type: [dtmf]}}]", "goto: end"),
            "E220 nothing decides on the answer of this input → add `choices` or `collect` to the step",
        ),
        (
            (DIAL,),
            "W266 this connect has no `on`: whether it was busy, unanswered or completed decides nothing"
            " → add `on: {completed: end, otherwise: step}`",
        ),
        (
            (DIAL, "goto: end"),
            "W266 this connect has no `on`: whether it was busy, unanswered or completed decides nothing"
            " → replace `goto` by `on: {completed: step, otherwise: step}`",
        ),
        (
            (DIAL, MENU, THEN),
            "W266 this connect has no `on`: whether it was busy, unanswered or completed decides nothing"
            " → put the connect into a step of its own, with `on: {completed: step, otherwise: step}`",
        ),
        (
            ('do: [{connect: ["447700900111", "447700900222"]}]', "goto: end"),
            "E265 only `on` rings the targets of a list one after another, and this step has none"
            " → add `on` with `completed` and `otherwise`",
        ),
        (
            ("do: [{record: {endOnSilence: 4}}]", "goto: end", "on: {record: saved}"),
            'E218 step "hello" has two exits, `goto` and `on`'
            " → write `events: {record: hook}`: it only notifies, and leads nowhere",
        ),
        (
            (DIAL, "on: {answered: end}"),
            "E262 `answered` cannot steer a call"
            " → write `completed` for what follows the conversation; what only observes it belongs under `events`",
        ),
        (
            (TALK, "goto: end", "on: end"),
            'E218 step "hello" has two exits, `goto` and `on` → keep of `on` at most `error`: this step dials nobody',
        ),
    ],
)
def test_a_fault_in_a_step_is_reported_once_with_its_cure(lines: tuple[str], fault: str) -> None:
    assert [fault] == faults_of(step(*lines))


def test_choices_beside_a_dial_say_where_the_dial_belongs() -> None:
    steps = step(DIAL, MENU, THEN, "on: {completed: end, otherwise: end}")

    assert "put the connect with its `on` into a step of its own" in faults_of(steps)[-1]


def test_a_step_that_is_no_map_says_how_one_is_written() -> None:
    assert ['E201 step "hello" is not a map → write `hello: {do: [..], goto: step}`'] == faults_of("hello: end")


def test_a_connect_behind_an_input_decides_nothing_and_need_not() -> None:
    steps = step('do: [{talk: Hello.}, {input: {}}, {connect: "447700900111"}]', MENU, THEN)

    assert [] == codes_of(steps)


def test_an_option_of_an_action_beside_the_exit_says_where_it_belongs() -> None:
    steps = step(DIAL, "timeout: 20", "on: {completed: end, otherwise: end}")

    assert [
        'E202 step "hello" has no "timeout"'
        " → as an outcome, write it under `on`; as an option, indent it in `do` as far as its `connect`"
    ] == faults_of(steps)


def test_an_exit_among_the_actions_is_no_missing_exit() -> None:
    steps = step("do: [{talk: Hello.}, {goto: end}]")

    assert ["E403"] == codes_of(steps)


def test_a_misspelt_word_is_read_all_the_same() -> None:
    steps = step(TALK, "choises: {one: {dtmf: one, goto: nowhere}}", THEN)

    assert ["E202 choises", "E232 one", "E214 nowhere"] == marked(steps)


def test_what_an_ncco_may_not_hold_is_found_in_the_flow() -> None:
    assert ["E401"] == codes_of(step("do: [{talk: Hello., level: 5}]", "goto: end"))


def test_rules_of_the_ncco_reach_over_a_goto() -> None:
    steps = """
    hello:
      do:
        - transfer: CON-f972836a-550f-45fa-956c-12a2ab5b7d22
      goto: bye
    bye:
      do:
        - talk: "Goodbye."
      goto: end
    """

    assert ["E401"] == codes_of(steps)


@pytest.mark.parametrize(("line", "tail"), [("tail: true", True), ("tail: false", False), ("", True)])
def test_a_tail_stands_behind_an_input_unless_it_is_left_out(line: str, tail: bool) -> None:
    assert tail is flow_of(step(TALK, MENU, THEN, line)).steps["hello"].tail


def test_a_step_may_have_an_error_exit_beside_any_other() -> None:
    steps = step(TALK, MENU, THEN, "on: {error: sorry}") + 'sorry:\n  do: [{talk: "Sorry."}]\n  goto: end\n'

    error = flow_of(steps).steps["hello"].error

    assert error is not None
    assert error.step == "sorry"


def test_an_error_exit_alone_is_no_exit() -> None:
    steps = step(TALK, "on: {error: end}")

    assert ["W217"] == codes_of(steps)


def test_an_input_that_another_server_decides_on_is_played_as_it_stands() -> None:
    project = project_of("""
        hello:
          do:
            - {action: input, type: [dtmf], eventUrl: ["https://elsewhere.example.com/input"]}
          goto: end
    """)

    assert ["W221"] == [issue.code for issue in project.issues]


def test_an_input_that_only_reports_keys_needs_no_choices() -> None:
    flow = flow_of("""
        hello:
          do:
            - input: {type: [dtmf], mode: asynchronous}
          goto: end
    """)

    assert "hello" in flow.steps


def test_a_wrong_value_is_told_beside_another_fault_of_its_step() -> None:
    assert ["E401", "E214"] == codes_of("""
        hello:
          do:
            - talk: "Please leave a message."
            - record: {endOnSilence: 2}
          goto: nowhere
    """)


def test_what_another_fault_took_away_is_not_told_as_missing() -> None:
    assert ["E304"] == codes_of("""
        hello:
          do:
            - talk: "{{ call.form }}"
          goto: end
    """)


ASKING = """
hello:
  do:
    - talk: "Press 1."
  choices: {one: {dtmf: 1, goto: end}}
"""


@pytest.mark.parametrize(
    ("steps", "word"),
    [
        (f"{ASKING}retry: {{then: end}}", "retry"),
        ('hello:\n  do: [{talk: "Hello."}]\ngoto: end', "goto"),
        ('hello:\n  goto: end\ndo:\n  - talk: "Hello."', "do"),
        ('hello:\n  do: [{connect: "447700900111"}]\non: {completed: end, otherwise: end}', "on"),
    ],
)
def test_a_word_beside_its_step_is_one_issue_that_says_how_far_to_indent(steps: str, word: str) -> None:
    assert [f"E201 {word}"] == marked(steps)
    assert [f'E201 `{word}` is among the steps → indent it by 4 spaces: it belongs to the step "hello"'] == faults_of(
        steps
    )


def test_a_word_beside_its_step_that_has_it_already_is_dropped() -> None:
    steps = 'hello:\n  do: [{talk: "Hello."}]\n  goto: end\ngoto: hello'

    assert ["E201 goto"] == marked(steps)


def test_a_word_beside_an_empty_step_is_indented_as_its_words_would_be() -> None:
    assert [
        'E201 `goto` is among the steps → indent it by 4 spaces: it belongs to the step "hello"',
    ] == faults_of("hello: {}\ngoto: end")


@pytest.mark.parametrize("word", ["run", "on", "hold"])
def test_a_step_may_be_named_as_a_word(word: str) -> None:
    steps = f'hello:\n  goto: {word}\n{word}:\n  do: [{{talk: "Hello."}}]\n  goto: end'

    assert [] == faults_of(steps)


@pytest.mark.parametrize("value", ["", "step"])
def test_a_word_in_front_of_all_steps_belongs_to_none(value: str) -> None:
    steps = f'goto: {value}\nhello:\n  do: [{{talk: "Hello."}}]\n  goto: end'

    assert "goto" in marked(steps)[0]


def test_a_step_among_the_words_of_another_is_one_issue() -> None:
    steps = 'hello:\n  do: [{talk: "Hello."}]\n  goto: bye\n  bye:\n    do: [{talk: "Goodbye."}]\n    goto: end'

    assert ["E202 bye"] == marked(steps)
    assert ['E202 step "hello" has no "bye" → indent it by 2 spaces: it is a step of its own'] == faults_of(steps)


def test_a_misspelt_word_with_words_of_a_step_in_it_is_no_step() -> None:
    menu = "choses: {run: {dtmf: 1, goto: end}, on: {dtmf: 2, goto: end}}"
    steps = f'hello:\n  do: [{{talk: "Hello."}}]\n  {menu}\n  retry: {{then: end}}'

    assert ['E202 step "hello" has no "choses" → did you mean "choices"?'] == faults_of(steps)


def test_a_choice_beside_its_menu_is_put_back() -> None:
    steps = """
    hello:
      do:
        - talk: "Press 1 or 2."
      choices:
        one: {dtmf: 1, goto: end}
      two: {dtmf: 2, goto: end}
      retry: {then: end}
    """

    assert ["E202 two"] == marked(steps)
    assert ['E202 step "hello" has no "two" → indent it by 6 spaces: it is one of the `choices`'] == faults_of(steps)


@pytest.mark.parametrize(
    ("connect", "fault"),
    [
        ('{connect: "447700900111", on: {completed: end, otherwise: end}}', "E403 on"),
        ('{connect: {number: "447700900111", on: {completed: end, otherwise: end}}}', "E202 on"),
    ],
)
def test_an_on_within_do_is_one_issue(connect: str, fault: str) -> None:
    assert [fault] == marked(step(f"do: [{connect}]"))


HOOKS = 'hooks: {saved: {post: "https://crm.example.com/saved"}}\n'


@pytest.mark.parametrize(
    ("expected", "do", "event", "head"),
    [
        (["W288"], "talk: Hello.", "record", ""),
        (["W288"], "talk: Hello.", "transcription", ""),
        (["W288"], "record: {endOnSilence: 4}", "transcription", ""),
        (["W288"], "conversation: board", "record", ""),
        ([], "talk: Hello.", "hangup", ""),
        ([], "record: {endOnSilence: 4}", "record", ""),
        ([], "record: {endOnSilence: 4, transcription: {language: en-GB}}", "transcription", ""),
        ([], "{conversation: board, record: true}", "record", ""),
        ([], "record: {endOnSilence: 4}", "transcription", "defaults: {record: {transcription: {language: en-GB}}}\n"),
    ],
)
def test_an_event_that_nothing_in_the_step_brings_is_told(expected: list[str], do: str, event: str, head: str) -> None:
    steps = f"hello: {{do: [{do}], events: {{{event}: saved}}, goto: end}}"

    assert expected == codes_of(steps, HOOKS + head)
    assert not any(codes_of(f"hello: {{do: [{do}], goto: end}}", f"{HOOKS}{head}events: {{{event}: saved}}\n"))

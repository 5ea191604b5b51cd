from __future__ import annotations

import pytest

from app.flow.model import Frame, Outcome
from tests.flow.loading_flows import codes_of, exit_of, faults_of

END = """
hello:
  do:
    - talk: "Hello."
  goto: end
"""


def test_goto_jumps_at_once() -> None:
    jump = exit_of(
        """
        hello:
          do:
            - talk: "Hello."
          goto: bye
        bye:
          do:
            - talk: "Goodbye."
          goto: end
        """
    ).enter(Frame({}))

    assert jump is not None
    assert jump.target.step == "bye"
    assert jump.because == "goto: bye"
    assert jump.place.line == 8


def test_goto_end_ends_the_call() -> None:
    jump = exit_of(END).enter(Frame({}))

    assert jump is not None
    assert jump.target.step is None
    assert jump.because == "goto: end"


def test_no_webhook_decides_on_a_goto() -> None:
    exit_ = exit_of(END)

    assert exit_.asked is None
    assert exit_.decide(Outcome("choice"), Frame({}), 0) is None


def test_a_step_without_exit_ends_the_call_and_is_a_warning() -> None:
    steps = """
    hello:
      do:
        - talk: "Hello."
    """

    assert ['W217 step "hello" has no exit: the call ends here → write `goto: end` if the call ends here'] == faults_of(
        steps
    )


def test_a_target_that_is_no_text_says_what_to_write() -> None:
    steps = """
    hello:
      do:
        - talk: "Hello."
      goto: {step: end}
    """

    assert ['E201 `goto` is a map → write the name of a step, or "end"'] == faults_of(steps)


def test_a_step_that_only_transfers_needs_no_exit() -> None:
    steps = """
    hello:
      do:
        - transfer: CON-f972836a-550f-45fa-956c-12a2ab5b7d22
    """

    assert [] == codes_of(steps)


@pytest.mark.parametrize("word", ["hangup", "hang_up", "Stop", "exit"])
def test_other_words_for_the_end_have_their_cure(word: str) -> None:
    steps = END.replace("goto: end", f"goto: {word}")

    assert [f'E214 unknown step "{word}" → to end the call write "end"'] == faults_of(steps)


def test_a_step_may_be_named_like_another_word_for_the_end() -> None:
    steps = """
    hello:
      do:
        - talk: "Hello."
      goto: hangup
    hangup:
      do:
        - talk: "Goodbye."
      goto: end
    """

    assert [] == faults_of(steps)

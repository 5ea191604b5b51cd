from __future__ import annotations

import pytest

from app.flow.model import Frame, Go, Next, Outcome
from tests.flow.loading_flows import codes_of, decision_of, exit_of, faults_of, flow_of

STEPS = """
hello:
  do:
    - talk: "Connecting you."
    - connect: "447700900111"
  on:
    completed: end
    busy: voicemail
    otherwise: sorry
voicemail:
  do:
    - talk: "Please leave a message."
  goto: end
sorry:
  do:
    - talk: "Sorry."
  goto: end
"""
LIST = """
hello:
  do:
    - connect: ["447700900111", "447700900222", "447700900333"]
  on:
    completed: end
    otherwise: sorry
sorry:
  do:
    - talk: "Sorry."
  goto: end
"""
WEBSOCKET = """
hello:
  do:
    - connect: {type: websocket, uri: "wss://bot.example.com/socket", content-type: audio/l16;rate=16000}
  on:
    completed: end
    otherwise: end
"""
CHECKPOINT = """
hello:
  do:
    - talk: "These are our terms."
    - checkpoint: heard_terms
  on: {heard_terms: end}
"""


@pytest.mark.parametrize(
    ("outcome", "target", "because"),
    [
        ("busy", "voicemail", 'the line "busy" decides'),
        ("timeout", "sorry", 'no line of its own, so "otherwise" decides'),
        ("unanswered", "sorry", 'no line of its own, so "otherwise" decides'),
        ("rejected", "sorry", 'no line of its own, so "otherwise" decides'),
        ("failed", "sorry", 'no line of its own, so "otherwise" decides'),
        ("completed", None, 'the line "completed" decides'),
    ],
)
def test_an_outcome_leads_to_its_line(outcome: str, target: str | None, because: str) -> None:
    decision = decision_of(exit_of(STEPS), Outcome(outcome, because="Vonage said so"))

    assert isinstance(decision.move, Go)
    assert target == decision.move.target.step
    assert outcome == decision.outcome
    assert f"Vonage said so; {because}" == decision.because


def test_the_other_lines_say_what_they_need() -> None:
    decision = decision_of(exit_of(STEPS), Outcome("busy"))

    assert decision.others == ("completed: it was busy", "otherwise: it was busy")
    assert decision.place.line == 11


@pytest.mark.parametrize("status", ["ringing", "answered", "machine", "human", "beep", "disconnected", "cancelled"])
def test_what_is_not_named_does_not_steer(status: str) -> None:
    assert exit_of(STEPS).decide(Outcome(status), Frame({}), 0) is None


def test_the_notify_behind_a_connect_decides_as_completed() -> None:
    decision = decision_of(exit_of(STEPS), Outcome("connected"))

    assert decision.outcome == "completed"


@pytest.mark.parametrize(("position", "number"), [(0, 2), (1, 3)])
def test_a_failure_rings_the_next_target_of_the_list(position: int, number: int) -> None:
    decision = decision_of(exit_of(LIST), Outcome("busy", because="busy"), position=position)

    assert decision.move == Next()
    assert decision.outcome == "busy"
    assert decision.because == f"busy; target {number} of 3 is next"


def test_a_failure_of_the_last_target_leads_to_its_line() -> None:
    decision = decision_of(exit_of(LIST), Outcome("timeout"), position=2)

    assert isinstance(decision.move, Go)
    assert decision.move.target.step == "sorry"


def test_a_completed_call_ends_the_list() -> None:
    assert isinstance(decision_of(exit_of(LIST), Outcome("completed")).move, Go)


def test_otherwise_of_a_websocket_covers_its_loss() -> None:
    decision = decision_of(exit_of(WEBSOCKET), Outcome("disconnected"))

    assert decision.because.endswith('"otherwise" decides')


def test_a_pasted_connect_is_a_connect() -> None:
    pasted = '    - {action: connect, endpoint: [{type: phone, number: "447700900111"}]}'
    steps = STEPS.replace('    - connect: "447700900111"', pasted)

    assert decision_of(exit_of(steps), Outcome("busy")).outcome == "busy"


def test_an_unknown_pasted_action_is_reported_once() -> None:
    steps = STEPS.replace('    - connect: "447700900111"', "    - {action: dial, number: 1}")

    assert ["E402"] == codes_of(steps)


def test_a_named_machine_steers() -> None:
    steps = STEPS.replace("    busy:", "    machine:")

    assert decision_of(exit_of(steps), Outcome("machine")).outcome == "machine"


def test_a_checkpoint_steers() -> None:
    assert decision_of(exit_of(CHECKPOINT), Outcome("heard_terms")).outcome == "heard_terms"


def test_on_waits_for_a_webhook_and_asks_nothing() -> None:
    exit_ = exit_of(STEPS)

    assert exit_.enter(Frame({})) is None
    assert exit_.asked is None


def test_no_line_passes_input() -> None:
    edges = [(edge.label, edge.target.step, edge.passes_input) for edge in exit_of(STEPS).edges()]

    assert edges == [("completed", None, False), ("busy", "voicemail", False), ("otherwise", "sorry", False)]


def test_completed_end_puts_nothing_behind_the_connect() -> None:
    ends = flow_of(STEPS).steps["hello"].parts
    goes_on = flow_of(STEPS.replace("completed: end", "completed: sorry")).steps["hello"].parts

    assert [len(ends), len(goes_on)] == [2, 3]


def test_error_may_stand_in_on() -> None:
    steps = STEPS.replace("    busy:", "    error: sorry\n    busy:")

    flow = flow_of(steps)

    assert flow.steps["hello"].error is not None
    assert flow.steps["hello"].error.step == "sorry"
    assert [edge.label for edge in flow.steps["hello"].exit.edges()] == ["completed", "busy", "otherwise"]


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (
            "{completed: end, busy: end}",
            "E260 `on` does not say where a call goes on timeout, unanswered, rejected, failed"
            " → add `otherwise: step`, or a line each for timeout, unanswered, rejected, failed",
        ),
        ("{otherwise: end}", "E261 `on` does not say what follows a completed call → add `completed: end`"),
        (
            "{completed: end, otherwise: end, record: end}",
            "E262 `record` cannot steer a call → take it out of `on`; what only observes it is `events`",
        ),
        (
            "{answered: end, otherwise: end}",
            "E262 `answered` cannot steer a call"
            " → write `completed` for what follows the conversation; what only observes it belongs under `events`",
        ),
        (
            "{completed: end, otherwise: end, busi: end}",
            'E263 `on` has no "busi" → did you mean "busy"?',
        ),
        (
            "{completed: end, else: end}",
            'E263 `on` has no "else" → write `otherwise`',
        ),
        (
            "{completed: end, otherwise: end, heard: end}",
            'E263 `on` has no "heard" → known are: completed, busy, timeout, unanswered, rejected, failed, disconnected'
            ", machine, human, beep, otherwise, error, and the checkpoints of `do`",
        ),
        (
            "{completed: end, otherwise: end, disconnected: end}",
            "E263 `disconnected` is an outcome of a websocket, and this connect leads to none → delete the line",
        ),
        (
            "{completed: end, busy: end, timeout: end, unanswered: end, rejected: end, failed: end, otherwise: end}",
            "W267 `otherwise` catches nothing: every failure has its own line"
            " → delete it: every failure has its own line",
        ),
        ("[busy]", "E201 `on` is a list → write `on: {completed: end, otherwise: step}`"),
        ("{completed: end, otherwise: [end]}", 'E201 `otherwise` is a list → write the name of a step, or "end"'),
    ],
)
def test_a_fault_in_on_is_reported_once_with_its_cure(lines: str, fault: str) -> None:
    steps = f"""
    hello:
      do:
        - connect: "447700900111"
      on: {lines}
    """

    assert [fault] == faults_of(steps)


def test_an_outcome_of_a_dial_needs_a_connect() -> None:
    steps = """
    hello:
      do:
        - talk: "Hello."
      on: {completed: end, otherwise: end}
    """

    assert [
        "E264 `completed` is an outcome of a connect, and this step has none → add a `connect` to `do`"
    ] == faults_of(steps)


def test_a_faulty_connect_is_a_connect_all_the_same() -> None:
    steps = """
    hello:
      do:
        - connect: {type: phone, nubmer: "447700900111"}
      on: {completed: end, otherwise: end}
    """

    assert ["E202"] == codes_of(steps)


def test_a_step_of_a_misspelt_connect_is_not_blamed_for_its_lack() -> None:
    steps = """
    hello:
      do:
        - conect: "447700900111"
      on: {completed: end, otherwise: end}
    """

    assert ["E402"] == codes_of(steps)


def test_a_connect_with_a_checkpoint_line_alone_is_a_warning() -> None:
    steps = """
    hello:
      do:
        - connect: "447700900111"
        - checkpoint: talked
      on: {talked: end}
    """

    assert ["W266"] == codes_of(steps)


@pytest.mark.parametrize(
    ("item", "code"),
    [("checkpiont: heard_terms", "E402"), ("checkpoint: [heard_terms]", "E404"), ("checkpoint: busy", "E409")],
)
def test_a_checkpoint_that_cannot_be_read_is_the_only_fault(item: str, code: str) -> None:
    assert [code] == codes_of(CHECKPOINT.replace("checkpoint: heard_terms", item))


def test_what_is_known_is_listed_once() -> None:
    listed = faults_of(CHECKPOINT.replace("{heard_terms:", "{zebra:"))[0]

    assert "beep, otherwise, error, heard_terms, and the checkpoints of `do`" in listed

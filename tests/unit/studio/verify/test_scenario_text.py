"""What is written into scenario files."""

from __future__ import annotations

from ncco_studio.verify.scenarios.expectations import is_part
from ncco_studio.verify.scenarios.files import WrittenScenario, updated
from ncco_studio.verify.scenarios.model import read_scenarios
from ncco_studio.verify.scenarios.script import (
    DialStep,
    EndStep,
    HangUpStep,
    HearStep,
    PressStep,
    RecordedMessage,
    RecordStep,
    ScriptedParty,
    ScriptStep,
    SilenceStep,
    SpeakStep,
    SpokenInput,
    WaitStep,
)
from ncco_studio.verify.scenarios.values import Excerpt
from tests.support.cases import each_case

UNSURE = SpokenInput(text="sales", confidence=0.4)
PARTY = ScriptedParty(to="447700900111", outcome="busy", rings=2.5, talks=1200.25, hangs_up="caller", presses=("1", ""))
STEPS = (
    HearStep(texts=(Excerpt('He said: "yes" \u2028'),)),
    PressStep(keys="1"),
    PressStep(keys="#", at_s=1.5),
    SpeakStep(speech=SpokenInput(text="yes")),
    SpeakStep(speech=UNSURE, at_s=12.345),
    SilenceStep(),
    DialStep(party=PARTY),
    RecordStep(message=RecordedMessage(seconds=7.5, key="#")),
    RecordStep(),
    WaitStep(seconds=3600.125),
    HangUpStep(when=17.25),
    HangUpStep(),
    EndStep(),
)


@each_case("step", STEPS, ids=lambda step: type(step).__name__)
def test_a_written_step_is_read_back_unchanged(step: ScriptStep) -> None:
    body = {"flow": "shop", "script": [step.as_written()], "expect": {"end": "hangup"}}
    (read,), issues = read_scenarios("calls.yaml", WrittenScenario("yes", body).text)

    assert [] == issues
    assert ("yes", "shop") == (read.name, read.flow)
    assert [step.as_written()] == [each.as_written() for each in read.script]


def test_recorded_prompts_replace_the_open_expectations() -> None:
    text = 'a:\r\n  # first\r\n  script: [hear, press: 25, hear: "?"]  # "?"\nb:\n  script:\n  - hear\n'
    scenarios, _ = read_scenarios("calls.yaml", text)
    excerpts = [
        each for scenario in scenarios for step in scenario.script if isinstance(step, HearStep) for each in step.texts
    ]

    assert (
        'a:\r\n  # first\r\n  script: [hear: "One.", press: 25, hear: "Two."]  # "?"\nb:\n  script:\n  - hear: "One."\n'
    ) == updated(text, zip(excerpts, ("One.", "Two.", "One."), strict=True))


def test_the_text_none_is_not_a_missing_value() -> None:
    assert not is_part("None", None)
    assert not is_part(None, "None")
    assert is_part({"name": None}, {"name": None, "id": 1})


@each_case(
    "written, value",
    [("-1.50", -1.5), ("true", True), ("007", "007"), ("1\u0663", "1\u0663"), ("1" * 5000, "1" * 5000)],
)
def test_only_what_json_calls_a_number_is_one(written: str, value: object) -> None:
    (read,), _ = read_scenarios("calls.yaml", f"a: {{script: [hear], expect: {{variables: {{x: {written}}}}}}}")

    assert value == read.expect.variables["x"].value

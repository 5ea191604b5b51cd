"""What the `error` exit of a flow plays while no server answers."""

from __future__ import annotations

from typing import Any

import pytest

from app.engine.builder import error_prompts
from tests.unit.engine.scripted_call import load_flow

FLOW = """flow: test
numbers: ["442079460000"]
vars:
  ticket: {type: text, default: none}
locales: {en: {language: en-GB}, fr: {language: fr-FR}}
start: hello
defaults: {on: {error: sorry}}
steps:
  hello:
    do: [{talk: {en: "Hello.", fr: "Bonjour."}}]
    goto: end
  sorry:
SORRY
"""
TO = "442079460000"


def said(sorry: str, to: str = TO) -> list[dict[str, Any]]:
    return error_prompts(load_flow(FLOW.replace("SORRY", sorry)), to)


def step(*items: str, leave: str = "goto: end") -> str:
    return "    do:\n" + "".join(f"      - {item}\n" for item in items) + f"    {leave}"


def talk(text: str) -> dict[str, Any]:
    return {"action": "talk", "language": "en-GB", "text": text}


def test_it_is_said_from_step_to_step_without_checkpoints() -> None:
    sorry = step('talk: "One."', "checkpoint: reached", leave="goto: more") + "\n  more:\n" + step('talk: "Two."')

    assert [talk("One."), talk("Two.")] == said(sorry)


def test_the_exit_of_the_first_step_comes_before_that_of_the_flow() -> None:
    text = FLOW.replace("SORRY", step('talk: "The flow."') + "\n  own:\n" + step('talk: "The step."'))
    flow = load_flow(text.replace("    goto: end\n  sorry", "    on: {error: own}\n    goto: end\n  sorry"))

    assert [talk("The step.")] == error_prompts(flow)


def test_the_number_called_is_known_for_one_number_only() -> None:
    sorry = step('talk: {en: "This is {{ call.to }}.", fr: "Ici {{ call.to }}."}')

    assert [talk("This is 442079460000.")] == said(sorry)
    assert [] == said(sorry, to="")


def test_a_literal_number_is_dialled_without_asking_for_its_events() -> None:
    expected = {"action": "connect", "endpoint": [{"type": "phone", "number": "447700900111"}], "from": TO}

    assert [expected] == said(step('connect: "447700900111"', leave="on: {completed: end, otherwise: end}"))


@pytest.mark.parametrize(
    "sorry",
    [
        pytest.param("    goto: end", id="nothing"),
        pytest.param(step('talk: "{{ call.from }}"'), id="caller"),
        pytest.param(step('talk: "Ticket {{ ticket }}."'), id="variable"),
        pytest.param(step('stream: "{{ env.MEDIA }}/sorry.mp3"'), id="environment"),
        pytest.param(step('talk: "{{ now | spoken }}"'), id="time"),
        pytest.param(step('connect: {number: "{{ call.to }}", from: "442079460001"}'), id="computed number"),
        pytest.param(step('talk: "Speak."', "record: {endOnKey: '#'}"), id="message"),
        pytest.param("    set: {locale: fr}\n" + step("talk: {en: Bye., fr: Adieu.}"), id="another locale"),
        pytest.param(
            step('talk: "Press 1."', leave="choices: {one: {dtmf: 1, goto: end}}") + "\n    retry: {then: end}",
            id="menu",
        ),
    ],
)
def test_what_needs_the_server_or_a_call_is_not_said(sorry: str) -> None:
    assert [] == said(sorry)


def test_a_flow_without_an_error_exit_says_nothing() -> None:
    text = FLOW.replace("defaults: {on: {error: sorry}}\n", "").partition("  sorry:")[0]

    assert [] == error_prompts(load_flow(text))

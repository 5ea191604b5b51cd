"""What a flow says while no server answers."""

from __future__ import annotations

from typing import Any

import pytest

from app.engine.offline import keep_offline, play_offline
from tests.unit.engine.scripted_call import load_flow, load_flows

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
SUB = """flow: goodbye
params: {team: text}
start: words
defaults: {on: {error: end}}
steps:
  words:
    do: [{talk: "Write to {{ team }}."}]
    goto: end
"""
TO = "442079460000"
LISTENER = "https://listener.example.com/records"


def said(sorry: str, to: str = TO, **options: Any) -> list[dict[str, Any]]:
    found = play_offline(load_flow(FLOW.replace("SORRY", sorry)), to, **options)
    assert "" == found.because
    return list(found.actions)


def silence(sorry: str, to: str = TO, **options: Any) -> str:
    found = play_offline(load_flow(FLOW.replace("SORRY", sorry)), to, **options)
    assert () == found.actions
    return found.because


def step(*items: str, exit_: str = "goto: end") -> str:
    return "    do:\n" + "".join(f"      - {item}\n" for item in items) + f"    {exit_}"


def talk(text: str) -> dict[str, Any]:
    return {"action": "talk", "language": "en-GB", "text": text}


def test_error_exit_is_said_from_step_to_step() -> None:
    sorry = step('talk: "One."', exit_="goto: more") + "\n  more:\n" + step('talk: "Two."')

    assert [talk("One."), talk("Two.")] == said(sorry)


def test_error_exit_of_the_start_step_comes_before_that_of_the_flow() -> None:
    flow = load_flow(
        FLOW.replace("SORRY", step('talk: "The flow."') + "\n  own:\n" + step('talk: "The step."')).replace(
            "    goto: end\n  sorry", "    on: {error: own}\n    goto: end\n  sorry"
        )
    )

    assert (talk("The step."),) == play_offline(flow, TO).actions


def test_flow_without_an_error_exit_says_nothing() -> None:
    text = FLOW.replace("defaults: {on: {error: sorry}}\n", "").partition("  sorry:")[0]

    assert "it has no `error` exit" == play_offline(load_flow(text), TO).because


def test_variables_and_the_number_called_are_known() -> None:
    assert [talk("Ticket none, you called 442079460000.")] == said(
        step('talk: "Ticket {{ ticket }}, you called {{ call.to }}."')
    )


def test_what_is_set_on_the_way_counts() -> None:
    sorry = (
        "    set: {locale: fr}\n"
        + step("talk: {en: Bye., fr: Adieu.}", exit_="goto: more")
        + "\n  more:\n    set: {ticket: '7'}\n"
        + step("talk: {en: 'No {{ ticket }}.', fr: 'Non {{ ticket }}.'}")
    )

    assert ["Adieu.", "Non 7."] == [action["text"] for action in said(sorry)]


def test_branch_decides_by_what_is_known() -> None:
    sorry = (
        '    branch:\n      - if: ticket == "none"\n        goto: first\n      - else: second\n'
        + "  first:\n"
        + step('talk: "First."')
        + "\n  second:\n"
        + step('talk: "Second."')
    )

    assert [talk("First.")] == said(sorry)


def test_call_is_handed_over_to_another_flow() -> None:
    text = FLOW.replace("SORRY", step('talk: "Sorry."', exit_="goto: {run: goodbye, with: {team: sales}}"))
    flow = load_flows({"test": text, "goodbye": SUB}, "test")

    assert ["Sorry.", "Write to sales."] == [action["text"] for action in play_offline(flow, TO).actions]


def test_a_flow_that_comes_back_is_waited_for() -> None:
    text = FLOW.replace("SORRY", "    run: goodbye\n    with: {team: sales}\n    on: {done: end, error: end}")
    sub = SUB.replace("start: words", "outcomes: [done]\nstart: words").replace("goto: end", "goto: {return: done}", 1)
    flow = load_flows({"test": text, "goodbye": sub}, "test")

    assert "it waits for the outcome of the flow goodbye" == play_offline(flow, TO).because


def test_literal_number_is_dialled_without_asking_for_its_events() -> None:
    expected = {"action": "connect", "endpoint": [{"type": "phone", "number": "447700900111"}], "from": TO}

    assert [expected] == said(step('connect: "447700900111"', exit_="on: {completed: end, otherwise: end}"))


def test_other_party_hears_no_flow_of_its_own() -> None:
    text = FLOW.replace(
        "SORRY", step('connect: {number: "447700900111", onAnswer: {run: goodbye, with: {team: sales}}}')
    )
    flow = load_flows({"test": text, "goodbye": SUB}, "test")

    assert [{"type": "phone", "number": "447700900111"}] == play_offline(flow, TO).actions[0]["endpoint"]


def test_computed_number_is_dialled_when_its_prefix_is_allowed() -> None:
    sorry = step('connect: {number: "{{ call.to }}", from: "442079460001"}')

    assert "connect" == said(sorry, dial_allow=("44",))[0]["action"]
    assert "it dials 442079460000, which has no prefix of NCCO_DIAL_ALLOW" == silence(sorry)


def test_number_that_was_called_is_not_known_for_all_numbers() -> None:
    because = silence(step('connect: "447700900111"'), to="")

    assert "what it says differs from call to call: call.to is not known before somebody calls" == because


@pytest.mark.parametrize(
    ("expected", "item"),
    [
        ("call.from", 'talk: "{{ call.from }}"'),
        ("env", 'stream: "{{ env.MEDIA }}/sorry.mp3"'),
        ("now", 'talk: "{{ now | spoken }}"'),
    ],
)
def test_what_a_call_or_the_server_alone_knows_is_not_said(expected: str, item: str) -> None:
    because = silence(step(item))

    assert because.startswith("what it says differs from call to call: ")
    assert expected in because


def test_menu_is_not_played_without_a_server() -> None:
    sorry = step('talk: "Press 1."', exit_="choices: {one: {dtmf: 1, goto: end}}") + "\n    retry: {then: end}"

    assert "it asks the caller for something" == silence(sorry)


def test_caller_is_not_held_without_a_server() -> None:
    look_up = "lookups: {place: {get: 'https://q.example.com', returns: {free: bool}}}\nstart:"
    sorry = '    lookup: place\n    do: [{talk: "Wait."}]\n    hold: {until: place.free, up_to: 1m}\n'
    text = FLOW.replace("start:", look_up, 1).replace("SORRY", f"{sorry}    on: {{ready: end, too_long: end}}")

    assert 'the step "sorry" holds the caller until the server says so' == play_offline(load_flow(text), TO).because


def test_message_for_this_server_is_not_asked_for() -> None:
    assert "it records a message, and sends it to this server" == silence(
        step('talk: "Speak."', "record: {endOnKey: '#'}")
    )


def test_message_for_another_server_is_recorded() -> None:
    record = f"record: {{endOnKey: '#', eventUrl: ['{LISTENER}']}}"

    assert ["talk", "record"] == [action["action"] for action in said(step('talk: "Speak."', record))]
    assert "it records a message, and sends it to this server" == silence(
        step('talk: "Speak."', record), own_url="https://listener.example.com"
    )


def test_recording_of_the_call_and_checkpoints_are_left_out() -> None:
    sorry = step("record: {beepStart: true}", "checkpoint: reached", 'talk: "Sorry."')

    assert [talk("Sorry.")] == said(sorry)


def test_conversation_is_joined_and_not_recorded() -> None:
    assert [{"action": "conversation", "name": "room"}] == said(step("conversation: {name: room, record: true}"))


def test_list_with_nobody_to_ring_leads_on() -> None:
    sorry = step('connect: {number: "{{ oncall.numbers }}"}', exit_="on: {completed: end, otherwise: more}")
    look_up = "lookups: {oncall: {get: 'https://q.example.com', returns: {numbers: [phone]}}}\nstart:"
    text = FLOW.replace("start:", look_up, 1).replace(
        "SORRY", f"    lookup: oncall\n{sorry}\n  more:\n" + step('talk: "Nobody is there."')
    )

    assert (talk("Nobody is there."),) == play_offline(load_flow(text), TO).actions


def test_what_says_nothing_is_not_played() -> None:
    assert "it says nothing" == silence("    goto: end")


def test_failsafe_is_kept_as_far_as_it_needs_nobody() -> None:
    words = {"action": "talk", "text": "Sorry."}

    assert (words,) == keep_offline([{**words, "bargeIn": True}]).actions
    assert "it asks the caller for something" == keep_offline([words, {"action": "input", "type": ["dtmf"]}]).because
    assert "it says nothing" == keep_offline([{"action": "notify", "payload": {"a": 1}}]).because


def test_nothing_that_vonage_would_refuse_is_kept() -> None:
    assert keep_offline([{"action": "talk"}]).because.startswith("without its webhooks it is not a valid NCCO: ")


def test_barge_in_stays_before_an_input_that_another_server_answers() -> None:
    asks = {"action": "input", "type": ["dtmf"], "eventUrl": [LISTENER]}

    assert keep_offline([{"action": "talk", "text": "Press 1.", "bargeIn": True}, asks]).actions[0]["bargeIn"]

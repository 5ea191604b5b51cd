"""Legs and rooms: websockets, machine detection, conversations, transfers and waits, in flows from end to end."""

from __future__ import annotations

import pytest

from app.engine import observe
from app.engine.session import WaitRef
from app.flow.loader import load
from app.ncco.webhooks import recognise
from tests.engine.scripted_call import ScriptedCall, load_flow

BOT = """
flow: test
default: true
start: bot
steps:
  bot:
    do:
      - talk: "Our assistant is next."
      - connect: {type: websocket, uri: "wss://bot.example.com/calls", headers: {caller: "{{ call.from }}"}}
    on:
      completed: thanks
      disconnected: person
      otherwise: sorry
  person:
    do: [talk: "The assistant had to go. A person is next."]
    goto: end
  thanks:
    do: [talk: "Thank you."]
    goto: end
  sorry:
    do: [talk: "The assistant cannot be reached."]
    goto: end
"""


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("disconnected", "The assistant had to go. A person is next."),
        ("failed", "The assistant cannot be reached."),
        ("unanswered", "The assistant cannot be reached."),
    ],
)
def test_a_websocket_leads_on_by_how_it_ended(status: str, said: str) -> None:
    call = ScriptedCall(load_flow(BOT))
    call.dial("answered")
    call.dial(status)

    assert [said] == call.said


def test_a_websocket_that_was_closed_on_purpose_is_completed() -> None:
    call = ScriptedCall(load_flow(BOT))
    call.dial("answered")
    call.dial("completed")
    call.reach("connected")

    assert ["Thank you."] == call.said


def test_a_websocket_is_told_who_calls() -> None:
    endpoint = ScriptedCall(load_flow(BOT)).ncco[1]["endpoint"][0]

    assert {"caller": "447700900123"} == endpoint["headers"]
    assert "audio/l16;rate=16000" == endpoint["content-type"]


def test_a_lost_websocket_without_its_own_line_is_otherwise() -> None:
    call = ScriptedCall(
        load_flow(BOT.replace("      disconnected: person\n", "").replace("  person:\n", "  sorry2:\n"))
    )
    call.dial("disconnected")

    assert ["The assistant cannot be reached."] == call.said


MACHINE = """
flow: test
default: true
start: ring
steps:
  ring:
    do: [connect: "447700900111"]
    on:
      completed: end
      machine: message
      beep: leave
      human: spoken
      otherwise: message
  message:
    do: [talk: "It was a machine."]
    goto: end
  leave:
    do: [talk: "After the beep."]
    goto: end
  spoken:
    do: [talk: "It was a person."]
    goto: end
"""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"status": "machine"}, "It was a machine."),
        ({"status": "machine", "sub_state": "beep_timeout"}, "It was a machine."),
        ({"status": "machine", "sub_state": "beep_start"}, "After the beep."),
        ({"status": "human"}, "It was a person."),
    ],
)
def test_what_picks_up_leads_on(fields: dict[str, str], said: str) -> None:
    call = ScriptedCall(load_flow(MACHINE))
    call.send({"call_uuid": "aa01", **fields}, kind="event")

    assert [said] == call.said


def test_detection_is_asked_for_as_far_as_it_is_named() -> None:
    both = ScriptedCall(load_flow(MACHINE)).ncco[0]
    plain = MACHINE.replace("      beep: leave\n", "").replace("  leave:\n", "  leave2:\n")
    simple = ScriptedCall(load_flow(plain)).ncco[0]

    assert {"behavior": "continue", "mode": "default"} == both["advancedMachineDetection"]
    assert "continue" == simple["machineDetection"]


def test_detection_that_is_not_named_does_not_steer() -> None:
    named = MACHINE.replace("      machine: message\n", "")
    call = ScriptedCall(load_flow(named))

    assert call.send({"call_uuid": "aa01", "status": "machine"}, kind="event") is None


ROOM = """
flow: test
default: true
start: who
vars: {legs: {type: list, default: ["leg-1", "leg-2"]}, room: {type: text, default: board}}
hooks: {recorded: {post: "https://crm.example.com/recorded"}}
steps:
  who:
    branch:
      - if: call.from == "447700900999"
        goto: moderator
      - else: guest
  guest:
    do:
      - talk: "You are the first. Please wait."
      - conversation: "{{ room }}-room"
        startOnEnter: false
        musicOnHoldUrl: https://example.com/wait.mp3
        canHear: "{{ legs }}"
        canSpeak: []
    goto: after
  moderator:
    do:
      - conversation: "{{ room }}-room"
        endOnExit: true
        record: true
    events: {record: recorded}
    goto: after
  after:
    do: [talk: "The meeting is over."]
    goto: end
"""


def test_a_guest_waits_with_music_for_whoever_starts_the_room() -> None:
    call = ScriptedCall(load_flow(ROOM))

    assert ["You are the first. Please wait.", "conversation", "The meeting is over."] == call.said
    assert {
        "action": "conversation",
        "name": "board-room",
        "startOnEnter": False,
        "musicOnHoldUrl": ["https://example.com/wait.mp3"],
        "canHear": ["leg-1", "leg-2"],
        "canSpeak": [],
    } == call.ncco[1]


def test_the_recording_of_a_room_is_told_of_though_nothing_waits() -> None:
    call = ScriptedCall(load_flow(ROOM), call=None)
    moderator = ScriptedCall(load_flow(ROOM), call=call.session.call._replace(from_number="447700900999"))
    webhook = recognise({"recording_url": "https://api.example.com/r.mp3", "conversation_uuid": "CON-1"})
    ref = WaitRef("event", moderator.session.id, 1, 0)
    hooks = observe(moderator.flow, moderator.session, ref, webhook, moderator._surroundings())

    assert moderator.session.is_over
    assert ["recorded"] == [hook.name for hook in hooks]


LEADING_ON = """
flow: test
default: true
start: hold
vars: {room: {type: text, default: CON-2}}
steps:
  hold:
    do:
      - talk: "One moment."
      - wait: 2.5
    goto: move
  move:
    do: [transfer: "{{ room }}"]
"""


def test_a_wait_and_a_transfer_stand_in_one_ncco_and_end_the_call() -> None:
    call = ScriptedCall(load_flow(LEADING_ON))

    assert [
        {"action": "talk", "text": "One moment."},
        {"action": "wait", "timeout": 2.5},
        {"action": "transfer", "conversationId": "CON-2"},
    ] == call.ncco
    assert call.session.is_over


RUNNING_ON = """
flow: test
default: true
start: ring
vars: {busy: {type: int, default: 0}}
steps:
  ring:
    do: [connect: "447700900111"]
    on:
      completed: {run: survey, with: {team: sales}}
      busy: {goto: engaged, set: {busy: "{{ busy + 1 }}"}}
      otherwise: {run: survey, with: {team: nobody}}
  engaged:
    do: [talk: "Busy {{ busy }}."]
    goto: end
"""
SURVEY = """
flow: survey
params: {team: text}
start: ask
steps:
  ask:
    do: [talk: "How was {{ team }}?"]
    goto: end
"""


def test_a_line_may_lead_into_another_flow_and_set_variables() -> None:
    flow = load({"flows/test.yaml": RUNNING_ON, "flows/survey.yaml": SURVEY}).flows["test"]
    calls = [ScriptedCall(flow) for _ in range(3)]
    calls[0].dial("answered")
    calls[0].reach("connected")
    calls[1].dial("busy")
    calls[2].dial("timeout")

    assert [["How was sales?"], ["Busy 1."], ["How was nobody?"]] == [call.said for call in calls]


RETURNING = """
flow: dial
params: {number: phone}
outcomes: [reached, nobody]
start: ring
steps:
  ring:
    do: [connect: "447700900111"]
    on:
      completed: {return: reached}
      otherwise: {return: nobody}
"""
DIALLING = """
flow: main
default: true
start: find
steps:
  find:
    run: dial
    with: {number: "{{ call.from }}"}
    on: {reached: thanks, nobody: sorry}
  thanks:
    do: [talk: "Thank you."]
    goto: end
  sorry:
    do: [talk: "Nobody is there."]
    goto: end
"""


def test_a_sub_flow_gives_back_what_came_of_its_dial() -> None:
    flow = load({"flows/main.yaml": DIALLING, "flows/dial.yaml": RETURNING}).flows["main"]
    reached, nobody = ScriptedCall(flow), ScriptedCall(flow)
    reached.dial("answered")
    reached.reach("connected")
    nobody.dial("busy")

    assert [["Thank you."], ["Nobody is there."]] == [reached.said, nobody.said]

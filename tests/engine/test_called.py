"""The other party of a connect hears a flow of its own before it is joined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from app.engine import Turn, TurnContext, Wait, WaitRef, begin_called, refusal, resume
from app.engine.session import from_json, to_json
from app.flow.loader import load
from app.flow.model import Flow
from app.ncco.webhooks import recognise
from tests.engine.scripted_call import FAILSAFE, NOON, ScriptedCall, link, mask

MAIN = """
flow: main
default: true
start: ring
vars: {topic: {type: text, default: sales}, numbers: {type: list, default: ["447700900111", "447700900222"]}}
defaults: {on: {error: sorry}}
steps:
  ring:
    do:
      - talk: "One moment."
      - connect:
          number: "{{ numbers }}"
          onAnswer: {run: whisper, with: {team: "{{ topic }}"}, ringbackTone: "https://example.com/ring.mp3"}
    on: {completed: end, otherwise: nobody}
  nobody:
    do: [talk: "Nobody is here."]
    goto: end
  sorry:
    do: [talk: "Sorry."]
    goto: end
"""
WHISPER = """
flow: whisper
params: {team: text}
outcomes: [accepted, rejected]
start: ask
defaults: {on: {error: broken}}
steps:
  ask:
    do: [talk: "A call for {{ team }} from {{ call.from }}. To take it press 1, else press 2."]
    choices:
      take: {dtmf: 1, goto: {return: accepted}}
      leave: {dtmf: 2, goto: leave}
    retry: {tries: 2, then: leave}
  leave:
    do: [talk: "All right. Please hang up."]
    goto: {return: rejected}
  broken:
    do: [talk: "Something is wrong."]
    goto: end
"""
SILENCE = [{"action": "wait", "timeout": 0.1}]


def project(whisper: str = WHISPER, main: str = MAIN) -> Flow:
    read = load({"flows/main.yaml": main, "flows/whisper.yaml": whisper})

    assert not read.issues, [str(issue) for issue in read.issues]
    return read.flows["main"]


class CalledParty:
    """The leg that a caller's connect made."""

    def __init__(self, caller: ScriptedCall, **around: Any) -> None:
        self.flow = caller.flow
        self.around = TurnContext(NOON, link, mask, failsafe=FAILSAFE, dial_allow=("4477",), **around)
        parent = caller.session
        (wait,) = [wait for wait in parent.waits if wait.kind == "onanswer"]
        self.turn = self._last(begin_called(self.flow, "child", parent, wait, self.around))

    def press(self, digits: str) -> list[dict[str, Any]]:
        session = from_json(to_json(self.turn.session))
        webhook = recognise({"dtmf": {"digits": digits, "timed_out": False}})
        turn = self._last(resume(self.flow, session, session.waits[0], webhook, self.around))
        self.turn = turn
        return turn.ncco

    @staticmethod
    def _last(playing: Any) -> Turn:
        try:
            next(playing)
        except StopIteration as done:
            turn: Turn = done.value
            return turn
        raise AssertionError("it asks somebody")


def caller(flow: Flow | None = None) -> ScriptedCall:
    return ScriptedCall(flow or project(), dial_allow=("4477",))


def connect(call: ScriptedCall) -> Mapping[str, Any]:
    return next(action for action in call.ncco if action["action"] == "connect")


def test_the_number_carries_the_url_that_the_other_party_asks_and_its_ringback() -> None:
    call = caller()

    assert {
        "type": "phone",
        "number": "447700900111",
        "onAnswer": {"url": "https://test.example/onanswer/1/1", "ringbackTone": "https://example.com/ring.mp3"},
    } == connect(call)["endpoint"][0]
    assert (
        Wait(1, "onanswer", "onAnswer", "ring", steers=False, runs={"flow": "whisper", "given": {"team": "sales"}})
        == (call.session.waits[1])
    )
    assert WaitRef("event", call.session.id, 1, 0).index == call.session.waits[0].index


def test_a_second_call_gets_a_url_of_its_own() -> None:
    flow = project()
    first, second = caller(flow), caller(flow)
    first.dial("busy")

    assert "https://test.example/onanswer/2/1" == connect(first)["endpoint"][0]["onAnswer"]["url"]
    assert "https://test.example/onanswer/1/1" == connect(second)["endpoint"][0]["onAnswer"]["url"]


def test_the_other_party_hears_its_flow_with_what_it_was_given() -> None:
    party = CalledParty(caller())

    assert "A call for sales from 447700900123. To take it press 1, else press 2." == party.turn.ncco[0]["text"]
    assert ("child", "3f9a1c77d2e84b0c9a5566778899aabb") == (party.turn.session.id, party.turn.session.parent)
    assert 1 == party.turn.session.dialled


def test_who_takes_the_call_is_joined() -> None:
    party = CalledParty(caller())

    assert SILENCE == party.press("1")
    assert (True, "accepted") == (party.turn.session.is_over, party.turn.session.returned)


def test_who_declines_is_kept_apart_until_hanging_up() -> None:
    party = CalledParty(caller())
    ncco = party.press("2")

    assert [("talk", "All right. Please hang up."), ("wait", 7200)] == [
        (action["action"], action.get("text") or action["timeout"]) for action in ncco
    ]
    assert "rejected" == party.turn.session.returned


def test_a_flow_that_says_nothing_joins_the_parties_every_time() -> None:
    silent = "flow: whisper\nparams: {team: text}\nstart: pass\nsteps:\n  pass: {goto: end}\n"
    flow = project(silent)

    assert [SILENCE] * 3 == [CalledParty(caller(flow)).turn.ncco for _ in range(3)]


def test_a_step_without_words_behind_the_choice_joins_the_parties_every_time() -> None:
    flow = project(WHISPER.replace("goto: {return: accepted}", "goto: pass") + "  pass: {goto: {return: accepted}}\n")

    assert [SILENCE] * 3 == [CalledParty(caller(flow)).press("1") for _ in range(3)]


def test_what_breaks_in_it_takes_its_own_error_exit() -> None:
    broken = WHISPER.replace("from {{ call.from }}", "{{ [team][4] }}")

    assert ["Something is wrong."] == [
        action["text"] for action in CalledParty(caller(project(broken))).turn.ncco if action["action"] == "talk"
    ]


def test_without_an_error_exit_the_other_party_hears_nothing_of_ours_and_is_joined() -> None:
    broken = WHISPER.replace("from {{ call.from }}", "{{ [team][4] }}").replace("defaults: {on: {error: broken}}\n", "")
    broken = broken[: broken.index("  broken:")]
    party = CalledParty(caller(project(broken)))

    assert SILENCE == party.turn.ncco
    assert party.turn.is_failsafe


def test_a_rejection_that_is_taken_back_does_not_keep_the_parties_apart() -> None:
    refused = WHISPER.replace("Please hang up.", "{{ [team][4] }}").replace("Something is wrong.", "You are joined.")
    party = CalledParty(caller(project(refused)))

    assert ["You are joined."] == [action["text"] for action in party.press("2")]
    assert not party.turn.session.returned


def test_the_tail_of_the_other_party_says_nothing_to_callers() -> None:
    whisper = WHISPER.replace("defaults: {on: {error: broken}}\n", "")
    whisper = whisper[: whisper.index("  broken:")]

    assert ["talk", "input"] == [action["action"] for action in CalledParty(caller(project(whisper))).turn.ncco]


def test_a_flow_may_dial_on_and_is_bound_by_what_the_call_has_dialled() -> None:
    chain = """
flow: whisper
params: {team: text}
start: on
steps:
  on:
    do: [connect: {number: "447700900333", onAnswer: {run: whisper, with: {team: "{{ team }}"}}}]
    on: {completed: end, otherwise: end}
"""
    party = CalledParty(caller(project(chain)), dial_limit=1)

    assert SILENCE == party.turn.ncco
    assert 2 == CalledParty(caller(project(chain)), dial_limit=2).turn.session.dialled


def test_behind_the_connect_stands_a_notify_though_completed_ends_the_call() -> None:
    assert ["talk", "connect", "notify"] == [action["action"] for action in caller().ncco]


def test_who_has_declined_lets_the_next_of_the_list_ring() -> None:
    call = caller()
    call.seen |= {"answered", "rejected"}
    call.reach("connected")

    assert ["dials 447700900222"] == call.said
    assert "the other party has answered and was not joined; target 2 of 2 is next" in str(call.turn.trace)


def test_who_has_spoken_ends_the_call() -> None:
    call = caller()
    call.seen |= {"answered"}
    call.reach("connected")

    assert [] == call.ncco
    assert call.session.is_over


@pytest.mark.parametrize(
    ("returned", "is_over", "outcome"),
    [
        ("", True, ""),
        ("accepted", True, ""),
        ("rejected", True, "rejected"),
        ("busy", True, "busy"),
        ("", False, "rejected"),
    ],
)
def test_how_a_dial_ended_whose_party_heard_a_flow(returned: str, is_over: bool, outcome: str) -> None:
    assert outcome == refusal(returned, is_over=is_over)


def test_behind_an_input_the_connect_of_the_error_exit_names_no_flow() -> None:
    main = (
        MAIN.replace("start: ring", "start: menu")
        .replace("error: sorry", "error: person")
        .replace(
            "steps:\n",
            """steps:
  menu:
    do: [talk: "For sales press 1."]
    choices: {sales: {dtmf: 1, goto: ring}}
    retry: {then: sorry}
  person:
    do: [connect: {number: "447700900333", onAnswer: {run: whisper, with: {team: any}}}]
    on: {completed: end, otherwise: sorry}
""",
        )
    )
    call = caller(project(main=main))

    assert [{"type": "phone", "number": "447700900333"}] == call.ncco[2]["endpoint"]
    assert ["input"] == [wait.kind for wait in call.session.waits]


def test_what_the_wait_keeps_survives_a_round_through_json() -> None:
    session = caller().turn.session

    assert {"flow": "whisper", "given": {"team": "sales"}} == orjson.loads(to_json(session))["waits"][1]["runs"]
    assert session == from_json(to_json(session))

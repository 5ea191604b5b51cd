"""Flows that run other flows: whole calls."""

from __future__ import annotations

import orjson

from app.flow.loader import load
from tests.engine.scripted_call import ScriptedCall, load_flows

MAIN = """
flow: main
default: true
start: hello
vars: {account: {type: text}, left: {type: int, default: 9}}
defaults: {on: {error: sorry}, retry: {then: sorry}}
steps:
  hello:
    do: [{talk: "Welcome."}]
    run: pin_check
    with: {tries: 2, greeting: "Hello {{ call.from }}"}
    on:
      verified: {goto: account, set: {left: "{{ left + 1 }}"}}
      locked: {run: voicemail, with: {team: security}}
      error: sorry
  account:
    do: [{talk: "Account {{ account }}, {{ left }} left."}]
    goto: end
  sorry:
    do: [{talk: "Sorry."}]
    goto: end
"""
PIN = """
flow: pin_check
params: {tries: int, greeting: text, length: {type: int, default: 4}}
outcomes: [verified, locked]
returns: {account: text, left: int}
start: ask
vars: {used: {type: int}}
steps:
  ask:
    do: [{talk: "{{ greeting }}. Enter {{ length }} digits."}]
    collect: {into: pin, digits: 4, sensitive: true}
    retry: {noinput: ["Please key it in."], then: {return: locked}}
    goto: check
  check:
    set: {used: "{{ used + 1 }}"}
    branch:
      - if: pin == "1234"
        goto: {return: verified, set: {account: "A-1", left: "{{ tries - used }}"}}
      - if: used >= tries
        goto: {return: locked}
      - else: wrong
  wrong:
    do: [{talk: "Wrong."}]
    goto: ask
"""
VOICEMAIL = """
flow: voicemail
params: {team: text}
start: message
steps:
  message:
    do:
      - talk: "Message for {{ team }}."
      - record: {endOnSilence: 4}
    goto: end
"""
FLOWS = {"main": MAIN, "pin_check": PIN, "voicemail": VOICEMAIL}


def call() -> ScriptedCall:
    return ScriptedCall(load_flows(FLOWS, "main"))


def test_a_flow_plays_what_it_was_given_behind_what_its_caller_plays() -> None:
    assert ["Welcome.", "Hello 447700900123. Enter 4 digits."] == call().said


def test_a_flow_comes_back_with_an_outcome_and_values() -> None:
    caller = call()
    caller.press("1234")

    assert ["Account A-1, 2 left."] == caller.said
    assert ("", (), {"account": "A-1", "left": 2}) == (
        caller.session.at,
        caller.session.callers,
        caller.session.variables,
    )


def test_a_waiting_flow_keeps_its_place_between_webhooks() -> None:
    caller = call()
    [level] = caller.session.callers

    assert ("pin_check", "ask", "main", "hello") == (caller.session.at, caller.session.step, level.flow, level.step)
    assert {"account": "", "left": 9} == level.variables


def test_a_flow_that_is_left_for_good_does_not_come_back() -> None:
    caller = call()
    caller.press("1111")
    caller.press("2222")

    assert ["Message for security.", "record"] == caller.said
    assert ("voicemail", ()) == (caller.session.at, caller.session.callers)


def test_a_retry_may_lead_back_to_the_flow_that_waits() -> None:
    caller = call()
    caller.silence()
    caller.silence()

    assert ["Message for security.", "record"] == caller.said


def test_a_sensitive_value_is_a_token_wherever_it_is_kept() -> None:
    caller = call()
    caller.press("1111")

    assert "secret:4" == caller.session.variables["pin"]
    assert b"1111" not in orjson.dumps([line.fields for line in caller.turn.trace])


def test_an_error_that_a_flow_does_not_handle_is_the_error_of_its_callers_step() -> None:
    broken = PIN.replace('"Wrong."', '"{{ call.custom_data.nothing.at.all }}"')
    caller = ScriptedCall(load_flows({**FLOWS, "pin_check": broken}, "main"))
    caller.press("1111")

    assert ["Sorry."] == caller.said
    assert ("", ()) == (caller.session.at, caller.session.callers)


def test_a_flow_handles_its_own_errors_first() -> None:
    handling = PIN.replace("start: ask", "start: ask\ndefaults: {on: {error: oops}}") + (
        '  oops:\n    do: [{talk: "Oops."}]\n    goto: {return: locked}\n'
    )
    handling = handling.replace('"Wrong."', '"{{ call.custom_data.nothing.at.all }}"')
    caller = ScriptedCall(load_flows({**FLOWS, "pin_check": handling}, "main"))
    caller.press("1111")

    assert ["Oops.", "Message for security.", "record"] == caller.said


def test_a_refused_ncco_takes_the_error_exit_of_the_flow_that_is_left() -> None:
    caller = call()
    caller.refused()

    assert ["Sorry."] == caller.said


def test_a_return_that_nobody_waits_for_ends_the_call() -> None:
    alone = PIN.replace("params: {tries: int, greeting: text,", "default: true\nparams: {tries: int, greeting: text,")
    caller = ScriptedCall(load_flows({"pin_check": alone}, "pin_check"))
    caller.press("1234")

    assert [] == caller.ncco
    assert caller.session.is_over


def test_a_plain_return_is_an_outcome_of_that_name() -> None:
    main = """
flow: main
default: true
start: hello
steps:
  hello:
    run: terms
    on: {return: menu}
  menu:
    do: [{talk: "Menu."}]
    goto: end
"""
    terms = "flow: terms\nstart: say\nsteps:\n  say:\n    do: [{talk: Terms.}]\n    goto: return\n"
    caller = ScriptedCall(load_flows({"main": main, "terms": terms}, "main"))

    assert ["Terms.", "Menu."] == caller.said


def test_a_revision_holds_every_flow_that_a_call_may_come_to() -> None:
    flow = load_flows(FLOWS, "main")
    again = load(flow.sources).flows["main"]
    changed = load_flows({**FLOWS, "voicemail": VOICEMAIL.replace("Message", "A message")}, "main")

    assert {"flows/main.yaml", "flows/pin_check.yaml", "flows/voicemail.yaml"} == set(flow.sources)
    assert again.revision == flow.revision
    assert changed.revision != flow.revision


def test_a_flow_that_leads_to_a_broken_one_is_left_out() -> None:
    project = load(
        {"flows/main.yaml": MAIN, "flows/pin_check.yaml": PIN, "flows/voicemail.yaml": VOICEMAIL + "  x: 1\n"}
    )

    assert ["pin_check"] == list(project.flows)


def test_a_circle_through_another_flow_is_an_error_unless_it_asks_the_caller() -> None:
    menu = """
flow: main
default: true
start: hello
steps:
  hello:
    do: [{talk: "Hello."}]
    run: sub
    on: {back: hello, done: end}
"""
    silent = "flow: sub\noutcomes: [back, done]\nstart: a\nsteps:\n  a:\n    goto: {return: back}\n"
    asking = """
flow: sub
outcomes: [back, done]
start: a
steps:
  a:
    do: [{talk: "Press 1 to go back."}]
    choices: {back: {dtmf: 1, goto: {return: back}}}
    retry: {then: {return: done}}
"""
    bad = load({"flows/main.yaml": menu, "flows/sub.yaml": silent})
    good = load({"flows/main.yaml": menu, "flows/sub.yaml": asking})

    [issue] = bad.issues
    assert ("E216", "flows/main.yaml", 9) == (issue.code, issue.place.file, issue.place.line)
    assert "main.hello" in issue.message
    assert () == good.issues


TWICE = """
flow: main
default: true
start: one
steps:
  one:
    run: stock
    with: {item: tea}
    on: {return: two}
  two:
    run: stock
    with: {item: coffee}
    on: {return: end}
"""
STOCK = """
flow: stock
params: {item: text}
start: ask
lookups:
  left:
    post: "https://stock.example.com/left"
    json: {item: "{{ item }}"}
    returns: {count: int}
    default: {count: 0}
steps:
  ask:
    lookup: left
    do: [{talk: "{{ left.count }} left."}]
    goto: return
"""


def test_a_flow_that_runs_twice_in_a_turn_asks_two_questions() -> None:
    caller = ScriptedCall(load_flows({"main": TWICE, "stock": STOCK}, "main"))
    again = ScriptedCall(load_flows({"main": TWICE, "stock": STOCK}, "main"))

    assert [{"item": "tea"}, {"item": "coffee"}] == [lookup.request.json for lookup in caller.asked]
    assert 2 == len({lookup.key for lookup in caller.asked})
    assert [lookup.key for lookup in caller.asked] == [lookup.key for lookup in again.asked]


def test_a_returned_value_that_the_flow_does_not_have_is_dropped() -> None:
    main = MAIN.replace("vars: {account: {type: text}, left", "vars: {left").replace("Account {{ account }}, ", "")
    caller = ScriptedCall(load_flows({**FLOWS, "main": main}, "main"))
    caller.press("1234")

    assert ["2 left."] == caller.said
    assert {"left": 2} == caller.session.variables


def test_a_look_up_that_cannot_be_asked_is_not_ok() -> None:
    stock = STOCK.replace('"{{ item }}"}', '"{{ call.custom_data.note }}"}')
    caller = ScriptedCall(load_flows({"main": TWICE, "stock": stock}, "main"))

    assert ["0 left.", "0 left."] == caller.said
    assert [] == caller.asked
    assert any("it cannot be asked" in line.because for line in caller.turn.trace)

"""What is sensitive stays out of everything that is written, whatever a call does with it."""

from __future__ import annotations

import orjson

from app.engine.state import to_json
from tests.engine.scripted_call import ScriptedCall, load_flow, load_flows

SECRET = "987654"
ASKING = """
flow: test
default: true
start: ask
vars:
  known: {type: ["1234"], default: "1234", sensitive: true}
defaults: {on: {error: sorry}}
steps:
  ask:
    do: [{talk: "Your pin?"}]
    collect: {into: pin, digits: 1..6, sensitive: true}
    retry: {then: sorry}
    goto: next
  next:
    set: {known: "{{ pin }}"}
    goto: end
  sorry:
    do: [{talk: "Sorry."}]
    goto: end
"""
HOLD = """
flow: test
default: true
start: ask
steps:
  ask:
    do: [{talk: "Your pin?"}]
    collect: {into: pin, digits: 1..6, sensitive: true}
    retry: {then: end}
    goto: wait
  wait:
    do: [{talk: "Wait."}]
    hold: {until: pin == "98765", up_to: 5m}
    on: {ready: end, too_long: end}
"""


def written(caller: ScriptedCall) -> str:
    """Everything of a turn that is kept."""
    turn = caller.turn
    hooks = [(hook.url, hook.json, hook.headers, hook.problem) for hook in turn.hooks]
    return "\n".join((to_json(turn.session).decode(), turn.trace_json.decode(), orjson.dumps(hooks).decode()))


def test_an_error_does_not_tell_what_was_given() -> None:
    caller = ScriptedCall(load_flow(ASKING))
    caller.press(SECRET)

    assert ["Sorry."] == caller.said
    assert "failed" in {line.did for line in caller.turn.trace}
    assert SECRET not in written(caller)


def test_a_hold_does_not_tell_what_a_secret_is_compared_with() -> None:
    caller = ScriptedCall(load_flow(HOLD))
    caller.press("12345")
    first = written(caller)
    caller.reach("held")

    assert ["Wait."] == caller.said
    assert "98765" not in first + written(caller)


def test_a_hold_that_is_over_at_once_does_not_tell_what_a_secret_is_compared_with() -> None:
    caller = ScriptedCall(load_flow(HOLD))
    caller.press("98765")

    assert caller.session.is_over
    assert "98765" not in written(caller)


MAIN = """
flow: main
default: true
start: a
vars: {pin: {type: text, sensitive: true}}
steps:
  a:
    run: sub
    with: {code: "{{ pin }}"}
    on: {return: b}
  b:
    run: other
    with: {code: "{{ pin }}"}
    on: {return: end}
"""
SUB = """
flow: sub
params: {code: {type: text, sensitive: true}}
returns: {pin: {type: text, sensitive: true}}
start: ask
steps:
  ask:
    do: [{talk: "Your pin?"}]
    collect: {into: entered, digits: 5}
    retry: {then: end}
    goto: {return: return, set: {pin: "{{ entered }}"}}
"""
OTHER = """
flow: other
params: {code: {type: text, sensitive: true}}
start: ask
steps:
  ask:
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: return}}
    retry: {then: end}
"""


def test_a_secret_is_a_token_in_each_flow_that_knows_it() -> None:
    sub = SUB.replace("digits: 5}", "digits: 5, sensitive: true}")
    caller = ScriptedCall(load_flows({"main": MAIN, "sub": sub, "other": OTHER}, "main"))
    caller.press("98765")

    assert "other" == caller.turn.session.at
    assert "secret:5" == caller.turn.session.variables["code"]
    assert ["secret:5"] == [level.variables["pin"] for level in caller.turn.session.callers]
    assert "98765" not in written(caller)


TOLD = """
flow: test
default: true
start: ask
hooks:
  told: {params: {code: {type: text, sensitive: true}, item: text}, post: "https://example.com/told"}
steps:
  ask:
    do: [{talk: "Your pin?"}]
    collect: {into: pin, digits: 1..6, sensitive: true}
    retry: {then: end}
    goto: next
  next:
    send: {told: {code: "{{ pin }}", item: tea}}
    do: [{talk: "Thanks."}]
    goto: end
"""


def test_a_hook_does_not_tell_a_sensitive_param_by_itself() -> None:
    caller = ScriptedCall(load_flow(TOLD))
    caller.press(SECRET)
    [hook] = caller.turn.hooks

    assert {"item": "tea"} == hook.json["data"]["params"]
    assert SECRET not in written(caller)

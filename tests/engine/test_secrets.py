"""What is sensitive stays out of everything that is written, whatever a call does with it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.engine.session import to_json
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
    return "\n".join(
        (
            to_json(turn.session).decode(),
            orjson.dumps([line.fields for line in turn.trace]).decode(),
            orjson.dumps(hooks).decode(),
        )
    )


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


LATER = """
flow: test
default: true
start: ask
lookups:
  bank:
    post: "https://bank.example.com/check"
    json: {pin: "{{ pin }}"}
    returns: {right: bool}
hooks:
  told: {params: {code: {type: text, sensitive: true}}, post: "https://h.example.com/"}
vars:
  copy: {type: text, default: none, sensitive: true}
defaults: {on: {error: sorry}}
steps:
  ask:
    do: [{talk: "Your pin?"}]
    collect: {into: pin, digits: 6, sensitive: true}
    retry: {then: end}
    goto: menu
  menu:
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: later}}
    retry: {then: end}
  later:
    WHAT
  right:
    do: [{talk: "Right."}]
    goto: end
  sorry:
    do: [{talk: "Sorry."}]
    goto: end
"""


def later(what: str, **around: Any) -> ScriptedCall:
    """A call whose step behind another menu reads a secret; it has pressed 1 in that menu."""
    caller = ScriptedCall(load_flow(LATER.replace("WHAT", what)), **around)
    caller.press(SECRET)
    caller.press("1")
    return caller


@pytest.mark.parametrize(
    "what",
    [
        "branch: [{if: pin == '987654', goto: right}, {else: right}]",
        "set: {copy: '{{ pin }}'}\n    goto: right",
        "do: [{talk: \"{% if pin == '1' %}One{% else %}Other{% endif %}\"}]\n    goto: right",
        "branch: [{if: pin | length == 6, goto: right}, {else: right}]",
    ],
)
def test_a_secret_of_an_earlier_turn_is_missing(what: str) -> None:
    caller = later(what)

    assert ["Sorry."] == caller.said
    assert "secret" not in str(caller.ncco)


@pytest.mark.parametrize(
    "what",
    [
        "branch: [{if: pin is not defined, goto: right}, {else: sorry}]",
        "branch: [{if: pin | default('gone') == 'gone', goto: right}, {else: sorry}]",
        "do: [{talk: '{% if pin is defined %}Known.{% else %}Right.{% endif %}'}]\n    goto: end",
        "do: [{talk: '{% if pin | default == \"\" %}Right.{% endif %}'}]\n    goto: end",
    ],
)
def test_who_asks_for_a_secret_of_an_earlier_turn_is_told_that_it_is_gone(what: str) -> None:
    assert ["Right."] == later(what).said


def test_a_secret_of_an_earlier_turn_is_not_sent_to_anybody() -> None:
    caller = later(
        "lookup: bank\n    send: {told: {code: '{{ pin }}'}}\n    goto: right", answers={"bank": {"right": 1}}
    )

    assert [] == caller.asked
    assert [""] == [hook.url for hook in caller.turn.hooks]
    assert ["secret:6"] == [caller.session.variables["pin"]]


def test_a_secret_that_is_received_anew_is_there_again() -> None:
    again = "do: [{talk: 'Again?'}]\n    collect: {into: pin, digits: 6, sensitive: true}\n    goto: check"
    check = "\n    retry: {then: end}\n  check:\n    branch: [{if: pin == '555555', goto: right}, {else: sorry}]"
    caller = later(again + check)
    caller.press("555555")

    assert ["Right."] == caller.said
    assert "555555" not in written(caller)


def test_a_secret_that_nobody_has_given_has_its_default() -> None:
    text = LATER.replace("start: ask", "start: menu")
    what = "branch: [{if: copy == 'none' and pin == '', goto: right}, {else: sorry}]"
    caller = ScriptedCall(load_flow(text.replace("WHAT", what)))
    caller.press("1")

    assert ["Right."] == caller.said


@pytest.mark.parametrize("digits", ["digits", "text"])
def test_input_does_not_hold_what_is_sensitive(digits: str) -> None:
    text = LATER.replace("goto: menu", "goto: later", 1)
    what = f"branch: [{{if: input.{digits} is not defined and input.confidence == 0, goto: right}}, {{else: sorry}}]"
    caller = ScriptedCall(load_flow(text.replace("WHAT", what)))
    caller.press(SECRET)

    assert ["Right."] == caller.said
    assert {"confidence": 0.0} == caller.session.heard


def test_a_sub_flow_loses_a_secret_in_a_later_turn_and_so_does_whoever_waits_for_it() -> None:
    main = MAIN.replace("b:\n    run: other", "b:\n    run: late").replace(
        "on: {return: end}", "on: {return: c, error: sorry}"
    )
    main += "  c: {branch: [{if: pin is defined, goto: end}, {else: gone}]}\n"
    main += "  gone: {do: [{talk: Gone.}], goto: end}\n  sorry: {do: [{talk: Sorry.}], goto: end}\n"
    late = OTHER.replace("flow: other", "flow: late").replace(
        "goto: return}}", "goto: next}, two: {dtmf: 2, goto: return}}"
    )
    late += "  next: {branch: [{if: code == '98765', goto: return}, {else: return}]}\n"
    sub = SUB.replace("digits: 5}", "digits: 5, sensitive: true}")
    flow = load_flows({"main": main, "sub": sub, "late": late}, "main")

    caller = ScriptedCall(flow)
    caller.press("98765")
    caller.press("1")

    assert ["Sorry."] == caller.said

    caller = ScriptedCall(flow)
    caller.press("98765")
    caller.press("2")

    assert ["Gone."] == caller.said
    assert "secret:5" == caller.session.variables["pin"]


def test_what_fails_in_the_turn_that_lost_a_secret_keeps_its_token() -> None:
    caller = later("set: {copy: '{{ pin }}'}\n    goto: right")

    assert ["Sorry."] == caller.said
    assert "secret:6" == caller.session.variables["pin"]
    assert SECRET not in written(caller)


CARD = """
flow: test
default: true
start: hello
lookups:
  customer:
    get: "https://crm.example.com/{{ call.uuid }}"
    returns: {name: text, card: {type: text, sensitive: true}}
    default: {name: nobody, card: none}
  pay:
    params: {card: {type: text, sensitive: true}}
    post: https://pay.example.com
    json: {card: "{{ card }}"}
    returns: {paid: bool}
vars: {kept: {type: text, sensitive: true}, other: {type: ["1"], default: "1", sensitive: true}}
defaults: {on: {error: sorry}}
steps:
  hello:
    lookup: customer
    goto: FIRST
  pay:
    lookup: {pay: {card: "{{ customer.card }}"}}
    branch:
      - if: customer.card == "987654"
        goto: menu
      - else: sorry
  menu:
    do: [{talk: "Hello {{ customer.name }}, press 1."}]
    choices: {one: {dtmf: 1, goto: check}, two: {dtmf: 2, goto: anew}}
    retry: {then: end}
  anew:
    lookup: customer
    goto: check
  check:
    branch:
      - if: customer.card | default("gone") == "gone"
        goto: gone
      - else: there
  gone:
    do: [{talk: "Gone."}]
    goto: end
  there:
    do: [{talk: "There."}]
    goto: end
  sorry:
    do: [{talk: "Sorry."}]
    goto: end
"""
ANSWERS = {"customer": {"name": "Ann", "card": SECRET}, "pay": {"paid": True}}


def test_a_sensitive_field_of_a_look_up_is_there_in_the_turn_that_has_asked() -> None:
    caller = ScriptedCall(load_flow(CARD.replace("FIRST", "pay")), answers=ANSWERS)

    assert ["Hello Ann, press 1."] == caller.said
    assert {"card": SECRET} == caller.asked[1].request.json
    assert {"name": "Ann", "card": "secret:6", "ok": True} == caller.session.lookups["customer"]
    assert {"name": "Ann", "card": "secret:6", "ok": True} == caller.turn.lookups["customer"]
    assert SECRET not in written(caller)


@pytest.mark.parametrize(("key", "said"), [("1", "Gone."), ("2", "There.")])
def test_a_sensitive_field_of_a_look_up_is_missing_until_it_is_asked_again(key: str, said: str) -> None:
    caller = ScriptedCall(load_flow(CARD.replace("FIRST", "menu")), answers=ANSWERS)
    caller.press(key)

    assert [said] == caller.said
    assert "secret:6" == caller.session.lookups["customer"]["card"]
    assert SECRET not in written(caller)


def test_a_look_up_that_was_not_asked_has_its_default() -> None:
    caller = ScriptedCall(load_flow(CARD.replace("FIRST", "menu").replace("    lookup: customer\n", "", 1)))
    caller.press("1")

    assert ["There."] == caller.said


def test_a_fault_in_the_turn_that_has_asked_does_not_tell_the_field() -> None:
    text = CARD.replace("FIRST", "broken").replace("  pay:\n    lookup", f"{BROKEN_STEP}  pay:\n    lookup", 1)
    caller = ScriptedCall(load_flow(text), answers=ANSWERS)

    assert ["Sorry."] == caller.said
    assert "sensitive" in orjson.dumps([line.fields for line in caller.turn.trace]).decode()
    assert SECRET not in written(caller)


BROKEN_STEP = """  broken:
    set: {kept: "{{ customer.card | int | spoken }}", other: "{{ customer.card }}"}
    goto: sorry
"""


NESTED = """
flow: test
default: true
start: hello
lookups:
  customer:
    get: "https://crm.example.com/{{ call.uuid }}"
    returns:
      home: {city: text, code: {type: text, sensitive: true}}
      cards: [{name: text, number: {type: text, sensitive: true}}]
      codes: [{type: text, sensitive: true}]
    default: {}
defaults: {on: {error: sorry}}
steps:
  hello:
    lookup: customer
    branch:
      - if: customer.cards[0].number == "987654" and customer.home.code == "987654" and customer.codes[0] == "987654"
        goto: menu
      - else: sorry
  menu:
    do: [{talk: "Hello {{ customer.cards[0].name }} in {{ customer.home.city }}, press 1."}]
    choices: {one: {dtmf: 1, goto: late}}
    retry: {then: end}
  late:
    branch:
      - if: customer.codes | default("gone") == "gone"
        goto: sure
      - else: sorry
  sure:
    do:
      - talk: "{% for card in customer.cards %}{{ card.name }}{% if card.number is defined %}!{% endif %} {% endfor %}"
    goto: menu
  sorry:
    do: [{talk: "Sorry."}]
    goto: end
"""


def test_what_is_sensitive_further_in_lives_for_the_turn_that_has_asked() -> None:
    cards = [{"name": "Visa", "number": SECRET}, {"name": "Amex", "number": SECRET * 2}]
    answer = {"home": {"city": "Leeds", "code": SECRET}, "cards": cards, "codes": [SECRET]}
    kept = {
        "home": {"city": "Leeds", "code": "secret:6"},
        "cards": [{"name": "Visa", "number": "secret:6"}, {"name": "Amex", "number": "secret:12"}],
        "codes": "secret:10",
        "ok": True,
    }
    caller = ScriptedCall(load_flow(NESTED), answers={"customer": answer})

    assert ["Hello Visa in Leeds, press 1."] == caller.said
    assert (kept, kept) == (caller.session.lookups["customer"], caller.turn.lookups["customer"])
    assert SECRET not in written(caller)

    caller.press("1")

    assert "Visa Amex" == caller.said[0].strip()
    assert kept == caller.session.lookups["customer"]


ECHO = """
flow: test
default: true
start: ask
lookups:
  bank:
    post: "https://bank.example.com/check"
    json: {pin: "{{ pin }}"}
    timeout: 300ms
    returns:
      valid: bool
      message: text
      tier: ["987654", standard]
      seen: {at: text, by: [{name: text, code: {type: text, sensitive: true}}]}
      more: map
      count: int
    default: {message: nobody 987654, tier: standard}
  other:
    get: "https://other.example.com/"
    returns: {text: text}
hooks:
  told: {params: {text: text}, post: "https://h.example.com/"}
vars: {kept: {type: text, default: ""}}
defaults: {on: {error: sorry}}
steps:
  ask:
    do: [{talk: "Your pin?"}]
    collect: {into: pin, digits: 6, sensitive: true}
    retry: {then: end}
    goto: check
  check:
    lookup: [bank, other]
    set: {kept: "{{ bank.message }}"}
    send: {told: {text: "{{ bank.seen.at }} {{ other.text }}"}}
    branch:
      - if: bank.valid
        goto: right
      - else: wrong
  right:
    do: [{talk: "Right. {{ bank.message }} {{ bank.tier }}"}]
    goto: menu
  wrong:
    do: [{talk: "Wrong. {{ bank.message }}"}]
    goto: menu
  menu:
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: late}}
    retry: {then: end}
  late:
    do: [{talk: "{{ kept }}"}]
    goto: end
  sorry:
    do: [{talk: "Sorry."}]
    goto: end
"""
BANK = {
    "valid": True,
    "message": f"PIN {SECRET} is right",
    "tier": SECRET,
    "seen": {"at": "9 8 7 6 5 4", "by": [{"name": f"x{SECRET}y", "code": "445566"}, {"name": "445566", "code": ""}]},
    "more": {SECRET: [int(SECRET), 1.5, None, True, {"a": ["987-654", "b"]}]},
    "count": 3,
}


def test_an_answer_that_tells_a_secret_of_this_turn_is_a_token() -> None:
    caller = ScriptedCall(load_flow(ECHO), answers={"bank": BANK, "other": {"text": "445566"}})
    caller.press(SECRET)
    kept = {
        "valid": True,
        "message": "secret:19",
        "tier": SECRET,
        "seen": {
            "at": "secret:11",
            "by": [{"name": "secret:8", "code": "secret:6"}, {"name": "secret:6", "code": "secret:0"}],
        },
        "more": {"secret:6": ["secret:6", 1.5, None, True, {"a": ["secret:7", "b"]}]},
        "count": 3,
        "ok": True,
    }

    assert [f"Right. secret:19 {SECRET}", "Press 1."] == caller.said
    assert (kept, kept) == (caller.session.lookups["bank"], caller.turn.lookups["bank"])
    assert {"text": "secret:6", "ok": True} == caller.session.lookups["other"]
    assert [{"text": "secret:11 secret:6"}] == [hook.json["data"]["params"] for hook in caller.turn.hooks]

    caller.press("1")

    assert ["secret:19"] == caller.said


@pytest.mark.parametrize("count", [int(SECRET), f"1{SECRET}"])
def test_a_number_that_tells_a_secret_is_no_answer(count: Any) -> None:
    caller = ScriptedCall(load_flow(ECHO), answers={"bank": {**BANK, "count": count}})
    caller.press(SECRET)
    asked = [line.because for line in caller.turn.trace if line.what == "bank"]

    assert ["Wrong. nobody 987654", "Press 1."] == caller.said
    assert ["not ok: `count` holds something sensitive, and is not declared so, in 0 ms"] == asked
    assert {"valid", "message", "tier", "seen", "more", "count", "ok"} == caller.session.lookups["bank"].keys()


def test_an_answer_in_a_turn_without_secrets_is_left_as_it_is() -> None:
    flow = load_flow(ECHO.replace("start: ask", "start: check").replace('json: {pin: "{{ pin }}"}', "json: {}"))
    caller = ScriptedCall(flow, answers={"bank": BANK})

    assert f"Right. PIN {SECRET} is right {SECRET}" == caller.said[0]


def test_a_secret_that_stands_in_the_flow_is_none() -> None:
    text = ECHO.replace("vars: {", "vars: {copy: {type: text, default: '', sensitive: true}, ").replace(
        'json: {pin: "{{ pin }}"}', "json: {pin: '{{ copy }}'}"
    )
    flow = load_flow(
        text.replace("start: ask", "start: first").replace(
            "steps:\n", "steps:\n  first: {set: {copy: '987654'}, goto: check}\n"
        )
    )
    caller = ScriptedCall(flow, answers={"bank": BANK})

    assert f"Right. PIN {SECRET} is right {SECRET}" == caller.said[0]


PARTS = """
flow: sub
outcomes: [done, failed]
start: ask
defaults: {on: {error: {return: failed}}}
steps:
  ask:
    do: [{talk: "Your pin?"}]
    collect: {into: entered, digits: 6, sensitive: true}
    retry: {then: {return: failed}}
    goto: {return: done}
"""
AROUND = """
flow: main
default: true
start: pin
lookups:
  other: {get: "https://other.example.com/", returns: {text: text}}
defaults: {on: {error: sorry}}
steps:
  pin:
    run: sub
    on: {done: next, failed: next}
  next:
    lookup: other
    do: [{talk: "It is {{ other.text }}."}]
    goto: end
  sorry:
    do: [{talk: "Sorry."}]
    goto: end
"""


def test_what_another_flow_has_received_in_this_turn_is_known_too() -> None:
    flow = load_flows({"main": AROUND, "sub": PARTS}, "main")
    caller = ScriptedCall(flow, answers={"other": {"text": f"PIN {SECRET}"}})
    caller.press(SECRET)

    assert ["It is secret:10."] == caller.said


def test_what_was_given_to_another_flow_in_this_turn_is_known_too() -> None:
    main = MAIN.replace("b:\n    run: other", "b:\n    run: asks")
    asks = """
flow: asks
params: {code: {type: text, sensitive: true}}
lookups:
  other: {get: "https://other.example.com/", returns: {text: text}}
start: ask
steps:
  ask:
    lookup: other
    do: [{talk: "It is {{ other.text }}."}]
    branch: [{if: code == '1', goto: return}, {else: return}]
"""
    sub = SUB.replace("digits: 5}", "digits: 5, sensitive: true}")
    caller = ScriptedCall(
        load_flows({"main": main, "sub": sub, "asks": asks}, "main"), answers={"other": {"text": "98765"}}
    )
    caller.press("98765")

    assert ["It is secret:5."] == caller.said

"""Whatever an author writes in a text: if the flow loads, nothing sensitive is spoken, stored or sent.

Texts are random combinations of names, fields, filters, `set`, `for` and `if`. Most of them do not load. Those that do
are played with a lookup answer whose sensitive fields all have the same value.
"""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ncco_server.engine.session import to_json
from ncco_server.flow.loader import load
from tests.unit.server.engine.scripted_call import ScriptedCall

CANARY = "840217395"
FLOW = """
flow: test
default: true
start: ask
lookups:
  customer:
    get: "https://crm.example.com/c"
    returns:
      name: text
      home: {city: text, code: {type: text, sensitive: true}}
      cards: [{name: text, number: {type: text, sensitive: true}, more: {code: {type: text, sensitive: true}}}]
      others: [{name: text, number: text, more: {code: text}}]
      codes: [{type: text, sensitive: true}]
      whole: {type: {name: text, cards: [{number: text}]}, sensitive: true}
hooks:
  told: {params: {text: text}, post: "https://h.example.com/"}
vars:
  item: {type: text, default: name}
  tries: {type: int, default: 0}
  open: {type: list, default: [number, code]}
defaults: {on: {error: sorry}}
steps:
  ask:
    do: [{talk: "Your pin?"}]
    collect: {into: pin, digits: 9, sensitive: true}
    retry: {then: end}
    goto: next
  next:
    lookup: customer
    WHAT
    goto: end
  sorry: {do: [{talk: "Sorry."}], goto: end}
"""
PLACES = ('do: [{talk: "TEXT"}]', 'set: {item: "TEXT"}', 'send: {told: {text: "TEXT"}}')
ANSWER: dict[str, Any] = {
    "name": "Ann",
    "home": {"city": "Leeds", "code": f"h{CANARY}"},
    "cards": [{"name": "Visa", "number": f"n{CANARY}", "more": {"code": f"m{CANARY}"}}] * 2,
    "others": [{"name": "Amex", "number": "12", "more": {"code": "34"}}],
    "codes": [f"c{CANARY}"],
    "whole": {"name": f"w{CANARY}", "cards": [{"number": f"x{CANARY}"}]},
}
TEXT = (
    *("customer.name", "customer.home.city", "customer.home.code", "customer['home']['code']", "customer.home[item]"),
    *(
        "customer.cards[0].name",
        "customer.cards[0].number",
        "customer.cards[tries].more.code",
        "customer.cards[0][item]",
    ),
    *("customer.others[0].number", "customer.codes[0]", "customer.whole.name", "customer.whole.cards[0].number"),
    *("pin", "item", "input.digits", "call.uuid", "(customer.cards | last).number", "(customer.others | first).name"),
    *("(customer.codes | first)", "(customer.codes | join)", "customer.cards[0:1][0].number", "pin[0:9]"),
)
OTHERS = ("customer", "customer.home", "customer.cards", "customer.others", "customer.codes", "customer.whole", "open")
FIELDS = (".name", ".number", ".more.code", ".city", ".code", ".home.code", ".cards[0].number", "[item]", "[0]", "")
NAMES = st.sampled_from("abc")
FILTERS = st.sampled_from(["upper", "lower", "trim", "text", "default('z')", "default(pin)", "spell", "capitalize"])
PATHS = st.one_of(st.sampled_from(TEXT), st.builds("{}{}".format, NAMES, st.sampled_from(FIELDS)))
WHOLE = st.one_of(PATHS, st.sampled_from(OTHERS))
LISTS = st.sampled_from(
    [*OTHERS[2:5], "customer.whole.cards", "open", "[pin, item]", "[customer.name, 'x']", "a", "b.cards"]
)


def _wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} | {})".format, inner, FILTERS),
        st.builds("({} + {})".format, inner, inner),
        st.builds("({} if tries == 0 else {})".format, inner, inner),
        st.builds("({} if {} == item else {})".format, inner, inner, inner),
        st.builds("([{}, {}] | first)".format, inner, inner),
        st.builds("({} | length)".format, WHOLE),
    )


EXPRESSIONS = st.recursive(PATHS, _wider, max_leaves=3)
SAID = st.builds("{{{{ {} }}}}".format, EXPRESSIONS)
SETS = st.builds("{{% set {} = {} %}}".format, NAMES, st.one_of(EXPRESSIONS, WHOLE))
TESTS = st.sampled_from(["tries == 0", "pin == item", "customer.cards", "customer.home.code is defined", "item"])


def _around(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{}{}{}".format, SETS, inner, SAID),
        st.builds(
            "{{% for {0} in {1} %}}{2}{{{{ {0}{3} }}}}{{% endfor %}}".format,
            NAMES,
            LISTS,
            inner,
            st.sampled_from(FIELDS),
        ),
        st.builds("{}{{% if {} %}}{}{{% else %}}{}{{% endif %}}{}".format, SETS, TESTS, inner, inner, SAID),
        st.builds("{{% if {} %}}{}{{% endif %}}{}".format, TESTS, inner, inner),
    )


TEXTS = st.recursive(st.one_of(SAID, SETS), _around, max_leaves=3)


def written(text: str, place: str) -> str:
    """Everything that is stored or sent for a call; "" if the flow does not load."""
    project = load({"flows/test.yaml": FLOW.replace("WHAT", place.replace("TEXT", text))})
    if project.has_errors:
        return ""
    caller = ScriptedCall(project.flows["test"], answers={"customer": ANSWER})
    caller.press(CANARY)
    turn = caller.turn
    hooks = [(hook.url, hook.json, hook.headers, hook.problem) for hook in turn.hooks]
    kept = (
        to_json(turn.session),
        orjson.dumps(turn.trace),
        orjson.dumps(hooks, default=dict),
        orjson.dumps([turn.ncco, turn.lookups]),
    )
    return b"\n".join(kept).decode()


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(TEXTS, st.sampled_from(PLACES))
def test_no_text_that_loads_speaks_a_sensitive_value(text: str, place: str) -> None:
    assert CANARY not in written(text, place)


def test_texts_that_load_are_among_them() -> None:
    text = "{% for a in customer.cards %}{{ a.name }}{% endfor %}{% set b = customer.home %}{{ b.city }}"

    assert "VisaVisaLeeds" in written(text, PLACES[0])

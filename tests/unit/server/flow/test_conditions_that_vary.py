"""`ncco check` does not report conditions that may be true or false."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.checks.conditions import Domains
from ncco_server.flow.loader import load
from ncco_server.flow.nodes import Place, Text
from ncco_server.flow.scope import Variable, scope_types
from ncco_server.flow.templates.compiler import compile_expression
from ncco_server.ncco.value_types import TYPES, Word
from tests.support.cases import each_case

FLOW = """\
flow: main
default: true
start: hello
vars:
  plan: {type: [small, large, huge], default: small}
  tries: {type: int}
  rate: {type: number}
  said: {type: text}
  days: {type: list}
  account: {type: text}
  pain: {type: text}
lookups:
  customer:
    get: https://crm.example.com/customer
    returns: {name: text, vip: bool, tags: list, tier: [gold, standard]}
    default: {name: "", vip: false, tags: [], tier: standard}
hours: {office: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}}
steps:
  hello:
    lookup: customer
    branch:
      - if: CONDITION
        goto: ask
      - else: ask
  ask:
    set: {tries: "{{ tries + 1 }}", rate: "{{ call.custom_data.rate }}", said: "{{ input.text }}", days: [mon]}
    do: [talk: "Please key in 6 to 8 digits."]
    collect: {into: account, digits: 6..8}
    retry: {then: menu}
    goto: menu
  menu:
    do: [talk: "Press 1 if it hurts. {{ plan }} {{ account | spell }} {{ customer.name }} {{ hours.office.reason }}"]
    choices:
      "yes": {dtmf: 1, set: {pain: "yes"}, goto: last}
    retry: {then: last}
  last:
    do: [talk: "Goodbye. {{ rate }} {{ tries }} {{ said }} {{ pain }} {{ days | length }}"]
    choices:
      again: {dtmf: 1, goto: hello}
    retry: {then: end}
"""


@each_case(
    "condition",
    [
        'plan == "small" or plan == "large"',
        "tries > 3 and tries < 5",
        "rate > 0.3 and rate < 0.4",
        'said != "a" and said != "b"',
        'account == "123456" or account == "12345678"',
        'pain == "yes" or said == pain',
        "customer.vip and customer.ok",
        'customer.tier == "gold" and customer.name == ""',
        "said == customer.name and said != customer.name + 'x'",
        'call.sip["X-Tenant"] == "a" and call.sip["X-Team"] == "b"',
        "call.custom_data.a and not call.custom_data.b",
        '("x" in customer.tags) and "y" in customer.tags',
        'said in customer.tags and plan in [said, "small"]',
        "said[0:1] == 'a' and said[0:2] == 'b'",
        "said | starts_with('ab') and said != 'abc' or said | ends_with('a')",
        "call.from | starts_with('44') and not (call.from | starts_with('4420'))",
        "account | starts_with('12') and account == '123456'",
        "now > hours.office.next_open or days == []",
    ],
)
def test_a_condition_that_may_be_true_or_false_is_not_reported(condition: str) -> None:
    project = load({"flows/main.yaml": FLOW.replace("CONDITION", condition)}, extent="files")

    reported = {issue.code for issue in project.issues}

    assert not project.has_errors
    assert reported.isdisjoint({"W642", "W643", "W644"})


PLACE = Place("flows/test.yaml", 1, 1)
SCOPE = scope_types(
    {
        "plan": Variable("plan", Word(("a", "b", "c")), "a", PLACE),
        "tries": Variable("tries", TYPES["int"], 0, PLACE),
        "said": Variable("said", TYPES["text"], "", PLACE),
        "vip": Variable("vip", TYPES["bool"], False, PLACE),
    }
)
ATOMS = st.one_of(
    st.builds("plan {} '{}'".format, st.sampled_from(["==", "!="]), st.sampled_from("abc")),
    st.builds("plan {} ['{}', '{}']".format, st.sampled_from(["in", "not in"]), st.sampled_from("abc"), st.just("b")),
    st.builds("tries {} {}".format, st.sampled_from(["<", "<=", "==", ">", ">=", "!="]), st.integers(0, 4)),
    st.builds("{1} {0} tries".format, st.sampled_from(["<", "<=", ">", ">="]), st.integers(0, 4)),
    st.builds("said {} '{}'".format, st.sampled_from(["==", "!="]), st.sampled_from("xy")),
    st.builds("(said | starts_with('{}'))".format, st.sampled_from(["x", "xy", "xyz", "y", "ot", ""])),
    st.builds("(plan | starts_with('{}'))".format, st.sampled_from("abx")),
    st.just("said == plan"),
    st.just("vip"),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({}) and ({})".format, inner, inner),
        st.builds("({}) or ({})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=5,
)
NAMES = st.fixed_dictionaries(
    {
        "plan": st.sampled_from("abc"),
        "tries": st.integers(-1, 6),
        "said": st.sampled_from(["", "x", "y", "a", "xy", "xyz", "xyzz", "other"]),
        "vip": st.booleans(),
    }
)


@given(CONDITIONS, st.lists(NAMES, min_size=5, max_size=20))
def test_every_condition_true_in_a_call_is_true_for_some_sample(condition: str, calls: list[dict[str, object]]) -> None:
    expression, issues = compile_expression(Text(condition, PLACE), SCOPE)
    domains = Domains(SCOPE)

    assert expression is not None, issues

    formula = domains.formula(expression.node)
    found = {formula(combination) for combination in domains.combinations(10_000) or ()}

    assert {expression.evaluate(names) for names in calls} <= found

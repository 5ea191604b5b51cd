"""Returned values and params of a flow, compared with the declarations of the flow that runs it."""

from __future__ import annotations

from ncco_server.flow.loader import load
from tests.support.cases import each_case

MAIN = """
flow: main
default: true
params: {taken: {type: text, default: ""}}
vars: {pin: VARIABLE}
start: a
steps:
  a:
    run: sub
    on: {return: b}
  b:
    set: {pin: {{ pin }}}
    do: [{talk: "Hi."}]
    goto: end
"""
SUB = """
flow: sub
returns: {pin: RETURNED, taken: text}
start: ask
steps:
  ask:
    do: [{talk: "Enter your pin."}]
    collect: {into: entered, digits: 4, sensitive: true}
    retry: {then: end}
    goto: {return: return, set: {pin: SET}}
"""


def faults(variable: str, returned: str, value: str = '"4711"') -> list[tuple[str, str, str]]:
    main = MAIN.replace("VARIABLE", variable).replace("    set: {pin: {{ pin }}}\n", "")
    sub = SUB.replace("RETURNED", returned).replace("SET", value)
    project = load({"flows/main.yaml": main, "flows/sub.yaml": sub})
    return [(issue.code, issue.message, issue.cure) for issue in project.issues]


@each_case(
    ("variable", "returned"),
    [
        ("{type: text}", "text"),
        ("{type: number}", "int"),
        ("{type: text}", "phone"),
        ("{type: text}", '["4711", "4712"]'),
        ('{type: ["4711", "4712"], default: "4711"}', '["4711"]'),
        ("{type: text, sensitive: true}", "{type: text, sensitive: true}"),
        ("{type: text, sensitive: true}", "text"),
    ],
)
def test_a_returned_value_of_the_type_of_the_variable_is_valid(variable: str, returned: str) -> None:
    assert [] == faults(variable, returned, '"447700900123"' if returned == "phone" else '"4711"')


def test_the_cure_for_a_returned_secret_names_the_returned_value() -> None:
    [(code, _, cure)] = faults("{type: text}", "text", '"{{ entered }}"')

    assert ("E226", "declare `pin` with `sensitive: true` under `returns`") == (code, cure)

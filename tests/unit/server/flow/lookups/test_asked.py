from __future__ import annotations

from tests.support.cases import each_case
from tests.unit.server.flow.loading_flows import faults_of as faults_without
from tests.unit.server.flow.loading_flows import flow_of
from tests.unit.server.flow.lookups.lookup_flows import asked_of, faults_of, marked

TWO = """
get: "https://crm.example.com/c"
returns: {name: text}
"""
STOCK = """
params: {item: text, size: {type: int, default: 1}}
get: "https://crm.example.com/{{ item }}/{{ size }}"
returns: {left: int}
"""


def step(lookup: str) -> str:
    return f"hello:\n  lookup: {lookup}\n  do: [{{talk: Hello.}}]\n  goto: end\n"


@each_case("lookup", ["customer", "[customer]", "[{customer: {}}]", "{customer: {}}"])
def test_a_lookup_is_asked_by_its_name(lookup: str) -> None:
    assert ["customer"] == [asked.name for asked in asked_of(TWO, lookup)]


@each_case(
    ("lookup", "fault"),
    [
        ("custmer", 'E537 there is no lookup "custmer" → did you mean "customer"?'),
        ("weather", 'E537 there is no lookup "weather" → write one of: customer'),
        ('"customer, customer"', 'E537 there is no lookup "customer, customer" → write a list: [customer, customer]'),
        (
            "item",
            'E537 "item" is a variable of this flow, which hides any lookup with that name → give the variable '
            "another name",
        ),
        (
            "[customer, customer]",
            'E538 the lookup "customer" is made twice; the first is on line 16 → delete one of the two',
        ),
        (
            "[[customer]]",
            "E201 a lookup of `lookup` is a list → write the name of a lookup, or `- name: {param: value}` in a list",
        ),
        (
            '{get: "https://crm.example.com"}',
            'E537 `lookup` cannot declare a lookup, but "get" belongs to one → declare it under the flow\'s `lookups`, '
            "and write its name",
        ),
        (
            "[{customer: {a: 1}}]",
            'E270 the lookup "customer" takes no "a" → delete it, or declare it there under `params`',
        ),
        (
            "[{customer: a}]",
            'E201 the input of the lookup "customer" is a text → delete it: there are no params',
        ),
    ],
)
def test_a_lookup_that_cannot_be_called_is_an_error(lookup: str, fault: str) -> None:
    assert [fault] == faults_of(TWO, step(lookup))


@each_case(
    ("lookup", "fault"),
    [
        ("customer", 'E271 the lookup "customer" needs "item" → write `{customer: {item: ..}}`'),
        (
            "[{customer: a}]",
            'E201 the input of the lookup "customer" is a text → write `{customer: {item: .., size: ..}}`',
        ),
        ("[{customer: {itm: a}}]", 'E270 the lookup "customer" takes no "itm" → did you mean "item"?'),
        (
            "[{customer: {item: a, size: big}}]",
            'E313 `size` cannot be "big" → a whole number is needed, such as 2',
        ),
        (
            "[{customer: {item: '{{ pin }}'}}]",
            'E226 "item" would store the sensitive "pin" unmasked → declare `item` with `sensitive: true` '
            'under `params` of the lookup "customer"',
        ),
    ],
)
def test_params_are_given_and_have_the_declared_types(lookup: str, fault: str) -> None:
    assert [fault] == faults_of(STOCK, step(lookup))


def test_a_lookup_may_have_the_name_of_a_declaration_key() -> None:
    head = 'lookups: {get: {params: {item: text}, get: "https://x.example/{{ item }}", returns: {name: text}}}\n'
    steps = 'hello: {lookup: {get: {item: a}}, do: [{talk: "{{ get.name }}"}], goto: end}'

    assert ("get",) == tuple(asked.name for asked in flow_of(steps, head).steps["hello"].asks)


def test_a_faulty_lookup_may_still_be_called() -> None:
    assert ["E530 customer"] == marked("returns: {name: text}", step("customer"))


def test_a_field_without_its_lookup_or_an_undeclared_calendar_is_reported_with_its_owner() -> None:
    head = (
        "hours: {clinic: {timezone: UTC, week: {mon: 09:00-17:00}}}\n"
        'lookups: {place: {get: "https://x.example", returns: {position: int}}}\n'
    )
    step = "hello: {lookup: place, branch: [{if: CONDITION, goto: end}, {else: end}]}"

    assert ['E303 unknown name "clinic" → did you mean "hours.clinic"?'] == faults_without(
        step.replace("CONDITION", "clinic.open"), head
    )
    assert ['E303 unknown name "position" → did you mean "place.position"?'] == faults_without(
        step.replace("CONDITION", "position > 1"), head
    )

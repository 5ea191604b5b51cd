from __future__ import annotations

from tests.support.cases import each_case
from tests.unit.server.flow.loading_flows import faults_of as faults_without
from tests.unit.server.flow.loading_flows import flow_of
from tests.unit.server.flow.lookups.lookup_flows import asked_of

TWO = """
get: "https://crm.example.com/c"
returns: {name: text}
"""


@each_case("lookup", ["customer", "[customer]", "[{customer: {}}]", "{customer: {}}"])
def test_a_lookup_is_asked_by_its_name(lookup: str) -> None:
    assert ["customer"] == [asked.name for asked in asked_of(TWO, lookup)]


def test_a_lookup_may_have_the_name_of_a_declaration_key() -> None:
    head = 'lookups: {get: {params: {item: text}, get: "https://x.example/{{ item }}", returns: {name: text}}}\n'
    steps = 'hello: {lookup: {get: {item: a}}, do: [{talk: "{{ get.name }}"}], goto: end}'

    assert ("get",) == tuple(asked.name for asked in flow_of(steps, head).steps["hello"].asks)


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

"""Shared files: parts for all flows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.flow.hours.moment import hours_view
from app.flow.loader import load
from app.flow.model import Frame

SHARED = """
shared: true
hours:
  office: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}
lookups:
  customer: {get: "https://crm.example.com/{{ call.from }}", returns: {name: text}, default: {name: ""}}
hooks:
  greeted: {post: "https://crm.example.com/greeted"}
locales:
  en: {language: en-GB}
defaults:
  talk: {style: 2}
  retry: {noinput: ["Sorry?"]}
"""
FLOW = """
flow: main
default: true
start: hello
defaults: {talk: {premium: true}}
steps:
  hello:
    lookup: customer
    send: greeted
    do: [{talk: "Hello {{ customer.name }}{% if hours.office.open %}, we are open{% endif %}."}]
    goto: end
"""


def project(flow: str = FLOW, **shared: str) -> list[str]:
    texts = {"flows/main.yaml": flow} | {f"flows/{name}.yaml": text for name, text in shared.items()}
    return [f"{issue.place} {issue.code} {issue.message}" for issue in load(texts).issues]


def test_every_flow_may_use_what_is_shared() -> None:
    flow = load({"flows/main.yaml": FLOW, "flows/shared.yaml": SHARED}).flows["main"]
    [talk] = flow.steps["hello"].parts[0].render(_frame())

    assert {"style": 2, "premium": True, "language": "en-GB"}.items() <= talk.action.items()
    assert {"office"} == set(flow.calendars)
    assert {"flows/main.yaml", "flows/shared.yaml"} == set(flow.sources)


def _frame() -> Frame:
    calendars = load({"flows/main.yaml": FLOW, "flows/shared.yaml": SHARED}).calendars
    hours = hours_view(calendars, datetime(2026, 3, 4, 12, tzinfo=UTC))
    return Frame({"customer": {"name": "Ann"}, "hours": hours, "locale": "en"})


def test_a_flow_may_declare_a_part_of_its_own_in_the_place_of_a_shared_one() -> None:
    own = FLOW.replace(
        "steps:\n",
        'lookups: {customer: {get: "https://other.example.com/", returns: {name: text, age: int}}}\nsteps:\n',
    ).replace("customer.name", "customer.age")

    assert [] == project(own, shared=SHARED)


def test_a_variable_stands_before_a_shared_look_up_of_its_name() -> None:
    own = FLOW.replace("steps:\n", "vars: {customer: {type: text}}\nsteps:\n").replace("customer.name", "customer")

    [issue] = project(own, shared=SHARED)

    assert issue.startswith('flows/main.yaml:9:13 E537 "customer" is a variable of this flow')


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("shared: true", "shared: yes"), 'flows/shared.yaml:2:9 E203 `shared` cannot be "yes"'),
        (("shared: true", "shared: false"), "flows/shared.yaml:2:9 E203 `shared` is false"),
        (("shared: true", "shared: true\nsteps: {}"), 'flows/shared.yaml:3:1 E202 the shared file has no "steps"'),
        (("shared: true", "shared: true\nflow: x"), 'flows/shared.yaml:3:1 E202 the shared file has no "flow"'),
        (("defaults:\n", "defaults: [a]\nx:\n"), "flows/shared.yaml:11:11 E201 `defaults` is a list"),
    ],
)
def test_a_fault_in_a_shared_file_is_told_of_in_that_file(change: tuple[str, str], expected: str) -> None:
    assert expected in project(shared=SHARED.replace(*change))


def test_parts_may_be_spread_over_several_shared_files() -> None:
    head, _, rest = SHARED.partition("hooks:\n")

    assert [] == project(one=head, two=f"shared: true\nhooks:\n{rest}")


def test_two_shared_files_may_not_declare_the_same_part() -> None:
    assert ['flows/b.yaml:4:3 E282 "office" of `hours` is declared in flows/a.yaml:4 already'] == [
        issue for issue in project(a=SHARED, b=SHARED) if "office" in issue
    ]


def test_defaults_of_two_shared_files_are_joined() -> None:
    two = "shared: true\ndefaults: {talk: {style: 5, loop: 2}}\n"
    flow = load({"flows/main.yaml": FLOW, "flows/a.yaml": SHARED, "flows/b.yaml": two}).flows["main"]
    [talk] = flow.steps["hello"].parts[0].render(_frame())

    assert (5, 2, True) == (talk.action["style"], talk.action["loop"], talk.action["premium"])


def test_two_shared_files_may_not_both_declare_the_locales() -> None:
    one = "shared: true\nlocales: {en: {language: en-GB}}\n"
    two = "shared: true\nlocales: {fr: {language: fr-FR}}\n"

    assert ["flows/b.yaml:2:11 E282 `locales` are declared in flows/a.yaml:2 already"] == [
        issue for issue in project(a=one, b=two) if "locales" in issue
    ]

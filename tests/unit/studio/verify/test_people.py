"""A file for a virtual Vonage: how called people behave."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from ncco_studio.simulator.parties import ENDLESS, Behaviour, Words
from ncco_studio.verify.scenarios.people import people_schema, read_people
from tests.support.cases import each_case

FILE = """\
people:
  "447700900401": {after: 6s, picks_up: true, presses: 1}
  +44 7700 900402: busy
  447700900403:
    - {picks_up: false}
    - {presses: ["1", "", {speak: hello}], talks: 5}
"""


def test_a_file_says_what_each_person_does_call_by_call() -> None:
    people, issues = read_people("people.yaml", FILE)

    assert [] == issues
    assert people == {
        "447700900401": (Behaviour("answered", 6.0, script=("1",)),),
        "447700900402": (Behaviour("busy"),),
        "447700900403": (
            Behaviour("timeout", ENDLESS),
            Behaviour("answered", talks_s=5.0, script=("1", "", Words("hello"))),
        ),
    }
    jsonschema.validate(yaml.safe_load(FILE), people_schema())


@each_case(
    ("text", "place", "says", "cure"),
    [
        ("", (1, 1), "the file is empty", "people: {"),
        ("peopel: {}", (1, 1), 'has no "peopel"', 'did you mean "people"?'),
        ("people: 3", (1, 9), "`people` is a text", "people: {"),
        ("- a", (1, 1), "a file of people is a list", "write"),
        ('people: {"44": {afterr: 6s}}', (1, 17), '"44" has no "afterr"', 'did you mean "after"?'),
        ('people: {"44": {rings: 6s}}', (1, 17), '"44" has no "rings"', "write one of: after"),
        ('people: {"44": {after: soon}}', (1, 24), '`after` cannot be "soon"', "write seconds, such as 12s"),
        ('people: {"44": {presses: x}}', (1, 26), '`presses` cannot be "x"', "write keys: digits, * and #"),
        ('people: {"44": bussy}', (1, 16), '`outcome` cannot be "bussy"', "busy"),
        ('people: {"44": {picks_up: maybe}}', (1, 27), '`picks_up` cannot be "maybe"', "true or false"),
        ('people: {"44": {picks_up: true, outcome: busy}}', (1, 33), "`picks_up` is written too", "delete one"),
    ],
)
def test_a_mistake_is_reported_with_its_place_and_a_fix(
    text: str, place: tuple[int, int], says: str, cure: str
) -> None:
    [issue] = read_people("people.yaml", text)[1]

    assert place == (issue.place.line, issue.place.column)
    assert says in issue.message
    assert cure in str(issue.cure)


@each_case("wrong", [{}, {"people": 3}, {"people": {"44": {"afterr": 1}}}, {"people": {"44": {"outcome": "b"}}}])
def test_the_schema_refuses_what_the_reader_refuses(wrong: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, people_schema())

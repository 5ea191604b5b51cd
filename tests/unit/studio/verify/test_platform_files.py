"""Two files for a virtual Vonage: how called people behave, and how the platform does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import jsonschema
import pytest
import yaml

from ncco_server.errors import SettingsError
from ncco_studio.simulator.assumptions import DEFAULTS
from ncco_studio.simulator.parties import ENDLESS, Behaviour, Words
from ncco_studio.verify.platform_file import platform_schema, read_platform, settings_in
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
        ('people: {"44": {rings: 6s}}', (1, 17), '"44" has no "rings"', "write `after`"),
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


def test_a_file_changes_only_the_settings_that_it_names(tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text("after_connect: ends\nretries: 2\nretry_after_s: 0.5  # 3 of 3\n", encoding="utf-8")
    assert {"after_connect": "ends", "retries": 2, "retry_after_s": 0.5} == settings_in(file)
    jsonschema.validate(yaml.safe_load(file.read_text(encoding="utf-8")), platform_schema())


@each_case(
    ("text", "place", "says", "cure"),
    [
        ("after_conect: ends\n", (1, 1), 'there is no setting "after_conect"', 'did you mean "after_connect"?'),
        ("after_connect: end\n", (1, 16), '`after_connect` cannot be "end"', 'did you mean "ends"?'),
        ("retries: 9\n", (1, 10), '`retries` cannot be "9"', "write a whole number from 0 to 5"),
        ("retries: 1.5\n", (1, 10), '`retries` cannot be "1.5"', "write a whole number from 0 to 5"),
        ("retry_after_s: soon\n", (1, 16), '`retry_after_s` cannot be "soon"', "write a number from 0 to 60"),
        ("retry_after_s: nan\n", (1, 16), '`retry_after_s` cannot be "nan"', "write a number from 0 to 60"),
        ("- after_connect\n", (1, 1), "a platform is a list", "write `after_connect: ends`"),
    ],
)
def test_a_mistake_is_reported_at_its_place(text: str, place: tuple[int, int], says: str, cure: str) -> None:
    settings, (issue,) = read_platform("platform.yaml", text)
    assert ({}, place, says, cure) == (settings, (issue.place.line, issue.place.column), issue.message, f"{issue.cure}")


def test_a_file_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        settings_in(tmp_path / "missing.yaml")


def test_the_schema_knows_every_value() -> None:
    validator = jsonschema.Draft7Validator(platform_schema())
    assert validator.is_valid(asdict(DEFAULTS))
    assert not validator.is_valid({"after_connect": "end"})

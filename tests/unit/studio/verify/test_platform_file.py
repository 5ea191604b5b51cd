"""Files of settings that describe a platform."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import jsonschema
import pytest
import yaml

from ncco_server.errors import SettingsError
from ncco_studio.simulator.assumptions import DEFAULTS
from ncco_studio.verify.platform_file import platform_schema, read_platform, settings_in
from tests.support.cases import each_case


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

"""The JSON Schema says what `check` says, as far as a JSON Schema can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import app.ncco
from app.ncco import RULES, check, json_schema

SAMPLES = Path(app.ncco.__file__).parent / "examples"
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
WARNINGS = [code for code, rule in RULES.items() if rule.severity == "warning"]
TOLD_BY_THE_SCHEMA = (
    *("N101", "N102", "N103", "N104", "N105", "N106", "N107", "N108", "N109", "N110", "N111", "N112", "N113"),
    *("N114", "N115", "N116", "N117", "N118", "N120", "N121", "N122", "N124"),
)


def sample(code: str, kind: str) -> Any:
    return json.loads((SAMPLES / f"{code}.{kind}.json").read_text(encoding="utf-8"))


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_actions_and_endpoints_are_defined_by_their_names() -> None:
    assert [
        *("record", "conversation", "connect", "talk", "stream", "input", "notify", "wait", "transfer"),
        *("phone_endpoint", "app_endpoint", "websocket_endpoint", "sip_endpoint", "vbc_endpoint"),
    ] == list(SCHEMA["$defs"])


def test_every_option_says_what_it_does() -> None:
    silent = [
        f"{name}.{option}"
        for name, shape in SCHEMA["$defs"].items()
        for option, schema in shape["properties"].items()
        if option not in ("action", "type") and not schema.get("description")
    ]

    assert silent == []


def test_ranges_and_defaults_are_told() -> None:
    timeout = SCHEMA["$defs"]["connect"]["properties"]["timeout"]

    assert (timeout["minimum"], timeout["maximum"], timeout["default"]) == (1, 120, 60)


@pytest.mark.parametrize("code", RULES)
def test_good_samples_are_valid(code: str) -> None:
    VALIDATOR.validate(sample(code, "good"))


@pytest.mark.parametrize("code", WARNINGS)
def test_samples_with_warnings_are_valid(code: str) -> None:
    VALIDATOR.validate(sample(code, "bad"))


@pytest.mark.parametrize("code", TOLD_BY_THE_SCHEMA)
def test_samples_of_a_wrong_shape_are_invalid(code: str) -> None:
    assert check(sample(code, "bad"))
    assert not VALIDATOR.is_valid(sample(code, "bad"))

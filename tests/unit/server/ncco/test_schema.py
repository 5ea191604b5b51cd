"""The JSON Schema agrees with `check`, as far as a JSON Schema can."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from ncco_server.ncco import RULES, check, json_schema
from ncco_server.ncco.actions import ACTIONS
from tests.support.cases import each_case

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
WARNINGS = [code for code, rule in RULES.items() if rule.severity == "warning"]
IN_THE_SCHEMA = (
    *("N101", "N102", "N103", "N104", "N105", "N106", "N107", "N108", "N109", "N110", "N111", "N112", "N113"),
    *("N114", "N115", "N116", "N117", "N118", "N120", "N121", "N122", "N124"),
)


def bad(code: str) -> Any:
    return json.loads(RULES[code].bad)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA == json.loads(json.dumps(SCHEMA))


def test_actions_and_endpoints_are_defined_by_their_names() -> None:
    endpoints = ("phone_endpoint", "app_endpoint", "websocket_endpoint", "sip_endpoint", "vbc_endpoint")

    assert [*ACTIONS, *endpoints] == list(SCHEMA["$defs"])


def test_every_option_has_a_description() -> None:
    bare = [
        f"{name}.{option}"
        for name, shape in SCHEMA["$defs"].items()
        for option, schema in shape["properties"].items()
        if option not in ("action", "type") and not schema.get("description")
    ]

    assert [] == bare


def test_ranges_and_defaults_are_given() -> None:
    timeout = SCHEMA["$defs"]["connect"]["properties"]["timeout"]

    assert (1, 120, 60) == (timeout["minimum"], timeout["maximum"], timeout["default"])


@each_case("code", RULES)
def test_good_examples_are_valid(code: str) -> None:
    assert [] == [error.message for error in VALIDATOR.iter_errors(json.loads(RULES[code].good))]


@each_case("code", WARNINGS)
def test_examples_with_warnings_are_valid(code: str) -> None:
    assert [] == [error.message for error in VALIDATOR.iter_errors(bad(code))]


@each_case("code", IN_THE_SCHEMA)
def test_examples_with_the_wrong_structure_are_invalid(code: str) -> None:
    assert check(bad(code))
    assert not VALIDATOR.is_valid(bad(code))


@each_case("name", ["conversationId", "conversation_id"])
def test_a_required_option_may_have_either_spelling(name: str) -> None:
    assert VALIDATOR.is_valid([{"action": "transfer", name: "CON-1"}])
    assert not VALIDATOR.is_valid([{"action": "transfer"}])

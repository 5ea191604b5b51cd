"""The JSON Schema agrees with `check`, as far as a JSON Schema can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from ncco_server.ncco import RULES, check, json_schema
from ncco_server.ncco.actions import ACTIONS
from tests.support.cases import each_case

WARNINGS = [code for code, rule in RULES.items() if rule.severity == "warning"]
DOCUMENTS = Path(__file__).parents[3] / "contract/server/ncco/documents"
IN_THE_SCHEMA = (
    *("N101", "N102", "N103", "N104", "N105", "N106", "N107", "N108", "N109", "N110", "N111", "N112", "N113"),
    *("N114", "N115", "N116", "N117", "N118", "N120", "N121", "N122", "N124"),
)


def faults(document: object, *, validator: Draft202012Validator | None = None) -> list[str]:
    validator = validator or Draft202012Validator(json_schema())
    return [error.message for error in validator.iter_errors(document)]


def bad(code: str) -> Any:
    return json.loads(RULES[code].bad)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())

    assert json_schema() == json.loads(json.dumps(json_schema()))


def test_actions_and_endpoints_are_defined_by_their_names() -> None:
    endpoints = ("phone_endpoint", "app_endpoint", "websocket_endpoint", "sip_endpoint", "vbc_endpoint")

    assert [*ACTIONS, *endpoints] == list(json_schema()["$defs"])


def test_every_option_has_a_description() -> None:
    bare = [
        f"{name}.{option}"
        for name, shape in json_schema()["$defs"].items()
        for option, given in shape["properties"].items()
        if option not in ("action", "type") and not given.get("description")
    ]

    assert [] == bare


def test_ranges_and_defaults_are_given() -> None:
    connect = json_schema()["$defs"]["connect"]["properties"]

    assert (1, 120, 60) == tuple(connect["timeout"][word] for word in ("minimum", "maximum", "default"))
    assert "default" not in connect["from"]


@each_case("code", RULES)
def test_good_examples_are_valid(code: str) -> None:
    assert [] == faults(json.loads(RULES[code].good))


@each_case("code", WARNINGS)
def test_examples_with_warnings_are_valid(code: str) -> None:
    assert [] == faults(bad(code))


@each_case("code", IN_THE_SCHEMA)
def test_examples_with_the_wrong_structure_are_invalid(code: str) -> None:
    assert check(bad(code))
    assert faults(bad(code))


STRUCTURE = tuple(f"{code} error" for code in IN_THE_SCHEMA if code not in ("N108", "N112", "N113", "N116"))


def test_the_schema_and_check_agree_about_the_structure_of_documents() -> None:
    validator = Draft202012Validator(json_schema())
    for path in sorted(DOCUMENTS.glob("*.jsonl")):
        for case in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            if any(issue.startswith(STRUCTURE) for issue in case["issues"]):
                assert faults(case["document"], validator=validator), case
            elif " error " not in str(case["issues"]):
                assert [] == faults(case["document"], validator=validator), case


def test_the_url_of_an_endpoint_is_no_list() -> None:
    good = {"type": "websocket", "uri": "wss://example.com/a", "content-type": "audio/l16;rate=16000"}
    connect = {"action": "connect", "from": "447700900000"}

    assert [] == faults([connect | {"endpoint": [good]}])
    assert faults([connect | {"endpoint": [good | {"uri": [good["uri"]]}]}])


@each_case("name", ["conversationId", "conversation_id"])
def test_a_required_option_may_have_either_spelling(name: str) -> None:
    assert [] == faults([{"action": "transfer", name: "CON-1"}])
    assert faults([{"action": "transfer"}])

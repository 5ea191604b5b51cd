"""`ncco_server.ncco`: the issues of documents, the actions of the builder, and the recognised webhooks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ncco_server.ncco import (
    DtmfSettings,
    InputWebhook,
    Ncco,
    PhoneEndpoint,
    check,
    options_are_clean,
    recognise,
    webhook_type,
)
from tests.support.cases import each_case

FOLDER = Path(__file__).parent
SAMPLES = FOLDER.parents[2] / "samples" / "webhooks.jsonl"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@each_case("path", sorted((FOLDER / "documents").glob("*.jsonl")), ids=lambda path: path.stem)
def test_each_document_has_exactly_these_issues(path: Path) -> None:
    for case in _lines(path):
        found = [f"{issue.code} {issue.severity} {issue.path}" for issue in check(case["document"])]
        assert case["issues"] == found, json.dumps(case["document"])


@each_case("path", sorted((FOLDER / "documents").glob("*.jsonl")), ids=lambda path: path.stem)
def test_each_document_without_errors_is_read_and_built_again(path: Path) -> None:
    for case in _lines(path):
        if any(" error " in issue for issue in case["issues"]):
            continue
        built = Ncco.build_ncco(Ncco.read_ncco(case["document"]))
        assert not any(issue.is_error for issue in check(built)), json.dumps(case["document"])
        if not case["issues"] and "conversation_id" not in json.dumps(case["document"]):
            assert case["document"] == built


@each_case("case", _lines(FOLDER / "builder.jsonl"), ids=lambda case: json.dumps(case["options"])[:60])
def test_the_builder_makes_or_refuses_an_action(case: dict[str, Any]) -> None:
    build = getattr(Ncco, case["action"])
    if "errors" in case:
        with pytest.raises(ValidationError) as refusal:
            build(**case["options"])
        assert case["errors"] == [[*error["loc"], error["type"]] for error in refusal.value.errors()]
    else:
        assert [case["ncco"]] == Ncco.build_ncco(build(**case["options"]))


def test_the_builder_builds_the_ncco_of_the_article() -> None:
    talk = Ncco.Talk(text="Please wait while we connect you.")
    connect = Ncco.Connect(endpoint={"type": "phone", "number": "123456789"}, from_="12345678", timeout="20")

    assert [
        {"action": "talk", "text": "Please wait while we connect you."},
        {
            "action": "connect",
            "endpoint": [{"type": "phone", "number": "123456789"}],
            "from": "12345678",
            "timeout": 20,
        },
    ] == Ncco.build_ncco(talk, connect)
    assert [] == Ncco.build_ncco()
    assert Ncco.build_ncco(talk, [talk, talk]) == Ncco.build_ncco(one for one in (talk, talk, talk))


def test_the_builder_checks_rules_between_actions() -> None:
    with pytest.raises(ValidationError) as refusal:
        Ncco.build_ncco(Ncco.Talk(text="Hello", barge_in=True), Ncco.Transfer(conversation_id="CON-1"), Ncco.Wait())

    assert [((0, "bargeIn"), "N301"), ((2,), "N302")] == [
        (error["loc"], error["type"]) for error in refusal.value.errors()
    ]


@each_case(
    ("wrong", "name"),
    [
        ({"action": "talk", "text": "Hello"}, "dict"),
        ([{"action": "talk"}], "dict"),
        ("talk", "str"),
        (None, "NoneType"),
    ],
)
def test_the_builder_accepts_only_actions(wrong: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"takes actions, not a {name}:"):
        Ncco.build_ncco(wrong)


@each_case(
    ("options", "is_clean"),
    [
        ({"text": "a"}, True),
        *(({"text": text}, False) for text in ("", " ", "\ud800", "a" * 1501, "<speak>a")),
        *(({"text": "a", "language": code}, code == "en-GB") for code in ("en-GB", "a b", None)),
    ],
)
def test_an_action_that_vonage_would_not_speak_is_not_clean(options: dict[str, Any], is_clean: bool) -> None:
    assert is_clean is options_are_clean({"action": "talk", **options}, list(options))


def test_a_whole_number_is_written_without_decimals() -> None:
    assert '{"action": "record", "timeOut": 20}' == json.dumps(Ncco.Record(timeOut=20.0).to_ncco())


def test_a_payload_may_be_nested_up_to_a_limit() -> None:
    def codes(depth: int) -> list[str]:
        payload: Any = "x"
        for _ in range(depth):
            payload = {"a": payload}
        return [
            issue.code for issue in check([{"action": "notify", "payload": payload, "eventUrl": ["https://e.com"]}])
        ]

    assert ([], ["N125"]) == (codes(100), codes(250))


def test_the_authorization_of_a_handshake_may_be_long_up_to_a_limit() -> None:
    def codes(length: int) -> list[str]:
        authorization = {"type": "custom", "value": "x" * length}
        endpoint = {"type": "websocket", "uri": "wss://e.com", "content-type": "audio/l16;rate=16000"}
        return [
            issue.code
            for issue in check([{"action": "connect", "endpoint": [endpoint | {"authorization": authorization}]}])
        ]

    assert ([], ["N920"]) == (codes(8191), codes(8192))


def test_an_action_may_contain_models() -> None:
    connect = Ncco.Connect(from_="447700900000", endpoint=(PhoneEndpoint(number="447700900001"),))

    assert [{"type": "phone", "number": "447700900001"}] == connect.to_ncco()["endpoint"]
    assert {"maxDigits": 1} == Ncco.Input(type="dtmf", dtmf=DtmfSettings(max_digits=1)).to_ncco()["dtmf"]


def test_an_ncco_is_read_as_actions() -> None:
    read = Ncco.read_ncco([{"action": "talk", "text": "Hello", "level": "0.5"}, {"action": "wait"}])

    assert [Ncco.Talk(text="Hello", level=0.5), Ncco.Wait()] == read
    with pytest.raises(ValidationError):
        Ncco.read_ncco([{"action": "say"}])
    with pytest.raises(ValidationError):
        Ncco.Wait.model_validate("wait")


@each_case("sample", _lines(SAMPLES), ids=lambda sample: sample["name"])
def test_every_sample_of_a_webhook_is_recognised(sample: dict[str, Any]) -> None:
    webhook = recognise(sample["payload"])

    assert (sample["type"], ()) == (webhook_type(webhook), webhook.problems)


@each_case("case", _lines(FOLDER / "webhooks.jsonl"), ids=lambda case: json.dumps(case["payload"])[:60])
def test_a_webhook_is_recognised_whatever_fields_are_missing(case: dict[str, Any]) -> None:
    webhook = recognise(case["payload"])

    assert (case["type"], case["problems"]) == (webhook_type(webhook), list(webhook.problems))
    values = {name: getattr(webhook, name) for name in case.get("values", {})}
    assert case.get("values", {}) == {
        name: webhook_type(value) if name == "original" else value for name, value in values.items()
    }
    if isinstance(webhook, InputWebhook):
        results = [[result.text, result.confidence] for result in webhook.results]
        assert [case["digits"], case["timed_out"], case["results"]] == [webhook.digits, webhook.timed_out, results]

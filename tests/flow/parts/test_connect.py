from __future__ import annotations

from typing import Any

import pytest

from app.errors import RenderError
from app.flow.actions.waits import targets_count
from tests.flow.parts.reading_parts import CALL, NAMES, drafts, faults_of, parts_of, play, played

PHONE = {"type": "phone", "number": "447700900111"}
WEBSOCKET = {"type": "websocket", "content-type": "audio/l16;rate=16000"}
OURS = "442079460000"


@pytest.mark.parametrize(
    ("item", "endpoint"),
    [
        ("- connect: '447700900111'", PHONE),
        ("- connect: +44 7700 900111", PHONE),
        ("- connect: {number: '447700900111'}", PHONE),
        ("- connect: {type: phone, number: '447700900111'}", PHONE),
        ("- connect: {endpoint: {type: phone, number: '447700900111'}}", PHONE),
        ("- connect: {endpoint: [{type: phone, number: '447700900111'}]}", PHONE),
        ("- {action: connect, endpoint: [{type: phone, number: '447700900111'}]}", PHONE),
        ("- connect: ['447700900111']", PHONE),
        ("- connect: '{{ agent }}'", {"type": "phone", "number": "447700900999"}),
        ("- connect: {number: '447700900111', dtmfAnswer: 1p2}", {**PHONE, "dtmfAnswer": "1p2"}),
    ],
)
def test_a_phone_is_dialled_with_our_own_number(item: str, endpoint: dict[str, Any]) -> None:
    assert [{"action": "connect", "from": OURS, "endpoint": [endpoint]}] == played(item)


@pytest.mark.parametrize(
    ("item", "endpoint"),
    [
        ("- connect: sip:desk@pbx.example.com", {"type": "sip", "uri": "sip:desk@pbx.example.com"}),
        ("- connect: wss://bot.example.com/in", {**WEBSOCKET, "uri": "wss://bot.example.com/in"}),
        ("- connect: {uri: wss://bot.example.com}", {**WEBSOCKET, "uri": "wss://bot.example.com"}),
        ("- connect: {user: desk, domain: pbx}", {"type": "sip", "user": "desk", "domain": "pbx"}),
        ("- connect: {user: ann}", {"type": "app", "user": "ann"}),
        ("- connect: {extension: '123'}", {"type": "vbc", "extension": "123"}),
        (
            "- connect: {uri: 'sip:desk@pbx.example.com', headers: {tier: '1', vip: true}}",
            {"type": "sip", "uri": "sip:desk@pbx.example.com", "headers": {"tier": "1", "vip": "true"}},
        ),
        (
            "- connect: {uri: wss://a.example, content-type: audio/l16;rate=8000, headers: {n: 1, s: '1'}}",
            {
                "type": "websocket",
                "uri": "wss://a.example",
                "content-type": "audio/l16;rate=8000",
                "headers": {"n": 1, "s": "1"},
            },
        ),
    ],
)
def test_any_other_endpoint_needs_no_number_of_ours(item: str, endpoint: dict[str, Any]) -> None:
    assert [{"action": "connect", "endpoint": [endpoint]}] == played(item)


def test_fields_of_the_connect_may_stand_beside_and_inside_a_target() -> None:
    do = """
        - connect:
            - "447700900111"
            - {number: "447700900222", timeout: 15}
            - {endpoint: {type: sip, uri: "sip:desk@pbx.example.com"}, limit: 60}
          timeout: 20
          from: "442079460001"
    """
    parts = parts_of(do)

    assert 3 == targets_count(parts)
    assert [{"action": "connect", "timeout": 20, "from": "442079460001", "endpoint": [PHONE]}] == play(parts)
    assert (15, "442079460001") == (play(parts, 1)[0]["timeout"], play(parts, 1)[0]["from"])
    assert (60, 20) == (play(parts, 2)[0]["limit"], play(parts, 2)[0]["timeout"])
    assert play(parts, 2) == play(parts, 7)


def test_a_list_rings_its_computed_targets_in_their_turn() -> None:
    parts = parts_of("- connect: ['447700900111', '{{ agent }}', {user: '{{ caller }}', domain: pbx}]")

    assert ["447700900999", "Ann"] == [
        play(parts, 1)[0]["endpoint"][0]["number"],
        play(parts, 2)[0]["endpoint"][0]["user"],
    ]


def test_a_step_without_connect_rings_nobody() -> None:
    assert 0 == targets_count(parts_of("- talk: Hello"))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("from: '442079460001'", {"from": "442079460001"}),
        ("randomFromNumber: true", {"randomFromNumber": True}),
        ("randomFromNumber: '{{ flag }}'", {"randomFromNumber": True}),
        ("randomFromNumber: false", {"from": OURS, "randomFromNumber": False}),
    ],
)
def test_a_written_caller_replaces_our_own_number(fields: str, expected: dict[str, Any]) -> None:
    (action,) = played(f"- connect: '447700900111'\n  {fields}")

    assert {"action": "connect", **expected, "endpoint": [PHONE]} == action


def test_an_own_random_number_drops_the_inherited_from() -> None:
    (action,) = played("- connect: '447700900111'\n  randomFromNumber: true", "connect: {from: '442079460001'}")

    assert {"action": "connect", "randomFromNumber": True, "endpoint": [PHONE]} == action


@pytest.mark.parametrize("called", ["", "sip:us@example.com", "alice", "1234", "0442079460000"])
def test_a_call_without_a_number_of_ours_cannot_dial_a_phone(called: str) -> None:
    names = {**NAMES, "call": {**CALL, "to": called}}

    with pytest.raises(RenderError, match="`from` has to be written") as caught:
        play(parts_of("- connect: '447700900111'"), names=names)
    assert "R105" == caught.value.code


@pytest.mark.parametrize(
    ("item", "dials"),
    [
        ("- connect: '447700900111'", ""),
        ("- connect: '447700900111'\n  timeout: '{{ seconds }}'", ""),
        ("- connect: '{{ agent }}'", "447700900999"),
        ("- connect: 'sip:{{ caller }}@pbx.example.com'", "sip:Ann@pbx.example.com"),
        ("- connect: {user: '{{ caller }}', domain: pbx}", "sip:Ann@pbx"),
        ("- connect: {user: '{{ caller }}'}", ""),
        ("- connect: 'wss://bot.example.com/{{ caller }}'", ""),
        ("- connect: {number: '447700900111', dtmfAnswer: '{{ seconds }}'}", ""),
    ],
)
def test_a_computed_target_is_named_for_the_allow_list(item: str, dials: str) -> None:
    (draft,) = drafts(parts_of(item))

    assert dials == draft.dials


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        (
            "- connect: call.to",
            'E405 1:12 "call.to" is neither a number nor an address | to compute it, write "{{ call.to }}"',
        ),
        ("- connect: reception", 'E405 1:12 "reception" is neither a number nor an address | write a number'),
        (
            "- connect: desk@pbx.example.com",
            'E405 1:12 "desk@pbx.example.com" is neither a number nor an address | write "sip:desk@pbx.example.com"',
        ),
        (
            "- connect: tel:+447700900111",
            'E405 1:12 "tel:+447700900111" is neither a number nor an address | write the number',
        ),
        (
            "- connect: https://bot.example",
            'E405 1:12 "https://bot.example" is neither a number nor an address | write the add',
        ),
        (
            "- connect: {phone: a}",
            "E405 1:12 this target does not say what it connects to | write `number` instead of `phone`",
        ),
        ("- connect: []", "E405 1:12 the list under `connect` is empty | "),
        ("- connect: [[a]]", "E201 1:13 a target of `connect` is a list | "),
        ("- connect: {timeout: 20}", "E405 1:12 this target does not say what it connects to | "),
        (
            "- connect: {type: pstn, number: '447700900111'}",
            'E405 1:19 there is no endpoint "pstn" | did you mean "phone"?',
        ),
        ("- connect: {type: [phone]}", "E201 1:19 type is a list | "),
        ("- connect: {endpoint: {type: ap}}", 'E405 1:30 there is no endpoint "ap" | did you mean "app"?'),
        ("- connect: {endpoint: '447700900111'}", "E405 1:23 `endpoint` is not one endpoint | write a number"),
        (
            "- {action: connect, endpoint: [{type: app, user: a}, {type: app, user: b}]}",
            "E405 1:31 `endpoint` is not one endpoint | write several targets as a list under `connect:`",
        ),
        ("- {action: connect, from: '442079460001'}", "E405 1:12 this target does not say what it connects to | "),
        (
            "- connect: {endpoint: {type: app, user: a}}\n  timeout: 2",
            "E403 2:3 `timeout` stands beside a map of the fields of `connect` | move `timeout` into that map",
        ),
        ("- connect: '447700900111'\n  endpoint: a", "E403 2:3 `endpoint` stands beside"),
        (
            "- connect: {number: '447700900111', tiemout: 20}",
            'E202 1:37 connect has no "tiemout" | did you mean "timeout"?',
        ),
        ("- connect: '447700900111'\n  tiemout: 20", 'E202 2:3 connect has no "tiemout" | did you mean "timeout"?'),
    ],
)
def test_a_target_that_cannot_be_dialled_is_cured(item: str, fault: str) -> None:
    (found,) = faults_of(item)

    assert found.startswith(fault)

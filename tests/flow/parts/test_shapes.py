from __future__ import annotations

from typing import Any

import pytest

from app.flow.actions.fields import speech_escape
from tests.flow.parts.reading_parts import faults_of, parts_of, play, played


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("{n: 1, f: 0.5, e: 1e3, t: true, f2: false}", {"n": 1, "f": 0.5, "e": 1000.0, "t": True, "f2": False}),
        ("{n: '1', t: 'true', z: 0044, h: 17:30}", {"n": "1", "t": "true", "z": "0044", "h": "17:30"}),
        ("{big: 12345678901234567890, minus: -5}", {"big": "12345678901234567890", "minus": -5}),
        ("{inner: {list: [1, a, {b: c}]}}", {"inner": {"list": [1, "a", {"b": "c"}]}}),
        ("{caller: '{{ caller }}', seconds: '{{ seconds }}'}", {"caller": "Ann", "seconds": "7"}),
        ("[1, 2]", [1, 2]),
    ],
)
def test_a_payload_is_what_json_would_say(payload: str, expected: Any) -> None:
    assert [{"action": "notify", "payload": expected}] == played(f"- notify: {payload}")


def test_a_key_is_never_computed() -> None:
    (fault,) = faults_of("- notify: {a: {'x{% if y %}': 1}}")

    assert 'E411 1:16 the key "x{% if y %}" has braces | ' in fault


@pytest.mark.parametrize(
    ("text", "escape"),
    [
        ("Hello", "talk"),
        ("a < b <speak>", "talk"),
        ("<speak>Hello</speak>", "ssml"),
        (" \n<speak>Hello</speak>", "ssml"),
        ("{# a note #}\n<speak version='1'>", "ssml"),
        ("{% set a = 1 %}<speak>", "ssml"),
        ("<speaker>", "talk"),
    ],
)
def test_data_is_escaped_as_xml_behind_a_speak_tag(text: str, escape: str) -> None:
    assert escape == speech_escape(text)


def test_data_never_becomes_a_tag() -> None:
    hostile = {"caller": "<break time='9s'/>&"}
    plain = parts_of("- talk: 'Hello {{ caller }}'")
    ssml = parts_of("- talk: '<speak>Hello {{ caller }}</speak>'")

    assert "<" not in play(plain, names=hostile)[0]["text"]
    assert 2 == play(ssml, names=hostile)[0]["text"].count("<")


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        ("- talk: {text: [a]}", "E201 1:16 `text` of talk is a list | "),
        ("- talk: {text: {file: a.j2}}", 'E202 1:17 `text` of talk has no "file" | '),
        ("- talk: {text: {template: [a]}}", "E201 1:27 `template` of `text` of talk is a list | "),
        ("- talk: {template: [a]}", "E201 1:20 `template` of `text` of talk is a list | "),
        ("- input: {dtmf: 4}", "E201 1:17 `dtmf` of input is a text | "),
        ("- input: {type: [[dtmf]]}", "E201 1:18 `type` of input is a list | "),
        (
            "- connect: {user: a}\n  ringbackTone: [https://a.example/x, https://a.example/y]",
            "E201 2:17 `ringbackTone` of connect is a list",
        ),
    ],
)
def test_a_field_of_a_wrong_shape_is_reported(item: str, fault: str) -> None:
    (found,) = faults_of(item)

    assert found.startswith(fault)


def test_a_single_value_is_taken_out_of_a_list_of_one() -> None:
    (action,) = played("- connect: {user: a}\n  ringbackTone: [https://a.example/x]")

    assert "https://a.example/x" == action["ringbackTone"]

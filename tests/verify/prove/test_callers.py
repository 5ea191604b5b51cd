"""Which calls stand for all others."""

from __future__ import annotations

import pytest

from app.flow.loader import load
from app.verify.prove import prove
from tests.verify.prove.proved_flows import HEAD, NOW, TAIL, found, proof_of

TESTING = """  hello:
    branch:
      - if: {test}
        goto: bye
      - else: sorry
"""
SAYING = """  hello:
    do:
      - talk: "You call from {said}."
    goto: end
"""
ANY_NUMBER = ("447700900123", "anonymous", "", "sip:caller@example.com")


@pytest.mark.parametrize(
    ("test", "callers"),
    [
        ("call.is_hidden", ANY_NUMBER),
        ('call.is_hidden or call.from == "447700900123"', ("447700900456", *ANY_NUMBER)),
        ('call.from == "447700900123"', ("447700900456", *ANY_NUMBER)),
        ('call.from == ""', ("447700900123", "", "anonymous", "sip:caller@example.com")),
    ],
)
def test_a_flow_that_asks_who_calls_is_walked_with_callers_who_show_no_number(
    test: str, callers: tuple[str, ...]
) -> None:
    proof = proof_of(TESTING.format(test=test))

    assert callers == proof.representatives["call.from"]


@pytest.mark.parametrize("said", ["{{ call.from | digits }}", "{{ call.from | int }}", "{{ call.from | first }}"])
def test_what_cannot_be_said_of_a_hidden_number_is_found(said: str) -> None:
    assert ("error_exit", "hello") in found(proof_of(SAYING.format(said=said)))


def test_a_number_that_is_only_shown_to_those_who_have_one_raises_no_alarm() -> None:
    steps = SAYING.format(said="{% if call.is_hidden %}nowhere{% else %}{{ call.from | digits }}{% endif %}")

    assert {("unreachable", "bye")} == found(proof_of(steps))


def test_a_caller_who_is_called_back_may_have_no_number() -> None:
    steps = """  hello:
    do:
      - talk: "One moment."
      - connect: "{{ call.from }}"
    on: {completed: end, otherwise: bye}
"""

    assert ("error_exit", "hello") in found(proof_of(steps))


@pytest.mark.parametrize(
    "test", ['call.from_user == "ann"', "call.custom_data.tier is defined", 'call.endpoint_type == "app"']
)
def test_a_user_of_an_application_has_no_number(test: str) -> None:
    proof = proof_of(TESTING.format(test=f'{test} and call.from == "447700900123"'))

    assert [f'if {test} and call.from == "447700900123"'] == [each.name for each in proof.never]


def test_a_call_by_sip_comes_from_an_address() -> None:
    proof = proof_of(TESTING.format(test='call.endpoint_type == "sip"'))
    calls = [edge.call for edge in proof.space.transitions if edge.call is not None]

    assert {("phone", "447700900123"), ("sip", "sip:caller@example.com")} == {
        (call.endpoint_type, call.from_number) for call in calls
    }


def test_every_call_is_inbound() -> None:
    proof = proof_of(TESTING.format(test='call.direction == "outbound"'))

    assert ['if call.direction == "outbound"'] == [each.name for each in proof.never]
    assert "proved" == proof_of(TESTING.format(test='call.direction == "inbound"')).verdict


def test_a_call_comes_from_what_vonage_has_a_word_for() -> None:
    proof = proof_of(TESTING.format(test='call.endpoint_type == "telephone"'))
    other = proof_of(TESTING.format(test='call.endpoint_type != "phone" and call.endpoint_type == "vbc"'))

    assert ['if call.endpoint_type == "telephone"'] == [each.name for each in proof.never]
    assert () == other.never
    assert [["phone"], ["phone", "vbc"]] == [
        [edge.call.endpoint_type for edge in each.space.transitions if edge.call is not None] for each in (proof, other)
    ]


def test_a_flow_with_numbers_is_only_called_by_them() -> None:
    head = HEAD.format(start="hello", head='numbers: ["442079460001"]\n').replace("default: true\n", "")
    text = head + TESTING.format(test='call.to == "442079460009"') + TAIL
    proof = prove(load({"flows/test.yaml": text}).flows["test"], NOW)

    assert ['if call.to == "442079460009"'] == [each.name for each in proof.never]
    assert {} == proof.representatives
    assert () == proof_of(TESTING.format(test='call.to == "442079460009"')).never


def test_a_start_step_that_decides_nothing_is_entered() -> None:
    proof = proof_of(SAYING.format(said="somewhere"))

    assert ("test", "bye", "entered") not in proof.taken
    assert {("test", "hello", "entered")} == proof.taken
    assert () == proof.never


def test_who_is_dialled_is_told_of_every_kind_of_caller() -> None:
    steps = """  ring:
    do:
      - talk: "One moment."
      - connect: {type: phone, number: "447700900111", onAnswer: {run: whisper}}
    on: {completed: end, otherwise: bye}
"""
    whisper = """flow: whisper
start: tell
defaults: {talk: {language: en-GB}}
steps:
  tell:
    do:
      - talk: "A call from {{ call.from | digits }}."
    goto: end
"""

    assert ("error_exit", "tell") in found(proof_of(steps, whisper=whisper))

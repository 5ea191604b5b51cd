"""The suite detects wrong behaviour: a platform that behaves differently fails, with a clear report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.cases import each_case
from tests.system.studio.conformance.judge import differences
from tests.system.studio.conformance.played import Played
from tests.system.studio.conformance.simulated import SECRET, Simulated
from tests.system.studio.conformance.suite import Case, load


def case(**fields: Any) -> Case:
    """A case with one text, an input and thanks."""
    menu = [
        {"action": "talk", "text": "one two", "bargeIn": True},
        {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 1}, "eventUrl": ["https://server.example/input"]},
    ]
    known: dict[str, Any] = {
        "case": "a menu",
        "source": "NCCO reference, Input: an IVR",
        "replies": {"answer": menu, "input": [{"action": "talk", "text": "thanks"}]},
        "does": [{"press": "1", "at": 1}],
    }
    return Case.model_validate({**known, **fields})


async def told(**fields: Any) -> list[str]:
    """The differences found when our simulator plays `case(**fields)`."""
    wanted = case(**fields)
    return differences(wanted, await Simulated().play(wanted), SECRET)


async def test_a_correct_case_has_no_differences() -> None:
    assert [] == await told(
        hears=[{"talk": "one two", "at": 0, "lasts": 1, "cut": True}, {"talk": "thanks", "at": 1}],
        webhooks=[{"to": "answer"}, {"to": "input", "at": 1, "signed": True, "with": {"dtmf": {"digits": "1"}}}],
        ends={"by": "platform", "at": 2},
    )


@each_case(
    ("hears", "problem"),
    [
        ([{"talk": "one two"}], "caller also hears"),
        ([{"talk": "one two"}, {"talk": "thanks"}, {"talk": "bye"}], "caller does not hear"),
        ([{"talk": "one two"}, {"talk": "thank you"}], "'thanks'"),
        ([{"talk": "one two"}, {"stream": "thanks"}], "'kind': 'talk'"),
        ([{"talk": "one two", "cut": False}, {"talk": "thanks"}], "'cut': True"),
        ([{"talk": "one two", "lasts": 2}, {"talk": "thanks"}], "'lasts': 1.0"),
        ([{"talk": "one two"}, {"talk": "thanks", "at": 1.1}], "'at': 1.0"),
    ],
)
async def test_other_sounds_are_reported(hears: list[dict[str, Any]], problem: str) -> None:
    (difference,) = await told(hears=hears)

    assert problem in difference


@each_case(
    ("webhook", "problem"),
    [
        ({"to": "notify"}, "it went to input"),
        ({"to": "input", "status": "busy"}, "its status is None"),
        ({"to": "input", "method": "GET"}, "it was a POST"),
        ({"to": "input", "at": 2}, "it came at 1 s"),
        ({"to": "input", "only": ["dtmf"]}, "it has ['conversation_uuid'"),
        ({"to": "input", "without": ["dtmf.digits"]}, "it has dtmf.digits"),
        ({"to": "input", "with": {"dtmf": {"digits": "2"}}}, "dtmf.digits is '1'"),
        ({"to": "input", "with": {"dtmf": {"timed_out": 0}}}, "dtmf.timed_out is False"),
        ({"to": "input", "with": {"status": "*"}}, "status is missing"),
        ({"to": "input", "with": {"from": "~49.*"}}, "from is '447700900123'"),
        ({"to": "input", "headers": {"content-type": "text/plain"}}, "header content-type is 'application/json'"),
        ({"to": "input", "signed": False}, "it is signed"),
    ],
)
async def test_other_webhooks_are_reported(webhook: dict[str, Any], problem: str) -> None:
    (difference,) = await told(webhooks=[{"to": "answer"}, webhook])

    assert problem in difference


async def test_extra_and_missing_webhooks_are_reported() -> None:
    few = await told(webhooks=[{"to": "answer"}])
    many = await told(webhooks=[{"to": "answer"}, {"to": "input"}, {"to": "input"}])

    assert few[0].startswith("also sent: POST input")
    assert ['no webhook {"to": "input"}: nothing more was sent'] == many


async def test_the_order_of_webhooks_counts_unless_they_are_in_a_group() -> None:
    swapped = [{"to": "input"}, {"to": "answer"}]

    assert 2 == len(await told(webhooks=swapped))
    assert [] == await told(webhooks=[swapped])


async def test_a_different_end_is_reported() -> None:
    assert ["the call ended by platform, not by user"] == await told(ends={"by": "user"})
    assert ["the call ended at 2 s, not at 3 s"] == await told(ends={"by": "platform", "at": 3})
    assert ["the call was answered"] == await told(ends={"by": "platform"}, answered=False)


async def test_impossible_acts_are_reported() -> None:
    late = await told(does=[{"press": "1"}, {"listen": "end"}, {"press": "2"}], ends={"by": "platform"})
    nobody = await told(does=[{"press": "1", "who": "447700900456"}], ends={"by": "platform"})
    other = await told(does=[{"listen": "record"}], ends={"by": "platform"})

    assert "the call ended" in late[0]
    assert "447700900456 has not been dialled" in nobody[0]
    assert "record was to be waited for, not input at 2 s" in other[0]


@pytest.mark.parametrize(
    ("header", "problem"),
    [("", "unsigned"), ("Basic abc", "its token does not hold"), ("Bearer a.b.c", "its token does not hold")],
)
async def test_invalid_tokens_are_reported(header: str, problem: str) -> None:
    wanted = case(webhooks=[{"to": "answer"}, {"to": "input", "signed": True}])
    played = await Simulated().play(wanted)
    forged = [replace(sent, headers={"Authorization": header}) for sent in played.webhooks]

    assert problem in differences(wanted, replace(played, webhooks=forged), SECRET)[0]


async def test_a_token_of_another_body_is_reported() -> None:
    wanted = case(webhooks=[{"to": "answer", "signed": True}, {"to": "input"}])
    played = await Simulated().play(wanted)
    changed = [replace(sent, body=sent.body + b" ") for sent in played.webhooks]

    assert "its payload_hash is of other bytes" in differences(wanted, replace(played, webhooks=changed), SECRET)[0]


@each_case(
    ("fields", "problem"),
    [
        ({"source": "", "unverified": ""}, "has a source, or a reason"),
        ({"source": "somewhere", "ends": {"by": "user"}}, "a source begins with one of"),
        ({}, "expects nothing shows nothing"),
        ({"hears": [{"says": "one"}]}, "a sound has exactly one of"),
        ({"does": [{"at": 3}], "hears": []}, "an act is one thing"),
        ({"heard": []}, "Extra inputs are not permitted"),
    ],
)
def test_a_case_with_an_error_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        case(**fields)


def test_a_platform_that_does_nothing_conforms_to_nothing() -> None:
    silent = Played()

    assert [] == [known.case for _, known in load() if not differences(known, silent, SECRET)]


def test_names_of_cases_are_unique() -> None:
    names = [known.case for _, known in load()]

    assert len(names) == len(set(names))

"""Spoken values in each language, from cases.yaml, and claims about any value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import product, repeat
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow import speech
from ncco_server.flow.speech.times import FORMS
from ncco_server.flow.templates.filters import FILTERS, Unfit
from ncco_server.ncco.value_types import POINTS, TYPES
from tests.support.cases import each_case
from tests.support.examples import examples

CASES = yaml.load(Path(__file__).with_name("cases.yaml").read_bytes(), yaml.CSafeLoader)
LANGUAGES = ("en-US", "en-GB", "de-DE", "fr-FR", "es-ES", "es-MX", "it-IT", "pt-BR", "pt-PT")


def value_of(written: Any) -> Any:
    """A value of a case; `{moment: 2026-03-05T09:00+00:00}` is a point in time."""
    if isinstance(written, list):
        return [value_of(entry) for entry in written]
    return datetime.fromisoformat(written["moment"]) if isinstance(written, dict) else written


def said() -> Iterator[Any]:
    """The filter with its language and arguments, a value, and what is said; None if the value is refused."""
    for case in CASES:
        values = [*case.get("said", {}).items(), *((value, None) for value in case.get("refused", ()))]
        for value, expected in values or [(case["value"], case["expected"])]:
            yield case["filter"], (case["language"], *case.get("args", ())), value_of(value), expected


@each_case(("name", "args", "value", "expected"), said)
def test_a_value_is_spoken_as_the_case_says(name: str, args: tuple[Any, ...], value: Any, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(Unfit, match=r"\w") as caught:
            FILTERS[name].apply(value, *args)
        assert not isinstance(value, str) or not value or value not in str(caught.value)
        return

    found = FILTERS[name].apply(value, *args)

    assert expected == (found.isoformat() if isinstance(found, datetime) else found)


@each_case(
    ("form", "zone", "language"),
    [*product([*zip(POINTS, repeat("")), ("date", "day"), ("datetime", "time")], ["", "America/New_York"], LANGUAGES)],
)
def test_a_date_or_a_time_is_spoken_like_its_text(form: tuple[str, str], zone: str, language: str) -> None:
    type_name, how = form
    type_ = TYPES[type_name].with_zone(zone)
    said = speech.spoken(type_.operand(type_.sample), language, how)

    assert speech.spoken(type_.sample, language, how) == said


@examples(150)
@given(st.text(max_size=30), st.sampled_from(["en-GB", "tr-TR", "xx", "pt-PT"]))
def test_every_text_can_be_spelt_on_one_line(text: str, language: str) -> None:
    assert speech.spelled(text, language).isprintable()


@examples(150)
@given(st.text("0123456789+*# .-", max_size=30), st.none() | st.integers(1, 9))
def test_two_digits_are_never_spoken_as_one_number(text: str, size: int | None) -> None:
    said = speech.digits(text, "en-GB", size)

    assert [sign for sign in text if sign.isdecimal()] == [sign for sign in said if sign.isdecimal()]
    assert all(len(word) == 1 or word.isalpha() for word in said.replace(",", " ").split())


SAID_POINTS = st.tuples(
    st.datetimes(timezones=st.sampled_from([ZoneInfo("UTC"), ZoneInfo("Asia/Kathmandu")])),
    st.sampled_from((*LANGUAGES, "ja-JP", "ar", "th-TH", "hu-HU", "eu-ES", "fil-PH", "cy-GB")),
    st.sampled_from(("", *FORMS)),
)
NUMBERS = st.tuples(
    st.floats(-1e17, 1e17) | st.integers(-(10**17), 10**17),
    st.sampled_from((*LANGUAGES, "ja-JP", "ar", "sv-SE", "fa-IR")),
    st.sampled_from(("", "EUR", "JPY", "KWD", "XAU")),
)


@examples(200)
@given(SAID_POINTS | NUMBERS)
def test_every_point_in_time_and_every_number_is_spoken_on_one_line(given_: tuple[Any, str, str]) -> None:
    said = speech.spoken(*given_)

    assert said.strip() == said != ""
    assert said.isprintable()

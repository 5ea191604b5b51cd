"""Texts that filters take, where a text of letters does not do."""

from __future__ import annotations

from typing import Any

import pytest

from app.flow.checks.ncco import MOST_TEXTS, TEXTS, others
from app.flow.templates.filters import FILTERS, Unfit
from app.flow.types import SAMPLE, Sample


def test_each_text_is_tried_with_each_other() -> None:
    names = {"it": {"at": SAMPLE, "ref": SAMPLE, "count": 3}, "other": SAMPLE}
    found = [(each["it"]["at"], each["it"]["ref"]) for each in others(names, {"it"})]

    assert {(one, other) for one in TEXTS for other in TEXTS} == set(found)
    assert [SAMPLE] == list({each["other"] for each in others(names, {"it"})})


def test_many_texts_are_all_the_same() -> None:
    names = {"it": [SAMPLE] * (MOST_TEXTS + 1), "who": (SAMPLE,)}

    assert [[text] * 4 for text in TEXTS] == [each["it"] for each in others(names, {"it.ref"})]
    assert [(text,) for text in TEXTS] == [each["who"] for each in others(names, {"who"})]


@pytest.mark.parametrize("names", [{}, {"n": 1}, {"env": Sample("https://example.com")}, {"word": "gold"}])
def test_what_is_no_typical_text_is_left_alone(names: dict[str, Any]) -> None:
    assert [] == list(others(names, set(names)))


def test_fields_that_nobody_has_declared_are_texts_too() -> None:
    assert list(TEXTS) == [each["sip"]["X-At"] for each in others({"sip": Sample(SAMPLE)}, {"sip"})]


@pytest.mark.parametrize("name", [name for name, each in FILTERS.items() if "text" in each.takes])
def test_every_filter_of_texts_takes_one_of_them(name: str) -> None:
    args = {"in_zone": ["Europe/London"], "replace": ["-", " "], "contains": ["a"], "starts_with": ["a"]}
    filter_ = FILTERS[name]
    given = ["en-GB"] if filter_.is_localised else []

    assert any(_takes(filter_.apply, text, *given, *args.get(name, ["a"] * filter_.needed)) for text in TEXTS)


def _takes(apply: Any, *args: object) -> bool:
    try:
        apply(*args)
    except Unfit:
        return False
    return True

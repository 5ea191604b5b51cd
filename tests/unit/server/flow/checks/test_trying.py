"""Sample texts for filters that do not accept a text of letters."""

from __future__ import annotations

from typing import Any

from ncco_server.flow.actions.check import TEXTS, others
from ncco_server.flow.templates.filters import FILTERS, Unfit
from ncco_server.ncco.value_types import SAMPLE, Sample
from tests.support.cases import each_case


def test_all_texts_of_a_value_get_the_same_text() -> None:
    names = {"it": {"at": SAMPLE, "refs": [SAMPLE, "gold"], "count": 3}, "other": SAMPLE}

    expected = [{"at": text, "refs": [text, "gold"], "count": 3} for text in TEXTS]
    assert expected == [each["it"] for each in others(names, {"it.ref"})]
    assert [SAMPLE] == list({each["other"] for each in others(names, {"it"})})


@each_case("names", [{}, {"n": 1}, {"env": Sample("https://example.com")}, {"word": "gold"}])
def test_other_values_keep_their_sample(names: dict[str, Any]) -> None:
    assert all(names == each for each in others(names, set(names)))


def test_undeclared_fields_are_texts_too() -> None:
    assert list(TEXTS) == [each["sip"]["X-At"] for each in others({"sip": Sample(SAMPLE)}, {"sip"})]


@each_case("name", [name for name, each in FILTERS.items() if "text" in each.takes])
def test_every_text_filter_accepts_one_of_the_samples(name: str) -> None:
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

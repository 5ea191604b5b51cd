from __future__ import annotations

import pytest

from app.flow.actions.values import Array, Given, Object, OfCall, OurNumber, find, leaves
from app.flow.nodes import Place
from tests.flow.parts.reading_parts import NAMES

HERE = Place("flows/test.yaml", 1, 1)
ONE, TWO, LEG = Given(1, HERE), Given(2, HERE), OfCall("uuid", HERE)


def test_a_map_is_literal_when_all_in_it_is() -> None:
    assert Object({"a": ONE, "b": Array((TWO,), HERE)}, HERE).is_literal
    assert not Object({"a": ONE, "b": Array((LEG,), HERE)}, HERE).is_literal


def test_a_map_uses_what_is_in_it() -> None:
    whole = Object({"a": ONE, "b": Array((LEG,), HERE)}, HERE)

    assert {"call"} == whole.used_names
    assert frozenset() == whole.used_files
    assert {"a": 1, "b": [NAMES["call"]["uuid"]]} == whole.render(NAMES)
    assert [ONE, LEG] == list(leaves(whole))


def test_an_empty_list_is_literal() -> None:
    assert Array((), HERE).is_literal
    assert [] == Array((), HERE).render({})


def test_our_number_is_of_the_call() -> None:
    number = OurNumber(HERE)

    assert not number.is_literal
    assert "442079460000" == number.render({"call": {"to": "+442079460000"}})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("a",), ONE),
        (("b", "0"), LEG),
        (("b", "0", "deeper"), LEG),
    ],
)
def test_a_value_is_found_by_its_path(path: tuple[str, ...], expected: object) -> None:
    assert expected == find(Object({"a": ONE, "b": Array((LEG,), HERE)}, HERE), path)


@pytest.mark.parametrize("path", [("c",), ()])
def test_the_nearest_value_stands_for_one_that_is_missing(path: tuple[str, ...]) -> None:
    whole = Object({"a": ONE}, HERE)

    assert whole is find(whole, path)


@pytest.mark.parametrize("last", ["1", "x"])
def test_a_list_stands_for_an_item_that_it_has_not(last: str) -> None:
    items = Array((ONE,), HERE)

    assert items is find(Object({"a": items}, HERE), ("a", last))

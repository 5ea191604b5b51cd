"""What somebody types in `ncco simulate` as the result of a handler's function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ncco_studio.commands.simulate.prompts import read_answer
from ncco_studio.verify.handlers.explored import FunctionDefinition
from tests.support.cases import each_case


@dataclass
class Order:
    """What a shop knows about an order."""

    status: str
    days: int = 0
    tags: tuple[str, ...] = ()


def find(number: str) -> Order | None: ...
def name_of(number: str) -> str: ...  # type: ignore[empty-body]  # never called
def anything(number): ...  # type: ignore[no-untyped-def]  # on purpose


@each_case(
    ("function", "text", "result"),
    [
        (find, "status=late days=4", {"status": "late", "days": 4}),
        (find, "status=404 days=4", {"status": "404", "days": 4}),
        (find, "status='on its way'", {"status": "on its way"}),
        (find, """status=late tags='["a"]'""", {"status": "late", "tags": ["a"]}),
        (find, '{"status": "late"}', {"status": "late"}),
        (find, "null", None),
        (name_of, "47110", "47110"),
        (name_of, "a=b", "a=b"),
        (name_of, '"quoted"', "quoted"),
        (name_of, "it's", "it's"),
        (anything, "status=late days=4", {"status": "late", "days": 4}),
        (anything, "[1]", [1]),
        (anything, "late", "late"),
    ],
)
def test_a_typed_result_is_read_as_the_return_type_says(function: Any, text: str, result: object) -> None:
    answer = read_answer(text, FunctionDefinition(1000, function))

    assert (result, "") == (answer.value, answer.problem)


@each_case(
    ("text", "problem"),
    [
        ("days=4", "status is missing"),
        ('{"days": 4}', "status is missing"),
        ("status=late days=many", "days Input should be a valid integer"),
        ("late", "Order"),
        ("status=late dyas=4", '"dyas" does not set a field; the fields are: status, days, tags'),
    ],
)
def test_a_result_that_does_not_fit_is_refused_with_its_field(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_answer(text, FunctionDefinition(1000, find))

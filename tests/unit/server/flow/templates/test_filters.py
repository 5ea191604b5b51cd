"""The declaration of a filter is enough to use it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date, time, timedelta, timezone
from types import FrameType
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.templates.budget import operations_of, size_of
from ncco_server.flow.templates.environment import ENVIRONMENT
from ncco_server.flow.templates.filters import FILTERS, Absent, Filter, Unfit
from ncco_server.ncco.value_types import MAX_ITEMS, TYPES
from tests.support.cases import each_case
from tests.support.examples import examples

MOST_OF_AN_OPERATION: Final = 100
"""The instructions of Python's virtual machine in a step of half a microsecond: about 50 in most filters."""
MOST_OF_AN_ERROR: Final = 400
"""The message says what an unfit value may mean, such as a duration, however short the template is."""
TEXTS: Final = st.text("09é+*# -.@\u0130\u00df", max_size=500)
NUMBERS: Final = st.integers(-(10**18), 10**18) | st.floats()
POINTS: Final = (
    st.dates(date(1900, 1, 1))
    | st.times()
    | st.datetimes(timezones=st.just(timezone(timedelta(hours=-11))))
    | st.just(time())
)
ENTRIES: Final = TEXTS | NUMBERS | POINTS
VALUES: Final = (
    ENTRIES
    | st.booleans()
    | ENTRIES.flatmap(lambda entry: st.integers(0, MAX_ITEMS).map(lambda count: [entry] * count))
)
LONG_VALUES: Final = ("7" * 5_000, "é# " * 1_500, ["77"] * MAX_ITEMS)
ARGUMENTS: Final = st.sampled_from(["", "-", "é", "or", "GBP", "day", "time", "Europe/London"]) | st.integers(0, 9)


def _instructions(call: Callable[[], Any]) -> int:
    """The number of Python VM instructions of a call, which does not depend on the load of the machine."""
    count = 0

    def follow(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return follow

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@examples(600)
@given(
    st.sampled_from(sorted(FILTERS)),
    VALUES,
    st.lists(ARGUMENTS, max_size=2),
    st.sampled_from(["en-GB", "de-DE", "ja-JP"]),
)
def test_a_filter_takes_no_more_work_than_its_cost(name: str, value: Any, args: list[Any], language: str) -> None:
    known = FILTERS[name]
    operands = [value, *([language] if known.is_localised else []), *args]

    assert _is_paid_for(known, operands)


@each_case("known", FILTERS.values(), ids=FILTERS.keys())
def test_a_filter_pays_for_a_long_value(known: Filter) -> None:
    """In a short one, what any filter costs hides a price that is too low."""
    for value in LONG_VALUES:
        for args in ([], ["-"], ["a", "b"], [3]):
            assert _is_paid_for(known, [value, *(["en-GB"] if known.is_localised else []), *args]), value[:1]


def _last_four(value: str) -> str:
    found = ""
    for each in value:
        if each.isdigit():
            found = (found + each)[-4:]
    return found


@pytest.mark.parametrize(("price", "is_enough"), [(1, False), (5, True)])
def test_a_price_that_is_too_low_for_a_long_value_is_found(price: int, is_enough: bool) -> None:
    last4 = Filter(
        name="digits",
        summary="",
        example="",
        apply=_last_four,
        takes=("text",),
        gives=TYPES["text"],
        usage="",
        price=price,
    )

    assert is_enough is _is_paid_for(last4, [LONG_VALUES[0]])


def _is_paid_for(known: Filter, operands: list[Any]) -> bool:
    def apply() -> None:
        with suppress(Unfit, Absent, TypeError):
            known.apply(*operands)

    apply()  # the first run reads the words of the language
    body = ENVIRONMENT.parse(f"{{{{ x | {known.name} }}}}").body
    operations = operations_of(body) + sum(map(size_of, operands)) * known.price // 10
    return _instructions(apply) <= operations * MOST_OF_AN_OPERATION + MOST_OF_AN_ERROR

"""The operators of expressions. Checks and proofs apply them too."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple

from jinja2 import nodes

from ncco_server.flow.templates.filters import Unfit, bounded
from ncco_server.ncco.value_types import MAX_ITEMS, POINTS, TYPES, Point, in_utc
from ncco_server.ncco.value_types.scalars import is_number


class Comparison(NamedTuple):
    """A comparison operator. Operators are named as in Jinja2."""

    sign: str
    apply: Callable[[Any, Any], bool]
    needs_order: bool = False


ORDERED: Final = ("number", *POINTS)
COMPARISONS: Final[Mapping[str, Comparison]] = {
    "eq": Comparison("==", operator.eq),
    "ne": Comparison("!=", operator.ne),
    "lt": Comparison("<", operator.lt, needs_order=True),
    "lteq": Comparison("<=", operator.le, needs_order=True),
    "gt": Comparison(">", operator.gt, needs_order=True),
    "gteq": Comparison(">=", operator.ge, needs_order=True),
    "in": Comparison("in", lambda item, items: item in items),
    "notin": Comparison("not in", lambda item, items: item not in items),
}


def compare(op: str, left: Any, right: Any, zone: str = "") -> bool:
    """Raise Unfit for values that cannot be compared this way.

    Text compared with a date or a time is read in ISO 8601; without a UTC offset, it is in `zone` (IANA name).
    """
    if op in ("in", "notin") and not isinstance(right, list | tuple | Mapping):
        raise Unfit(f'"{COMPARISONS[op].sign}" needs a list')
    if isinstance(right, list | tuple) and any(isinstance(each, Point) for each in (left, *right)):
        return any(compare("eq", left, each, zone) for each in right) == (op == "in")
    if isinstance(left, Point) or isinstance(right, Point):
        left, right = _comparable(left, right, zone), _comparable(right, left, zone)
    try:
        return bool(COMPARISONS[op].apply(left, right))
    except TypeError:
        raise Unfit(f'"{COMPARISONS[op].sign}" cannot compare {_described(left, right)}') from None


def _comparable(value: Any, other: Any, zone: str) -> Any:
    if isinstance(value, str):
        type_ = next(kind for point, kind in _POINTS if isinstance(other, point)).with_zone(zone)
        try:
            value = type_.operand(type_.cast(value))
        except ValueError:
            return value
    return in_utc(value) if isinstance(value, datetime) else value


def add(left: Any, right: Any) -> Any:
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        if len(left) + len(right) > MAX_ITEMS:
            raise Unfit(f"a list grew to more than {MAX_ITEMS} entries")
        return [*left, *right]
    if isinstance(left, str) and isinstance(right, str):
        return bounded(left + right)
    if is_number(left) and is_number(right):
        return left + right
    raise Unfit(f'"+" cannot be used with {_described(left, right)}')


def subtract(left: Any, right: Any) -> Any:
    if is_number(left) and is_number(right):
        return left - right
    raise Unfit(f'"-" cannot be used with {_described(left, right)}')


def step_of(node: nodes.Node) -> tuple[nodes.Expr, float] | None:
    """What an expression counts, and by how much: x and 2 for `x + 2` or `2 + x`, x and -2 for `x - 2`."""
    match node:
        case nodes.Add(left=nodes.Const(value=int() | float() as step), right=of):
            return of, step
        case nodes.Add(left=of, right=nodes.Const(value=int() | float() as step)):
            return of, step
        case nodes.Sub(left=of, right=nodes.Const(value=int() | float() as step)):
            return of, -step
    return None


def cut(of: Any, low: int | str, high: int | str) -> Any:
    """A bound of "" means no bound."""
    if not isinstance(of, str | list | tuple):
        raise Unfit("only text or a list can be sliced")
    return of[low if isinstance(low, int) else None : high if isinstance(high, int) else None]


_POINTS: Final = ((datetime, TYPES["datetime"]), (date, TYPES["date"]), (time, TYPES["time"]))
"""A `datetime` is also a `date`, so it comes first."""
_TYPE_NAMES: Final = (
    (bool, "true or false"),
    (str, "a text"),
    (int | float, "a number"),
    (list | tuple, "a list"),
    (Mapping, "a map"),
    *((point, kind.described) for point, kind in _POINTS),
)


def _described(left: Any, right: Any) -> str:
    """Without the values themselves, which may come from a caller."""
    types = [
        next((name for type_, name in _TYPE_NAMES if isinstance(side, type_)), "nothing") for side in (left, right)
    ]
    hint = "; text that consists of digits needs `| number`" if set(types) == {"a text", "a number"} else ""
    return f"{types[0]} and {types[1]}{hint}"

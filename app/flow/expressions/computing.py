"""What operators and brackets compute with values; bare expressions and templates share it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.flow.expressions.fault import Unfit
from app.flow.expressions.filters import bounded
from app.flow.scope import header
from app.flow.types import MAX_ITEMS

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda item, items: item in items,
    "not in": lambda item, items: item not in items,
}


def entry(of: Any, key: str | int) -> Any:
    """An entry of a map by its key or of a list by its number; None when there is none. Never an attribute."""
    if isinstance(of, Mapping) if isinstance(key, str) else isinstance(of, list | tuple):
        try:
            return of[key]
        except (LookupError, TypeError):
            return None
    return None


def picked(of: Any, key: Any) -> Any:
    """An entry by a computed key; None when there is none. Nothing is before the first entry. Raises Unfit."""
    if isinstance(key, float) and key.is_integer():
        key = int(key)
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise Unfit("an entry is named by a whole number or a text")
    if isinstance(of, list | tuple) and isinstance(key, str):
        raise Unfit("an entry of a list is named by a whole number")
    if isinstance(of, Mapping) and isinstance(key, int):
        raise Unfit("an entry of a map is named by a text")
    return None if isinstance(key, int) and key < 0 else entry(of, key)


def compare(op: str, left: Any, right: Any) -> bool:
    """`left op right`. Raises Unfit when they cannot be compared so."""
    if op in ("in", "not in") and not isinstance(right, list | tuple | Mapping):
        raise Unfit(f'"{op}" needs a list')
    try:
        return bool(_COMPARE[op](left, right))
    except TypeError:
        raise Unfit(f'"{op}" cannot compare {_told(left, right)}') from None


def add(op: str, left: Any, right: Any) -> Any:
    """A sum of numbers, a difference of numbers, two texts or two lists joined. Raises Unfit."""
    if isinstance(left, list | tuple) and isinstance(right, list | tuple) and op == "+":
        return _joined(left, right)
    if isinstance(left, str) and isinstance(right, str) and op == "+":
        return bounded(left + right)
    if _is_number(left) and _is_number(right):
        return left + right if op == "+" else left - right
    raise Unfit(f'"{op}" cannot be computed with {_told(left, right)}')


def _told(left: Any, right: Any) -> str:
    """Of which types two values are, never the values: they may be a caller's. A text may hold a number."""
    types = _type_of(left), _type_of(right)
    hint = "; a text of digits needs `| number`" if set(types) == {"a text", "a number"} else ""
    return f"{types[0]} and {types[1]}{hint}"


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    return next((name for type_, name in _TYPES if isinstance(value, type_)), "a point in time")


_TYPES = ((str, "a text"), (int | float, "a number"), (list | tuple, "a list"), (Mapping, "a map"))


def _joined(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    if len(left) + len(right) > MAX_ITEMS:
        raise Unfit(f"a list became longer than {MAX_ITEMS} entries")
    return [*left, *right]


def negative(of: Any) -> Any:
    """`-of`. Raises Unfit."""
    if not _is_number(of):
        raise Unfit('"-" needs a number')
    return -of


def cut(of: Any, low: int | None, high: int | None) -> Any:
    """A part of a text or a list. Raises Unfit."""
    if not isinstance(of, str | list | tuple):
        raise Unfit("only a text or a list can be cut")
    return of[low:high]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def sip_header(headers: Any, name: str | int) -> str:
    """An entry of `call.sip`, "" when the header was not sent. Raises Unfit."""
    if not isinstance(headers, Mapping) or not isinstance(name, str):
        raise Unfit("call.sip is not a map of headers")
    return header(headers, name)

"""The Jinja2 environment of all templates: it can only read entries of maps and lists, and apply our filters.

- No attribute of a Python object is ever read: `customer.items` is the entry "items".
- Nothing can be called. There are no globals, no loader, no extensions, and no tests except `defined`.
- A value that the call does not have is `Missing`: `default` and `is defined` accept it, any other use of it fails.

Functions in `OPERATORS` replace operators. They limit results' size, and raise `Unfit` for a wrong operand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2 import StrictUndefined, UndefinedError, pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from ncco_server.flow.scope import header
from ncco_server.flow.templates.budget import size_of, spend
from ncco_server.flow.templates.escaping import ESCAPERS
from ncco_server.flow.templates.filters import FILTERS, Absent, Unfit, default, is_absent
from ncco_server.flow.templates.operators import add, compare, cut, subtract
from ncco_server.ncco.value_types import MAX_ITEMS, SentText

LOOP_FIELDS: Final = ("index", "index0", "first", "last", "length")

_SETTING: Final = re.compile(r"env\.(\w+)")


def missing_message(path: str) -> str:
    """A setting is named by its environment variable."""
    variable = _SETTING.match(path)
    return f"FLOW_{variable[1]} is not set" if variable else f"this call has no {path}"


class Missing(StrictUndefined):
    """A value that this call lacks. Using it raises UndefinedError with `missing_message`."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: type[UndefinedError] = UndefinedError,
    ) -> None:
        super().__init__(hint or missing_message(name or "value"), obj, name, exc)


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2, reduced to the features of the flow language."""

    def __init__(self) -> None:
        super().__init__(undefined=Missing)
        self.globals.clear()
        self.tests = {"defined": lambda value: not is_absent(value)}
        self.filters = {name: _propagating_missing(known.apply, known.price) for name, known in FILTERS.items()}
        self.filters |= {name: _propagating_missing(apply, price) for name, (apply, price) in OPERATORS.items()}
        self.filters |= {"default": default, "_entry": _entry, "_items": _items, "_list": _list, **ESCAPERS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Entries are read by `_entry` instead."""
        return Missing(name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return Missing(name=str(argument))

    def is_safe_callable(self, obj: Any) -> bool:
        return False


def _propagating_missing(apply: Callable[..., Any], price: int) -> Callable[..., Any]:
    """Return a missing operand unchanged, so that a later `default` can replace it."""

    @pass_context
    def passing(context: Context, *operands: Any) -> Any:
        for operand in operands:
            if is_absent(operand):
                return operand
        if price and (steps := sum(map(size_of, operands)) * price // 10):
            spend(context.parent, steps)
        try:
            return apply(*operands)
        except Absent as absent:
            return Missing(name=str(absent))

    return passing


def _entry(of: Any, key: str | int, path: str) -> Any:
    """Never read an attribute other than a field of `loop`. A missing value is returned unchanged."""
    if is_absent(of):
        return of
    if isinstance(of, SentText):
        return of.entry(key)
    if isinstance(of, LoopContext) and key in LOOP_FIELDS:
        return getattr(of, str(key))
    if isinstance(of, dict | Mapping) if isinstance(key, str) else isinstance(of, list | tuple):
        try:
            value = of[key]
        except (LookupError, TypeError):
            value = None
        if value is not None:
            return value
    return Missing(name=path)


def _computed_entry(of: Any, key: Any, path: str) -> Any:
    """A negative index gives a missing value."""
    if isinstance(key, float) and key.is_integer():
        key = int(key)
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise Unfit("an entry needs a whole number or text")
    if isinstance(of, list | tuple) and isinstance(key, str):
        raise Unfit("a list index must be a whole number")
    if isinstance(of, Mapping) and isinstance(key, int):
        raise Unfit("a map key must be text")
    return Missing(name=path) if isinstance(key, int) and key < 0 else _entry(of, key, path)


def _sip_header(headers: Any, name: Any) -> str:
    """A header that was not sent is ""."""
    if not isinstance(headers, Mapping) or not isinstance(name, str):
        raise Unfit("call.sip is not a map of headers")
    return header(headers, name)


def _list(entries: list[Any]) -> Any:
    """A list with a missing entry is that missing entry."""
    return next((entry for entry in entries if is_absent(entry)), entries)


@pass_context
def _items(context: Context, value: Any, steps: int) -> list[Any]:
    """Spend `steps` for each entry. A missing list raises UndefinedError; it does not count as empty."""
    if is_absent(value):
        iter(Missing() if value is None else value)
    if not isinstance(value, list | tuple):
        raise Unfit("a loop needs a list")
    if len(value) > MAX_ITEMS:
        raise Unfit(f"a loop may have at most {MAX_ITEMS} entries")
    spend(context.parent, len(value) * steps)
    return list(value)


OPERATORS: Final[dict[str, tuple[Callable[..., Any], int]]] = {
    "_add": (add, 1),
    "_compare": (lambda left, op, right, zone: compare(op, left, right, zone), 1),
    "_computed_entry": (_computed_entry, 0),
    "_cut": (cut, 1),
    "_negative": (lambda of: subtract(0, of), 0),
    "_sip_header": (_sip_header, 3),
    "_subtract": (subtract, 0),
}
"""Each function with its price, as filters whose names authors cannot write."""

ENVIRONMENT: Final = Sandbox()

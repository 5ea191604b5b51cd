"""The Jinja2 that templates run in: it reads entries of maps and lists and calls the listed filters, nothing else.

- No attribute of a Python object is ever read: `customer.items` is the entry "items".
- Nothing can be called; there are no globals, no loader, no extensions, no tests but `defined`.
- What a call does not have is `Missing`, which `default` and `is defined` catch and everything else refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from jinja2 import StrictUndefined, Undefined
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.flow.expressions.computing import add, compare, cut, entry, negative, picked, sip_header
from app.flow.expressions.fault import Absent, Unfit, lacking
from app.flow.expressions.filters import FILTERS, default
from app.flow.templates.escapes import ESCAPERS
from app.flow.types import MAX_ITEMS

LOOP_FIELDS = ("index", "index0", "first", "last", "length")
"""What `loop` tells within a `for`."""


class Missing(StrictUndefined):
    """A value that this call does not have."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return lacking(self._undefined_name)


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2 with nothing but what this flow language has."""

    intercepted_binops: ClassVar[frozenset[str]] = frozenset({"+", "-"})  # type: ignore[misc] # Jinja2 reads the class's
    intercepted_unops: ClassVar[frozenset[str]] = frozenset({"-"})  # type: ignore[misc] # Jinja2 reads the class's

    def __init__(self) -> None:
        super().__init__(undefined=Missing)
        self.globals.clear()
        self.tests = {"defined": _is_defined}
        self.filters = {name: _missing_passes(known.apply) for name, known in FILTERS.items()}
        self.filters |= {name: _missing_passes(apply) for name, apply in _OWN.items()}
        self.filters |= {"default": _default, "_items": _items, **ESCAPERS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`obj.attribute`: an entry of a map; of `loop` its counters."""
        if type(obj) is dict and (value := obj.get(attribute)) is not None:
            return value
        if type(obj) is LoopContext and attribute in LOOP_FIELDS:
            return getattr(obj, attribute)
        return self._entry(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`obj[argument]`: an entry of a map or a list."""
        return self._entry(obj, argument)

    def _entry(self, obj: Any, key: Any) -> Any:
        if isinstance(obj, Undefined):
            return obj
        value = entry(obj, key)
        return Missing(name=str(key)) if value is None else value

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """`left + right`, `left - right`."""
        for side in (left, right):
            if isinstance(side, Undefined):
                return side
        return add(operator, left, right)

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        """`-arg`."""
        return arg if isinstance(arg, Undefined) else negative(arg)

    def is_safe_callable(self, obj: Any) -> bool:
        """Nothing is."""
        return False


def _is_defined(value: object) -> bool:
    return not isinstance(value, Undefined)


def _missing_passes(apply: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, which gives back a missing operand, so that a `default` behind it finds it."""

    def passing(*operands: Any) -> Any:
        for operand in operands:
            if isinstance(operand, Undefined):
                return operand
        try:
            return apply(*operands)
        except Absent as absent:
            return Missing(name=str(absent))

    return passing


def _default(value: Any, otherwise: Any = "", also_empty: Any = False) -> Any:
    return otherwise if isinstance(value, Undefined) else default(value, otherwise, also_empty)


def _picked(of: Any, key: Any) -> Any:
    value = picked(of, key)
    return Missing(name=f"entry {key}") if value is None else value


def _compare(left: Any, op: str, right: Any) -> bool:
    return compare(op, left, right)


def _items(value: Any) -> list[Any]:
    """What a loop goes over: a list of bounded length; what is missing is refused, never an empty loop."""
    if isinstance(value, Undefined):
        iter(value)
    if not isinstance(value, list | tuple):
        raise Unfit("a loop goes over a list")
    if len(value) > MAX_ITEMS:
        raise Unfit(f"a loop goes over at most {MAX_ITEMS} entries")
    return list(value)


_OWN: dict[str, Callable[..., Any]] = {
    "_compare": _compare,
    "_cut": cut,
    "_header_of": sip_header,
    "_picked": _picked,
}
"""What operators are rewritten to."""

SANDBOX = Sandbox()
"""One for all templates; how values are escaped is written into each template."""

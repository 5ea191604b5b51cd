"""Finds `except` clauses of a handler that nothing can reach."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Final, NamedTuple

from ncco_server.flow.digraph import reachable
from ncco_server.flow.handlers import api, effects
from ncco_server.flow.handlers.remarks import Remark
from ncco_server.flow.handlers.signatures import Function
from ncco_server.flow.handlers.value_kinds import call_methods
from ncco_server.flow.handlers.written import nodes_in

_RAISED_BY: Final = {
    "NoInput": ("choose", "collect"),
    "DialFailed": ("connect",),
    "RunFailed": ("run", "run_all"),
}
"""The methods of a call that raise each failure: the first two with `.or_raise()`."""


class _Raised(NamedTuple):
    """What some code may raise, or None if it is not known, and the functions of the file that it calls."""

    failures: Set[str] | None
    called: Sequence[str]


class Failures:
    """What the functions of a file may raise of `NoInput`, `DialFailed` and `RunFailed`.

    `calls` are the names of the call in those that calls run again.
    """

    def __init__(self, functions: Mapping[str, Sequence[Function]], calls: Set[str]) -> None:
        self._functions = functions
        self._calls = calls
        self._known: dict[str, _Raised] = {}

    def never_raised(self, function: Function) -> Iterator[tuple[ast.ExceptHandler, Remark]]:
        """Each `except` of a failure that nothing in its `try` raises."""
        for node in (each for each in nodes_in(function) if isinstance(each, ast.Try)):
            raised = self._raised_by_all(node.body)
            for handler in node.handlers if raised is not None else ():
                name = ast.unparse(handler.type) if handler.type is not None else ""
                if raised is None or name not in _RAISED_BY or name in raised:
                    continue
                methods = _RAISED_BY[name]
                called = [each for part in node.body for each in ast.walk(part) if isinstance(each, ast.Call)]
                functions = [each.func for each in called]
                asked: list[ast.expr] = [
                    each for each in functions if isinstance(each, ast.Attribute) and each.attr in methods
                ]
                caught = {ast.unparse(each.type) for each in node.handlers if each.type is not None}
                cure = next((f"write `except {each}`" for each in sorted(raised - caught)), "")
                if asked:
                    cure = f"add `.or_raise()`, which raises {name}"
                own = [each for each in called if ast.unparse(each.func) in self._functions]
                if name == "RunFailed" and len(own) == 1 and self._calls.isdisjoint(map(ast.unparse, own[0].args)):
                    asked = [own[0].func]
                    cure = f"write `call.run({', '.join(map(ast.unparse, [own[0].func, *own[0].args]))})`"
                cure = cure or f"delete it: only {' and '.join(f'`call.{each}`' for each in methods)} can raise it"
                at = asked[0] if len(asked) == 1 else handler.type
                yield handler, Remark("W704", at or handler, f"`except {name}` never runs", cure)

    def _raised_by_all(self, statements: Sequence[ast.stmt]) -> Set[str] | None:
        """The failures that these may raise; None if not all that they call is known."""
        first = self._of_code(statements)
        names = [*reachable(first.called, lambda name: self._of(name).called)]
        each = [first.failures, *(self._of(name).failures for name in names)]
        known = [raised for raised in each if raised is not None]
        return frozenset[str]().union(*known) if len(known) == len(each) else None

    def _of(self, name: str) -> _Raised:
        """Those of a function of the file."""
        if name not in self._known:
            (function, *others) = self._functions[name]
            is_known = not others and not function.decorator_list
            self._known[name] = self._of_code(function.body) if is_known else _Raised(None, ())
        return self._known[name]

    def _of_code(self, statements: Sequence[ast.stmt]) -> _Raised:
        found = set[str]()
        called: dict[str, None] = {}
        for node in (node for each in statements for node in ast.walk(each)):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name in self._functions:
                    called[name] = None
                case ast.Call() if (raised := _raised_by(node, self._calls)) is not None:
                    found |= raised
                case ast.Await(value=ast.Call()):
                    pass
                case ast.Call() | ast.Await() | ast.Raise() | ast.AsyncWith() | ast.AsyncFor() | ast.With():
                    return _Raised(None, ())
        return _Raised(found, [*called])


def _raised_by(node: ast.Call, calls: Set[str]) -> Set[str] | None:
    """The failures that a method of the call raises; none for a built-in function; None for other calls."""
    match node.func:
        case ast.Attribute(value=ast.Call(func=ast.Attribute(value=call, attr=method)), attr="or_raise") if (
            ast.unparse(call) in calls
        ):
            return {name for name, methods in _RAISED_BY.items() if method in methods}
        case ast.Attribute(value=call, attr=method) if ast.unparse(call) in calls and method in call_methods():
            is_odd = any(each.arg == "or_raise" for each in node.keywords)  # an issue of its own
            return None if is_odd else {"RunFailed"} if method in _RAISED_BY["RunFailed"] else frozenset()
        case ast.Name(id=name):
            return frozenset() if any(name in vars(each) for each in (api, effects, builtins)) else None
        case ast.Attribute(attr=attr):
            return frozenset() if any(hasattr(each, attr) for each in (str, list, dict)) else None
        case _:
            return None

"""Finds comparisons and columns in a handler's code that cannot be meant."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Final

from ncco_server.flow.handlers.failures import Failures
from ncco_server.flow.handlers.remarks import Remark
from ncco_server.flow.handlers.signatures import Function
from ncco_server.flow.handlers.value_kinds import COMPLETED, DIALLED, ValueKinds, can_be
from ncco_server.flow.handlers.written import WrittenCode, nodes_in
from ncco_server.ncco.value_types import Kind, Word
from ncco_server.suggest import nearest

_OUTCOMES: Final[Mapping[str, Kind]] = {"DialFailed": DIALLED, "NoInput": Word(("noinput", "nomatch"))}
_GOES_ON: Final = "leave it out: the call is over then, unless you write `ends_call=False`"


class Comparisons:
    """Comparisons, conditions and columns of a handler's code that cannot be meant.

    `calls` are the names of the call in the functions that calls run again.
    """

    def __init__(self, written: WrittenCode, kinds: ValueKinds, failures: Failures, calls: Set[str]) -> None:
        self._written = written
        self._kinds = kinds
        self._failures = failures
        self._calls = calls

    def remarks(self, function: Function) -> Iterator[Remark]:
        yield from self._never_equal(function)
        yield from self._always_true(function)
        yield from _identities(function)
        yield from self._unknown_columns(function)

    def _never_equal(self, function: Function) -> Iterator[Remark]:
        """Comparisons of a value with something that it can never be."""
        caught = {
            used: ast.unparse(each.type)
            for each in nodes_in(function)
            if isinstance(each, ast.ExceptHandler) and each.type is not None
            for used in ast.walk(each)
            if isinstance(used, ast.Attribute) and ast.unparse(used) == f"{each.name}.outcome"
        }
        never = self._failures.never_raised(function) if caught else ()
        dead = {used for handler, _ in never for used in ast.walk(handler)}
        for left, other in _compared_in(function):
            kind = _OUTCOMES.get(caught[left]) if left in caught else self._kinds.kind_of(left, function)
            if self._are_hours(left, function) and isinstance(other, ast.Constant):
                cure = f"write `{ast.unparse(left)}.open`, or compare `.reason`"
                yield Remark("W704", other, f"opening hours are never {other.value!r}", cure)
            if kind is None or left in dead:
                continue
            match other:
                case ast.Constant(value=const) if not can_be(kind, const):
                    message = "a number never equals a text" if kind.family == "number" else f"this is never {const!r}"
                    yield Remark("W704", other, message, _meant(kind, const))
                case ast.List() | ast.Tuple() | ast.Set() if kind.family == "text":
                    yield Remark("W704", other, "this is never a list", f"write `in {ast.unparse(other)}`")
                case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=key)) if self._has_choices(name):
                    yield Remark("W704", other, "this is never a `Choice`", f"write the name of the choice: `{key!r}`")

    def _always_true(self, function: Function) -> Iterator[Remark]:
        """Conditions that are a text, an outcome or opening hours themselves."""
        given = self._kinds.given_in(function)
        for node in nodes_in(function):
            match node:
                case ast.Compare(left=left, ops=[op], comparators=[ast.Constant(value=None) as none]):
                    values = given.get(left.id, ()) if isinstance(left, ast.Name) else (left,)
                    if len(values) == 1 and self._is_row(values[0]):
                        negation = "" if isinstance(op, ast.IsNot | ast.NotEq) else "not "
                        instead = f"{negation}{ast.unparse(left)}"
                        yield Remark("W704", none, "a row is never None", f"write `{instead}`: an empty row is false")
                case ast.Compare(
                    left=left, ops=[ast.In() | ast.NotIn()], comparators=[ast.Constant(value=str(text)) as written]
                ):
                    kind = self._kinds.kind_of(left, function)
                    if kind is not None and kind.words:
                        listed = ", ".join(f'"{each.strip()}"' for each in text.split(","))
                        yield Remark("W704", written, "this looks for a part of this text", f"write `[{listed}]`")
                case ast.BoolOp(op=ast.Or(), values=[ast.Compare(left=left, ops=[ast.Eq()]), *others]):
                    texts = [each for each in others if isinstance(each, ast.Constant) and each.value]
                    cure = f"write `{ast.unparse(left)} in (..)`, with all texts in brackets"
                    yield from (Remark("W704", each, "this text is always true", cure) for each in texts[:1])
                case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
                    tested = test.operand if isinstance(test, ast.UnaryOp) else test
                    values = given.get(tested.id, ()) if isinstance(tested, ast.Name) else (tested,)
                    match values:
                        case [ast.Await(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)))] if (
                            name in self._calls and method in ("connect", "hold", "run_flow")
                        ):
                            yield Remark("W704", tested, "this is always true", "compare it with one of its texts")
                        case _ if self._are_hours(tested, function):
                            yield Remark("W704", tested, "this is always true", "write `.open` behind it")

    def _unknown_columns(self, function: Function) -> Iterator[Remark]:
        for node in nodes_in(function):
            match node:
                case ast.Subscript(value=row, slice=ast.Constant(value=str(name)) as written):
                    rows = self._kinds.rows_of(row, function)
                    known = self._kinds.columns_of(rows) if rows is not None and not rows.are_several else {}
                    if known and rows is not None and not rows.type and name not in known:
                        cure = _one_of(name, known, "it has")
                        yield Remark("E703", written, f"the row has no column {name}", cure)
                case ast.Await() if (rows := self._kinds.rows_of(node, function)) is not None and rows.type:
                    known = self._kinds.columns_of(rows)
                    fields = self._kinds.classes[rows.type].body if known else ()
                    for field in (each.target for each in fields if isinstance(each, ast.AnnAssign)):
                        if isinstance(field, ast.Name) and field.id not in known:
                            message = f'the table {rows.table} has no "{field.id}"'
                            yield Remark("E703", field, message, _one_of(field.id, known, "write one of"))

    def _are_hours(self, value: ast.expr, function: Function) -> bool:
        match self._kinds.given_in(function).get(value.id, ()) if isinstance(value, ast.Name) else [value]:
            case [ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="hours"))]:
                return name in self._calls
            case _:
                return False

    def _is_row(self, value: ast.expr) -> bool:
        match value:
            case ast.Await(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="row"), keywords=keywords)):
                return name in self._calls and all(each.arg not in ("type", None) for each in keywords)
            case _:
                return False

    def _has_choices(self, name: str) -> bool:
        made = (value for given in self._written.given.get(name, ()) for value in getattr(given, "values", ()))
        return any(isinstance(each, ast.Call) and ast.unparse(each.func) == "Choice" for each in made)


def _identities(function: Function) -> Iterator[Remark]:
    for node in ast.walk(function):
        match node:
            case ast.Compare(
                ops=[ast.Is() | ast.IsNot() as op], comparators=[ast.Constant(value=str() | int() as value) as written]
            ) if not isinstance(value, bool):
                cure = f"write `{'==' if isinstance(op, ast.Is) else '!='}`"
                yield Remark("W704", written, "`is` looks for the same object, not for an equal one", cure)


def _one_of(name: str, known: Iterable[str], otherwise: str) -> str:
    near = nearest(name, [*known])
    return f'did you mean "{near}"?' if near else f"{otherwise}: {', '.join(known)}"


def _meant(kind: Kind, const: object) -> str:
    """What to compare a value of this type with, instead of a constant."""
    match kind.family:
        case "text" if kind.words and const == "":
            return "write `is None` for no answer"
        case "text" if kind.words and const == COMPLETED:
            return _GOES_ON
        case "text" if kind.words:
            return _one_of(str(const), sorted(filter(None, kind.words)), "it is one of")
        case "text":
            return f'it is a text, such as "{const}"'
        case "number":
            is_written = isinstance(const, str) and const.isdecimal()
            return f"write {const}, without quotes" if is_written else "compare it with a number, without quotes"
        case "bool":
            return "it is True or False: write only the value, or `not` before it"
        case family:
            return f"compare it with a {family}: `{family}.fromisoformat(..)`"


def _compared_in(function: Function) -> Iterator[tuple[ast.expr, ast.expr]]:
    compared: Iterable[ast.expr]
    for node in nodes_in(function):
        match node:
            case ast.Compare(left=ast.Constant() as constant, ops=[ast.Eq() | ast.NotEq()], comparators=[value]):
                compared = [constant]
            case (
                ast.Compare(left=value, ops=[ast.Eq()], comparators=compared)
                | ast.Compare(left=value, ops=[ast.NotEq()], comparators=[ast.Constant()] as compared)
                | ast.Compare(
                    left=value,
                    ops=[ast.In() | ast.NotIn()],
                    comparators=[ast.Tuple(elts=compared) | ast.List(elts=compared) | ast.Set(elts=compared)],
                )
                | ast.Compare(
                    left=value, ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(value=bool())] as compared
                )
            ):
                pass
            case ast.Match(subject=value, cases=cases):
                patterns = [each for case in cases for each in ast.walk(case.pattern)]
                compared = [each.value for each in patterns if isinstance(each, ast.MatchValue)]
            case _:
                continue
        yield from ((value, each) for each in compared)

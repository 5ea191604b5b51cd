"""Finds the constants that the code of a handler compares values with, by the field that has the value."""

from __future__ import annotations

import ast
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from functools import cached_property
from itertools import chain, pairwise
from typing import Final, TypeAlias

from ncco_server.flow.handlers.written import given_in, nodes_in
from ncco_server.sample_calls import FROM
from ncco_studio.verify.handlers.patterns import text_matching
from ncco_studio.verify.sample_values import DIGITS, KEYED_POINTS, SAMPLES

Constant: TypeAlias = str | int | float
Fields: TypeAlias = Set[str] | None
"""The fields that a value comes from; None for a value of unknown origin."""

RESULT: Final = ""
"""Stands for a whole result of a function or a row."""
HEARD: Final = "()"
"""Stands for what a caller says or presses; no attribute has this name."""
_OF_CALLER: Final[Mapping[str, Sequence[str]]] = dict.fromkeys(("person", "from_"), (FROM,))
"""A number that is compared with one of these may be that of the sample caller."""
_OUTCOME: Final = "[]"
"""Stands for what came of a dial or a hold, all of which are tried."""
_NO_FIELDS: Final = frozenset[str]()
_BY_METHOD: Final = {
    **dict.fromkeys(("run", "run_all", "row", "rows"), RESULT),
    **dict.fromkeys(("choose", "collect"), HEARD),
    **dict.fromkeys(("connect", "hold"), _OUTCOME),
}
OF_TEXTS: Final = frozenset(
    {"startswith", "endswith", "removeprefix", "removesuffix", "count", "index", "find", "split", "partition"}
)
_SPLITTING: Final = ("split", "partition")
_OF_SETS: Final = frozenset({"isdisjoint", "issubset", "issuperset", "intersection"})
_BY_PATTERN: Final = ("match", "fullmatch", "search")
_OF_POINTS: Final = frozenset({"date", "time", "datetime", "fromisoformat", "strptime"})
_SOME_TIME: Final = datetime.datetime(2026, 1, 5, 9, 30, tzinfo=datetime.UTC)
_MOST_DAYS: Final = 10_000
_WRITTEN: Final[Mapping[str, str]] = {"int": "7", "float": "7.5", "Decimal": "7.5"}
"""What each of these makes a value of."""


def _entered(asked: ast.AST, *, is_sensitive: bool = False) -> Iterator[str]:
    """What sample callers enter where the code asks for digits, or for sensitive ones."""
    for question in (node for node in ast.walk(asked) if isinstance(node, ast.Call)):
        given = {each.arg: each.value for each in question.keywords}
        match question.func, given.get("digits"):
            case (
                ast.Attribute(attr="collect"),
                ast.Constant(value=int(least)) | ast.Tuple(elts=[ast.Constant(value=int(least)), _]),
            ) if not is_sensitive or "sensitive" in given:
                yield DIGITS[0] * least


def _points_for(name: str, args: Sequence[ast.expr]) -> Sequence[Constant]:
    """Texts of which a function makes a date or a time; keys, if it gets parts of a text."""
    match name, args:
        case "strptime" | "fromisoformat", [ast.JoinedStr() | ast.BinOp(), *_]:
            return KEYED_POINTS
        case "strptime", [_, ast.Constant(value=str(form))]:
            return [_SOME_TIME.strftime(form)]
        case "fromisoformat", _:
            return [_SOME_TIME.isoformat(), *_SOME_TIME.isoformat()[:16].split("T")]
    return () if name == "strptime" else KEYED_POINTS


def tests_of(case: ast.match_case, subject: ast.expr) -> Iterator[ast.expr]:
    yield from _compared_to(case.pattern, subject)
    if case.guard is not None:
        yield case.guard


def _compared_to(pattern: ast.pattern, subject: ast.expr) -> Iterator[ast.expr]:
    match pattern:
        case ast.MatchValue(value=value):
            yield ast.Compare(subject, [ast.Eq()], [value])
        case ast.MatchSingleton(value=value):
            yield ast.Compare(subject, [ast.Is()], [ast.Constant(value)])
        case ast.MatchOr(patterns=inner):
            values = [each.value for each in inner if isinstance(each, ast.MatchValue)]
            yield ast.Compare(subject, [ast.In()], [ast.Tuple(values)])
            for each in inner:
                yield from () if isinstance(each, ast.MatchValue) else _compared_to(each, subject)
        case _:
            for each, part in _parts_of(pattern, subject):
                yield from _compared_to(each, part)


def _parts_of(pattern: ast.pattern, subject: ast.expr) -> Sequence[tuple[ast.pattern, ast.expr]]:
    match pattern:
        case ast.MatchClass(kwd_attrs=names, kwd_patterns=inner):
            return [(each, ast.Attribute(subject, name)) for name, each in zip(names, inner, strict=True)]
        case ast.MatchMapping(keys=keys, patterns=inner):
            return [(each, ast.Subscript(subject, key)) for key, each in zip(keys, inner, strict=True)]
        case ast.MatchSequence(patterns=inner) if isinstance(subject, ast.Tuple):
            return [*zip(inner, subject.elts, strict=False)]
        case ast.MatchSequence(patterns=inner):
            return [(each, subject) for each in inner]
        case ast.MatchAs(pattern=ast.pattern() as each):
            return [(each, subject)]
    return ()


def _unpacked_in(tree: ast.Module) -> Iterator[tuple[str, Sequence[ast.expr]]]:
    """The names that are given parts of a value, with the whole value."""
    for node in nodes_in(tree):
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=parts)], value=value):
                yield from ((part.id, [value]) for part in parts if isinstance(part, ast.Name))
            case _:
                pass


def _operands(node: ast.AST) -> Iterable[tuple[ast.expr, ast.expr]]:
    """What a comparison, or an operation of sets, compares with each other."""
    match node:
        case ast.Compare(left=left, comparators=others):
            return pairwise([left, *others])
        case ast.BinOp(left=one, op=ast.BitAnd(), right=two):
            return [(one, two)]
        case ast.Call(func=ast.Attribute(value=one, attr=method), args=[two]) if method in _OF_SETS:
            return [(one, two)]
        case _:
            return ()


class ComparedConstants:
    """The constants of a file with a handler.

    Attributes:
        keys: of the maps that it reads by a constant.
        secrets: what sample callers enter where it asks for digits that are sensitive.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._given = dict(_unpacked_in(tree)) | {**given_in(tree)}
        self._classes = {node.name: node for node in nodes_in(tree) if isinstance(node, ast.ClassDef)}
        self._fields: dict[Constant, Fields] = {}
        self.keys: dict[str, None] = {}
        for node in nodes_in(tree):
            for fields, constants in self._compared_in(node):
                for each in constants if fields is None or fields else ():
                    known = self._fields.get(each, _NO_FIELDS)
                    self._fields[each] = None if fields is None or known is None else known | fields
        self.secrets = list(dict.fromkeys(_entered(tree, is_sensitive=True)))

    def of(self, field: str) -> list[Constant]:
        """Those of the field come first, then those of values of unknown origin."""
        return [*self.surely_of(field), *(each for each, fields in self._fields.items() if fields is None)]

    def surely_of(self, field: str) -> list[Constant]:
        return [each for each, fields in self._fields.items() if fields is not None and field in fields]

    @cached_property
    def days(self) -> list[int]:
        """How many days from now dates may matter, if the file reads `now`."""
        nodes = nodes_in(self._tree)
        if not any(isinstance(each, ast.Attribute) and each.attr == "now" for each in nodes):
            return []
        added = (each.value for each in nodes if isinstance(each, ast.keyword) and each.arg == "days")
        found = [0, *self.surely_of("days"), *self._each([*added], _NO_FIELDS)]
        near = (each for each in found if isinstance(each, int) and abs(each) < _MOST_DAYS)
        return sorted({each + step for each in near for step in (-1, 0, 1)})

    # what is compared

    def _compared_in(self, node: ast.AST) -> Iterator[tuple[Fields, Sequence[Constant]]]:
        for one, two in _operands(node):
            yield self.fields_of(one), [*self.constants_of(two)]
            yield self.fields_of(two), [*self.constants_of(one)]
        match node:
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                divisors = [each for each in self.constants_of(right) if not isinstance(each, str)]
                yield self.fields_of(left), [*divisors, *(each * 2 for each in divisors)]
            case (
                ast.Subscript(slice=ast.Constant(value=str(key)))
                | ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(key)), *_])
            ):
                self.keys[key] = None
            case (
                ast.Subscript(value=of, slice=sought)
                | ast.Call(func=ast.Attribute(value=of, attr="get"), args=[sought, *_])
            ):
                yield self.fields_of(sought), [*self.constants_of(of)]
            case ast.Call(func=ast.Attribute(attr="connect"), args=[endpoint]):
                yield self.fields_of(endpoint), [SAMPLES["phone"]]
            case ast.Call(func=function, args=args):
                yield from self._compared_by(function, args)
            case ast.Match(subject=subject, cases=cases):
                made = (each for case in cases for test in tests_of(case, subject) for each in ast.walk(test))
                for each in made:
                    yield from self._compared_in(each)
            case _:
                pass

    def _compared_by(self, function: ast.expr, args: Sequence[ast.expr]) -> Iterator[tuple[Fields, Sequence[Constant]]]:
        match function, args:
            case ast.Attribute(value=of, attr=method), _ if method in OF_TEXTS:
                yield self.fields_of(of), [each for arg in args for each in self.constants_of(arg)]
                if method in _SPLITTING:
                    separators = [each for each in self._each(args[:1], _NO_FIELDS) if isinstance(each, str)]
                    yield self.fields_of(of), ["Ada", *(f"Ada{each}King" for each in separators or " ")]
            case ast.Attribute(value=of, attr=method), [*patterns, text] if method in _BY_PATTERN:
                written = (each for part in (of, *patterns) for each in self.constants_of(part))
                yield self.fields_of(text), [text_matching(each) for each in written if isinstance(each, str)]
            case ast.Name(id=name) | ast.Attribute(attr=name), [_, *_] if name in _OF_POINTS:
                yield self._all_of(args, frozenset()), _points_for(name, args)
            case ast.Name(id=name), [value] if name in _WRITTEN:
                yield self.fields_of(value), [_WRITTEN[name]]
            case ast.Name(id=name), [value] if name in self._classes:
                yield self.fields_of(value), [*self._constants_of_class(name)]
            case _, [_, _, *_]:  # a function may compare its arguments
                for arg in args:
                    if fields := self.fields_of(arg):
                        yield fields, [*self._each([other for other in args if other is not arg], _NO_FIELDS)]
            case _:
                pass

    def fields_of(self, value: ast.expr, seen: Set[str] = frozenset()) -> Fields:
        match value:
            case ast.Constant():
                return _NO_FIELDS
            case ast.Attribute(value=of, attr=name) | ast.Subscript(value=of, slice=ast.Constant(value=str(name))):
                return {name, *(self.fields_of(of, seen) or ())} - {RESULT}
            case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
                return {name}
            case ast.Await(value=ast.Call(func=ast.Attribute(value=of, attr=method))):
                known = _BY_METHOD.get(method)
                return {known} if known is not None else self.fields_of(ast.Await(of)) if method == "or_raise" else None
            case (
                ast.Call(func=ast.Attribute(value=of))
                | ast.Subscript(value=of)
                | ast.Starred(value=of)
                | ast.NamedExpr(value=of)
                | ast.GeneratorExp(elt=of)
                | ast.ListComp(elt=of)
                | ast.SetComp(elt=of)
                | ast.FormattedValue(value=of)
            ):
                return self.fields_of(of, seen)
            case ast.BinOp(left=left, right=right) | ast.IfExp(body=left, orelse=right):
                return self._all_of([left, right], seen)
            case (
                ast.Call(args=parts)
                | ast.Tuple(elts=parts)
                | ast.List(elts=parts)
                | ast.Set(elts=parts)
                | ast.JoinedStr(values=parts)
            ):
                return self._all_of(parts, seen)
            case ast.Dict(keys=keys):
                return self._all_of([key for key in keys if key is not None], seen)
            case ast.Name(id=name) if name not in seen and name in self._given:
                return self._all_of(self._given[name], {*seen, name})
            case _:
                return None

    def _all_of(self, parts: Sequence[ast.expr], seen: Set[str]) -> Fields:
        each = [self.fields_of(part, seen) for part in parts]
        return None if None in each else _NO_FIELDS.union(*(fields for fields in each if fields))

    def constants_of(self, value: ast.expr, seen: Set[str] = frozenset()) -> Iterator[Constant]:
        match value:
            case ast.Constant(value=str() | int() | float() as const) if not isinstance(const, bool):
                yield const
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                yield -number
            case ast.Await():
                yield from _entered(value)
            case ast.Call(func=ast.Name(id="date" | "time" | "datetime" | "Decimal" as name), args=args):
                with suppress(IndexError, TypeError, ValueError):
                    parts = [*self._each(args, seen)]
                    yield float(parts[0]) if name == "Decimal" else getattr(datetime, name)(*parts).isoformat()
            case ast.Attribute(value=ast.Name(id=name), attr=member):
                yield from (
                    self._constants_of_class(name, member) if name in self._classes else _OF_CALLER.get(member, ())
                )
            case ast.Subscript(value=of) | ast.Starred(value=of):
                yield from self.constants_of(of, seen)
            case ast.Name(id=name) if name not in seen:
                yield from self._each(self._given.get(name, ()), {*seen, name})
            case ast.Dict(keys=parts):
                yield from self._each([key for key in parts if key is not None], seen)
            case ast.Call(args=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                yield from self._each(parts, seen)
            case _:
                pass

    def _each(self, parts: Sequence[ast.expr], seen: Set[str]) -> Iterator[Constant]:
        return chain.from_iterable(self.constants_of(part, seen) for part in parts)

    def _constants_of_class(self, name: str, member: str = "") -> Iterator[Constant]:
        for node in self._classes[name].body:
            match node:
                case ast.Assign(targets=[ast.Name(id=own)], value=value) if member in ("", own):
                    yield from self.constants_of(value)
                case _:
                    pass

"""Finds the constants that the code of a handler compares values with, by the field that has the value."""

from __future__ import annotations

import ast
import datetime
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from itertools import chain, pairwise
from typing import Final, TypeAlias

from ncco_server.flow.handlers.written import given_in
from ncco_studio.verify.handlers.patterns import text_matching
from ncco_studio.verify.sample_values import DIGITS, FROM, KEYED_POINTS, SAMPLES

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
_OF_TEXTS: Final = frozenset(
    {"startswith", "endswith", "removeprefix", "removesuffix", "count", "index", "find", "split", "partition"}
)
_BY_PATTERN: Final = ("match", "fullmatch", "search")
_OF_POINTS: Final = frozenset({"date", "time", "datetime", "fromisoformat", "strptime"})
_SOME_TIME: Final = datetime.datetime(2026, 1, 5, 9, 30, tzinfo=datetime.UTC)
_WRITTEN: Final[Mapping[str, str]] = {"int": "7", "float": "7.5", "Decimal": "7.5"}
"""What each of these makes a value of."""
_STEPS: Final[Mapping[type[ast.cmpop], int]] = {ast.Eq: 0, ast.In: 0, ast.GtE: 0, ast.LtE: 0, ast.Gt: 1, ast.Lt: -1}
"""How far from a constant a value lies for which a comparison holds."""


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


class ComparedConstants:
    """The constants of a file with a handler.

    Attributes:
        keys: of the maps that it reads by a constant.
        together: for conditions with several fields, a constant for each of them.
        secrets: what sample callers enter where it asks for digits that are sensitive.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._given = given_in(tree)
        self._classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        self._fields: dict[Constant, Fields] = {}
        self.keys: dict[str, None] = {}
        for node in ast.walk(tree):
            for fields, constants in self._compared_in(node):
                for each in constants if fields is None or fields else ():
                    known = self._fields.get(each, _NO_FIELDS)
                    self._fields[each] = None if fields is None or known is None else known | fields
        self.secrets = list(dict.fromkeys(_entered(tree, is_sensitive=True)))
        self.together = list(self._demands_in(tree.body, {}))

    def of(self, field: str) -> list[Constant]:
        """Those of the field come first, then those of values of unknown origin."""
        return [*self.surely_of(field), *(each for each, fields in self._fields.items() if fields is None)]

    def surely_of(self, field: str) -> list[Constant]:
        return [each for each, fields in self._fields.items() if fields is not None and field in fields]

    # what is compared

    def _compared_in(self, node: ast.AST) -> Iterator[tuple[Fields, Sequence[Constant]]]:
        match node:
            case ast.Compare(left=left, comparators=others):
                for one, two in pairwise([left, *others]):
                    yield self._fields_of(one), [*self._constants_of(two)]
                    yield self._fields_of(two), [*self._constants_of(one)]
            case ast.Subscript(slice=ast.Constant(value=str(key))):
                self.keys[key] = None
            case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(key)), *_]):
                self.keys[key] = None
            case (
                ast.Subscript(value=of, slice=sought)
                | ast.Call(func=ast.Attribute(value=of, attr="get"), args=[sought, *_])
            ):
                yield self._fields_of(sought), [*self._constants_of(of)]
            case ast.Call(func=ast.Attribute(attr="connect"), args=[endpoint]):
                yield self._fields_of(endpoint), [SAMPLES["phone"]]
            case ast.Call(func=function, args=args):
                yield from self._compared_by(function, args)
            case ast.Match(subject=subject, cases=cases):
                for case in cases:
                    yield from self._in_pattern(case.pattern, self._fields_of(subject))
            case _:
                pass

    def _compared_by(self, function: ast.expr, args: Sequence[ast.expr]) -> Iterator[tuple[Fields, Sequence[Constant]]]:
        match function, args:
            case ast.Attribute(value=of, attr=method), _ if method in _OF_TEXTS:
                yield self._fields_of(of), [each for arg in args for each in self._constants_of(arg)]
            case ast.Attribute(value=of, attr=method), [*patterns, text] if method in _BY_PATTERN:
                written = (each for part in (of, *patterns) for each in self._constants_of(part))
                yield self._fields_of(text), [text_matching(each) for each in written if isinstance(each, str)]
            case ast.Name(id=name) | ast.Attribute(attr=name), [_, *_] if name in _OF_POINTS:
                yield self._all_of(args, frozenset()), _points_for(name, args)
            case ast.Name(id=name), [value] if name in _WRITTEN:
                yield self._fields_of(value), [_WRITTEN[name]]
            case ast.Name(id=name), [value] if name in self._classes:
                yield self._fields_of(value), [*self._constants_of_class(name)]
            case _, [_, _, *_]:  # a function may compare its arguments
                for arg in args:
                    if fields := self._fields_of(arg):
                        yield fields, [*self._each([other for other in args if other is not arg], _NO_FIELDS)]
            case _:
                pass

    def _in_pattern(self, pattern: ast.pattern, fields: Fields) -> Iterator[tuple[Fields, Sequence[Constant]]]:
        match pattern:
            case ast.MatchValue(value=value):
                yield fields, [*self._constants_of(value)]
            case ast.MatchClass(kwd_attrs=names, kwd_patterns=inner):
                for name, each in zip(names, inner, strict=True):
                    yield from self._in_pattern(each, {name})
            case ast.MatchMapping(keys=keys, patterns=inner):
                for key, each in zip(keys, inner, strict=True):
                    names = [str(known) for known in self._constants_of(key)]
                    self.keys |= dict.fromkeys(names)
                    yield from self._in_pattern(each, {*names})
            case ast.MatchOr(patterns=inner) | ast.MatchSequence(patterns=inner):
                for each in inner:
                    yield from self._in_pattern(each, fields)
            case ast.MatchAs(pattern=ast.pattern() as each):
                yield from self._in_pattern(each, fields)
            case _:
                pass

    def _fields_of(self, value: ast.expr, seen: Set[str] = frozenset()) -> Fields:
        match value:
            case ast.Constant():
                return _NO_FIELDS
            case ast.Attribute(value=of, attr=name) | ast.Subscript(value=of, slice=ast.Constant(value=str(name))):
                return {name, *(self._fields_of(of, seen) or ())} - {RESULT}
            case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
                return {name}
            case ast.Await(value=ast.Call(func=ast.Attribute(value=of, attr=method))):
                known = _BY_METHOD.get(method)
                return (
                    {known} if known is not None else self._fields_of(ast.Await(of)) if method == "or_raise" else None
                )
            case (
                ast.Call(func=ast.Attribute(value=of))
                | ast.Subscript(value=of)
                | ast.Starred(value=of)
                | ast.NamedExpr(value=of)
                | ast.GeneratorExp(elt=of)
                | ast.ListComp(elt=of)
                | ast.FormattedValue(value=of)
            ):
                return self._fields_of(of, seen)
            case ast.BinOp(left=left, right=right):
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
        each = [self._fields_of(part, seen) for part in parts]
        return None if None in each else _NO_FIELDS.union(*(fields for fields in each if fields))

    def _constants_of(self, value: ast.expr, seen: Set[str] = frozenset()) -> Iterator[Constant]:
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
                yield from self._constants_of(of, seen)
            case ast.Name(id=name) if name not in seen:
                yield from self._each(self._given.get(name, ()), {*seen, name})
            case ast.Dict(keys=parts):
                yield from self._each([key for key in parts if key is not None], seen)
            case ast.Call(args=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                yield from self._each(parts, seen)
            case _:
                pass

    def _each(self, parts: Sequence[ast.expr], seen: Set[str]) -> Iterator[Constant]:
        return chain.from_iterable(self._constants_of(part, seen) for part in parts)

    def _constants_of_class(self, name: str, member: str = "") -> Iterator[Constant]:
        for node in self._classes[name].body:
            match node:
                case ast.Assign(targets=[ast.Name(id=own)], value=value) if member in ("", own):
                    yield from self._constants_of(value)
                case _:
                    pass

    # conditions with several fields

    def _demands_in(self, nodes: Sequence[ast.AST], before: Mapping[str, Constant]) -> Iterator[Mapping[str, Constant]]:
        for node in nodes:
            match node:
                case ast.If(test=test, body=body, orelse=orelse):
                    yield from self._demands_in([test, *orelse], before)
                    yield from self._demands_in(body, {**before, **self._demanded(test)})
                case ast.BoolOp(op=ast.And()) | ast.Compare() | ast.Call(func=ast.Attribute()):
                    found = {**before, **self._demanded(node)}
                    if len(found) > 1 and found != before:
                        yield found
                case ast.Match(cases=cases):
                    for case in cases:
                        found = {**before, **self._demanded_by(case.pattern)}
                        yield from [found] if len(found) > 1 else []
                        yield from self._demands_in(case.body, found)
                case _:
                    yield from self._demands_in([*ast.iter_child_nodes(node)], before)

    def _demanded(self, test: ast.AST) -> Mapping[str, Constant]:
        match test:
            case ast.BoolOp(op=ast.And(), values=parts):
                return {field: const for part in parts for field, const in self._demanded(part).items()}
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _STEPS:
                is_swapped = not self._fields_of(left)
                step = _STEPS[type(op)] * (-1 if is_swapped else 1)
                return self._first(self._fields_of(right if is_swapped else left), left if is_swapped else right, step)
            case ast.Call(func=ast.Attribute(value=of, attr=method), args=[part, *_]) if method in _OF_TEXTS:
                return self._first(self._fields_of(of), part)
        return {}

    def _demanded_by(self, pattern: ast.pattern) -> Mapping[str, Constant]:
        found = self._in_pattern(pattern, None)
        return {field: constants[0] for fields, constants in found for field in fields or () if constants}

    def _first(self, fields: Fields, value: ast.expr, step: int = 0) -> Mapping[str, Constant]:
        for each in self._constants_of(value):
            return dict.fromkeys(fields or (), each if isinstance(each, str) else each + step)
        return {}


NOTHING: Final = ComparedConstants(ast.Module([], []))

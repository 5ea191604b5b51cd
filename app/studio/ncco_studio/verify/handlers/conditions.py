"""What a line of a handler needs of the fields of one result: the conditions on the way to it, tested on samples."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from functools import cached_property, partial, reduce
from itertools import islice, pairwise
from typing import Any, Final, NamedTuple, Self, TypeAlias

from ncco_studio.verify.handlers.constants import OF_TEXTS, ComparedConstants, tests_of

_Comparison: TypeAlias = Callable[[Any, Any], Any]

_OF_FIELD: Final[Mapping[type[ast.cmpop], tuple[_Comparison, bool]]] = {
    **{ast.Eq: (operator.eq, True), ast.Is: (operator.eq, True), ast.In: (operator.eq, True)},
    **{ast.NotEq: (operator.eq, False), ast.IsNot: (operator.eq, False), ast.NotIn: (operator.eq, False)},
    **{ast.Gt: (operator.gt, True), ast.GtE: (operator.ge, True)},
    **{ast.Lt: (operator.lt, True), ast.LtE: (operator.le, True)},
}
"""What compares a field on the left with constants, and whether it holds for one of them, or for none."""
_OF_CONSTANT: Final[Mapping[type[ast.cmpop], tuple[_Comparison, bool]]] = {
    **_OF_FIELD,
    **{ast.In: (operator.contains, True), ast.NotIn: (operator.contains, False)},
    **{ast.Gt: (operator.lt, True), ast.GtE: (operator.le, True)},
    **{ast.Lt: (operator.gt, True), ast.LtE: (operator.ge, True)},
}
"""For a field on the right."""
_MOST: Final = 300
"""Branches of a file that are looked at; our choice."""
_TESTS: Final = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.ListComp)


def _is_true(value: Any, _: None) -> bool:
    return bool(value)


def _by_method(method: str, text: Any, part: Any) -> Any:
    return getattr(text, method)(part)


class Condition(NamedTuple):
    """Holds if the comparison does with one of the constants; unless `is_met`, if it does with none."""

    compare: _Comparison
    constants: tuple[Any, ...]
    is_met: bool

    def allows(self, value: Any) -> bool:
        """A number may be compared with the length of a list."""
        with suppress(TypeError, ValueError, AttributeError):
            if isinstance(value, list) and all(isinstance(each, int) for each in self.constants):
                value = len(value)
            return any(self.compare(value, each) for each in self.constants) == self.is_met
        return False


class BranchNeeds(dict[str, tuple[Condition, ...]]):
    """The conditions of each field that lead to a line."""

    def also(self, others: Mapping[str, tuple[Condition, ...]]) -> Self:
        return type(self)(self | {name: self.get(name, ()) + found for name, found in others.items()})

    def met_by(self, samples: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
        """The first sample of each field that meets all its conditions, or at least the last one.

        Of a field whose conditions no sample meets as it is, such as a date with a number of days, each one is tried.
        """
        firsts = {name: self._first(name, samples[name]) for name in samples.keys() & self.keys()}
        met = {name: each[0] for name, each in firsts.items() if each}
        return [met, *(met | {name: each} for name, first in firsts.items() if not first for each in samples[name])]

    def _first(self, name: str, samples: Sequence[Any]) -> Sequence[Any]:
        conditions = self[name]
        for some in (conditions, conditions[-1:]):
            for each in samples:
                if self._allows(name, each, some):
                    return (each,)
        return ()

    def _allows(self, name: str, value: Any, conditions: Sequence[Condition]) -> bool:
        """The conditions of a field of a record are also those of the record, and of a list of it."""
        record = value[0] if value and isinstance(value, list) else value
        if isinstance(record, dict) and (inner := record.keys() & self.keys()):
            return all(self._allows(each, record[each], self[each]) for each in inner)
        return all(each.allows(value) for each in conditions)


def _leaves(body: Sequence[ast.stmt]) -> bool:
    match body[-1:]:
        case [ast.Return() | ast.Raise() | ast.Continue() | ast.Break()]:
            return True
        case [ast.If(body=one, orelse=other)]:
            return _leaves(one) and _leaves(other)
    return False


class ComparedConditions(ComparedConstants):
    """Also the conditions that lead to the branches of the file's code."""

    @cached_property
    def branches(self) -> Sequence[BranchNeeds]:
        """For each branch that depends on several fields, what it needs of them."""
        return [*islice(self._branches(self._tree.body, BranchNeeds()), _MOST)]

    def _branches(self, nodes: Sequence[ast.AST], before: BranchNeeds) -> Iterator[BranchNeeds]:
        """`nodes` follow each other."""
        for node in nodes:
            match node:
                case ast.If() | ast.While():
                    before = yield from self._tested(node, before)
                case ast.BoolOp() | ast.Compare() | ast.Call(func=ast.Attribute()):
                    yield from self._branch((), before.also(self._needed(node)), before)
                case ast.Match(subject=subject, cases=cases):
                    for case in cases:
                        needed = self._all([*tests_of(case, subject)])
                        yield from self._branch(case.body, before.also(needed), before)
                case _:
                    yield from self._branches([*ast.iter_child_nodes(node)], before)

    def _tested(self, node: ast.If | ast.While, before: BranchNeeds) -> Generator[BranchNeeds, None, BranchNeeds]:
        """Return what comes after it needs. A chain of `elif` may be long: it is not nested here."""
        needs, is_left = before, True
        while True:
            holds, fails = needs.also(self._needed(node.test)), needs.also(self._needed(node.test, is_met=False))
            yield from self._branches([node.test], needs)
            yield from self._branch(node.body, holds, needs)
            is_left = is_left and _leaves(node.body)
            match node.orelse:
                case [ast.If() as node]:
                    needs = fails
                case others:
                    if others or is_left:
                        yield from self._branch(others, fails, needs)
                    return fails if is_left else holds if _leaves(others) and needs is before else before

    def _branch(self, body: Sequence[ast.AST], needs: BranchNeeds, before: BranchNeeds) -> Iterator[BranchNeeds]:
        if len(needs) > 1 and needs != before:
            yield needs
        yield from self._branches(body, needs)

    def _needed(self, test: ast.AST, *, is_met: bool = True, seen: Set[str] = frozenset()) -> BranchNeeds:
        """What a test needs to be met, or not to be. `seen` are names whose values were looked at."""
        match test:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._needed(operand, is_met=not is_met, seen=seen)
            case ast.BoolOp(op=op, values=parts):
                return self._all(parts if isinstance(op, ast.And) == is_met else parts[:1], is_met=is_met, seen=seen)
            case ast.Compare(left=left, ops=[_, _, *_] as ops, comparators=others):
                pairs = zip(pairwise([left, *others]), ops, strict=True)
                tests = [ast.Compare(one, [op], [two]) for (one, two), op in pairs]
                return self._all(tests if is_met else tests[:1], is_met=is_met, seen=seen)
            case ast.ListComp(elt=each, generators=[ast.comprehension(ifs=tests)]) | ast.Call(
                ast.Name("any"), [ast.GeneratorExp(elt=each, generators=[ast.comprehension(ifs=tests)])]
            ) if is_met:
                return self._all([each, *tests], seen=seen)
            case ast.Name(id=name) if isinstance(of := self._given_once(name, seen), _TESTS):
                return self._needed(of, is_met=is_met, seen={*seen, name})
            case ast.Compare(left=ast.Name(id=name), ops=[ast.Eq() | ast.NotEq() as op], comparators=[value]) if (
                isinstance(of := self._given_once(name, seen), ast.IfExp)
            ):
                is_first = (ast.dump(of.body) == ast.dump(value)) == isinstance(op, ast.Eq)
                return self._needed(of.test, is_met=is_first == is_met, seen={*seen, name})
        return self._compared(test, is_met=is_met)

    def _all(self, tests: Sequence[ast.expr], *, is_met: bool = True, seen: Set[str] = frozenset()) -> BranchNeeds:
        return reduce(BranchNeeds.also, (self._needed(each, is_met=is_met, seen=seen) for each in tests), BranchNeeds())

    def _given_once(self, name: str, seen: Set[str]) -> ast.expr | None:
        given = self._given.get(name, ())
        return given[0] if len(given) == 1 and name not in seen else None

    def _compared(self, test: ast.AST, *, is_met: bool) -> BranchNeeds:
        match test:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if (found := self._entry(left)) is not None:
                key, entries = found
                compare, holds = _OF_FIELD[type(op)]
                meant = Condition(compare, (*self._constants(right),), holds)
                keys = [each for each, value in entries.items() if meant.constants and meant.allows(value)]
                return self._of(key, operator.eq, keys, is_met=is_met)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                is_field = bool(self.fields_of(left))
                compare, holds = (_OF_FIELD if is_field else _OF_CONSTANT)[type(op)]
                value, constant = (left, right) if is_field else (right, left)
                return self._of(value, compare, self._constants(constant), is_met=holds == is_met)
            case ast.Call(func=ast.Attribute(value=of, attr=method), args=[part, *_]) if method in OF_TEXTS:
                return self._of(of, partial(_by_method, method), self._constants(part), is_met=is_met)
            case ast.Attribute() | ast.Subscript() | ast.Name() | ast.Call():
                return self._of(test, _is_true, [None], is_met=is_met)
        return BranchNeeds()

    def _entry(self, value: ast.expr) -> tuple[ast.expr, Mapping[Any, Any]] | None:
        """The key of an entry of a dict that is written in the file, and the dict."""
        if isinstance(value, ast.Name):
            value = self._given_once(value.id, frozenset()) or value
        match value:
            case (
                ast.Subscript(value=ast.Name(id=name), slice=key)
                | ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="get"), args=[key, *_])
            ) if isinstance(entries := self._given_once(name, frozenset()), ast.Dict):
                with suppress(ValueError, TypeError):
                    return key, ast.literal_eval(entries)
        return None

    def _of(self, value: ast.expr, compare: _Comparison, constants: Sequence[Any], *, is_met: bool) -> BranchNeeds:
        fields = self.fields_of(value) if constants else None
        return BranchNeeds(dict.fromkeys(fields or (), (Condition(compare, (*constants,), is_met),)))

    def _constants(self, value: ast.expr) -> Sequence[Any]:
        return [value.value] if isinstance(value, ast.Constant) else [*self.constants_of(value)]


NOTHING: Final = ComparedConditions(ast.Module([], []))

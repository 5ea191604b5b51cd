"""Finds conditions that never (W642) or always (W643) hold, and branch lines that never decide (W644).

A proof finds the outcomes that no call takes, but only in flows without errors, and it does not say which operator was
meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from math import inf, isfinite, prod
from typing import Any, TypeAlias

from jinja2 import nodes

from ncco_server.flow.checks.facts import Facts
from ncco_server.flow.checks.graph import direction
from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.model import Step
from ncco_server.flow.runtime import Exit
from ncco_server.flow.scope import ScopeTypes, Variable
from ncco_server.flow.templates.checker import known_type
from ncco_server.flow.templates.filters import FILTERS
from ncco_server.flow.templates.operators import COMPARISONS, compare
from ncco_server.flow.templates.values import Expression, Literal
from ncco_server.ncco.value_types import TYPES, Kind

Key: TypeAlias = tuple[Any, ...]
Combination: TypeAlias = Mapping[Key, Any]
Formula: TypeAlias = Callable[[Combination], bool]

_OTHER = "\0"
"""Represents every text that the conditions do not mention."""


def key_of(node: nodes.Node) -> Key:
    """Equal expressions have equal keys, wherever they are written."""
    own = (value for _, value in node.iter_fields())
    plain = tuple((type(value).__name__, value) for value in own if isinstance(value, str | int | float))
    return (type(node).__name__, plain, tuple(key_of(child) for child in node.iter_child_nodes()))


@dataclass(frozen=True, slots=True)
class ValueBounds:
    """The limits of a name's values.

    Attributes:
        lengths: the fewest and most digits of a text; None for any text.
        initial: may be outside the other limits.
    """

    least: float = -inf
    most: float = inf
    lengths: tuple[int, int] | None = None
    initial: Any = None

    @property
    def ends(self) -> tuple[float, ...]:
        own = self.initial if isinstance(self.initial, int | float) else self.least
        return tuple(filter(isfinite, (self.least, self.most, own)))

    @property
    def of_length(self) -> ValueBounds:
        low, high = self.lengths or (0, inf)
        return ValueBounds(
            low, high, initial=FILTERS["length"].apply(self.initial) if isinstance(self.initial, str) else None
        )

    def allows(self, value: Any) -> bool:
        if value == self.initial:
            return True
        if not isinstance(value, str):
            return bool(self.least <= value <= self.most)
        if self.lengths is None or value == _OTHER:
            return True
        return value.isdigit() and self.lengths[0] <= len(value) <= self.lengths[1]


def entry_bounds(low: int, high: int, initial: Any = None) -> ValueBounds:
    return ValueBounds(0, 10**high - 1, (low, high), initial)


@dataclass(slots=True)
class Domains:
    """Turns conditions into formulas, and collects the values to try for their names.

    Attributes:
        known: the key of a name → all its values.
        values: the key of a name, a field, a length, or an unanalysed condition → the values to try.
    """

    scope: ScopeTypes
    known: Mapping[Key, tuple[Any, ...]] = field(default_factory=dict)
    bounds: Mapping[Key, ValueBounds] = field(default_factory=dict)
    values: dict[Key, dict[Any, None]] = field(default_factory=dict)
    lengths: dict[Key, ValueBounds] = field(default_factory=dict)

    def formula(self, node: nodes.Node) -> Formula:
        match node:
            case nodes.And(left=left, right=right) | nodes.Or(left=left, right=right):
                first, second = self.formula(left), self.formula(right)
                if isinstance(node, nodes.And):
                    return lambda combination: first(combination) and second(combination)
                return lambda combination: first(combination) or second(combination)
            case nodes.Not(node=of):
                inner = self.formula(of)
                return lambda combination: not inner(combination)
            case nodes.Const(value=bool() as value):
                return lambda combination: value
            case nodes.Compare(expr=left, ops=[nodes.Operand(op=op, expr=right)]):
                return self._compared(left, op, right)
            case nodes.Filter(
                name="starts_with", node=nodes.Expr() as of, args=[nodes.Const(value=str() as beginning)]
            ):
                return self._beginning(of, beginning) or self._atom(node)
            case _:
                return self._atom(node)

    def combinations(self, most: int) -> Iterator[Combination] | None:
        """Return None if there are more than `most`."""
        domains = [self._domain(key, tuple(values)) for key, values in self.values.items()]
        if prod(map(len, domains)) > most:
            return None
        return (dict(zip(self.values, each, strict=True)) for each in product(*domains))

    def _domain(self, key: Key, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if key in self.known:
            return self.known[key]
        between = _with_between(values)
        bounds = self.bounds.get(key) or self.lengths.get(key)
        return tuple(filter(bounds.allows, between)) if bounds else between

    def _atom(self, node: nodes.Node) -> Formula:
        key = key_of(node)
        self.values.setdefault(key, {True: None, False: None})
        return lambda combination: bool(combination[key])

    def _compared(self, left: nodes.Expr, written: str, right: nodes.Expr) -> Formula:
        op = COMPARISONS[written].negated or written
        if op != "in" and isinstance(left, nodes.Const):
            found = self._with_literal(right, COMPARISONS[op].swapped, left.value)
        else:
            found = self._with_literal(left, op, _literal(right))
        formula = found or self._atom(nodes.Compare(left, [nodes.Operand(op, right)]))
        return formula if written == op else lambda combination: not formula(combination)

    def _with_literal(self, node: nodes.Node, op: str, literal: Any) -> Formula | None:
        key = key_of(node)
        length = self._length_of(node)
        kind = TYPES["int"] if length is not None else known_type(self.scope, node)
        written = literal if isinstance(literal, tuple) else (literal,)
        if kind is None or None in written or (op == "in") != isinstance(literal, tuple):
            return None
        values = _values(kind, written)
        if values is None or not COMPARISONS[op].takes(kind):
            return None
        if length is not None:
            self.lengths[key] = length
        bounds = length or self.bounds.get(key)
        if bounds is not None and kind.family == "number":
            values = (*values, *bounds.ends)
        self.values.setdefault(key, {}).update(dict.fromkeys(values))
        return lambda combination: compare(op, combination[key], literal)

    def _beginning(self, node: nodes.Expr, beginning: str) -> Formula | None:
        """The text to try is the literal followed by another character."""
        key = key_of(node)
        kind = known_type(self.scope, node)
        values = _values(kind, (beginning + _OTHER,)) if kind is not None and kind.family == "text" else None
        if values is None or key in self.bounds:
            return None
        self.values.setdefault(key, {}).update(dict.fromkeys(values))
        return lambda combination: bool(FILTERS["starts_with"].apply(combination[key], beginning))

    def _length_of(self, node: nodes.Node) -> ValueBounds | None:
        """The bounds of `entry | length`; None for other expressions, and for a text of any length."""
        if not isinstance(node, nodes.Filter) or node.name != "length" or node.node is None:
            return None
        bounds = self.bounds.get(key_of(node.node))
        kind = known_type(self.scope, node.node)
        is_entry = bounds is not None and bounds.lengths is not None and kind is not None and kind.family == "text"
        return bounds.of_length if bounds is not None and is_entry else None


def _literal(node: nodes.Node) -> Any:
    """A tuple for a list of literals, None for anything that is no literal."""
    if isinstance(node, nodes.Const):
        return node.value
    if isinstance(node, nodes.List) and all(isinstance(item, nodes.Const) for item in node.items):
        return tuple(item.value for item in node.items if isinstance(item, nodes.Const))
    return None


def _values(kind: Kind, written: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Values that distinguish the written literals; None if the type has no such values."""
    if kind.words:
        return kind.words
    if kind.family == "bool":
        return (True, False)
    if kind.family == "number" and all(isinstance(each, int | float) for each in written):
        return written
    if kind.family == "text" and all(isinstance(each, str) for each in written):
        return (*written, _OTHER)
    return None


def _with_between(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """For numbers, add one below all, one above, and one between every two neighbours."""
    if any(isinstance(value, bool | str) for value in values):
        return values
    found = sorted(values)
    between = ((low + high) / 2 for low, high in pairwise(found))
    return (found[0] - 1, *found, *between, found[-1] + 1)


EVALUATION_LIMIT = 8_192
"""Evaluations of conditions per step; our choice."""


def check_conditions(facts: Facts) -> Iterator[FlowIssue]:
    known, bounds = _values_of_variables(facts)
    for step in facts.flow.steps.values():
        tests = tuple(test for test in step.exit.reads() if not _only_waits(step, test))
        if unfit := _never_fits(step.exit):
            yield unfit
        elif tests:
            found = list(_check_entry(step.exit, facts.source.reader.scope))
            yield from found or _check_tests(tests, Domains(facts.source.reader.scope, known, bounds))


def _values_of_variables(facts: Facts) -> tuple[dict[Key, tuple[Any, ...]], dict[Key, ValueBounds]]:
    """The values of variables only set to literals, and bounds for others.

    Variables that nothing sets are left out, as constants that the author may change.
    """
    known: dict[Key, tuple[Any, ...]] = {}
    bounds: dict[Key, ValueBounds] = {}
    for name, variable in facts.flow.variables.items():
        sets = facts.assigned.get(name, [])
        collected = facts.collected.get(name, [])
        is_foreign = name in facts.flow.params or name in facts.brought
        if is_foreign or variable.type.name not in ("text", "int", "number") or bool(sets) == bool(collected):
            continue
        key = key_of(nodes.Name(name, "load"))
        initial = variable.default
        literals = [each.value for each in sets if isinstance(each, Literal)]
        counts = {direction(name, each) for each in sets if not isinstance(each, Literal)}
        digits = [each for each in collected if each is not None]
        if sets and not counts:
            values = tuple(dict.fromkeys((initial, *literals)))
            known |= {key: values} if len(values) > 1 else {}
        elif counts == {1}:
            bounds[key] = ValueBounds(least=min(initial, *literals, initial))
        elif counts == {-1}:
            bounds[key] = ValueBounds(most=max(initial, *literals, initial))
        elif digits and len(digits) == len(collected):
            bounds[key] = entry_bounds(min(low for low, _ in digits), max(high for _, high in digits), initial)
    return known, bounds


def _only_waits(step: Step, test: Expression) -> bool:
    return step.exit.longest_wait_s > 0 and isinstance(test.node, nodes.Const) and test.node.value is False


def _check_tests(tests: Sequence[Expression], domains: Domains) -> Iterator[FlowIssue]:
    formulas = [domains.formula(test.node) for test in tests]
    combinations = domains.combinations(EVALUATION_LIMIT // len(tests))
    if combinations is None:
        return
    truths = [tuple(formula(combination) for formula in formulas) for combination in combinations]
    for number, test in enumerate(tests):
        holds = [truth for truth in truths if truth[number]]
        if not holds:
            yield RULES["W642"].at(test.place, f"{test.source} never holds", _other_operator(test, "and", "or"))
        elif len(holds) == len(truths):
            yield RULES["W643"].at(test.place, f"{test.source} always holds", _other_operator(test, "or", "and"))
            return
        elif all(any(truth[:number]) for truth in holds):
            yield _covered(test, [each for at, each in enumerate(tests[:number]) if all(truth[at] for truth in holds)])


def _never_fits(exit_: Exit) -> FlowIssue | None:
    variable, lengths = _entered(exit_)
    if variable is None or lengths is None:
        return None
    low, high = lengths
    entries = [*variable.type.words, *("4" * length for length in range(low, high + 1))]
    if any(entry.isdigit() and low <= len(entry) <= high and _fits(variable.type, entry) for entry in entries):
        return None
    message = f"no digits fit {variable.name}, which is {variable.type.described}"
    place = next(way.filled_at for way in exit_.ways if way.filled_at is not None)
    return RULES["W642"].at(place, message, "use a variable of type text or int")


def _entered(exit_: Exit) -> tuple[Variable | None, tuple[int, int] | None]:
    """The variable filled by keypresses alone, and its fewest and most digits."""
    asked = exit_.asked
    if asked is None or asked.free_speech:
        return None, None
    return exit_.fills, asked.lengths


def _check_entry(exit_: Exit, scope: ScopeTypes) -> Iterator[FlowIssue]:
    variable, lengths = _entered(exit_)
    if variable is None or lengths is None or variable.type.name not in ("text", "int", "number"):
        return
    into = nodes.Name(variable.name, "load")
    digits = nodes.Getattr(nodes.Name("input", "load"), "digits", "load")
    low, high = lengths
    for check in exit_.reads():
        domains = Domains(scope, bounds=dict.fromkeys((key_of(into), key_of(digits)), entry_bounds(low, high)))
        formula = domains.formula(check.node)
        combinations = domains.combinations(EVALUATION_LIMIT)
        if combinations is not None and not any(map(formula, combinations)):
            digits_taken = f"{low}" if low == high else f"{low} to {high}"
            message = f"{check.source} never holds: `digits` takes {digits_taken}"
            yield RULES["W642"].at(check.place, message, "fix it, or change `digits`")


def _fits(type_: Kind, text: str) -> bool:
    try:
        type_.cast(text)
    except ValueError:
        return False
    return True


def _other_operator(test: Expression, written: str, other: str) -> str | None:
    """The fix if `or` was probably meant instead of `and`, or the reverse."""
    is_meant = isinstance(test.node, nodes.And if written == "and" else nodes.Or)
    return f'write "{other}" instead of "{written}", or keep one of the comparisons' if is_meant else None


def _covered(test: Expression, covering: Sequence[Expression]) -> FlowIssue:
    before = (
        f"line {covering[0].place.line} comes first and holds too" if covering else "one of the lines above holds too"
    )
    return RULES["W644"].at(test.place, f"this line never decides: whenever {test.source} holds, {before}")

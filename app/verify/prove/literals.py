"""Which literals each value of a call is held against, over all flows that it may come to.

A value that is only ever compared with 3 and with 5 makes a difference below 3, at 3, between, at 5 and above. What is
compared with each other, or assigned to each other, is held against the same literals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from app.flow.exits.collect import Collect
from app.flow.expressions.syntax import Compared, Const, Either, Filtered, Logic, Node, Not, Sum, walk
from app.flow.model import Flow, Step, Value
from app.flow.parts.values import leaves
from app.verify.prove.flows import assigned, family, runs_of, targets_of, uses_in
from app.verify.prove.reading import ENTRY, LENGTH, Path, Tree, path_of, paths_in, trees_of

GLOBAL: Final = frozenset({"call", "env", "input", "hours", "now", "locale"})
"""Names that mean the same in every flow."""
_HOLDING: Final = frozenset({"contains", "starts_with", "ends_with"})
_FORMS: Final = {"spoken": "datetime", "in_zone": "datetime", "int": "number", "number": "number"}
"""Filters that take texts of a certain form only."""
_RETURNED: Final = "\0returned"


class Tested(NamedTuple):
    """What a value is held against.

    Attributes:
        literals: texts and numbers, in the order in which they stand.
        for_truth: it is also asked whether there is anything: "", 0 or an empty list.
        form: what a text of it has to look like: `datetime`, `number`, or "" for anything.
        names: every path that shares these literals, the flow first ("" for what all flows have).
    """

    literals: tuple[Any, ...]
    for_truth: bool
    form: str
    names: tuple[Path, ...]

    @property
    def numbers(self) -> tuple[float, ...]:
        """The numbers among them; a text of digits is one too."""
        return tuple(number for each in self.literals if (number := _number(each)) is not None)


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16 else None


@dataclass(slots=True)
class Literals:
    """The literals of a flow and of those that a call may come to from it."""

    root: Flow
    _parent: dict[Path, Path] = field(default_factory=dict)
    _consts: dict[Path, dict[Any, None]] = field(default_factory=dict)
    _truth: set[Path] = field(default_factory=set)
    _forms: dict[Path, str] = field(default_factory=dict)
    _found: dict[Path, Tested] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for flow in family(self.root).values():
            for use in uses_in(flow):
                for tree in trees_of(use.source):
                    self._read(flow.name, tree)
            for step in flow.steps.values():
                self._assign(flow, step)
            for name, variable in flow.variables.items():
                if variable.has_default:
                    self._add((flow.name, name), variable.default)
        self._sum_up()

    def of(self, flow: str, path: Path) -> Tested:
        """What the value at a path of a flow is held against."""
        return self._found.get(self._top(_qualified(flow, path)), Tested((), False, "", ()))

    def paths_of(self, flow: str, name: str) -> Iterator[Path]:
        """Every path that begins with a name, as it is read anywhere."""
        start = _qualified(flow, (name,))
        return (path[1:] for path in self._parent if path[: len(start)] == start)

    def _sum_up(self) -> None:
        names: dict[Path, list[Path]] = {}
        for path in self._parent:
            names.setdefault(self._top(path), []).append(path)
        for top, paths in names.items():
            consts = [const for path in paths for const in self._consts.get(path, ())]
            truth = any(path in self._truth for path in paths)
            form = next((self._forms[path] for path in paths if path in self._forms), "")
            self._found[top] = Tested(tuple(dict.fromkeys(consts)), truth, form, tuple(paths))

    def _top(self, path: Path) -> Path:
        while self._parent.setdefault(path, path) != path:
            path = self._parent[path]
        return path

    def _join(self, first: Path, second: Path) -> None:
        self._parent[self._top(second)] = self._top(first)

    def _add(self, path: Path, const: Any) -> None:
        self._top(path)
        if isinstance(const, str | int | float) and not isinstance(const, bool):
            self._consts.setdefault(path, {})[const] = None

    def _read(self, flow: str, tree: Tree) -> None:
        for path in paths_in(tree.node):
            self._top(_qualified(flow, path))
        for part in walk(tree.node):
            if isinstance(part, Compared):
                self._compare(flow, part)
            elif isinstance(part, Filtered) and part.name in _HOLDING:
                self._hold_against(flow, (part.of,), part.args)
            elif isinstance(part, Filtered) and part.name in _FORMS and (of := path_of(part.of)) is not None:
                self._forms[_qualified(flow, of)] = _FORMS[part.name]
        for node in _asked_for_truth(tree):
            asked = path_of(node)
            if asked is not None:
                self._truth.add(_qualified(flow, asked))

    def _compare(self, flow: str, node: Compared) -> None:
        self._hold_against(flow, (node.left, node.right), (node.left, node.right))

    def _hold_against(self, flow: str, held: tuple[Node, ...], against: tuple[Node, ...]) -> None:
        paths = [_qualified(flow, path) for node in held for path in paths_in(node)]
        consts = [part.value for node in against for part in walk(node) if isinstance(part, Const)]
        for path in paths:
            self._join(paths[0], path)
            for const in consts:
                self._add(path, const)

    def _assign(self, flow: Flow, step: Step) -> None:
        for kind, where, assignment in assigned(flow, step):
            own = (_RETURNED, where) if kind == "returned" else (where,)
            self._flows_into(flow.name, (*own, assignment.name), assignment.value)
        if isinstance(step.exit, Collect):
            self._top((flow.name, step.exit.into))
        ran = runs_of(step)
        for name in flow.variables if ran else ():
            if (_RETURNED, ran, name) in self._parent:
                self._join((flow.name, name), (_RETURNED, ran, name))
        for target in targets_of(flow, step):
            for assignment in target.sets if target.returns else ():
                self._top((_RETURNED, flow.name, assignment.name))

    def _flows_into(self, flow: str, into: Path, value: Value) -> None:
        """A value is kept: what it was made of is held against what the variable is held against."""
        self._top(into)
        for leaf in leaves(value):
            if leaf.is_literal:
                self._add(into, leaf.render({}))
        for tree in trees_of(value):
            for path in paths_in(tree.node):
                self._join(into, _qualified(flow, path))


def _qualified(flow: str, path: Path) -> Path:
    return ("" if path[0] in GLOBAL else flow, *path)


def _asked_for_truth(tree: Tree) -> Iterator[Node]:
    """The names that a test asks for being there at all."""
    if tree.is_test:
        yield from _operands(tree.node)
    for part in walk(tree.node):
        if isinstance(part, Either):
            yield from _operands(part.test)
        elif isinstance(part, Filtered) and part.name == "default" and len(part.args) > 1:
            yield part.of


def _operands(node: Node) -> Iterator[Node]:
    match node:
        case Logic():
            yield from _operands(node.left)
            yield from _operands(node.right)
        case Not():
            yield from _operands(node.of)
        case Compared() | Sum():
            return
        case _:
            yield node


def is_length(path: Path) -> bool:
    """Whether a path is a length."""
    return path[-1] == LENGTH


def entries(path: Path) -> Path:
    """The path of the entries of a list."""
    return (*path, ENTRY)

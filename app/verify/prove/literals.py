"""Which literals each value of a call is held against, over all flows that it may come to.

A value that is only ever compared with 3 and with 5 makes a difference below 3, at 3, between, at 5 and above. What is
compared with each other, or assigned to each other, is held against the same literals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from jinja2 import nodes

from app.flow.actions.values import leaves
from app.flow.language.collect import Collect
from app.flow.model import Flow, Step, Value
from app.flow.templates import Expression
from app.flow.templates.references import Occurrence, is_computed, walk
from app.verify.prove.flows import DECIDES, assigned, family, runs_of, uses_in
from app.verify.prove.forms import TAKEN, form_of, placed_in
from app.verify.prove.growth import asked_for_truth, growth_of, is_held_as_it_is, offsets_in
from app.verify.prove.joined import fillings, pieces_in, pieces_of
from app.verify.prove.notes import Notes
from app.verify.prove.reading import ENTRY, LENGTH, Path, is_plain, path_of, paths_in, read_by, trees_of
from app.verify.prove.shared import shared_by
from app.verify.prove.spots import Spot, parts_against, spot_of
from app.verify.prove.tested import Tested
from app.verify.prove.written import keys_written

GLOBAL: Final = frozenset({"call", "env", "input", "hours", "now", "locale"})
"""Names that mean the same in every flow."""
_RETURNED: Final = "\0returned"


@dataclass(slots=True)
class Literals:
    """The literals of a flow and of those that a call may come to from it."""

    root: Flow
    _parent: dict[Path, Path] = field(default_factory=dict)
    _notes: dict[Path, Notes] = field(default_factory=dict)
    _found: dict[Path, Tested] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for flow in family(self.root).values():
            for use in uses_in(flow):
                for tree in trees_of(use.source):
                    self._read(flow.name, tree)
                for path, decides in read_by(use.source):
                    if decides or use.weight == DECIDES:
                        self._of(_qualified(flow.name, path)).marks.add("decides")
                self._form(flow.name, use.source)
            for step in flow.steps.values():
                self._assign(flow, step)
            for name, variable in flow.variables.items():
                if variable.has_default:
                    self._add((flow.name, name), variable.default)
        for flow in family(self.root).values():
            self._join_returned(flow)
        self._join_fields()
        self._sum_up()

    def of(self, flow: str, path: Path) -> Tested:
        """What the value at a path of a flow is held against."""
        return self._found.get(self._top(_qualified(flow, path)), Tested())

    def paths_of(self, flow: str, name: str) -> Iterator[Path]:
        """Every path that begins with a name, as it is read anywhere."""
        start = _qualified(flow, (name,))
        return (path[1:] for path in tuple(self._parent) if path[: len(start)] == start)

    def _join_fields(self) -> None:
        """What is joined has joined fields, no deeper than fields are read."""
        known, deepest = 0, max(map(len, self._parent), default=0)
        while known != len(self._parent):
            known = len(self._parent)
            names = self._classes()
            for path in tuple(self._parent):
                for cut in range(2, len(path)):
                    for other in names.get(self._top(path[:cut]), ()) if path[:cut] in self._parent else ():
                        if len(other) + len(path) - cut <= deepest:
                            self._join((*other, *path[cut:]), path)

    def _classes(self) -> dict[Path, list[Path]]:
        names: dict[Path, list[Path]] = {}
        for path in tuple(self._parent):
            names.setdefault(self._top(path), []).append(path)
        return names

    def _sum_up(self) -> None:
        classes = self._classes()
        for top, paths in classes.items():
            self._found[top] = self._tested(paths)
        for top, tested in self._found.items():
            measured = [each for path in classes[top] if (each := (*path, LENGTH)) in self._parent]
            numbers = [int(number) for path in measured for number in self._found[self._top(path)].numbers]
            if numbers:
                self._found[top] = tested._replace(lengths=tuple(dict.fromkeys(numbers)))

    def _tested(self, paths: list[Path]) -> Tested:
        notes = [self._notes[path] for path in paths if path in self._notes]
        consts = dict.fromkeys(const for each in notes for const in each.consts)
        is_related = any("related" in each.marks for each in notes)
        consts |= dict.fromkeys(shared_by(self.root, paths) if is_related else ())
        pieces = dict.fromkeys(piece for each in notes for piece in each.pieces)
        for text in [const for const in consts if isinstance(const, str)]:
            consts |= dict.fromkeys(filling for piece in pieces for filling in fillings(piece, text))
        marks = set[str]().union(*(each.marks for each in notes))
        return Tested(
            tuple(consts),
            "truth" in marks,
            next((each.form for each in notes if each.form), ""),
            tuple(paths),
            tuple(dict.fromkeys(part for each in notes for part in each.parts)),
            (),
            tuple(dict.fromkeys(offset for each in notes for offset in each.offsets)),
            tuple(dict.fromkeys(step for each in notes for step in each.steps)),
            is_related,
            "rises" in marks,
            "sinks" in marks,
            "free" in marks,
            "joined" in marks,
            "decides" in marks,
            "bounded" in marks,
            "headed" in marks,
            "changed" not in marks,
        )

    def _top(self, path: Path) -> Path:
        while self._parent.setdefault(path, path) != path:
            path = self._parent[path]
        return path

    def _join(self, first: Path, second: Path) -> None:
        self._parent[self._top(second)] = self._top(first)

    def _of(self, path: Path) -> Notes:
        self._top(path)
        return self._notes.setdefault(path, Notes())

    def _add(self, path: Path, const: Any) -> None:
        notes = self._of(path)
        if isinstance(const, str | int | float) and not isinstance(const, bool):
            notes.consts[const] = None

    def _read(self, flow: str, tree: Occurrence) -> None:
        for path in paths_in(tree.node):
            self._top(_qualified(flow, path))
            if path[-1] in (ENTRY, LENGTH):
                self._top(_qualified(flow, path[:-1]))
        for part in walk(tree.node):
            match part:
                case nodes.Compare():
                    self._compare(flow, part)
                case nodes.Filter(node=nodes.Expr() as of) if part.name in ("contains", "starts_with", "ends_with"):
                    self._look_for(flow, of, spot_of(part), tuple(part.args))
                case nodes.Filter(node=nodes.Expr() as of) if (
                    part.name in TAKEN and (formed := path_of(of)) is not None
                ):
                    self._of(_qualified(flow, formed)).form = TAKEN[part.name]
                    self._change([_qualified(flow, formed)])
                case nodes.Getitem() if not isinstance(part.arg, nodes.Slice):
                    self._pick(flow, part)
                case _:
                    pass
        for node in asked_for_truth(tree):
            asked = path_of(node)
            if asked is not None:
                self._of(_qualified(flow, asked)).marks.add("truth")

    def _form(self, flow: str, source: Value | Expression) -> None:
        """What a value has to look like where it stands."""
        for leaf in leaves(source) if not isinstance(source, Expression) else ():
            form, words = form_of(leaf)
            for path in (path for tree in trees_of(leaf) for path in paths_in(tree.node)) if form or words else ():
                notes = self._of(_qualified(flow, path))
                notes.form = notes.form or form
                notes.consts |= dict.fromkeys(words)

    def _pick(self, flow: str, node: nodes.Getitem) -> None:
        """An entry of a list is looked at: it may be there or not."""
        of = path_of(node.node)
        if is_computed(node.arg):
            known = dict.fromkeys((0, 1, *keys_written(family(self.root)[flow], of)))
            for path in paths_in(node.arg):
                self._of(_qualified(flow, path)).consts |= known
                self._change([_qualified(flow, path)])
                if of is not None:
                    self._of(_qualified(flow, of)).keys[_qualified(flow, path)] = None
            return
        number = node.arg.value if isinstance(node.arg, nodes.Const) else None
        if isinstance(number, int) and of is not None:
            self._add(_qualified(flow, (*of, LENGTH)), number if number >= 0 else -number - 1)

    def keys_of(self, flow: str, path: Path) -> Iterator[str]:
        """The texts that the entries of a map are looked up by."""
        keys = [key for each in self.of(flow, path).names for key in self._of(each).keys]
        yield from dict.fromkeys(text for key in keys for text in self._found[self._top(key)].texts)

    def _compare(self, flow: str, node: nodes.Compare) -> None:
        left, right = node.expr, node.ops[0].expr
        for held, against in ((left, right), (right, left)):
            spot = spot_of(held)
            if spot is not None:
                self._look_for(flow, held, spot, (against,))
                return
        self._hold_against(flow, node)

    def _look_for(self, flow: str, held: nodes.Node, spot: Spot | None, against: tuple[nodes.Node, ...]) -> None:
        """A part of a text is held against something."""
        paths = [_qualified(flow, path) for node in (held, *against) for path in paths_in(node)]
        self._change(paths)
        parts = [part for node in against for part in parts_against(spot, node)]
        for path in paths:
            self._join(paths[0], path)
            self._of(path).parts |= dict.fromkeys(parts)
            if path[-1] == ENTRY:
                self._of(path[:-1]).parts |= dict.fromkeys(parts)
        if len(set(paths)) > 1:
            self._of(paths[0]).marks.add("related")

    def _hold_against(self, flow: str, node: nodes.Compare) -> None:
        sides = [[_qualified(flow, path) for path in paths_in(side)] for side in (node.expr, node.ops[0].expr)]
        paths = [path for side in sides for path in side]
        self._change([] if is_held_as_it_is(node) else paths)
        for path in paths:
            self._join(paths[0], path)
            self._compute(path, node.expr)
            self._compute(path, node.ops[0].expr)
        if len(set(paths)) > 1:
            self._of(paths[0]).marks.add("related")

    def _change(self, paths: Iterable[Path]) -> None:
        """Values are not held against anything as they are: only a part of them, a sum, or what a filter makes."""
        for path in paths:
            self._of(path).marks.add("changed")
            if path[-1] in (ENTRY, LENGTH):
                self._of(path[:-1]).marks.add("changed")

    def _compute(self, path: Path, node: nodes.Node) -> None:
        """What an expression that a value is held against, or is part of, says of it."""
        notes = self._of(path)
        for part in walk(node):
            if isinstance(part, nodes.Const):
                self._add(path, part.value)
        notes.offsets |= dict.fromkeys(offsets_in(node))
        pieces = pieces_in(node)
        if len(pieces) > 1:
            notes.pieces[pieces] = None

    def _assign(self, flow: Flow, step: Step) -> None:
        for kind, where, assignment in assigned(flow, step):
            own = (_RETURNED, where) if kind == "returned" else (where,)
            self._flows_into(flow.name, (*own, assignment.name), assignment.value)
        for path, mark in placed_in(step):
            self._of(_qualified(flow.name, path)).marks.add(mark)
        if isinstance(step.exit, Collect):
            self._top((flow.name, step.exit.into))

    def _join_returned(self, flow: Flow) -> None:
        """What a flow gives back is held against what the variables that take it are held against."""
        for step in flow.steps.values():
            ran = runs_of(step)
            for name in flow.variables if ran else ():
                if (_RETURNED, ran, name) in self._parent:
                    self._join((flow.name, name), (_RETURNED, ran, name))

    def _flows_into(self, flow: str, into: Path, value: Value) -> None:
        """A value is kept: what it was made of is held against what the variable is held against."""
        notes = self._of(into)
        for leaf in leaves(value):
            if leaf.is_literal:
                self._add(into, leaf.render({}))
        for tree in trees_of(value):
            for path in paths_in(tree.node):
                self._join(into, _qualified(flow, path))
            self._change([] if is_plain(tree.node) else [into])
            notes.marks |= growth_of(tree.node)
            notes.steps |= dict.fromkeys(offsets_in(tree.node))
        pieces = dict.fromkeys(pieces_of(value))
        notes.pieces |= pieces
        notes.marks |= {"joined", "changed"} if pieces else set()


def _qualified(flow: str, path: Path) -> Path:
    return ("" if path[0] in GLOBAL else flow, *path)


def entries(path: Path) -> Path:
    """The path of the entries of a list."""
    return (*path, ENTRY)

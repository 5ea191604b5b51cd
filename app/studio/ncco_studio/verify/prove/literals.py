"""Collects the literals that each value is compared with, in a flow and all flows it can run.

Values compared with or assigned to each other share literals (union-find over paths).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from jinja2 import nodes

from ncco_server.flow.action import Action
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.templates.filters import FILTERS
from ncco_server.flow.templates.references import Occurrence, is_computed, walk
from ncco_server.flow.templates.values import Computed, Expression, Native, Value
from ncco_server.flow.values import Array, Object, leaves
from ncco_server.ncco.value_types import POINTS
from ncco_server.sample_calls import ANY_NUMBER, FROM
from ncco_studio.verify.prove.expressions import (
    ENTRY,
    LENGTH,
    RETURNED,
    expressions_of,
    fillings,
    growth_of,
    is_literal_comparison,
    is_plain,
    joined_in,
    offsets_in,
    part_of,
    path_of,
    paths_in,
    paths_of,
    pieces_of,
    reads,
    templates_in,
    tested_for_truth,
    texts_in,
)
from ncco_studio.verify.prove.uses import DECIDES, assigned, collected_digits, flows_run_from, played_by, uses_in
from ncco_studio.verify.sample_values import KEYED_POINTS, Compared, Mark, Path, TextPart

GLOBAL: Final = frozenset({"call", "env", "input", "hours", "now", "locale"})
"""Names that have the same value in every flow."""
_FORM_BY_TYPE: Final = {
    **{"phone": "phone", "url": "url", "int": "number", "number": "number"},
    **{"date": "date", "time": "time", "datetime": "moment"},
}
_FORM_BY_FIELD: Final = {"language": "language", "user": "user"}
"""The form of text that a field accepts; for `uri` see `_forms_in`."""
_FORM_BY_ENDPOINT: Final = {"websocket": "websocket", "sip": "sip"}


class PathClasses(dict[Path, Path]):
    """Classes of paths whose values share literals (union-find): each path with another of its class, or itself."""

    def find(self, path: Path) -> Path:
        """Return the path that stands for the class; a new path has a class of its own."""
        while self.setdefault(path, path) != path:
            path = self[path]
        return path

    def join(self, first: Path, second: Path) -> None:
        self[self.find(second)] = self.find(first)

    def members(self) -> dict[Path, list[Path]]:
        found: dict[Path, list[Path]] = {}
        for path in tuple(self):
            found.setdefault(self.find(path), []).append(path)
        return found


class Literals:
    """The literals of a flow and of all flows that it can run."""

    def __init__(self, root: Flow) -> None:
        self.root = root
        self._paths = PathClasses()
        self._noted: dict[Path, Compared] = {}
        self._compared: dict[Path, Compared] = {}
        flows = flows_run_from(root).values()
        for flow in flows:
            self._read_flow(flow)
        for flow in flows:
            self._join_returned(flow)
        self._join_fields()
        self._sum_up()

    def of(self, flow: str, path: Path) -> Compared:
        return self._compared.get(self._paths.find(_qualified(flow, path))) or Compared(marks={"changed"})

    def paths_of(self, flow: str, name: str) -> Iterator[Path]:
        start = _qualified(flow, (name,))
        return (path[1:] for path in tuple(self._paths) if path[: len(start)] == start)

    def keys_of(self, flow: str, path: Path) -> Iterator[str]:
        keys = (self._compared[self._paths.find(key)].texts for key in self.of(flow, path).keys)
        yield from dict.fromkeys(text for texts in keys for text in texts)

    # reading

    def _read_flow(self, flow: Flow) -> None:
        for use in uses_in(flow):
            for occurrence in expressions_of(use.source):
                self._read(flow.name, occurrence)
            for path, decides in reads(use.source):
                if decides or use.weight == DECIDES:
                    self._notes_at(flow.name, path).marks.add("decides")
            self._note_types(flow.name, use.source)
        for step in flow.all_steps:
            self._note_fields(flow.name, step)
            self._assign(flow, step)
        for name, variable in flow.variables.items():
            if variable.has_default:
                self._notes_of((flow.name, name)).add(variable.default)

    def _read(self, flow: str, occurrence: Occurrence) -> None:
        for path in (_qualified(flow, each) for each in paths_in(occurrence.node)):
            self._paths.find(path)
            if path[-1] in (ENTRY, LENGTH):
                self._paths.find(path[:-1])
        for node in walk(occurrence.node):
            match node:
                case nodes.Compare():
                    self._compare(flow, node)
                case nodes.Filter(node=nodes.Expr() as of, name=name) if FILTERS[name].is_test:
                    self._compare_part(flow, of, part_of(node), tuple(node.args))
                case nodes.Filter(node=nodes.Expr() as of, name=name) if FILTERS[name].form:
                    self._note_form(flow, of, "number" if _is_amount(node) else FILTERS[name].form)
                    for arg in node.args if FILTERS[name].argument_form else ():
                        self._note_form(flow, arg, FILTERS[name].argument_form)
                case nodes.Getitem() if not isinstance(node.arg, nodes.Slice):
                    self._index(flow, node)
                case _:
                    pass
        for tested in filter(None, map(path_of, tested_for_truth(occurrence))):
            self._notes_at(flow, tested).marks.add("truth")

    def _note_form(self, flow: str, node: nodes.Node, form: str) -> None:
        path = path_of(node)
        if path is not None:
            self._notes_at(flow, path).form = form
            self._mark_changed([_qualified(flow, path)])

    def _note_types(self, flow: str, source: Value | Expression) -> None:
        for leaf in templates_in(source):
            is_dialled = isinstance(leaf, Computed) and leaf.escape == "number"
            form = "phone" if is_dialled else _FORM_BY_TYPE.get(leaf.type.name, "")
            for path in paths_of(leaf) if form or leaf.type.words else ():
                notes = self._notes_at(flow, path)
                notes.form = notes.form or form
                notes.literals |= dict.fromkeys(leaf.type.words)

    def _note_fields(self, flow: str, step: Step) -> None:
        """What fields of actions require: text forms, numbers in a range, headers without line breaks."""
        for leaf, form in (each for action in step.actions for each in _forms_in(action)):
            for path in paths_of(leaf):
                self._notes_at(flow, path).form = form
        for use in played_by(step):
            for leaf in templates_in(use.source):
                if _FORM_BY_TYPE.get(leaf.type.name) == "number":
                    self._mark(flow, leaf, "bounded")
                elif isinstance(leaf, Computed) and leaf.escape == "header":
                    self._mark(flow, leaf, "headed")

    def _mark(self, flow: str, leaf: Native | Computed, mark: Mark) -> None:
        for path in paths_of(leaf):
            self._notes_at(flow, path).marks.add(mark)

    def _index(self, flow: str, node: nodes.Getitem) -> None:
        """The entry of a list or map may be missing."""
        of = path_of(node.node)
        if is_computed(node.arg):
            known = dict.fromkeys((0, 1, *_declared_keys(flows_run_from(self.root)[flow], of)))
            for path in (_qualified(flow, each) for each in paths_in(node.arg)):
                self._notes_of(path).literals |= known
                self._mark_changed([path])
                if of is not None:
                    self._notes_at(flow, of).keys[path] = None
            return
        number = node.arg.value if isinstance(node.arg, nodes.Const) else None
        if isinstance(number, int) and of is not None:
            self._notes_at(flow, (*of, LENGTH)).add(number if number >= 0 else -number - 1)

    def _compare(self, flow: str, node: nodes.Compare) -> None:
        left, right = node.expr, node.ops[0].expr
        for held, other in ((left, right), (right, left)):
            part = part_of(held)
            if part is not None:
                self._compare_part(flow, held, part, (other,))
                return
        paths = self._join_all(flow, (left, right))
        if not is_literal_comparison(node):
            self._mark_changed(paths)
        for path in paths:
            notes = self._notes_of(path)
            for side in (left, right):
                for const in walk(side):
                    if isinstance(const, nodes.Const):
                        notes.add(const.value)
                notes.offsets |= dict.fromkeys(offsets_in(side))
                pieces = pieces_of(side)
                notes.joins |= {pieces: None} if len(pieces) > 1 else {}

    def _compare_part(self, flow: str, held: nodes.Node, part: TextPart | None, others: tuple[nodes.Node, ...]) -> None:
        paths = self._join_all(flow, (held, *others))
        self._mark_changed(paths)
        texts = [text for node in others for text in texts_in(node)] if part is not None else []
        parts = dict.fromkeys(part._replace(text=text) for text in texts) if part is not None else {}
        for path in paths:
            self._notes_of(path).parts |= parts
            if path[-1] == ENTRY:
                self._notes_of(path[:-1]).parts |= parts

    def _join_all(self, flow: str, compared: tuple[nodes.Node, ...]) -> list[Path]:
        paths = [_qualified(flow, path) for node in compared for path in paths_in(node)]
        for path in paths:
            self._paths.join(paths[0], path)
        if len(set(paths)) > 1:
            self._notes_of(paths[0]).marks.add("related")
        return paths

    def _mark_changed(self, paths: Iterable[Path]) -> None:
        """For values compared only in part, in a sum or after a filter."""
        for path in paths:
            self._notes_of(path).marks.add("changed")
            if path[-1] in (ENTRY, LENGTH):
                self._notes_of(path[:-1]).marks.add("changed")

    def _assign(self, flow: Flow, step: Step) -> None:
        for into, value in assigned(flow, step):
            self._flows_into(flow.name, into, value)
        if step.exit.fills is not None:
            self._paths.find((flow.name, step.exit.fills.name))

    def _flows_into(self, flow: str, into: Path, value: Value) -> None:
        notes = self._notes_of(into)
        for leaf in leaves(value):
            if leaf.is_literal:
                notes.add(leaf.render({}))
        for occurrence in expressions_of(value):
            for path in paths_in(occurrence.node):
                self._paths.join(into, _qualified(flow, path))
            if not is_plain(occurrence.node):
                self._mark_changed([into])
            notes.marks |= growth_of(occurrence.node)
            notes.steps |= dict.fromkeys(offsets_in(occurrence.node))
        pieces = dict.fromkeys(joined_in(value))
        notes.joins |= pieces
        notes.marks |= {"joined", "changed"} if pieces else set()

    def _join_returned(self, flow: Flow) -> None:
        for step in flow.steps.values():
            ran = step.exit.runs
            returned = {name: (RETURNED, ran.flow, name) for name in flow.variables} if ran is not None else {}
            for name, path in returned.items():
                if path in self._paths:
                    self._paths.join((flow.name, name), path)

    # summing up

    def _notes_of(self, path: Path) -> Compared:
        self._paths.find(path)
        return self._noted.setdefault(path, Compared())

    def _notes_at(self, flow: str, path: Path) -> Compared:
        return self._notes_of(_qualified(flow, path))

    def _join_fields(self) -> None:
        """Join the fields of joined values, as deep as the longest path that is read."""
        known = 0
        deepest = max(map(len, self._paths), default=0)
        while known != len(self._paths):
            known = len(self._paths)
            classes = self._paths.members()
            for path in tuple(self._paths):
                for cut in range(2, len(path)):
                    for other in classes.get(self._paths.find(path[:cut]), ()) if path[:cut] in self._paths else ():
                        if len(other) + len(path) - cut <= deepest:
                            self._paths.join((*other, *path[cut:]), path)

    def _sum_up(self) -> None:
        for top, paths in self._paths.members().items():
            self._compared[top] = self._sum_of(paths)
        for compared in self._compared.values():
            measured = [
                self._paths.find(length) for path in compared.names if (length := (*path, LENGTH)) in self._paths
            ]
            numbers = (number for top in measured for number in self._compared[top].numbers)
            compared.lengths = tuple(dict.fromkeys(map(int, numbers)))

    def _sum_of(self, paths: list[Path]) -> Compared:
        total = Compared(names=tuple(paths))
        for path in paths:
            total.update(self._noted.get(path, Compared()))
        if total.has("related"):
            total.literals |= dict.fromkeys(text for path in paths for text in _common_texts(self.root, path))
        if total.has("joined") and any(self._is_point(path) for path in paths):
            total.literals |= dict.fromkeys(KEYED_POINTS)
        for pieces in total.joins:
            for text in total.texts:
                total.literals |= dict.fromkeys(fillings(pieces, text))
        return total

    def _is_point(self, path: Path) -> bool:
        flow = flows_run_from(self.root).get(path[0])
        variable = flow.variables.get(path[1]) if flow is not None else None
        return variable is not None and variable.type.name in POINTS


def _qualified(flow: str, path: Path) -> Path:
    return ("" if path[0] in GLOBAL else flow, *path)


def _is_amount(node: nodes.Filter) -> bool:
    """Whether the filter's argument is a currency, such as `GBP`."""
    return any(isinstance(each, nodes.Const) and str(each.value).isupper() for each in node.args)


def _forms_in(action: Action) -> Iterator[tuple[Value, str]]:
    for name, value in action.fields.items():
        yield from _forms_below(name, value, _FORM_BY_FIELD.get(name, ""))


def _forms_below(name: str, value: Value, form: str) -> Iterator[tuple[Value, str]]:
    match value:
        case Object(members=members):
            kind = str(members["type"].render({})) if "type" in members and members["type"].is_literal else ""
            for inner, member in members.items():
                uri = _FORM_BY_ENDPOINT.get(kind, "") if inner == "uri" else ""
                yield from _forms_below(inner, member, uri or _FORM_BY_FIELD.get(inner, ""))
        case Array(items=items):
            for item in items:
                yield from _forms_below(name, item, form)
        case Native() | Computed() if form and not any(joined_in(value)):
            yield value, form


def _declared_keys(flow: Flow, path: Path | None) -> Iterator[str | int]:
    """The keys in a variable's default map; for a list, its last index and the next."""
    variable = flow.variables.get(path[0]) if path else None
    value = variable.default if variable is not None else None
    for name in path[1:] if path else ():
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, list | tuple):
        yield from (len(value) - 1, len(value))
    elif isinstance(value, Mapping):
        yield from value


def _common_texts(root: Flow, path: Path) -> Iterator[str]:
    """Texts that compared values can share: phone numbers, and digits that a caller can enter."""
    if path == ("", "call", "from"):
        yield FROM
    elif path == ("", "call", "to"):
        yield root.numbers[0] if root.numbers else ANY_NUMBER
    yield from (digit * length for length in collected_digits(root, path) for digit in "23")

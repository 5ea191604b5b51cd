"""Finds the names that expressions and templates use, with the path into each name and how its value is used.

A local variable is a name that the template itself sets, with `set` or `for`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from jinja2 import nodes

from ncco_server.flow.nodes import Place
from ncco_server.flow.scope import Path, ScopeTypes, has_path, may_overlap, path_of, root_of
from ncco_server.flow.templates.filters import FILTERS
from ncco_server.flow.templates.tree import Template
from ncco_server.ncco.value_types import Kind, common_type

_COUNTING: Final = frozenset(name for name, each in FILTERS.items() if each.reads == "length")

_OK: Final = "ok"

_NOTHING: Final[frozenset[str]] = frozenset()


class LocalSource(NamedTuple):
    """A name of the flow, with a path into it, that the value of a local variable depends on.

    Attributes:
        is_direct: whether the variable is the value at the path, rather than computed from it.
        is_part: whether the value at the path may be a part of the variable's value.
    """

    name: str
    path: Path
    is_direct: bool
    is_part: bool
    is_passed: bool


Locals: TypeAlias = Mapping[str, tuple[LocalSource, ...]]

Role: TypeAlias = Literal["output", "set", "loop", "test", "condition"]


class Occurrence(NamedTuple):
    """An expression of a template.

    Attributes:
        role: `condition` is a test without braces.
        locals: the local variables that are set before it.
    """

    template: Template
    node: nodes.Node
    role: Role
    tested: frozenset[str] = _NOTHING
    locals: Locals = MappingProxyType({})

    @property
    def is_passed(self) -> bool:
        return self.role in ("set", "loop", "test")


class ValueUse(NamedTuple):
    """How an expression uses a value.

    Attributes:
        is_needed: the expression cannot be computed without it.
        is_asked: it is only tested with `is defined`.
        is_passed: it is only assigned, counted or looped over, so its contents are not read yet.
        is_part: it may be a part of the result.
    """

    is_needed: bool = True
    is_asked: bool = False
    is_passed: bool = False
    is_part: bool = True


class Reference(NamedTuple):
    """A name that an expression uses.

    Attributes:
        name: for a local variable, the name in the flow that it depends on.
        whole: the node of the name with its path.
        is_unguarded: whether no test around it checks for a value.
    """

    name: str
    path: Path
    template: Template
    whole: nodes.Node
    use: ValueUse
    is_unguarded: bool
    is_local: bool

    @property
    def place(self) -> Place:
        return self.template.place(self.whole)

    @property
    def field(self) -> str:
        """The first field in the path; "" for the whole name."""
        return self.path[0] or "" if self.path else ""

    def holds(self, path: Path) -> bool:
        """Whether the value contains the value at another path of the name, or is a part of it."""
        return may_overlap(self.path, path) and not (self.use.is_passed and len(path) > len(self.path))


class WalkState(NamedTuple):
    """The state at a point of a walk."""

    context: str = ""
    locals: Locals = MappingProxyType({})
    scope: ScopeTypes = ScopeTypes({})


class Walk:
    """A walk through a template and its includes, in the order of rendering.

    After branches, the states at their ends are merged. Subclasses override the `on_` methods.
    """

    def __init__(self, template: Template, state: WalkState | None = None) -> None:
        self.template = template
        self.state = state or WalkState()

    def on_text(self, node: nodes.TemplateData) -> None: ...

    def on_value(self, occurrence: Occurrence) -> None: ...

    def on_name(self, target: nodes.Name, of: nodes.Node, *, is_entry: bool) -> None:
        """With `is_entry`, the local variable is set to an entry of the value of `of`."""
        sources = dict[LocalSource, None]()  # no duplicates: a variable set from itself would double them
        for each in references_in(self._occurrence(of, "set")):
            is_direct = each.use.is_part and name_and_path(of) is not None
            path = (*each.path, None) if is_direct and is_entry else each.path
            is_passed = each.use.is_passed and not is_direct
            sources[LocalSource(each.name, path, is_direct, each.use.is_part, is_passed)] = None
        self.state = self.state._replace(locals={**self.state.locals, target.name: tuple(sources)})

    def on_join(self, node: nodes.Node, contexts: list[str]) -> str:
        return contexts[0]

    def block(self, body: Iterable[nodes.Node], tested: frozenset[str] = _NOTHING) -> None:
        for node in body:
            match node:
                case nodes.Output():
                    for part in node.nodes:
                        if isinstance(part, nodes.TemplateData):
                            self.on_text(part)
                        else:
                            self.on_value(self._occurrence(part, "output", tested))
                case nodes.If():
                    self.branches(node, tested)
                case nodes.For():
                    self.loop(node, tested)
                case nodes.Assign(target=nodes.Name() as target, node=value):
                    self.on_value(self._occurrence(value, "set", tested | root_names(value)))
                    self.on_name(target, value, is_entry=False)
                case nodes.Scope():
                    before = self.state
                    self.block(node.body, tested)
                    self.state = before._replace(context=self.state.context)

    def branches(self, node: nodes.If, tested: frozenset[str]) -> None:
        arms = (node, *node.elif_)
        before = self.state
        ends = []
        inner = tested.union(*(root_names(arm.test) for arm in arms))
        for arm in arms:
            self.state = before
            self.on_value(self._occurrence(arm.test, "test", tested | _asked_in(arm.test)))
            self.block(arm.body, inner)
            ends.append(self.state)
        self.state = before
        self.block(node.else_, inner)
        self.state = self._joined(node, [*ends, self.state])

    def loop(self, node: nodes.For, tested: frozenset[str]) -> None:
        """Names that are set in the loop do not exist after it."""
        before = self.state
        inner = tested | root_names(node.iter)
        self.on_value(self._occurrence(node.iter, "loop", inner))
        for target in [each for each in walk(node.target) if isinstance(each, nodes.Name)]:
            self.on_name(target, node.iter, is_entry=True)
        for body in (node.body, node.else_):
            self.block(body, inner)
            context = self.on_join(node, [before.context, self.state.context])
            self.state = before._replace(context=context)

    def _joined(self, node: nodes.Node, ends: list[WalkState]) -> WalkState:
        local_sources: dict[str, tuple[LocalSource, ...]] = {}
        types: dict[str, Kind] = {}
        for end in ends:
            for name, sources in end.locals.items():
                local_sources[name] = tuple(dict.fromkeys((*local_sources.get(name, ()), *sources)))
            for name, type_ in end.scope.types.items():
                types[name] = common_type(types.get(name, type_), type_)
        scope = replace(ends[0].scope, types=types)
        return WalkState(self.on_join(node, [end.context for end in ends]), local_sources, scope)

    def _occurrence(self, node: nodes.Node, role: Role, tested: frozenset[str] = _NOTHING) -> Occurrence:
        return Occurrence(self.template, node, role, tested, self.state.locals)


class _Occurrences(Walk):
    def __init__(self, template: Template) -> None:
        super().__init__(template)
        self.found: list[Occurrence] = []

    def on_value(self, occurrence: Occurrence) -> None:
        self.found.append(occurrence)


def occurrences(template: Template, *, is_condition: bool = False) -> list[Occurrence]:
    if is_condition:
        return [Occurrence(template, node, "condition", _asked_in(node)) for node in template.written()]
    found = _Occurrences(template)
    found.block(template.body)
    return found.found


def references(template: Template, *, is_condition: bool = False) -> Iterator[Reference]:
    for occurrence in occurrences(template, is_condition=is_condition):
        yield from references_in(occurrence)


class _Point(NamedTuple):
    """A point of a walk through an expression.

    Attributes:
        use: how the value of the part at this point is used.
        is_truth: in a condition, whether a name without an operator only tests for a value; None elsewhere.
        whole: the node that contains the part, if the part is the beginning of its path.
    """

    tested: frozenset[str]
    use: ValueUse
    is_truth: bool | None = None
    whole: nodes.Node | None = None

    def used(self, **changes: bool) -> _Point:
        return self._replace(use=self.use._replace(**changes))

    def beside(self, *, is_truth: bool | None = None) -> _Point:
        """For a part that only decides which value is used, and is not in the result."""
        return self.used(is_part=False)._replace(is_truth=is_truth)

    def asking(self, node: nodes.Node) -> _Point:
        return self._replace(tested=self.tested | root_names(node))


def references_in(occurrence: Occurrence) -> Iterator[Reference]:
    is_truth = {"test": True, "condition": False}.get(occurrence.role)
    point = _Point(occurrence.tested, ValueUse(is_passed=occurrence.is_passed), is_truth)
    yield from _references(occurrence, occurrence.node, point)


def _references(occurrence: Occurrence, node: nodes.Node, point: _Point) -> Iterator[Reference]:
    access = name_and_path(node)
    inner = point.used(is_passed=False)._replace(whole=None)
    if access is not None:
        yield from _references_by_path(occurrence, node, access, point)
        for key in keys_of(node):
            yield from _references(occurrence, key, inner.beside())
        return
    for part, below in _parts(node, inner, point.whole or node):
        yield from _references(occurrence, part, below)


def _references_by_path(
    occurrence: Occurrence, node: nodes.Node, access: tuple[str, Path], point: _Point
) -> Iterator[Reference]:
    name, path = access
    use = point.use
    is_alone = point.is_truth is True and not isinstance(getattr(node, "arg", None), nodes.Expr)
    is_unguarded = name not in point.tested and not is_alone and path[:1] != (_OK,)
    found = Reference(name, path, occurrence.template, point.whole or node, use, is_unguarded, is_local=False)
    if name not in occurrence.locals:
        yield found
    for source in occurrence.locals.get(name, ()):
        further = (*source.path, *path) if source.is_direct else source.path
        inner = use._replace(is_passed=use.is_passed or source.is_passed, is_part=use.is_part and source.is_part)
        yield found._replace(name=source.name, path=further, use=inner, is_local=True)


def _parts(node: nodes.Node, point: _Point, whole: nodes.Node) -> Iterator[tuple[nodes.Node, _Point]]:
    value = point._replace(is_truth=None)
    beside = point.beside()
    match node:
        case nodes.Getattr(node=of) | nodes.Getitem(node=of):
            yield of, value._replace(whole=whole)
            if isinstance(node, nodes.Getitem) and is_computed(node.arg):
                yield node.arg, beside
        case nodes.Filter(node=nodes.Expr() as of, name="default"):
            yield of, value.asking(of).used(is_needed=False)
            yield from ((arg, value) for arg in node.args)
        case nodes.Filter(node=nodes.Expr() as of, name=name) if name in _COUNTING:
            yield of, beside.used(is_passed=True)
        case nodes.Test(node=of):
            yield of, beside.asking(of).used(is_needed=False, is_asked=True)
        case nodes.CondExpr(test=test, expr1=then, expr2=other):
            yield then, value.asking(test)
            yield test, beside._replace(is_truth=True, tested=point.tested | _asked_in(test))
            if other is not None:
                yield other, value.asking(test)
        case nodes.And() | nodes.Or():
            is_value = point.is_truth is None
            tested = point.tested | _asked_in(node) if is_value else point.tested
            logic = point._replace(tested=tested, is_truth=point.is_truth is not False)
            logic = logic if is_value else logic.beside(is_truth=logic.is_truth)
            yield from ((node.left, logic), (node.right, logic.asking(node.left) if logic.is_truth else logic))
        case nodes.Not(node=of) if not isinstance(of, nodes.Test):
            yield of, point.beside(is_truth=point.is_truth)
        case _:
            inner = beside if isinstance(node, nodes.Compare | nodes.Operand) else value
            yield from ((child, inner) for child in node.iter_child_nodes())


def _asked_in(node: nodes.Node) -> frozenset[str]:
    """Names that a condition checks for being set: `x.ok`, `x is defined`, `x.name != ""`."""
    found: set[str] = set()
    for part in walk(node):
        match part:
            case nodes.Getattr(node=nodes.Name(name=name), attr="ok"):
                found.add(name)
            case nodes.Test(node=of):
                found |= root_names(of)
            case nodes.Compare(expr=left, ops=[nodes.Operand(op="eq" | "ne", expr=right)]):
                for side, other in ((left, right), (right, left)):
                    found |= root_names(side) if isinstance(other, nodes.Const) and other.value == "" else _NOTHING
    return frozenset(found)


def touched_names(occurrence: Occurrence, unspoken: Collection[str]) -> frozenset[str]:
    """The root names in an expression, and each sensitive field in `unspoken` that its value may contain.

    A whole record contains all its fields, and a computed name may be any of them. Assigning or looping over a record
    touches none yet.
    """
    inner = [name for name in unspoken if has_path(name)]
    found = tuple(references_in(occurrence))
    held = (name for each in found for name in inner if root_of(name) == each.name and each.holds(path_of(name)))
    return frozenset((*(each.name for each in found), *held))


def used_env(node: nodes.Node) -> frozenset[str]:
    return frozenset(
        part.attr
        for part in walk(node)
        if isinstance(part, nodes.Getattr) and isinstance(part.node, nodes.Name) and part.node.name == "env"
    )


def walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    yield from node.find_all(nodes.Node)


def root_names(node: nodes.Node) -> frozenset[str]:
    return frozenset(part.name for part in walk(node) if isinstance(part, nodes.Name))


def name_and_path(node: nodes.Node) -> tuple[str, Path] | None:
    """Return None for anything but an access such as `cards[0].number`."""
    match node:
        case nodes.Name(name=name):
            return name, ()
        case nodes.Getitem(node=of, arg=nodes.Slice()):
            return name_and_path(of)
        case nodes.Getattr(node=of) | nodes.Getitem(node=of):
            found = name_and_path(of)
            return (found[0], (*found[1], getattr(node, "attr", None))) if found else None
    return None


def whole_values(node: nodes.Node) -> Iterator[nodes.Node]:
    """Expressions that `node` may evaluate to, unchanged: both values of a choice, or a value and its default."""
    match node:
        case nodes.CondExpr(expr1=then, expr2=nodes.Expr() as other):
            yield from (*whole_values(then), *whole_values(other))
        case nodes.Filter(node=nodes.Expr() as of, name="default", args=[otherwise, *_]):
            yield from (*whole_values(of), *whole_values(otherwise))
        case _:
            yield node


def operand_of(node: nodes.Filter) -> nodes.Expr:
    """Only Jinja2's block filters, which the parser never produces, have no operand."""
    assert node.node is not None  # noqa: S101 - only a filter of a block has none
    return node.node


def keys_of(node: nodes.Node) -> Iterator[nodes.Expr]:
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        yield from keys_of(node.node)
    if isinstance(node, nodes.Getitem) and is_computed(node.arg):
        yield node.arg


def is_computed(key: nodes.Expr) -> bool:
    return not isinstance(key, nodes.Const | nodes.Slice)

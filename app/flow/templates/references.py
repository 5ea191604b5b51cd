"""Which names expressions and templates look up, how far into them, and how each of them counts.

This is the one place that walks through templates for their names: checks, lookups, secrets and proofs all ask here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from jinja2 import nodes

from app.flow.nodes import Place
from app.flow.paths import Path, is_inner, meet, path_of, root_of
from app.flow.scope import ScopeTypes
from app.flow.templates.tree import Template
from app.flow.types import ValueType, common

COUNTING: Final = "length"
"""The filter that counts the entries of a list, and reads nothing of them."""

_OK: Final = "ok"
"""The field of every lookup that says whether its answer is real."""

_NOTHING: Final[frozenset[str]] = frozenset()


class Source(NamedTuple):
    """What the value of a name that a template gives is made of: a name of the flow, and how far into it.

    Attributes:
        is_way: the value is what is there; otherwise something is computed of it.
        is_held: what is there may be a part of the value.
        is_whole: the value may be what is there, unchanged.
        is_passed: what is there is only counted.
    """

    name: str
    path: Path
    is_way: bool
    is_held: bool
    is_whole: bool
    is_passed: bool


Given: TypeAlias = Mapping[str, tuple[Source, ...]]
"""The names that a template has given so far."""

Role: TypeAlias = Literal["output", "set", "loop", "test", "condition"]


class Occurrence(NamedTuple):
    """An expression of a template.

    Attributes:
        role: it is written (`output`), kept (`set`), gone over (`loop`), or decides (`test`, and `condition` for one
            without braces).
        tested: the names that something around it asks about.
        given: the names that the template has given in front of it.
    """

    template: Template
    node: nodes.Node
    role: Role
    tested: frozenset[str] = _NOTHING
    given: Given = MappingProxyType({})

    @property
    def is_passed(self) -> bool:
        """Whether its value is only handed on, gone over, or asked for."""
        return self.role in ("set", "loop", "test")


class Reference(NamedTuple):
    """A name that an expression looks up.

    Attributes:
        name: the name; for one that the template has given, that which it stands for.
        path: the way to what of it is meant; () for all of it.
        template, whole: where it is written.
        is_bare: its value counts, and nothing around it asks whether there is one.
        is_needed: the expression cannot be computed without it.
        is_asked: only whether it `is defined` is asked.
        is_passed: what it leads to is only handed on, counted or gone over: what is further in is not read yet.
        is_held: its value may be a part of what is computed.
        is_whole: its value may be what is computed, unchanged.
        is_given: it is read through a name that the template has given.
    """

    name: str
    path: Path
    template: Template
    whole: nodes.Node
    is_bare: bool
    is_needed: bool
    is_asked: bool
    is_passed: bool
    is_held: bool
    is_whole: bool
    is_given: bool

    @property
    def place(self) -> Place:
        """The place of the name with its way."""
        return self.template.place(self.whole)

    @property
    def field(self) -> str:
        """The field of the name that is meant, "" for all of it."""
        return self.path[0] or "" if self.path else ""

    def holds(self, path: Path) -> bool:
        """Whether the value holds what is at a path of the name, or is in it."""
        return meet(self.path, path) and not (self.is_passed and len(path) > len(self.path))


# templates


class State(NamedTuple):
    """What is known at a point of a walk: the context of the text, the given names, and the names in scope."""

    context: str = ""
    given: Given = MappingProxyType({})
    scope: ScopeTypes = ScopeTypes({})


class Walk:
    """A walk through a template and what it includes, in the order in which it is rendered.

    Whatever follows branches sees what any of them has left. Subclasses say what is done on the way.

    Attributes:
        state: what is known where the walk has come to.
    """

    def __init__(self, template: Template, state: State | None = None) -> None:
        self.template = template
        self.state = state or State()

    def on_text(self, node: nodes.TemplateData) -> None:
        """Literal text."""

    def on_value(self, occurrence: Occurrence) -> None:
        """An expression."""

    def on_name(self, target: nodes.Name, of: nodes.Node, *, is_entry: bool) -> None:
        """A name that is given to what `of` computes, or to an entry of it."""
        sources = []
        for each in references_in(self._occurrence(of, "set")):
            is_way = each.is_held and name_and_path(of) is not None
            path = (*each.path, None) if is_way and is_entry else each.path
            is_whole = each.is_whole and not is_entry
            sources.append(Source(each.name, path, is_way, each.is_held, is_whole, each.is_passed and not is_way))
        self.state = self.state._replace(given={**self.state.given, target.name: tuple(sources)})

    def on_join(self, node: nodes.Node, contexts: list[str]) -> str:
        """The context behind branches that end in these."""
        return contexts[0]

    def block(self, body: Iterable[nodes.Node], tested: frozenset[str] = _NOTHING) -> None:
        """Go through some nodes; `tested` are the names that something around them asks about."""
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
        """An `if`."""
        arms, before, ends = (node, *node.elif_), self.state, []
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
        """A `for`, whose names are gone behind it."""
        before, inner = self.state, tested | root_names(node.iter)
        self.on_value(self._occurrence(node.iter, "loop", inner))
        for target in [each for each in walk(node.target) if isinstance(each, nodes.Name)]:
            self.on_name(target, node.iter, is_entry=True)
        for body in (node.body, node.else_):
            self.block(body, inner)
            context = self.on_join(node, [before.context, self.state.context])
            self.state = before._replace(context=context)

    def _joined(self, node: nodes.Node, ends: list[State]) -> State:
        given: dict[str, tuple[Source, ...]] = {}
        types: dict[str, ValueType] = {}
        for end in ends:
            for name, sources in end.given.items():
                given[name] = tuple(dict.fromkeys((*given.get(name, ()), *sources)))
            for name, type_ in end.scope.shapes.items():
                types[name] = common(types.get(name, type_), type_)
        scope = replace(ends[0].scope, shapes=types)
        return State(self.on_join(node, [end.context for end in ends]), given, scope)

    def _occurrence(self, node: nodes.Node, role: Role, tested: frozenset[str] = _NOTHING) -> Occurrence:
        return Occurrence(self.template, node, role, tested, self.state.given)


class _Occurrences(Walk):
    """Keeps every expression."""

    def __init__(self, template: Template) -> None:
        super().__init__(template)
        self.found: list[Occurrence] = []

    def on_value(self, occurrence: Occurrence) -> None:
        """Keep it."""
        self.found.append(occurrence)


def occurrences(template: Template, *, is_condition: bool = False) -> list[Occurrence]:
    """Every expression of a template and of what it includes, in their order."""
    if is_condition:
        return [Occurrence(template, node, "condition", _asked_in(node)) for node in template.written()]
    found = _Occurrences(template)
    found.block(template.body)
    return found.found


def references(template: Template, *, is_condition: bool = False) -> Iterator[Reference]:
    """Every name that a template looks up."""
    for occurrence in occurrences(template, is_condition=is_condition):
        yield from references_in(occurrence)


# expressions


class _State(NamedTuple):
    """How the names of a part of an expression count.

    Attributes:
        is_truth: in a condition, whether a name alone only asks whether there is a value; None elsewhere.
        whole: the entry or the field that it is a part of.
    """

    tested: frozenset[str]
    is_truth: bool | None = None
    is_needed: bool = True
    is_asked: bool = False
    is_passed: bool = False
    is_held: bool = True
    is_whole: bool = True
    whole: nodes.Node | None = None

    def beside(self, *, is_truth: bool | None = None) -> _State:
        """For what only decides on the value."""
        return self._replace(is_truth=is_truth, is_held=False, is_whole=False)

    def asking(self, node: nodes.Node) -> _State:
        """For what is beside `node`, which asks about its names."""
        return self._replace(tested=self.tested | root_names(node))


def references_in(occurrence: Occurrence) -> Iterator[Reference]:
    """Every name that an expression looks up."""
    is_truth = {"test": True, "condition": False}.get(occurrence.role)
    state = _State(occurrence.tested, is_truth, is_passed=occurrence.is_passed)
    yield from _references(occurrence, occurrence.node, state)


def _references(occurrence: Occurrence, node: nodes.Node, state: _State) -> Iterator[Reference]:
    way = name_and_path(node)
    if way is not None:
        yield from _of_way(occurrence, node, way, state)
        for key in keys_of(node):
            yield from _references(occurrence, key, state.beside()._replace(is_passed=False, whole=None))
        return
    for part, inner in _parts(node, state._replace(is_passed=False, whole=None), state.whole or node):
        yield from _references(occurrence, part, inner)


def _of_way(occurrence: Occurrence, node: nodes.Node, way: tuple[str, Path], state: _State) -> Iterator[Reference]:
    """A name with a way into it; for one that the template has given, each name that it stands for."""
    name, path = way
    is_alone = state.is_truth is True and not isinstance(getattr(node, "arg", None), nodes.Expr)
    is_bare = name not in state.tested and not is_alone and path[:1] != (_OK,)
    is_whole = state.is_whole and not (isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice))
    flags = (occurrence.template, state.whole or node, is_bare, state.is_needed, state.is_asked)
    if name not in occurrence.given:
        yield Reference(name, path, *flags, state.is_passed, state.is_held, is_whole, is_given=False)
    for source in occurrence.given.get(name, ()):
        further = (*source.path, *path) if source.is_way else source.path
        is_passed, is_held = state.is_passed or source.is_passed, state.is_held and source.is_held
        is_same = is_whole and source.is_whole and not path
        yield Reference(source.name, further, *flags, is_passed, is_held, is_same, is_given=True)


def _parts(node: nodes.Node, state: _State, whole: nodes.Node) -> Iterator[tuple[nodes.Node, _State]]:
    """The parts of an expression, each with how its names count."""
    value, beside = state._replace(is_truth=None), state.beside()
    part = value._replace(is_whole=False)
    match node:
        case nodes.Getattr(node=of) | nodes.Getitem(node=of):
            yield of, part._replace(whole=whole)
            if isinstance(node, nodes.Getitem) and is_computed(node.arg):
                yield node.arg, beside
        case nodes.Filter(node=nodes.Expr() as of, name="default"):
            yield of, value.asking(of)._replace(is_needed=False)
            yield from ((arg, value) for arg in node.args)
        case nodes.Filter(node=nodes.Expr() as of, name=name) if name == COUNTING:
            yield of, beside._replace(is_passed=True)
        case nodes.Test(node=of):
            yield of, beside.asking(of)._replace(is_needed=False, is_asked=True)
        case nodes.CondExpr(test=test, expr1=then, expr2=other):
            yield then, value.asking(test)
            yield test, beside._replace(is_truth=True, tested=state.tested | _asked_in(test))
            if other is not None:
                yield other, value.asking(test)
        case nodes.And() | nodes.Or():
            is_value = state.is_truth is None
            tested = state.tested | _asked_in(node) if is_value else state.tested
            logic = state._replace(tested=tested, is_truth=state.is_truth is not False)
            logic = logic if is_value else logic.beside(is_truth=logic.is_truth)
            yield from ((node.left, logic), (node.right, logic.asking(node.left) if logic.is_truth else logic))
        case nodes.Not(node=of) if not isinstance(of, nodes.Test):
            yield of, state.beside(is_truth=state.is_truth)
        case _:
            inner = beside if isinstance(node, nodes.Compare | nodes.Operand) else part
            yield from ((child, inner) for child in node.iter_child_nodes())


def _asked_in(node: nodes.Node) -> frozenset[str]:
    """The names of which a condition asks whether there is a value: `x.ok`, `x is defined`, `x.name != ""`."""
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
    """The root names, and each sensitive field of `unspoken` that an expression may hold.

    A record as a whole holds all its fields, and so does one whose field is computed. What is only handed on, or looped
    over, does not touch a sensitive field further in yet.
    """
    inner = [name for name in unspoken if is_inner(name)]
    found = tuple(references_in(occurrence))
    held = (name for each in found for name in inner if root_of(name) == each.name and each.holds(path_of(name)))
    return frozenset((*(each.name for each in found), *held))


def used_env(node: nodes.Node) -> frozenset[str]:
    """The settings that it looks up."""
    return frozenset(
        part.attr
        for part in walk(node)
        if isinstance(part, nodes.Getattr) and isinstance(part.node, nodes.Name) and part.node.name == "env"
    )


def walk(node: nodes.Node) -> Iterator[nodes.Node]:
    """`node` and everything in it."""
    yield node
    yield from node.find_all(nodes.Node)


def root_names(node: nodes.Node) -> frozenset[str]:
    """The names that it looks up."""
    return frozenset(part.name for part in walk(node) if isinstance(part, nodes.Name))


def name_and_path(node: nodes.Node) -> tuple[str, Path] | None:
    """The name that an expression goes into, and how far: `cards[0].number`; None when it is more than that."""
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
    """The expressions whose value `node` may be, unchanged: both arms of a choice, a value and its default."""
    match node:
        case nodes.CondExpr(expr1=then, expr2=nodes.Expr() as other):
            yield from (*whole_values(then), *whole_values(other))
        case nodes.Filter(node=nodes.Expr() as of, name="default", args=[otherwise, *_]):
            yield from (*whole_values(of), *whole_values(otherwise))
        case _:
            yield node


def operand_of(node: nodes.Filter) -> nodes.Expr:
    """The value that a filter is applied to. Jinja2's filters of blocks, which have none, are never read."""
    assert node.node is not None  # noqa: S101 - only a filter of a block has none
    return node.node


def keys_of(node: nodes.Node) -> Iterator[nodes.Expr]:
    """The computed keys on such a way."""
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        yield from keys_of(node.node)
    if isinstance(node, nodes.Getitem) and is_computed(node.arg):
        yield node.arg


def is_computed(key: nodes.Expr) -> bool:
    """Whether the key of an entry is computed in each call."""
    return not isinstance(key, nodes.Const | nodes.Slice)

"""Which names expressions and templates look up, how far into them, and how each of them counts.

This is the one place that walks through templates for their names: checks, lookups, secrets and proofs all ask here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from jinja2 import nodes

from app.flow.nodes import Place
from app.flow.paths import Path, is_inner, meet, path_of, root_of
from app.flow.templates.tree import Template

COUNTING: Final = "length"
"""The filter that counts the entries of a list, and reads nothing of them."""

_OK: Final = "ok"
"""The field of every lookup that says whether its answer is real."""

Given: TypeAlias = Mapping[str, tuple[str, Path]]
"""The names that a template gives, each with the name and the path that it stands for."""

_NOTHING: Final[frozenset[str]] = frozenset()


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
    role: Literal["output", "set", "loop", "test", "condition"]
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
        return is_held(self.path, path, is_passed=self.is_passed)


# templates


def occurrences(template: Template, *, is_condition: bool = False) -> Iterator[Occurrence]:
    """Every expression of a template and of what it includes, in their order."""
    if is_condition:
        for node in template.written():
            yield Occurrence(template, node, "condition", _asked_in(node))
    else:
        yield from _Walk(template).block(template.body, _NOTHING)


def references(template: Template, *, is_condition: bool = False) -> Iterator[Reference]:
    """Every name that a template looks up."""
    for occurrence in occurrences(template, is_condition=is_condition):
        yield from references_in(occurrence)


class _Walk:
    """The walk through one template; `given` are the names that it has given so far."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.given: dict[str, tuple[str, Path]] = {}

    def block(self, body: Iterable[nodes.Node], tested: frozenset[str]) -> Iterator[Occurrence]:
        for node in body:
            match node:
                case nodes.Output():
                    for part in node.nodes:
                        if not isinstance(part, nodes.TemplateData):
                            yield self._of(part, "output", tested)
                case nodes.If():
                    yield from self._if(node, tested)
                case nodes.For():
                    inner = tested | root_names(node.iter)
                    yield self._of(node.iter, "loop", inner)
                    for target in (each for each in walk(node.target) if isinstance(each, nodes.Name)):
                        self._give(target.name, node.iter, None)
                    yield from self.block([*node.body, *node.else_], inner)
                case nodes.Assign(target=nodes.Name(name=name), node=value):
                    yield self._of(value, "set", tested | root_names(value))
                    self._give(name, value)
                case nodes.Scope():
                    yield from self.block(node.body, tested)

    def _if(self, node: nodes.If, tested: frozenset[str]) -> Iterator[Occurrence]:
        arms = (node, *node.elif_)
        inner = tested.union(*(root_names(arm.test) for arm in arms))
        for arm in arms:
            yield self._of(arm.test, "test", tested | _asked_in(arm.test))
            yield from self.block(arm.body, inner)
        yield from self.block(node.else_, inner)

    def _of(
        self, node: nodes.Node, role: Literal["output", "set", "loop", "test"], tested: frozenset[str]
    ) -> Occurrence:
        return Occurrence(self.template, node, role, tested, dict(self.given))

    def _give(self, name: str, of: nodes.Node, *entry: None) -> None:
        """From here on `name` stands for what `of` leads to, or for an entry of it."""
        self.given.pop(name, None)
        way = way_of(of)
        if way is not None:
            root, path = self.given.get(way[0], (way[0], ()))
            self.given[name] = (root, (*path, *way[1], *entry))


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
    whole: nodes.Node | None = None

    def asking(self, node: nodes.Node) -> _State:
        """For what is beside `node`, which asks about its names."""
        return self._replace(tested=self.tested | root_names(node))


def references_in(occurrence: Occurrence) -> Iterator[Reference]:
    """Every name that an expression looks up."""
    is_truth = {"test": True, "condition": False}.get(occurrence.role)
    state = _State(occurrence.tested, is_truth, is_passed=occurrence.is_passed)
    yield from _references(occurrence, occurrence.node, state)


def _references(occurrence: Occurrence, node: nodes.Node, state: _State) -> Iterator[Reference]:
    way = way_of(node)
    if way is not None:
        yield _reference(occurrence, node, way, state)
        for key in keys_of(node):
            yield from _references(
                occurrence, key, state._replace(is_truth=None, is_passed=False, is_held=False, whole=None)
            )
        return
    for part, inner in _parts(node, state._replace(is_passed=False, whole=None), state.whole or node):
        yield from _references(occurrence, part, inner)


def _reference(occurrence: Occurrence, node: nodes.Node, way: tuple[str, Path], state: _State) -> Reference:
    name, path = way
    is_alone = state.is_truth is True and not isinstance(getattr(node, "arg", None), nodes.Expr)
    is_bare = name not in state.tested and not is_alone and path[:1] != (_OK,)
    given = occurrence.given.get(name)
    if given is not None:
        name, path = given[0], (*given[1], *path)
    flags = (state.is_needed, state.is_asked, state.is_passed, state.is_held, given is not None)
    return Reference(name, path, occurrence.template, state.whole or node, is_bare, *flags)


def _parts(node: nodes.Node, state: _State, whole: nodes.Node) -> Iterator[tuple[nodes.Node, _State]]:
    """The parts of an expression, each with how its names count."""
    value, beside = state._replace(is_truth=None), state._replace(is_truth=None, is_held=False)
    match node:
        case nodes.Getattr(node=of) | nodes.Getitem(node=of):
            yield of, value._replace(whole=whole)
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
            tested = state.tested if state.is_truth is not None else state.tested | _asked_in(node)
            logic = state._replace(tested=tested, is_truth=state.is_truth is not False, is_held=False)
            yield from ((node.left, logic), (node.right, logic.asking(node.left) if logic.is_truth else logic))
        case nodes.Not(node=of) if not isinstance(of, nodes.Test):
            yield of, state._replace(is_held=False)
        case _:
            inner = beside if isinstance(node, nodes.Compare | nodes.Operand) else value
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


def touched_names(
    template: Template, node: nodes.Node, unspoken: Collection[str], *, is_passed: bool = False
) -> frozenset[str]:
    """The root names, and each sensitive field of `unspoken` that the expression may hold.

    A record as a whole holds all its fields, and so does one whose field is computed. With `is_passed` the value is
    only handed on, or looped over: then a sensitive field further in is not touched yet.
    """
    inner = [name for name in unspoken if is_inner(name)]
    found = tuple(references_in(Occurrence(template, node, "set" if is_passed else "output")))
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


def way_of(node: nodes.Node) -> tuple[str, Path] | None:
    """The name that an expression goes into, and how far: `cards[0].number`; None when it is more than that."""
    match node:
        case nodes.Name(name=name):
            return name, ()
        case nodes.Getitem(node=of, arg=nodes.Slice()):
            return way_of(of)
        case nodes.Getattr(node=of) | nodes.Getitem(node=of):
            found = way_of(of)
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


def is_held(path: Path, secret: Path, *, is_passed: bool) -> bool:
    """Whether what a way leads to holds a sensitive field, or is in it."""
    return meet(path, secret) and not (is_passed and len(secret) > len(path))

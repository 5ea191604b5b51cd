"""Finds the values that a flow's expressions read and compare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from jinja2 import nodes

from ncco_server.flow.templates.filters import FILTERS
from ncco_server.flow.templates.operators import step_of
from ncco_server.flow.templates.references import Occurrence, is_computed, occurrences, operand_of, walk
from ncco_server.flow.templates.values import Computed, Expression, Native, Value
from ncco_server.flow.values import CallField, Localised, leaves
from ncco_studio.verify.sample_values import Mark, Path, Pieces, TextPart

ENTRY: Final = "[]"
LENGTH: Final = "#"
RETURNED: Final = "\0returned"
"""Begins the path of a value that a sub-flow returns."""

LONGEST_JOINED: Final = 24
"""Characters of a text that is split into pieces."""
_STEPS: Final = {"length": LENGTH, "entry": ENTRY}
"""What a filter reads → the last element of the path."""
_STRICT_ESCAPES: Final = frozenset({"_number", "_header", "_json_bare", "_url_base", "_url_host"})
"""Escapers that reject some values."""
_ACCEPTS_ALL: Final = frozenset({"text", "any"})
# what expressions read


def expressions_of(source: Value | Expression) -> Iterator[Occurrence]:
    if isinstance(source, Expression):
        yield from occurrences(source.template, is_condition=True)
        return
    for leaf in templates_in(source):
        yield from occurrences(leaf.template)


def templates_in(source: Value | Expression) -> Iterator[Native | Computed]:
    if not isinstance(source, Expression):
        yield from (leaf for leaf in leaves(source) if isinstance(leaf, Native | Computed))


def paths_of(source: Value | Expression) -> Iterator[Path]:
    """Paths have their full length: `a.b`, but not `a`."""
    for occurrence in expressions_of(source):
        yield from paths_in(occurrence.node)


def paths_in(node: nodes.Node) -> Iterator[Path]:
    path = path_of(node)
    if path is None:
        for child in node.iter_child_nodes():
            yield from paths_in(child)
        return
    yield path
    while isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Filter):
        if isinstance(node, nodes.Getitem) and is_computed(node.arg):
            yield from paths_in(node.arg)
        node = operand_of(node) if isinstance(node, nodes.Filter) else node.node


def path_of(node: nodes.Node) -> Path | None:
    """Return None if the node computes a value."""
    match node:
        case nodes.Name(name=name):
            return (name,)
        case nodes.Getitem(node=of, arg=nodes.Slice()):
            return path_of(of)
        case nodes.Getattr(node=of, attr=attr):
            step: str | None = attr
        case nodes.Filter(node=nodes.Expr() as of, name=name):
            step = _STEPS.get(FILTERS[name].reads)
        case nodes.Getitem(node=of):
            step = ENTRY
        case _:
            return None
    path = path_of(of)
    return None if path is None or step is None else (*path, step)


def reads(source: Value | Expression) -> Iterator[tuple[Path, bool]]:
    """Every path that is read, and whether its value can affect where the call goes.

    One that is only output cannot. One that is cast, indexed, sliced, counted or computed with can, because some values
    may take the error exit.
    """
    for occurrence in expressions_of(source):
        yield from _weighed(occurrence.node, decides=occurrence.role != "output")
    if isinstance(source, Expression):
        return
    for leaf in leaves(source):
        if isinstance(leaf, Native | Computed) and _is_strict(leaf):
            yield from ((path, True) for each in occurrences(leaf.template) for path in paths_in(each.node))
        elif isinstance(leaf, CallField):
            yield ("call", leaf.name), False
    if isinstance(source, Localised):
        yield ("locale",), True


def names_that_may_fail(value: Value) -> set[str]:
    """Names whose values can make an assignment fail. A sum of numbers never fails."""
    found: set[str] = set()
    for each in expressions_of(value):
        weighed = _weighed(each.node, decides=each.role != "output", sums=False)
        found |= {path[0] for path, decides in weighed if decides}
    return found


def _is_strict(leaf: Native | Computed) -> bool:
    is_cast = leaf.type.name not in _ACCEPTS_ALL or bool(leaf.type.words)
    return is_cast or (isinstance(leaf, Computed) and not _STRICT_ESCAPES.isdisjoint(leaf.escapers.values()))


def _weighed(node: nodes.Node, *, decides: bool, sums: bool = True) -> Iterator[tuple[Path, bool]]:
    path = path_of(node)
    if is_plain(node):
        yield (path or (), decides)
    elif isinstance(node, nodes.Filter) and "emptiness" in FILTERS[node.name].keeps:
        for part in (operand_of(node), *node.args):
            yield from _weighed(part, decides=decides, sums=sums)
    else:
        decides = decides or sums or not isinstance(node, nodes.Add | nodes.Sub)
        if path is not None:
            yield path, decides
        for child in node.iter_child_nodes():
            yield from _weighed(child, decides=decides, sums=sums)


def is_plain(node: nodes.Node) -> bool:
    while isinstance(node, nodes.Getattr):
        node = node.node
    return isinstance(node, nodes.Name)


# how expressions compare


def part_of(node: nodes.Node) -> TextPart | None:
    """With an empty `text`; None if the expression reads the whole text."""
    match node:
        case nodes.Getitem(arg=nodes.Slice(start=None | nodes.Const() as start, stop=stop, step=None)):
            low = 0 if start is None else start.value
            if low < 0:  # `[-2:]` is the end; where `[-4:-2]` is depends on the length
                return TextPart("ends") if stop is None else TextPart("holds")
            return TextPart("at", low=low) if low else TextPart("begins")
        case nodes.Filter(node=nodes.Expr() as of, name=name):
            known = FILTERS[name]
            if "ends" in known.keeps:
                return part_of(of)
            return TextPart(known.part) if known.part else None
    return None


def texts_in(node: nodes.Node) -> Iterator[str]:
    yield from (part.value for part in walk(node) if isinstance(part, nodes.Const) and isinstance(part.value, str))


def offsets_in(node: nodes.Node) -> Iterator[float]:
    for part in walk(node):
        if isinstance(part, nodes.Add | nodes.Sub):
            sides = (each.value for each in (part.left, part.right) if isinstance(each, nodes.Const))
            yield from (side for side in sides if isinstance(side, int | float) and not isinstance(side, bool))


def growth_of(node: nodes.Node) -> set[Mark]:
    """`rises`, `sinks`, or `free` if an assignment computes a number otherwise."""
    match node:
        case nodes.Const():
            return set()
        case nodes.Add() | nodes.Sub() if (found := step_of(node)) is not None and path_of(found[0]) is not None:
            step = found[1]
            return {"rises" if step > 0 else "sinks"} if step else set()
        case nodes.CondExpr(expr1=then, expr2=nodes.Expr() as other):
            return growth_of(then) | growth_of(other)
        case nodes.Filter(node=nodes.Expr() as of, name=name) if "number" in FILTERS[name].keeps:
            return growth_of(of)
    return set() if path_of(node) is not None else {"free"}


def tested_for_truth(occurrence: Occurrence) -> Iterator[nodes.Node]:
    if occurrence.role != "output":
        yield from _operands(occurrence.node)
    for part in walk(occurrence.node):
        match part:
            case nodes.CondExpr(test=test):
                yield from _operands(test)
            case nodes.Test(node=of) | nodes.Filter(node=nodes.Expr() as of, name="default", args=[_, _]):
                yield of


def _operands(node: nodes.Node) -> Iterator[nodes.Node]:
    match node:
        case nodes.And(left=left, right=right) | nodes.Or(left=left, right=right):
            yield from _operands(left)
            yield from _operands(right)
        case nodes.Not(node=of) if not isinstance(of, nodes.Test):
            yield from _operands(of)
        case nodes.Compare() | nodes.Add() | nodes.Sub():
            return
        case _:
            yield node


def is_literal_comparison(node: nodes.Compare) -> bool:
    sides = (node.expr, node.ops[0].expr)
    return any(is_plain(side) for side in sides) and any(_is_literal(side) for side in sides)


def _is_literal(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) or (isinstance(node, nodes.List) and all(map(_is_literal, node.items)))


# concatenated texts


def joined_in(value: Value) -> Iterator[Pieces]:
    for leaf in templates_in(value):
        outputs = [each for each in leaf.template.body if isinstance(each, nodes.Output)]
        pieces = tuple(piece for output in outputs for part in output.nodes for piece in pieces_of(part))
        if len(pieces) > 1 and len(outputs) == len(leaf.template.body):
            yield pieces


def pieces_of(node: nodes.Node) -> Pieces:
    match node:
        case nodes.Add(left=left, right=right):
            return (*pieces_of(left), *pieces_of(right))
        case nodes.TemplateData(data=text) | nodes.Const(value=str() as text):
            return (text,)
    return (None,)


def fillings(pieces: Pieces, text: str) -> Iterator[str]:
    if pieces and len(text) <= LONGEST_JOINED:
        yield from dict.fromkeys(each for row in _splits(pieces, text) for each in row)


def _splits(pieces: Pieces, text: str) -> Iterator[tuple[str, ...]]:
    if not pieces:
        yield from [()] if not text else []
    elif (first := pieces[0]) is not None:
        yield from _splits(pieces[1:], text.removeprefix(first)) if text.startswith(first) else ()
    else:
        for length in range(len(text) + 1):
            yield from ((text[:length], *rest) for rest in _splits(pieces[1:], text[length:]))

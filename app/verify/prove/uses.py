"""The values and conditions of a flow, how much depends on each, and which paths of names they read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from jinja2 import nodes

from app.flow.actions.action import Action
from app.flow.actions.do import values_in
from app.flow.actions.values import CallField, Localised, leaves
from app.flow.checks.facts import sent
from app.flow.language.lookups import AskedLookup
from app.flow.model import Assignment, Edge, Flow, Part, Step, Target, Value
from app.flow.templates import Computed, Expression, Native
from app.flow.templates.references import Occurrence, is_computed, occurrences, operand_of

SPOKEN: Final = 1
"""The value is only spoken or sent. It decides nothing, but it may be missing or of the wrong kind."""
DECIDES: Final = 2
"""The value decides where a call goes, or how an action is made."""
ENTRY: Final = "[]"
LENGTH: Final = "#"

Path: TypeAlias = tuple[str, ...]
"""A name, then the fields within it; ENTRY is any entry of a list, LENGTH a length."""

_STEPS: Final = {"length": LENGTH, "first": ENTRY, "last": ENTRY}
_KEEPS_EMPTINESS: Final = frozenset({"upper", "lower", "title", "capitalize", "trim", "text", "default", "length"})
"""Filters that accept every value of a type: empty values stay empty, and no other value becomes empty."""
_STRICT_ESCAPES: Final = frozenset({"_number", "_header", "_json_bare", "_url_base", "_url_host"})
"""Escapes that refuse some values."""
_ACCEPTS_ALL: Final = frozenset({"text", "any"})


class Use(NamedTuple):
    """A value or a condition, and how much depends on it: SPOKEN or DECIDES."""

    source: Value | Expression
    weight: int


def flows_run_from(root: Flow) -> dict[str, Flow]:
    """The flow and those that a call may run from it, by name."""
    return {root.name: root, **root.subs}


# what a step uses


def asked_by(step: Step) -> Iterator[Use]:
    """What its lookups send."""
    for asking in step.asks:
        if isinstance(asking, AskedLookup):
            yield from (Use(value, SPOKEN) for value in asking.definition.values)
            yield from (Use(given.value, SPOKEN) for given in asking.given)


def sent_by(step: Step) -> Iterator[Use]:
    """What its hooks send on entering."""
    yield from (Use(used.source, SPOKEN) for used in sent(step.sends))


def played_by(step: Step) -> Iterator[Use]:
    """What its actions are made of, the prompts of its retry included."""
    for part in (*step.parts, *(use for use in step.exit.uses() if not isinstance(use, Expression))):
        yield from _of_part(part)


def _of_part(part: Part) -> Iterator[Use]:
    spoken = part.fields.get("text") if isinstance(part, Action) and part.word == "talk" else None
    for value in values_in(part):
        yield Use(value, SPOKEN if value is spoken else DECIDES)


def tested_by(step: Step) -> Iterator[Use]:
    """The conditions of its exit."""
    yield from (Use(use, DECIDES) for use in step.exit.uses() if isinstance(use, Expression))


def assigned(flow: Flow, step: Step) -> Iterator[tuple[str, str, Assignment]]:
    """Every assignment of a step and its ways out, as (kind, flow, assignment).

    The kind is `own` for variables of this flow, `given` for params of the flow named, `returned` for what this flow
    returns.
    """
    edges = tuple(step.exit.edges())
    for assignment in (*step.sets, *(each for edge in edges for each in edge.sets)):
        yield "own", flow.name, assignment
    for target in targets_of(flow, step):
        for assignment in target.sets:
            yield "returned" if target.returns else "own", flow.name, assignment
        for assignment in given_to(target):
            yield "given", target.runs.flow if target.runs else "", assignment
    for part in step.parts:
        for dialled in getattr(part, "targets", ()):
            if dialled.heard is not None:
                yield from (("given", dialled.heard.flow, assignment) for assignment in dialled.heard.given)


def uses_in(flow: Flow) -> Iterator[Use]:
    """Every value and condition of a flow, without what its event hooks send; an assigned value decides nothing yet."""
    for step in flow.steps.values():
        yield from (*asked_by(step), *sent_by(step), *played_by(step), *tested_by(step))
        yield from (Use(assignment.value, SPOKEN) for _, _, assignment in assigned(flow, step))


# where a step leads


def targets_of(flow: Flow, step: Step) -> Iterator[Target]:
    """Where a step may lead, its error exit included."""
    yield from (edge.target for edge in step.exit.edges())
    error = step.error or flow.error
    if error is not None:
        yield error


def given_to(target: Target) -> tuple[Assignment, ...]:
    """The params that a target gives to the flow that it runs."""
    return tuple(target.runs.given) if target.runs is not None else ()


def runs_of(step: Step) -> Target | None:
    """The target of a step that runs a flow and is returned to; None for any other step."""
    first = next(iter(step.exit.edges()), None)
    return first.target if first is not None and step.exit.word == "run" and first.target.runs is not None else None


def lines_of(step: Step) -> tuple[Edge, ...]:
    """The ways out of a step, without the one into the flow that it runs."""
    edges = tuple(step.exit.edges())
    return edges[1:] if step.exit.word == "run" else edges


# what an expression reads


def expressions_of(source: Value | Expression) -> Iterator[Occurrence]:
    """Every expression that a value or a condition is made of."""
    if isinstance(source, Expression):
        yield from occurrences(source.template, is_condition=True)
        return
    for leaf in templates_in(source):
        yield from occurrences(leaf.template)


def templates_in(source: Value | Expression) -> Iterator[Native | Computed]:
    """Every template that a value is made of; none for a condition."""
    if not isinstance(source, Expression):
        yield from (leaf for leaf in leaves(source) if isinstance(leaf, Native | Computed))


def paths_of(source: Value | Expression) -> Iterator[Path]:
    """The longest paths in a value or condition."""
    for occurrence in expressions_of(source):
        yield from paths_in(occurrence.node)


def paths_in(node: nodes.Node) -> Iterator[Path]:
    """The longest paths in an expression."""
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
    """The path that a node is; None when it computes something."""
    match node:
        case nodes.Name(name=name):
            return (name,)
        case nodes.Getitem(node=of, arg=nodes.Slice()):
            return path_of(of)
        case nodes.Getattr(node=of, attr=attr):
            step: str | None = attr
        case nodes.Filter(node=nodes.Expr() as of, name=name):
            step = _STEPS.get(name)
        case nodes.Getitem(node=of):
            step = ENTRY
        case _:
            return None
    path = path_of(of)
    return None if path is None or step is None else (*path, step)


def reads(source: Value | Expression) -> Iterator[tuple[Path, bool]]:
    """Every path that a value or condition reads, and whether it decides there.

    A value that is only written out decides nothing. A value that is cast, looked up, cut, counted or computed
    decides: some of its values may lead to the error exit.
    """
    for occurrence in expressions_of(source):
        yield from _weighed(occurrence.node, decides=is_test(occurrence))
    if isinstance(source, Expression):
        return
    for leaf in leaves(source):
        if isinstance(leaf, Native | Computed) and _is_strict(leaf):
            yield from ((path, True) for each in occurrences(leaf.template) for path in paths_in(each.node))
        elif isinstance(leaf, CallField):
            yield ("call", leaf.name), False
    if isinstance(source, Localised):
        yield ("locale",), True


def is_test(occurrence: Occurrence) -> bool:
    """Whether an expression decides by being true or false."""
    return occurrence.role != "output"


def names_that_may_fail(value: Value) -> set[str]:
    """The names whose values may make an assignment fail; sums of numbers never do."""
    found: set[str] = set()
    for occurrence in expressions_of(value):
        weighed = _weighed(occurrence.node, decides=is_test(occurrence), sums=False)
        found |= {path[0] for path, decides in weighed if decides}
    return found


def _is_strict(leaf: Native | Computed) -> bool:
    """Whether only some values can be written there, or are of the required type."""
    is_cast = leaf.type.name not in _ACCEPTS_ALL or bool(leaf.type.words)
    return is_cast or (isinstance(leaf, Computed) and not _STRICT_ESCAPES.isdisjoint(leaf.escapers.values()))


def _weighed(node: nodes.Node, *, decides: bool, sums: bool = True) -> Iterator[tuple[Path, bool]]:
    """Each path in an expression, and whether its value decides there."""
    path = path_of(node)
    if is_plain(node):
        yield (path or (), decides)
    elif isinstance(node, nodes.Filter) and node.name in _KEEPS_EMPTINESS:
        for part in (operand_of(node), *node.args):
            yield from _weighed(part, decides=decides, sums=sums)
    else:
        decides = decides or sums or not isinstance(node, nodes.Add | nodes.Sub)
        if path is not None:
            yield path, decides
        for child in node.iter_child_nodes():
            yield from _weighed(child, decides=decides, sums=sums)


def is_plain(node: nodes.Node) -> bool:
    """Whether a node is a name, or a field of one by its name."""
    while isinstance(node, nodes.Getattr):
        node = node.node
    return isinstance(node, nodes.Name)

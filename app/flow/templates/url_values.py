"""The values in a text, each with its place in the URL that the text may become."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from jinja2 import nodes

from app.flow.nodes import Text
from app.flow.paths import Path
from app.flow.templates.analysis import read_with_includes
from app.flow.templates.escaping import CONTEXTS
from app.flow.templates.references import COUNTING, walk, way_of, whole_values

MAX_DEPTH: Final = 10
"""How deep names of a template are followed; deeper ones are circles."""

_URL: Final = CONTEXTS["url"]


class UrlValue(NamedTuple):
    """A value that a text is made of.

    Attributes:
        name, path: the name that an expression goes into, and how far.
        is_whole: the value may stand in the text as it is; otherwise something is computed of it.
        context: where it stands, as `CONTEXTS["url"]` says: "" at the beginning, `path` behind the host, ...
    """

    name: str
    path: Path
    is_whole: bool
    context: str


def values_in(text: Text, templates: Mapping[str, str]) -> Iterator[UrlValue]:
    """The values of a text and of the files that it includes, without those that only decide on branches.

    Names that the text gives are replaced by what they stand for.
    """
    if "{{" not in text.value and "{%" not in text.value:
        return
    template, _ = read_with_includes(text, templates)
    names = _given_names(template.body)
    for expression, context in _outputs(template.body, ""):
        for leaf, is_whole in _leaves(expression, names):
            way = way_of(leaf)
            if way is not None:
                yield UrlValue(*way, is_whole, context)


def _given_names(body: list[nodes.Node]) -> dict[str, list[tuple[nodes.Node, bool]]]:
    """The expressions that a template gives each of its names to; true beside one whose entries the name goes over."""
    names = defaultdict[str, list[tuple[nodes.Node, bool]]](list)
    for node in (part for each in body for part in walk(each)):
        match node:
            case nodes.Assign(target=nodes.Name(name=name), node=value):
                names[name].append((value, False))
            case nodes.For(target=target, iter=of):
                for each in walk(target):
                    if isinstance(each, nodes.Name):
                        names[each.name].append((of, True))
    return names


def _outputs(body: Iterable[nodes.Node], context: str) -> Generator[tuple[nodes.Expr, str], None, str]:
    """Each value of a text with its place in a URL; returns the place behind the text."""
    for part in body:
        match part:
            case nodes.Output():
                context = yield from _outputs(part.nodes, context)
            case nodes.TemplateData(data=text):
                context = _URL.after(context, text)
            case nodes.If():
                bodies = (part.body, *(arm.body for arm in part.elif_), part.else_)
                ends = []
                for each in bodies:
                    ends.append((yield from _outputs(each, context)))
                context = _joined(ends)
            case nodes.For():
                again = _joined([context, (yield from _outputs(part.body, context))])
                end = _joined([again, (yield from _outputs(part.body, again))])
                context = _joined([end, (yield from _outputs(part.else_, context))])
            case nodes.Scope():
                context = yield from _outputs(part.body, context)
            case nodes.Expr():
                yield part, context
                context = _URL.after_value(context)
    return context


def _joined(contexts: list[str]) -> str:
    """The place behind branches that end in these; where they differ, the next value may decide the host."""
    return contexts[0] if len(set(contexts)) == 1 else "host"


def _leaves(
    node: nodes.Node, names: Mapping[str, list[tuple[nodes.Node, bool]]], depth: int = 0
) -> Iterator[tuple[nodes.Node, bool]]:
    """The names, and ways into names, whose values an expression may hold.

    Beside each is true when the expression may be that value, unchanged. Names that the template gives are replaced by
    what they stand for.
    """
    for value in whole_values(node):
        is_part = isinstance(value, nodes.Getitem) and isinstance(value.arg, nodes.Slice)
        way = None if is_part else way_of(value)
        if way is None:
            yield from ((leaf, False) for part in _parts(value) for leaf, _ in _leaves(part, names, depth))
        elif way[0] not in names:
            yield value, True
        elif depth < MAX_DEPTH:
            for given, is_entry in names[way[0]]:
                for leaf, is_whole in _leaves(given, names, depth + 1):
                    yield leaf, is_whole and not way[1] and not is_entry


def _parts(node: nodes.Node) -> Iterator[nodes.Node]:
    """The expressions that a value is computed of; none where it only says something about them."""
    match node:
        case nodes.Compare() | nodes.Test() | nodes.And() | nodes.Or() | nodes.Not():
            return
        case nodes.Filter(name=name) if name == COUNTING:
            return
    yield from node.iter_child_nodes()

"""The values in a text, each with its place in the URL that the text may become."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from app.flow.expressions.syntax import Compared, Cut, Defined, Filtered, Logic, Node, Not, children, whole_values
from app.flow.expressions.touching import COUNTING, way_of
from app.flow.paths import Path
from app.flow.templates.scanner import Data
from app.flow.templates.spots import SPOTS
from app.flow.templates.tree import For, If, Include, Output, Part, Set, TreeReader

MAX_DEPTH: Final = 10
"""How deep includes and names of a template are followed; deeper ones are errors of their own, or circles."""

_URL_SPOTS: Final = SPOTS["url"]


class UrlValue(NamedTuple):
    """A value that a text is made of.

    Attributes:
        name, path: the name that an expression goes into, and how far.
        is_whole: the value may stand in the text as it is; otherwise something is computed of it.
        spot: where it stands, as `SPOTS["url"]` says: "" at the beginning, `path` behind the host, ...
    """

    name: str
    path: Path
    is_whole: bool
    spot: str


def values_in(text: str, templates: Mapping[str, str]) -> Iterator[UrlValue]:
    """The values of a text and of the files that it includes, without those that only decide on branches.

    Names that the text gives are replaced by what they stand for.
    """
    if "{{" not in text and "{%" not in text:
        return
    parts = tuple(_included(TreeReader(text).read(), templates))
    names = defaultdict[str, list[tuple[Node, bool]]](list)
    _collect_names(parts, names)
    for expression, spot in _outputs(parts, ""):
        for leaf, is_whole in _leaves(expression, names):
            way = way_of(leaf)
            if way is not None:
                yield UrlValue(*way, is_whole, spot)


def _included(parts: Iterable[Part], templates: Mapping[str, str], depth: int = 0) -> Iterator[Part]:
    """The parts of a text at its outermost level, with those of the files that it includes in their place."""
    for part in parts:
        match part:
            case Include(name=name):
                if depth < MAX_DEPTH and name in templates:
                    yield from _included(TreeReader(templates[name]).read(), templates, depth + 1)
            case If(arms=arms, start=start):
                inner = tuple((test, tuple(_included(body, templates, depth))) for test, body in arms)
                yield If(inner, start)
            case For(names=names, of=of, body=body, other=other, start=start):
                body, other = (tuple(_included(each, templates, depth)) for each in (body, other))
                yield For(names, of, body, other, start)
            case _:
                yield part


def _collect_names(parts: Iterable[Part], names: dict[str, list[tuple[Node, bool]]]) -> None:
    """The expressions that a template gives each of its names to; true beside one whose entries the name goes over."""
    for part in parts:
        match part:
            case Set(name=token, node=node):
                names[token.text].append((node, False))
            case For(names=tokens, of=of, body=body, other=other):
                if of is not None:
                    for token in tokens:
                        names[token.text].append((of, True))
                _collect_names((*body, *other), names)
            case If(arms=arms):
                for _, body in arms:
                    _collect_names(body, names)


def _outputs(parts: Iterable[Part], spot: str) -> Generator[tuple[Node, str], None, str]:
    """Each value of a text with its place in a URL; returns the place behind the text."""
    for part in parts:
        match part:
            case Data(text=text):
                spot = _URL_SPOTS.after(spot, text)
            case Output(node=node):
                yield node, spot
                spot = _URL_SPOTS.after_value(spot)
            case If(arms=arms):
                ends = [] if arms[-1][0] is None else [spot]
                for _, body in arms:
                    ends.append((yield from _outputs(body, spot)))
                spot = _joined(ends)
            case For(body=body, other=other):
                again = _joined([spot, (yield from _outputs(body, spot))])
                end = _joined([again, (yield from _outputs(body, again))])
                spot = _joined([end, (yield from _outputs(other, spot))])
    return spot


def _joined(spots: list[str]) -> str:
    """The place behind branches that end in these; where they differ, the next value may decide the host."""
    return spots[0] if len(set(spots)) == 1 else "host"


def _leaves(node: Node, names: Mapping[str, list[tuple[Node, bool]]], depth: int = 0) -> Iterator[tuple[Node, bool]]:
    """The names, and ways into names, whose values an expression may hold.

    Beside each is true when the expression may be that value, unchanged. Names that the template gives are replaced by
    what they stand for.
    """
    for value in whole_values(node):
        way = None if isinstance(value, Cut) else way_of(value)
        if way is None:
            yield from ((leaf, False) for part in _parts(value) for leaf, _ in _leaves(part, names, depth))
        elif way[0] not in names:
            yield value, True
        elif depth < MAX_DEPTH:
            for given, is_entry in names[way[0]]:
                for leaf, is_whole in _leaves(given, names, depth + 1):
                    yield leaf, is_whole and not way[1] and not is_entry


def _parts(node: Node) -> tuple[Node, ...]:
    """The expressions that a value is computed of; none where it only says something about them."""
    match node:
        case Compared() | Defined() | Logic() | Not():
            return ()
        case Filtered(name=name) if name == COUNTING:
            return ()
    return children(node)

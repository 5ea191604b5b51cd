"""The names that a project's own files give to things: what an editor offers where one of them may be written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from app.flow.language.reader import items
from app.flow.nodes import Map, Node, Text
from app.flow.source import read_yaml

_TEMPLATES = "templates/"


class Names(NamedTuple):
    """Names by what they name, each sorted; empty ones where nothing is known."""

    steps: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    lookups: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    hours: tuple[str, ...] = ()
    locales: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()


def names_in(texts: Mapping[str, str]) -> Names:
    """The names in a project's files (path → text). A file with a syntax error gives none."""
    read = (read_yaml(path, text)[0] for path, text in texts.items() if path.startswith("flows/"))
    roots = [node for node in read if isinstance(node, Map)]

    outcomes = (item for root in roots for item in items(root.get("outcomes")))

    def declared(*words: str) -> tuple[str, ...]:
        return _sorted(name for root in roots for word in words for name in _names(root.get(word)))

    return Names(
        steps=declared("steps"),
        flows=_sorted(node.value for root in roots if isinstance(node := root.get("flow"), Text)),
        outcomes=_sorted(item.value for item in outcomes if isinstance(item, Text)),
        variables=declared("vars", "params"),
        lookups=declared("lookups"),
        hooks=declared("hooks"),
        hours=declared("hours"),
        locales=declared("locales"),
        templates=_sorted(path.removeprefix(_TEMPLATES) for path in texts if path.startswith(_TEMPLATES)),
    )


def _names(node: Node | None) -> Iterator[str]:
    if isinstance(node, Map):
        yield from node.keys()


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))

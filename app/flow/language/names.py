"""The names that a project's own files give to things: what an editor offers where one of them may be written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from app.flow.nodes import Map, Node, Text
from app.flow.source import read_yaml

_TEMPLATES = "templates/"


@dataclass(frozen=True, slots=True)
class Names:
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
    roots = [node for path, text in texts.items() if path.startswith("flows/") for node in _nodes(path, text)]
    return Names(
        steps=_sorted(_keys(roots, "steps")),
        flows=_sorted(node.value for root in roots if isinstance(node := root.get("flow"), Text)),
        outcomes=_sorted(_texts(roots, "outcomes")),
        variables=_sorted((*_keys(roots, "vars"), *_keys(roots, "params"))),
        lookups=_sorted(_keys(roots, "lookups")),
        hooks=_sorted(_keys(roots, "hooks")),
        hours=_sorted(_keys(roots, "hours")),
        locales=_sorted(_keys(roots, "locales")),
        templates=_sorted(path.removeprefix(_TEMPLATES) for path in texts if path.startswith(_TEMPLATES)),
    )


def _nodes(path: str, text: str) -> Iterator[Map]:
    node: Node | None = read_yaml(path, text)[0]
    if isinstance(node, Map):
        yield node


def _keys(roots: Iterable[Map], word: str) -> Iterator[str]:
    for root in roots:
        node = root.get(word)
        if isinstance(node, Map):
            yield from node.keys()


def _texts(roots: Iterable[Map], word: str) -> Iterator[str]:
    for root in roots:
        node = root.get(word)
        items = () if node is None or isinstance(node, Text | Map) else node.items
        yield from (item.value for item in items if isinstance(item, Text))


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))

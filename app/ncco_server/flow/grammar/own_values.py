"""Puts what the author has written into the example of a fix: a list or a text where a map is needed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Final

from ncco_server.flow.nodes import Map, Node, Seq, Text, text_of, texts_in
from ncco_server.flow.templates.tree import HOLE

_EXAMPLE: Final = re.compile(r"`([^`{]*\{)([^`]*)(\}\]?)`")
_VALUE: Final = re.compile(r'(?<=: )("[^"]*"|[^\s,\[\]{}]+)')
_KINDS: Final = tuple(
    re.compile(each)
    for each in (
        r"\d+(?:\.\d+)?",
        r"\d+(?:\.\d+)?(?:ms|s|m|h|d)",
        r"\d\d?:\d\d-\d\d?:\d\d",
        r"(?:https?|wss?)://\S+",
        r"\{\{.*\}\}",
        r"[A-Za-z_][\w-]*",
        r"\.\.",
    )
)
"""What can take each other's place: numbers, durations, opening hours, URLs, computed values, words; and a hole."""
_HOLE: Final = len(_KINDS) - 1
_HOURS: Final = 2
_RANGE: Final = re.compile(r"(?<![\w:.-])(\d[\d:]*)(-|\.\.)(\d[\d:]*)")
_SETTING: Final = re.compile(r"\benv\.\w+")
_QUOTED: Final = re.compile(r"[,\[\]{}]|: | #")
"""What a text has in quotes only, within a map in one line."""
_LONGEST: Final = 90


def with_own_values(cure: str, node: Node) -> str:
    """The fix, whose first map in backticks has the values of a text or a list, if it is clear where they belong."""
    if isinstance(node, Map):
        return _with_parts([each.value for each in texts_in(node)], cure)
    return _EXAMPLE.sub(lambda found: _with(node, *found.groups()), cure, count=1)


def _with_parts(values: Sequence[str], cure: str) -> str:
    """With the range that a map's two values are, such as `6..8`, or with its setting, such as `env.TOKEN`."""
    if found := _range_of(values, cure):
        return cure.replace(*found, 1)
    settings = {each for value in values for each in _SETTING.findall(value)}
    return _SETTING.sub(settings.pop(), cure) if len(settings) == 1 else cure


def _range_of(values: Sequence[str], cure: str) -> tuple[str, str] | None:
    """The range in the cure, and what it is with these values."""
    example = _RANGE.search(cure)
    if len(values) == 2 and example and [*map(_digits, values)] == [*map(_digits, example.group(1, 3))]:
        return example[0], example[2].join(values)
    return None


def _as_range(node: Map, example: str) -> Node:
    found = _range_of([each.value for each in texts_in(node)], example)
    return Text(found[1], node.place) if found else node


def _digits(text: str) -> str:
    return re.sub(r"\d+", "0", text)


def _with(node: Node, opening: str, inner: str, closing: str) -> str:
    if isinstance(node, Text):
        inner = _with_text(node, inner)
    elif isinstance(node, Seq) and (entries := _entries(node, inner)):
        inner = ", ".join(f"{key}: {value}" for key, value in entries.items())
    return f"`{opening}{inner}{closing}`"


def _kind(text: str) -> int:
    """Its index; -1 for any other text."""
    return next((index for index, each in enumerate(_KINDS) if each.fullmatch(text.strip('"'))), -1)


def _with_text(node: Text, example: str) -> str:
    """The example with the text as its first value of this kind; as the last one if all of them are the same."""
    kind = -1 if node.value in ("true", "false") else _kind(node.value)
    found = [each for each in _VALUE.finditer(example) if _kind(each[0]) in (kind, _HOLE) and _is_outermost(each)]
    if kind < 0 or not found or "\n" in node.value or f"{node.value}:" in example:
        return example
    chosen = found[-1] if len({each[0] for each in found}) == 1 else found[0]
    return example[: chosen.start()] + written(node) + example[chosen.end() :]


def _is_outermost(value: re.Match[str]) -> bool:
    before = value.string[: value.start()]
    return before.count("{") == before.count("}")


def _entries(node: Seq, example: str) -> dict[str, str]:
    """By key: of a list of names, of maps with one entry each, or of maps that begin with their name."""
    if all(isinstance(item, Text) for item in node.items):
        days = [text_of(item).rpartition(" ") for item in node.items]
        if all(_kind(hours) == _HOURS for _, _, hours in days):
            return {name.strip().removesuffix(":"): hours for name, _, hours in days}
        first = _VALUE.search(example)
        value = first[0] if first and first[0].isalpha() and first[0] + " " not in example else ".."
        return {_key(item): value for item in node.items}
    maps = [item.entries for item in node.items if isinstance(item, Map) and item.entries]
    if len(maps) < len(node.items):
        return {}
    if all(len(each) == 1 or _kind(written(each[0].value)) == _HOURS for each in maps):
        pairs = [(_key(key), value) for key, value in chain.from_iterable(maps)]
    else:
        heads = {each[0].key.value for each in maps}
        if len(heads) > 1 or f"{min(heads)}:" in example or not all(isinstance(each[0].value, Text) for each in maps):
            return {}
        pairs = [
            (
                _key(first.value),
                rest[0].value if len(rest) == 1 else _as_range(Map(tuple(rest), first.key.place), example),
            )
            for first, *rest in maps
        ]
    found = {key: written(value) for key, value in pairs}
    return found if len(found) == len(pairs) else {}


def _key(node: Node) -> str:
    return node.value if isinstance(node, Text) and re.fullmatch(r"[\w.-]+", node.value) else written(node)


def written(node: Node, longest: int = _LONGEST) -> str:
    """In one line: of a long value, only what it is."""
    match node:
        case Text():
            is_quoted = node.quoted or _QUOTED.search(node.value)
            shown = ".." if HOLE in node.value else f'"{node.value}"' if is_quoted else node.value
            return shown if len(shown) <= longest else ".."
        case Map():
            entries = ", ".join(f"{_key(key)}: {written(value, longest // 3)}" for key, value in node.entries)
            return f"{{{entries if len(entries) < longest else '..'}}}"
    items = ", ".join(written(item, longest // 3) for item in node.items)
    return f"[{items if len(items) < longest else '..'}]"

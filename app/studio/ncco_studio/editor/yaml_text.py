"""Changes single values in YAML text; all other characters are kept, including comments and layout."""

from __future__ import annotations

import json
import re
import textwrap
from contextlib import suppress
from typing import Final, NamedTuple, TypeAlias

import yaml

from ncco_server.flow.nodes import LINE_BREAK

Path: TypeAlias = tuple[str, ...]
"""From the root of the document: `("steps", "menu", "do", "0", "talk")`."""

Splice: TypeAlias = tuple[int, int, str]

_PLAIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 .;/+_-]|:(?! ))*(?<![ :])")
"""Needs no quotes, even in a list or map in brackets."""
_WIDTH: Final = 100


class Member(NamedTuple):
    """An entry of a map or an item of a list; an item has the key ""."""

    start: int
    key: str
    value: yaml.Node


def members_of(text: str, node: yaml.CollectionNode) -> list[Member]:
    """In a block an item starts with its dash."""
    if isinstance(node, yaml.MappingNode):
        return [Member(key.start_mark.index, str(key.value), value) for key, value in node.value]
    starts = [int(item.start_mark.index) for item in node.value]
    if not node.flow_style:
        starts = [text.rindex("-", 0, max(start, node.start_mark.index + 1)) for start in starts]
    return [Member(start, "", item) for start, item in zip(starts, node.value, strict=True)]


def end_of(text: str, node: yaml.Node) -> int:
    """A block's end mark comes after the comments and blank lines that follow it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    start = int(node.start_mark.index)
    return start + len(text[start : node.end_mark.index].rstrip())


def addition(text: str, node: yaml.CollectionNode, entry: str) -> Splice:
    """Add an entry or an item (without its dash) at the end."""
    if node.flow_style or not node.value:
        at = end_of(text, members_of(text, node)[-1].value) if node.value else node.start_mark.index + 1
        return at, at, f", {entry}" if node.value else entry
    at, _ = _line_break(text, end_of(text, node))
    dash = "- " if isinstance(node, yaml.SequenceNode) else ""
    return at, at, f"\n{' ' * node.start_mark.column}{dash}{entry}"


def removal(text: str, node: yaml.CollectionNode, number: int) -> Splice:
    """Remove one of several members; in a block, also its line and comment."""
    members = members_of(text, node)
    start = members[number].start
    end = end_of(text, members[number].value)
    line = max((found.end() for found in LINE_BREAK.finditer(text, 0, start)), default=0)
    shares_line = node.flow_style or text[line:start].strip()  # after the dash of a list item
    if shares_line and number + 1 == len(members):
        return end_of(text, members[number - 1].value), end, ""
    if shares_line:
        return start, members[number + 1].start, ""
    return line, _line_break(text, end)[1], ""


def _line_break(text: str, at: int) -> tuple[int, int]:
    found = LINE_BREAK.search(text, at)
    return found.span() if found else (len(text), len(text))


class NoSuchValue(Exception):
    """The document has no value at this path."""


class YamlText:
    """YAML text to be changed. Raises yaml.YAMLError if it cannot be parsed.

    Its methods raise NoSuchValue for a path without a value.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._root = self._parse()

    def _parse(self) -> yaml.Node:
        root = yaml.compose(self.text, Loader=yaml.CSafeLoader)
        if root is None:
            raise yaml.YAMLError("the text is empty")
        return root

    def _splice(self, start: int, end: int, new: str) -> None:
        self.text = self.text[:start] + new + self.text[end:]
        self._root = self._parse()

    def node(self, path: Path) -> yaml.Node:
        found = self._root
        for key in path:
            found = _child(found, key)
        return found

    def get(self, path: Path) -> yaml.Node | None:
        with suppress(NoSuchValue):
            return self.node(path)
        return None

    def set(self, path: Path, value: str) -> None:
        """Keep the style of a scalar as far as the new text allows."""
        node = self.node(path)
        if not isinstance(node, yaml.ScalarNode):
            raise NoSuchValue(path)
        start, end = node.start_mark.index, node.end_mark.index
        if node.style in ("|", ">"):
            last = self.text[start:end]
            self._splice(start, end, self._block(node, value) + last[len(last.rstrip()) :])
        else:
            self._splice(start, end, quoted(value) if node.style else written(value))

    def _block(self, node: yaml.ScalarNode, value: str) -> str:
        header, _, body = self.text[node.start_mark.index : node.end_mark.index].partition("\n")
        indent = len(body) - len(body.lstrip(" "))
        lines = textwrap.wrap(value, max(20, _WIDTH - indent), break_long_words=False, break_on_hyphens=False)
        if node.style == "|":
            lines = value.split("\n")
        elif " ".join(lines) != value:
            return quoted(value)
        if not indent or any(line != line.strip() or not line for line in lines):
            return quoted(value)
        return "\n".join([header, *(" " * indent + line for line in lines)])

    def rename(self, path: Path, key: str) -> None:
        value = self.node(path)
        holder = self.node(path[:-1])
        names = [name for name, node in holder.value if node is value] if isinstance(holder, yaml.MappingNode) else []
        if not names:
            raise NoSuchValue(path)
        self._splice(names[0].start_mark.index, names[0].end_mark.index, written(key))

    def put_into_list(self, path: Path) -> None:
        node = self.node(path)
        if not isinstance(node, yaml.MappingNode):
            raise NoSuchValue(path)
        start = node.start_mark.index
        end = end_of(self.text, node)
        body = self.text[start:end]
        self._splice(start, end, f"[{body}]" if node.flow_style else "- " + body.replace("\n", "\n  "))

    def add(self, path: Path, key: str, value: str) -> None:
        """Add YAML at the end of a map, or of a list, for which `key` is "". What is missing above it is added, too."""
        node = self.get(path)
        if node is None and path:
            self.add(path[:-1], path[-1], f"{{{written(key)}: {value}}}" if key else value)
            return
        if not isinstance(node, yaml.CollectionNode):
            raise NoSuchValue(path)
        entry = f"{written(key)}: {value}" if isinstance(node, yaml.MappingNode) else value
        self._splice(*addition(self.text, node, entry))

    def remove(self, path: Path) -> None:
        """Remove an entry or item along with its line; the last one also removes its container."""
        holder = self.node(path[:-1])
        child = self.node(path)
        assert isinstance(holder, yaml.CollectionNode)  # noqa: S101 - it has a child
        if len(holder.value) == 1:
            self.remove(path[:-1])
            return
        values = [member.value for member in members_of(self.text, holder)]
        self._splice(*removal(self.text, holder, values.index(child)))


def _child(node: yaml.Node, key: str) -> yaml.Node:
    """Raises NoSuchValue."""
    found: yaml.Node | None = None
    if isinstance(node, yaml.MappingNode):
        found = next((value for name, value in node.value if name.value == key), None)
    elif isinstance(node, yaml.SequenceNode) and key.isdecimal() and int(key) < len(node.value):
        found = node.value[int(key)]
    if found is None:
        raise NoSuchValue(key)
    return found


def quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def written(value: str) -> str:
    """Without quotes if YAML is certain to read the same text."""
    return value if _PLAIN.fullmatch(value) else quoted(value)

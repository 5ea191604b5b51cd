"""Changes single values of a YAML text; every other character stays, comments and layout included."""

from __future__ import annotations

import json
import re
import textwrap
from typing import Final, TypeAlias

import yaml

from app.flow.source import LOADER

Path: TypeAlias = tuple[str, ...]
"""Keys and list indices from the root of the document: `("steps", "menu", "do", "0", "talk")`."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 .;/+_-]|:(?! ))*(?<![ :])")
"""A text that needs no quotes, in a list or map in brackets either."""
_WIDTH: Final = 100


class NoSuchValue(Exception):
    """There is no value at this path."""


class YamlText:
    """A YAML text that is being changed. Raises yaml.YAMLError for a text that cannot be parsed.

    Attributes:
        text: the text with the changes so far.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._root = self._parse()

    def _parse(self) -> yaml.Node:
        root = yaml.compose(self.text, Loader=LOADER)
        if root is None:
            raise yaml.YAMLError("the text is empty")
        return root

    def _splice(self, start: int, end: int, new: str) -> None:
        self.text = self.text[:start] + new + self.text[end:]
        self._root = self._parse()

    def node(self, path: Path) -> yaml.Node:
        """The node at a path. Raises NoSuchValue."""
        found = self._root
        for key in path:
            found = _child(found, key)
        return found

    def set(self, path: Path, value: str) -> None:
        """Replace a scalar, in the style that it has as far as the new text allows. Raises NoSuchValue."""
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
        """A folded or literal text with its header and indentation; quoted where a block cannot say it."""
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
        """Write another key for the value at a path. Raises NoSuchValue."""
        value, holder = self.node(path), self.node(path[:-1])
        names = [name for name, node in holder.value if node is value] if isinstance(holder, yaml.MappingNode) else []
        if not names:
            raise NoSuchValue(path)
        self._splice(names[0].start_mark.index, names[0].end_mark.index, written(key))

    def put_into_list(self, path: Path) -> None:
        """Make a list of a map, which becomes its only item. Raises NoSuchValue."""
        node = self.node(path)
        if not isinstance(node, yaml.MappingNode):
            raise NoSuchValue(path)
        start, end = node.start_mark.index, self._end(node)
        body = self.text[start:end]
        self._splice(start, end, f"[{body}]" if node.flow_style else "- " + body.replace("\n", "\n  "))

    def add(self, path: Path, key: str, value: str) -> None:
        """Add an entry to the end of a map, or an item to the end of a list, for which `key` is "".

        `value` is YAML. Raises NoSuchValue.
        """
        node = self.node(path)
        if not isinstance(node, yaml.CollectionNode):
            raise NoSuchValue(path)
        is_map = isinstance(node, yaml.MappingNode)
        entry = f"{written(key)}: {value}" if is_map else value
        if node.flow_style or not node.value:
            at = node.end_mark.index - 1
            self._splice(at, at, f", {entry}" if node.value else entry)
            return
        last = node.value[-1][1] if is_map else node.value[-1]
        at = self._line_end(self._end(last))
        indent = " " * node.start_mark.column
        self._splice(at, at, f"\n{indent}{'' if is_map else '- '}{entry}")

    def remove(self, path: Path) -> None:
        """Remove an entry or an item with its line; the last one goes with what holds it. Raises NoSuchValue."""
        holder, key = self.node(path[:-1]), path[-1]
        child = _child(holder, key)
        assert isinstance(holder, yaml.CollectionNode)  # noqa: S101 - it has a child
        if len(holder.value) == 1:
            self.remove(path[:-1])
            return
        is_map = isinstance(holder, yaml.MappingNode)
        pairs = [(pair[0], pair[1]) if is_map else (pair, pair) for pair in holder.value]
        number = next(index for index, (_, value) in enumerate(pairs) if value is child)
        start, end = pairs[number][0].start_mark.index, self._end(child)
        if holder.flow_style:
            if number + 1 < len(pairs):
                end = pairs[number + 1][0].start_mark.index
            else:
                start = self._end(pairs[number - 1][1])
            self._splice(start, end, "")
        else:
            self._splice(self.text.rfind("\n", 0, start) + 1, self._line_end(end) + 1, "")

    def _end(self, node: yaml.Node) -> int:
        """Where the text of a node ends; the mark of a block is behind the comments and blank lines that follow it."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end(last[1] if isinstance(node, yaml.MappingNode) else last)
        text = self.text[node.start_mark.index : node.end_mark.index]
        return int(node.start_mark.index) + len(text.rstrip())

    def _line_end(self, at: int) -> int:
        """Where the line of a position ends; its comment belongs to it."""
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end


def _child(node: yaml.Node, key: str) -> yaml.Node:
    """The value under a key or index. Raises NoSuchValue."""
    found: yaml.Node | None = None
    if isinstance(node, yaml.MappingNode):
        found = next((value for name, value in node.value if name.value == key), None)
    elif isinstance(node, yaml.SequenceNode) and key.isdecimal() and int(key) < len(node.value):
        found = node.value[int(key)]
    if found is None:
        raise NoSuchValue(key)
    return found


def quoted(value: str) -> str:
    """The text in double quotes."""
    return json.dumps(value, ensure_ascii=False)


def written(value: str) -> str:
    """The text as a scalar: plain where that is certainly read as this text."""
    return value if _PLAIN.fullmatch(value) else quoted(value)

"""Texts of a calendar: they are the same in every call."""

from __future__ import annotations

from app.flow.language.reader import Reader
from app.flow.nodes import Map, Node, Seq, Text


def is_literal(text: Text, what: str, reader: Reader) -> bool:
    """Whether nothing is to be computed in it; E512 otherwise."""
    found = [text.value.index(braces) for braces in ("{{", "{%") if braces in text.value]
    if found:
        message = f'{what}: "{text.value}" would have to be computed in each call'
        reader.report("E512", text.at(min(found), 2), message)
    return not found


def is_missing(node: Node) -> bool:
    """Whether no value is written there, which is reported when the file is read."""
    return isinstance(node, Text) and not node.value and not node.quoted


def has_gaps(node: Node) -> bool:
    """Whether a value is missing in it, at any depth."""
    if isinstance(node, Map):
        return any(has_gaps(entry.value) for entry in node.entries)
    return any(map(has_gaps, node.items)) if isinstance(node, Seq) else is_missing(node)

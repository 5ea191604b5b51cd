"""A flow file as an editor reads it: by the core schema of YAML 1.2, with numbers, flags and nulls."""

from __future__ import annotations

import re
from typing import Any

from ncco_server.flow.nodes import Map, Node, Seq, Text
from ncco_server.flow.source import read_yaml

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = {"", "~", "null", "Null", "NULL"}


def as_editor_reads(text: str) -> Any:
    """The JSON value of a file without errors."""
    node, _ = read_yaml("flows/test.yaml", text)
    assert node is not None, text
    return _value(node)


def _value(node: Node) -> Any:
    if isinstance(node, Map):
        return {entry.key.value: _value(entry.value) for entry in node.entries}
    if isinstance(node, Seq):
        return [_value(item) for item in node.items]
    return node.value if node.quoted or node.origins else _scalar(node)


def _scalar(text: Text) -> Any:
    value = text.value
    if value in _WORDS or value in _NULLS:
        return _WORDS.get(value)
    if _INT.fullmatch(value):
        return int(value)
    return float(value) if _FLOAT.fullmatch(value) else value

"""YAML text → nodes with positions, with checks for the pitfalls of YAML in flow files.

PyYAML's loader changes values (`on` becomes True, `17:30` 1050, `0044` 36, the second of two equal keys wins
silently), so only its event API is used: every scalar is the text that its author wrote.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from app.flow.issues import FlowIssue, by_place
from app.flow.nodes import Node
from app.flow.rules import RULES
from app.flow.source.builder import Builder
from app.flow.source.pitfalls import check_unsupported
from app.flow.source.source_file import SourceFile
from app.flow.source.syntax import diagnose

__all__ = ["LOADER", "MAX_CHARACTERS", "MAX_DEPTH", "names_written_in", "read_yaml"]

MAX_CHARACTERS = 524_288
MAX_DEPTH = 64
"""A larger or more deeply nested file is refused (E119)."""

LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C; the one in Python where PyYAML was built without it."""

_NAME = re.compile(r"^[ \t]*(?:- +)*[\"']?([A-Za-z_][\w-]*)[\"']?[ \t]*:", re.MULTILINE)
_FLOW_NAME = re.compile(r"^flow:[ \t]*[\"']?([\w-]+)", re.MULTILINE)


def read_yaml(file: str, text: str, *, loader: type[Any] = LOADER) -> tuple[Node | None, list[FlowIssue]]:
    """The first document of `text` as nodes, and its issues sorted by place.

    `file` is the path to show in places. Never raises, whatever the text. The node is None without a document and
    after a syntax error; only the first syntax error is reported. A node can come with errors of other kinds: an
    unquoted `Text` with the value "" is a missing value that is already reported.
    """
    source = SourceFile(file, text)
    if len(source.text) > MAX_CHARACTERS:
        message = f"the file has {len(source.text)} characters; at most {MAX_CHARACTERS} are read"
        return None, [RULES["E119"].at(source.place(0), message)]
    issues = source.replace_invalid_characters()
    events, stopped = _parse(source, loader)
    if stopped is not None:
        return None, sorted([*issues, stopped], key=by_place)
    if unsupported := check_unsupported(source, events):
        return None, sorted([*issues, *unsupported], key=by_place)
    builder = Builder(source, iter(events), issues)
    node = builder.document()
    return node, sorted(builder.issues, key=by_place)


def names_written_in(text: str) -> tuple[str, frozenset[str]]:
    """Of a file with a syntax error: the flow's name ("" without one), and every word that can be a key."""
    found = _FLOW_NAME.search(text)
    return found[1] if found else "", frozenset(_NAME.findall(text))


def _parse(source: SourceFile, loader: type[Any]) -> tuple[list[yaml.Event], FlowIssue | None]:
    """The parser's events, and what stopped it."""
    events: list[yaml.Event] = []
    depth = 0
    try:
        for event in yaml.parse(source.parsed, Loader=loader):
            events.append(event)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                message = f"more than {MAX_DEPTH} levels, one inside the other"
                return events, RULES["E119"].at(source.extent(event), message)
    except yaml.MarkedYAMLError as error:
        return events, diagnose(source, error, events)
    return events, None

"""Takes the nodes of a scenario file apart, and reports what does not fit at its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.flow.issues import Issue
from app.flow.language.base import milliseconds
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.ncco.suggest import nearest
from app.verify.scenarios.rules import RULES

_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_SECONDS: Final = re.compile(r"\d{1,6}(\.\d{1,3})?")


@dataclass(slots=True)
class Reader:
    """One file being read; every fault goes to `issues`."""

    issues: list[Issue] = field(default_factory=list)

    def report(self, code: str, place: Place, message: str, cure: str | None = None) -> None:
        """Add an issue."""
        self.issues.append(RULES[code].at(place, message, cure))

    def unknown(self, key: Text, known: Iterable[str], what: str, hints: Mapping[str, str]) -> None:
        """S102 for a word that `what` does not have."""
        words = tuple(known)
        near = nearest(key.value, words)
        cure = hints.get(key.value) or (f'did you mean "{near}"?' if near else f"known are: {', '.join(words)}")
        self.report("S102", key.place, f'{what} has no "{key.value}"', cure)

    def map(self, node: Node, what: str, cure: str) -> Map | None:
        """`node` as a map; S101 when it is none, unless it is empty and reported already."""
        if isinstance(node, Map):
            return node
        if isinstance(node, Text) and not node.value and not node.quoted:
            return None
        self.report("S101", node.place, f"{what} is not a map", cure)
        return None

    def fields(
        self, node: Map, known: tuple[str, ...], what: str, hints: Mapping[str, str] | None = None
    ) -> dict[str, Entry]:
        """Its entries by word; S102 for each that is not known."""
        for entry in node.entries:
            if entry.key.value not in known:
                self.unknown(entry.key, known, what, hints or {})
        return {entry.key.value: entry for entry in node.entries if entry.key.value in known}

    def text(self, node: Node, what: str, cure: str = "write a text") -> Text | None:
        """`node` as a text; S101 when it is none, or empty and reported already."""
        if not isinstance(node, Text):
            self.report("S101", node.place, f"{what} is {'a map' if isinstance(node, Map) else 'a list'}", cure)
            return None
        return node if node.value or node.quoted else None

    def texts(self, node: Node, what: str) -> tuple[Text, ...]:
        """`node` as texts: one, or a list of them."""
        found = [self.text(item, what) for item in items(node)]
        return tuple(text for text in found if text is not None)

    def seconds(self, node: Node, what: str) -> float | None:
        """A duration such as `30s`, `2m` or a number of seconds; S104 when it is none."""
        text = self.text(node, what)
        if text is None:
            return None
        found = float(text.value) if _SECONDS.fullmatch(text.value) else None
        ms = milliseconds(text.value)
        if found is None and ms is None:
            self.report("S104", text.place, f'{what} cannot be "{text.value}"', "write seconds, such as 12s or 12")
            return None
        return found if ms is None else ms / 1000

    def word(self, node: Node, known: Iterable[str], what: str) -> str | None:
        """One of some words; S104 when it is none of them."""
        text = self.text(node, what)
        words = tuple(known)
        if text is None or text.value in words:
            return text.value if text else None
        near = nearest(text.value, words)
        cure = f'did you mean "{near}"?' if near else f"write one of: {', '.join(words)}"
        self.report("S104", text.place, f'{what} cannot be "{text.value}"', cure)
        return None


def items(node: Node) -> tuple[Node, ...]:
    """The items of a list; what is none stands for a list of one."""
    return node.items if isinstance(node, Seq) else (node,)


def json_of(node: Node) -> Any:
    """A node as JSON has it: `true`, `false` and numbers without quotes are what they look like."""
    if isinstance(node, Map):
        return {entry.key.value: json_of(entry.value) for entry in node.entries}
    if isinstance(node, Seq):
        return [json_of(item) for item in node.items]
    is_typed = not node.quoted and (node.value in ("true", "false") or _NUMBER.fullmatch(node.value))
    return json.loads(node.value) if is_typed else node.value

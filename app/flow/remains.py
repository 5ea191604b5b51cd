"""A flow file that YAML cannot read whole: what is wrong in the rest of it all the same.

Lines that could not be understood are left out, so whatever is missing may stand in them. Only what is wrong by itself
is told: a word that exists nowhere, a value that does not fit, an expression that cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from app.flow.checks.ncco import concerns_a_value
from app.flow.issues import Issue
from app.flow.language.flow import read_flow
from app.flow.language.shared import Context
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.source import read_remains

_VALUES = frozenset({"E203", "E205", "E206", "E232", "E235", "E246"}).union(
    ("E301", "E302", "E304", "E305", "E307", "E308", "E309", "E310", "E312", "E313", "E314"),
    ("E320", "E321", "E322", "E323", "E330"),
)
"""Faults of a value or an expression by itself."""
_UNKNOWN = frozenset({"E202", "E214", "E225", "E303", "E402"})
_MISPLACED = frozenset({"E202", "E402"})
_INDENTATION = frozenset({"E103", "E109", "E115"})
"""Faults of a word; one that is a key somewhere in the file may be declared in a line that is left out.

A line in the wrong column may have taken a word of `_MISPLACED` from where it is known.
"""


def check_remains(path: str, text: str, context: Context, faults: Collection[Issue]) -> Iterator[Issue]:
    """The faults that are sure whatever the lines say that could not be read; `faults` are those of these lines."""
    node = read_remains(path, text)
    found: list[Issue] = []
    if node is not None:
        read_flow(_without_gaps(node), context, found)
    marred = {fault.place.line for fault in faults}
    unsure = _MISPLACED if any(fault.code in _INDENTATION for fault in faults) else frozenset[str]()
    here = (issue for issue in found if issue.place.file == path and issue.place.line not in marred)
    return (issue for issue in here if issue.code not in unsure and _is_sure(issue, text))


def _without_gaps(node: Node) -> Node:
    """The node without what is empty: that is reported already, or stands in a line that is left out."""
    if isinstance(node, Map):
        kept = (Entry(key, _without_gaps(value)) for key, value in node.entries if not _is_gap(value))
        return node._replace(entries=tuple(kept))
    if isinstance(node, Seq):
        return node._replace(items=tuple(_without_gaps(item) for item in node.items if not _is_gap(item)))
    return node


def _is_gap(node: Node) -> bool:
    return isinstance(node, Text) and not node.value and not node.quoted


def _is_sure(issue: Issue, text: str) -> bool:
    if issue.code == "E201":
        return _is_behind_its_key(issue.place, text)
    if issue.code in _UNKNOWN:
        return _is_nowhere(issue.place, text)
    return issue.code in _VALUES or (issue.code == "E401" and concerns_a_value(issue))


def _is_behind_its_key(place: Place, text: str) -> bool:
    """Whether a value begins in the line of its key: no line that is left out belongs to its beginning."""
    before = text.splitlines()[place.line - 1][: place.column - 1]
    return before.rstrip().endswith(":")


def _is_nowhere(place: Place, text: str) -> bool:
    """Whether the word at a place begins no other line."""
    lines = text.splitlines()
    word = lines[place.line - 1][place.column - 1 :][: place.length]
    key = re.compile(rf"[ \t]*(?:- +)?[\"']?{re.escape(word)}\b")
    return bool(re.search(r"\w", word)) and not any(key.match(line) for line in lines if line != lines[place.line - 1])

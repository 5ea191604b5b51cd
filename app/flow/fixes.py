"""Quick fixes: the typed cure of an issue as edits of the text of its file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import yaml

from app.flow.issues import Fix, Issue
from app.flow.nodes import Place
from app.flow.source import LOADER, MAX_CHARACTERS
from app.flow.source.source_file import SourceFile

_PLAIN: Final = re.compile(r"[A-Za-z0-9_](?:[\w .+/-]*[\w.+/-])?")
"""What means the same with and without quotes wherever flow files have a text; all is read as text."""


class Edit(NamedTuple):
    """Characters of a file and what is written instead; lines and columns count from 1, the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str


@dataclass(frozen=True, slots=True)
class QuickFix:
    """A change that removes an issue: what an editor calls it, and its edits."""

    title: str
    edits: tuple[Edit, ...]


def quick_fixes(issue: Issue, texts: Mapping[str, str]) -> tuple[QuickFix, ...]:
    """The fixes of an issue that was found in these texts (path → text); empty without any."""
    fix, file = issue.fix, issue.place.file
    if fix is None or file not in texts:
        return ()
    source = SourceFile(file, texts[file])
    place = fix.place or issue.place
    if place.line > len(source.starts):
        return ()
    start = source.starts[place.line - 1] + place.column - 1
    change = _change(fix, source, start, place)
    return (QuickFix(_title(fix), (_edit(source, *change),)),) if change else ()


def _title(fix: Fix) -> str:
    match fix.kind:
        case "word":
            return f"Change to {fix.text}"
        case "delete":
            return "Delete it"
        case "add":
            return f"Add {fix.text}"
    return f"Write {fix.text.strip()}" if fix.text.strip() else "Delete it"


def _edit(source: SourceFile, start: int, end: int, text: str) -> Edit:
    return Edit(source.file, *source.position(start), *source.position(end), text)


def _change(fix: Fix, source: SourceFile, start: int, place: Place) -> tuple[int, int, str] | None:
    """What becomes of the text: from one offset to another it is replaced."""
    written = source.text[start : start + place.length]
    match fix.kind:
        case "characters":
            return start, start + place.length, fix.text
        case "word":
            return None if "\\" in written else (start, start + place.length, _respelt(written, fix.text))
    source.replace_invalid_characters()
    collections = list(_collections(source))
    return _added(source, collections, start, fix.text) if fix.kind == "add" else _deleted(source, collections, start)


def _respelt(written: str, text: str) -> str:
    """A text in the quotes of what it replaces; in double quotes if it needs some."""
    if written.startswith("'"):
        return "'" + text.replace("'", "''") + "'"
    return text if not written.startswith('"') and _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class _Member(NamedTuple):
    """An entry of a map or an item of a list, by offsets; `start` is that of its dash, `value` is what it holds."""

    start: int
    end: int
    value: yaml.Node


@dataclass(frozen=True, slots=True)
class _Collection:
    """A map or a list: its first and last offset, its members, and the index of the member that holds it."""

    node: yaml.CollectionNode
    start: int
    end: int
    members: tuple[_Member, ...]
    holder: tuple[_Collection, int] | None

    @property
    def is_flow(self) -> bool:
        return bool(self.node.flow_style)


def _collections(source: SourceFile) -> Iterator[_Collection]:
    """Every map and list of a file, outer ones first; none of a file that is not YAML."""
    if len(source.text) > MAX_CHARACTERS:
        return
    try:
        root = yaml.compose(source.parsed, Loader=LOADER)
    except (yaml.YAMLError, RecursionError):
        return
    waiting: list[tuple[yaml.Node | None, tuple[_Collection, int] | None]] = [(root, None)]
    seen = set[int]()
    while waiting:
        node, holder = waiting.pop()
        if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
            continue
        seen.add(id(node))
        found = _Collection(node, node.start_mark.index, _end(source, node), _members(source, node), holder)
        yield found
        waiting += [(member.value, (found, index)) for index, member in enumerate(found.members)]


def _members(source: SourceFile, node: yaml.CollectionNode) -> tuple[_Member, ...]:
    if isinstance(node, yaml.MappingNode):
        return tuple(_Member(key.start_mark.index, _end(source, value), value) for key, value in node.value)
    starts = (each.start_mark.index for each in node.value)
    if not node.flow_style:
        starts = (source.parsed.rindex("-", 0, max(start, node.start_mark.index + 1)) for start in starts)
    return tuple(_Member(start, _end(source, each), each) for start, each in zip(starts, node.value, strict=True))


def _end(source: SourceFile, node: yaml.Node) -> int:
    """The offset behind a node, without the blank lines and comments that follow it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    start, end = node.start_mark.index, node.end_mark.index
    return start + len(source.parsed[start:end].rstrip())


def _deleted(source: SourceFile, collections: list[_Collection], start: int) -> tuple[int, int, str] | None:
    """Without the member that begins at an offset; without what holds it if it is the only one."""
    places = (
        (each, index) for each in collections for index, member in enumerate(each.members) if member.start == start
    )
    values = (
        (each, index)
        for each in collections
        for index, member in enumerate(each.members)
        if member.value.start_mark.index == start
    )
    found = next(places, None) or next(values, None)
    while found is not None and len(found[0].members) == 1 and found[0].holder is not None:
        found = found[0].holder
    if found is None:
        return None
    collection, index = found
    member, members = collection.members[index], collection.members
    if collection.is_flow:
        if index + 1 < len(members):
            return member.start, members[index + 1].start, ""
        return (members[index - 1].end if index else member.start), member.end, ""
    line, _ = source.position(member.start)
    if source.text[source.starts[line - 1] : member.start].strip():  # behind the dash of a list item
        return (member.start, members[index + 1].start, "") if index + 1 < len(members) else None
    last, _ = source.position(member.end)
    return source.starts[line - 1], source.starts[last] if last < len(source.starts) else len(source.text), ""


def _added(source: SourceFile, collections: list[_Collection], start: int, text: str) -> tuple[int, int, str] | None:
    """With one more entry, or one more item if it begins with a dash."""
    wanted = yaml.SequenceNode if text.startswith("- ") else yaml.MappingNode
    fitting = [each for each in collections if isinstance(each.node, wanted)]
    below = (each for each in fitting if each.holder and each.holder[0].members[each.holder[1]].start == start)
    found = next(below, None) or next((each for each in fitting if each.start == start), None)
    if found is None or not (found.members or found.is_flow):
        return None
    if found.is_flow:
        at = found.members[-1].end if found.members else found.start + 1
        return at, at, f", {text.removeprefix('- ')}" if found.members else text.removeprefix("- ")
    line, _ = source.position(found.members[-1].end)
    at = source.line_end(line)
    _, column = source.position(found.members[0].start)
    return at, at, f"\n{' ' * (column - 1)}{text}"

"""Quick fixes: the typed cure of an issue as edits of the text of its file."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import yaml

from app.flow.issues import Fix, FlowIssue
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


def quick_fixes(issue: FlowIssue, texts: Mapping[str, str]) -> tuple[QuickFix, ...]:
    """The fixes of an issue that was found in these texts (path → text); empty without any."""
    fix, file = issue.fix, issue.place.file
    if fix is None or file not in texts:
        return ()
    read = _read(file, texts[file])
    place, source = Place(*fix.place) if fix.place else issue.place, read.source
    if place.line > len(source.starts):
        return ()
    change = _change(fix, read, source.starts[place.line - 1] + place.column - 1, place)
    return (QuickFix(fix.title, (_edit(source, *change),)),) if change else ()


def _edit(source: SourceFile, start: int, end: int, text: str) -> Edit:
    return Edit(source.file, *source.position(start), *source.position(end), text)


def _change(fix: Fix, read: _Read, start: int, place: Place) -> tuple[int, int, str] | None:
    """What becomes of the text: from one offset to another it is replaced."""
    source, around = read.source, read.around(start)
    written = source.text[start : start + place.length]
    match fix.kind:
        case "characters":
            quote = around[-1].quote(start) if around else ""
            return None if quote and "\\" in written else (start, start + place.length, _escaped(fix.text, quote))
        case "word" if "\\" in written:
            return None
        case "word":
            is_taken = around and around[-1].start == start and fix.text in around[-1].collection.keys
            return None if is_taken else (start, start + place.length, _respelt(written, fix.text))
        case "add":
            return _added(source, _target(read.collections.values(), start, fix.text), fix.text)
        case "add_beside":
            return _added(source, around[-1].collection if around else None, fix.text)
        case "delete_item":
            items = [spot for spot in around if isinstance(spot.collection.node, yaml.SequenceNode)]
            return _deleted(source, items[-1]) if items else None
        case "delete":
            return _deleted(source, around[-1]) if around else None
    return None


def _escaped(text: str, quote: str) -> str:
    """A part of a text in such quotes, as it is written in the file."""
    return text.replace("'", "''") if quote == "'" else json.dumps(text, ensure_ascii=False)[1:-1] if quote else text


def _respelt(written: str, text: str) -> str:
    """A text in the quotes of what it replaces; in double quotes if it needs some."""
    if written.startswith("'"):
        return "'" + text.replace("'", "''") + "'"
    return text if not written.startswith('"') and _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class _Member(NamedTuple):
    """An entry of a map or an item of a list, by offsets; an item starts at its dash, and has the key ""."""

    start: int
    end: int
    key: str
    value: yaml.Node


@dataclass(frozen=True, slots=True)
class _Collection:
    """A map or a list, the offset where it begins, its members, and the member that holds it."""

    node: yaml.CollectionNode
    start: int
    members: tuple[_Member, ...]
    holder: _Spot | None

    @property
    def keys(self) -> frozenset[str]:
        """The keys of a map."""
        return frozenset(member.key for member in self.members)


class _Spot(NamedTuple):
    """A member of a collection."""

    collection: _Collection
    number: int

    @property
    def start(self) -> int:
        """Where the member begins."""
        return self.collection.members[self.number].start

    def quote(self, offset: int) -> str:
        """The quotes of the text that an offset is within; "" if it is not."""
        value = self.collection.members[self.number].value
        if not isinstance(value, yaml.ScalarNode) or not value.start_mark.index < offset < value.end_mark.index:
            return ""
        return value.style if value.style in ("'", '"') else ""


@dataclass(frozen=True, slots=True)
class _Read:
    """A file with its maps and lists by the id of their nodes, outer ones first; none of a file that is not YAML."""

    source: SourceFile
    collections: Mapping[int, _Collection]

    def around(self, offset: int) -> list[_Spot]:
        """The members that an offset is in, outer ones first."""
        found: list[_Spot] = []
        collection = next(iter(self.collections.values()), None)
        while collection is not None:
            number = bisect_right(collection.members, offset, key=lambda member: member.start) - 1
            if number < 0 or offset >= max(collection.members[number].end, collection.members[number].start + 1):
                break
            found.append(_Spot(collection, number))
            collection = self.collections.get(id(collection.members[number].value))
        return found


@lru_cache(maxsize=4)
def _read(file: str, text: str) -> _Read:
    source = SourceFile(file, text)
    source.replace_invalid_characters()
    collections: dict[int, _Collection] = {}
    waiting: deque[tuple[yaml.Node | None, _Spot | None]] = deque([(_root(source), None)])
    while waiting:
        node, holder = waiting.popleft()
        if isinstance(node, yaml.CollectionNode) and id(node) not in collections:
            found = _Collection(node, node.start_mark.index, _members(source, node), holder)
            collections[id(node)] = found
            waiting += ((member.value, _Spot(found, number)) for number, member in enumerate(found.members))
    return _Read(source, collections)


def _root(source: SourceFile) -> yaml.Node | None:
    if len(source.text) > MAX_CHARACTERS:
        return None
    try:
        return yaml.compose(source.parsed, Loader=LOADER)
    except (yaml.YAMLError, RecursionError):
        return None


def _members(source: SourceFile, node: yaml.CollectionNode) -> tuple[_Member, ...]:
    if isinstance(node, yaml.MappingNode):
        return tuple(
            _Member(key.start_mark.index, _end(source, value), str(key.value), value) for key, value in node.value
        )
    starts = (each.start_mark.index for each in node.value)
    if not node.flow_style:
        starts = (source.parsed.rindex("-", 0, max(start, node.start_mark.index + 1)) for start in starts)
    return tuple(_Member(start, _end(source, each), "", each) for start, each in zip(starts, node.value, strict=True))


def _end(source: SourceFile, node: yaml.Node) -> int:
    """The offset behind a node, without the blank lines and comments that follow it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    start, end = node.start_mark.index, node.end_mark.index
    return start + len(source.parsed[start:end].rstrip())


def _deleted(source: SourceFile, spot: _Spot) -> tuple[int, int, str] | None:
    """Without a member; without the section that holds it if it is the only one there."""
    collection, index = spot.collection, spot.number
    members = collection.members
    if len(members) == 1 and collection.holder is not None and collection.holder.collection.holder is None:
        return _deleted(source, collection.holder)
    member = members[index]
    if collection.node.flow_style:
        if index + 1 < len(members):
            return member.start, members[index + 1].start, ""
        return (members[index - 1].end if index else member.start), member.end, ""
    line, _ = source.position(member.start)
    if len(members) == 1:
        return None
    if source.text[source.starts[line - 1] : member.start].strip():  # behind the dash of a list item
        return (member.start, members[index + 1].start, "") if index + 1 < len(members) else None
    last, _ = source.position(member.end)
    return source.starts[line - 1], source.starts[last] if last < len(source.starts) else len(source.text), ""


def _target(collections: Iterable[_Collection], start: int, text: str) -> _Collection | None:
    """The map, or the list if an item is added, that is at an offset or below the key there."""
    wanted = yaml.SequenceNode if text.startswith("- ") else yaml.MappingNode
    fitting = [each for each in collections if isinstance(each.node, wanted)]
    below = (each for each in fitting if each.holder and each.holder.start == start)
    return next(below, None) or next((each for each in fitting if each.start == start), None)


def _added(source: SourceFile, to: _Collection | None, text: str) -> tuple[int, int, str] | None:
    """With one more entry, or one more item if it begins with a dash."""
    if to is None or not (to.members or to.node.flow_style) or text.partition(":")[0] in to.keys:
        return None
    if to.node.flow_style:
        at = to.members[-1].end if to.members else to.start + 1
        return at, at, f"{', ' if to.members else ''}{text.removeprefix('- ')}"
    line, _ = source.position(to.members[-1].end)
    at = source.line_end(line)
    _, column = source.position(to.members[0].start)
    return at, at, f"\n{' ' * (column - 1)}{text}"

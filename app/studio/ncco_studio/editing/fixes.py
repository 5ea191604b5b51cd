"""Quick fixes: turns an issue's fix into edits of its file, tried out before they are offered."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

import yaml

from ncco_server.flow.files import is_flow_file
from ncco_server.flow.issues import PHASES, RULES, Fix, FlowIssue
from ncco_server.flow.nodes import LINE_BREAK, Place
from ncco_server.flow.source import MAX_CHARACTERS, names_written_in
from ncco_server.flow.source.source_file import SourceFile
from ncco_studio.editing.yaml_text import Member, Splice, addition, end_of, members_of, removal

_PLAIN: Final = re.compile(r"[A-Za-z0-9_](?:[\w .+/-]*[\w.+/-])?")
"""Texts that mean the same with and without quotes everywhere in flow files."""


_WORD: Final = re.compile(r"[\w-]+")

MOST_TRIED: Final = 20
"""Fixes of later issues are tried once these issues are gone."""
MOST_TRIED_CHARACTERS: Final = 150_000
"""Checking this many takes some seconds."""


class Edit(NamedTuple):
    """A range of characters in a file (from 1, the end is exclusive), and the text that replaces it."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str


@dataclass(frozen=True, slots=True)
class QuickFix:
    """A change that removes an issue: its title in an editor, and its edits."""

    title: str
    edits: tuple[Edit, ...]


FindIssues: TypeAlias = Callable[[Mapping[str, str]], Iterable[FlowIssue]]
"""From the texts of some files (path → text)."""


def tried_fixes(issues: Iterable[FlowIssue], texts: Mapping[str, str], check: FindIssues) -> dict[FlowIssue, QuickFix]:
    """Keep fixes that remove their issue and cause no new one.

    A later phase, which did not run before, may find new issues, but not in changed lines, nor in lines with an added
    or removed word: the fix may be their cause. It is tried on the files that it may affect.
    """

    @cache
    def checked(file: str) -> tuple[Mapping[str, str], Counter[_Kind]]:
        concerned = _concerned_by(file, texts) if file else texts
        return concerned, Counter(map(_kind_of, check(concerned)))

    def is_doubtful(issue: FlowIssue) -> bool:
        """Whether an error may be the reason why nothing uses what the fix deletes."""
        deletes = issue.quick_fix is not None and issue.quick_fix.kind.startswith("delete")
        return (
            deletes
            and not issue.is_error
            and any(RULES[code].severity == "error" for _, code, _ in checked("")[1] if code in RULES)
        )

    left = MOST_TRIED_CHARACTERS
    found: dict[FlowIssue, QuickFix] = {}
    drafts = ((issue, quick_fix(issue, texts)) for issue in issues)
    for issue, fix in islice(((issue, fix) for issue, fix in drafts if fix is not None), MOST_TRIED):
        if is_doubtful(issue):
            continue
        concerned, before = checked(issue.place.file)
        if _kind_of(issue) not in before:  # only a check of all files finds this issue
            concerned, before = checked("")
        written = with_edits(concerned, fix.edits)
        left -= sum(map(len, concerned.values()))
        if left < 0:
            break
        after = tuple(check(written))
        is_gone = Counter(map(_kind_of, after))[_kind_of(issue)] < before[_kind_of(issue)]
        new = (each for each in after if _kind_of(each) not in before)
        words = _words_changed(concerned, fix)
        if is_gone and all(
            _phase_of(each) > _phase_of(issue)
            and not _is_changed(each.place, fix)
            and words.isdisjoint(_WORD.findall(_line_of(written, each.place)))
            for each in new
        ):
            found[issue] = fix
    return found


_Kind: TypeAlias = tuple[str, str, str]
"""The place is left out, since the fix may move it."""


def _kind_of(issue: FlowIssue) -> _Kind:
    return issue.place.file, issue.code, issue.message


def _phase_of(issue: FlowIssue) -> int:
    """Scenario issues come after all phases of flows."""
    return PHASES.index(RULES[issue.code].found_in) if issue.code in RULES else len(PHASES)


def _is_changed(place: Place, fix: QuickFix) -> bool:
    return any(
        place.file == edit.file and edit.line <= place.line <= edit.line + edit.text.count("\n") for edit in fix.edits
    )


def _words_changed(texts: Mapping[str, str], fix: QuickFix) -> set[str]:
    sources = ((SourceFile(edit.file, texts[edit.file]), edit) for edit in fix.edits)
    gone = (source.text[slice(*_span(source, edit))] for source, edit in sources)
    return {word for text in (*gone, *(edit.text for edit in fix.edits)) for word in _WORD.findall(text)}


def _line_of(texts: Mapping[str, str], place: Place) -> str:
    return next(islice(LINE_BREAK.split(texts.get(place.file, "")), place.line - 1, None), "")


def _concerned_by(file: str, texts: Mapping[str, str]) -> Mapping[str, str]:
    """All files for a shared one: any flow may use its parts."""
    flows = {path: names_written_in(text)[0] for path, text in texts.items() if is_flow_file(path)}
    if flows.get(file) == "":
        return texts
    words = set(_WORD.findall(texts[file]))
    name = flows.get(file) or file.removeprefix("templates/")
    others = [path for path, flow in flows.items() if not flow or flow in words or name in texts[path]]
    return {path: texts[path] for path in (*(each for each in texts if each.startswith("templates/")), *others, file)}


def quick_fix(issue: FlowIssue, texts: Mapping[str, str]) -> QuickFix | None:
    """The fix is not yet tried."""
    fix = issue.quick_fix
    file = issue.place.file
    if fix is None or file not in texts:
        return None
    source, root = _read(file, texts[file])
    place = Place(*fix.place) if fix.place else issue.place
    if place.line > len(source.starts):
        return None
    start = source.starts[place.line - 1] + place.column - 1
    change = _change(fix, source, _around(source.parsed, root, start), start, place.length)
    return QuickFix(fix.title, (_edit(source, *change),)) if change else None


def with_edits(texts: Mapping[str, str], edits: Iterable[Edit]) -> dict[str, str]:
    changed = dict(texts)
    for edit in sorted(edits, reverse=True):
        source = SourceFile(edit.file, changed[edit.file])
        start, end = _span(source, edit)
        changed[edit.file] = source.text[:start] + edit.text + source.text[end:]
    return changed


def _span(source: SourceFile, edit: Edit) -> tuple[int, int]:
    start, end = source.starts[edit.line - 1], source.starts[edit.end_line - 1]
    return start + edit.column - 1, end + edit.end_column - 1


@lru_cache(maxsize=4)
def _read(file: str, text: str) -> tuple[SourceFile, yaml.Node | None]:
    """The root node is None if it is not YAML. Cached, since a file's fixes are requested together."""
    source = SourceFile(file, text)
    source.replace_invalid_characters()
    try:
        root = yaml.compose(source.parsed, Loader=yaml.CSafeLoader) if len(source.text) <= MAX_CHARACTERS else None
    except (yaml.YAMLError, RecursionError):
        root = None
    return source, root


def _edit(source: SourceFile, start: int, end: int, text: str) -> Edit:
    return Edit(source.file, *source.position(start), *source.position(end), text)


class _Spot(NamedTuple):
    """A member of a map or a list, with its index."""

    collection: yaml.CollectionNode
    number: int
    member: Member


def _around(text: str, root: yaml.Node | None, offset: int) -> list[_Spot]:
    found: list[_Spot] = []
    while isinstance(root, yaml.CollectionNode):
        before = [each for each in enumerate(members_of(text, root)) if each[1].start <= offset]
        if not before or offset >= max(end_of(text, before[-1][1].value), before[-1][1].start + 1):
            break
        found.append(_Spot(root, *before[-1]))
        root = before[-1][1].value
    return found


def _change(fix: Fix, source: SourceFile, around: list[_Spot], start: int, length: int) -> Splice | None:
    """Return None if the fix is not possible."""
    written = source.text[start : start + length]
    text = source.parsed
    match fix.kind:
        case "characters":
            quote = _quote_around(around, start)
            return None if quote and "\\" in written else (start, start + length, _escaped(fix.text, quote))
        case "word" if "\\" in written:
            return None
        case "word":
            is_taken = around and around[-1].member.start == start and fix.text in _keys(text, around[-1].collection)
            return None if is_taken else (start, start + length, _respelt(written, fix.text))
        case "add":
            return _added(text, _target(around, start, fix.text), fix.text)
        case "add_beside":
            return _added(text, around[-1].collection if around else None, fix.text)
        case "delete_item":
            items = [at for at, spot in enumerate(around, 1) if isinstance(spot.collection, yaml.SequenceNode)]
            return _deleted(text, around[: items[-1]]) if items else None
        case "delete":
            return _deleted(text, around) if around else None
    return None


def _quote_around(around: list[_Spot], offset: int) -> str:
    """Return "" if the text is not in quotes."""
    value = around[-1].member.value if around else None
    if not isinstance(value, yaml.ScalarNode) or not value.start_mark.index < offset < value.end_mark.index:
        return ""
    return value.style if value.style in ("'", '"') else ""


def _escaped(text: str, quote: str) -> str:
    return text.replace("'", "''") if quote == "'" else json.dumps(text, ensure_ascii=False)[1:-1] if quote else text


def _respelt(written: str, text: str) -> str:
    """Keep the replaced text's quotes, or add double quotes if needed."""
    if written.startswith("'"):
        return "'" + text.replace("'", "''") + "'"
    return text if not written.startswith('"') and _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _keys(text: str, node: yaml.CollectionNode) -> frozenset[str]:
    return frozenset(member.key for member in members_of(text, node))


def _deleted(text: str, around: list[_Spot]) -> Splice | None:
    """Remove the innermost member, or the top-level section whose only member it is."""
    collection, number, member = around[-1]
    if len(collection.value) > 1:
        return removal(text, collection, number)
    if len(around) == 2:
        return _deleted(text, around[:1])
    return (member.start, end_of(text, member.value), "") if collection.flow_style else None


def _target(around: list[_Spot], start: int, text: str) -> yaml.CollectionNode | None:
    """The map (for an item, the list) below the key at `start`, or that begins there."""
    wanted = yaml.SequenceNode if text.startswith("- ") else yaml.MappingNode
    below = [spot.member.value for spot in around if spot.member.start == start]
    there = [*(spot.collection for spot in around), *(spot.member.value for spot in around[-1:])]
    candidates = (*below, *(node for node in there if node.start_mark.index == start))
    return next((node for node in candidates if isinstance(node, wanted)), None)


def _added(text: str, to: yaml.CollectionNode | None, entry: str) -> Splice | None:
    """Return None if the map already has the key."""
    if to is None or entry.partition(":")[0] in _keys(text, to):
        return None
    return addition(text, to, entry.removeprefix("- "))

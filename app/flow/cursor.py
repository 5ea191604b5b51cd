"""What a person is writing at the cursor of a flow file or an NCCO, also while the text is broken, as it mostly is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from app.flow.source import read_yaml
from app.flow.source.source_file import LINE_BREAK
from app.flow.words import MARK, WrittenWord, words_of

_OPENING: Final = re.compile(r"([ \t]*)((?:-[ \t]+)*)(?:([\w*#.\"'-]+)[ \t]*:(?=[ \t]|$)[ \t]*(.*))?")
_PLAIN: Final = re.compile(r"[\w.+-]+")
_KEY_START: Final = re.compile(r"[ \t]*(?:-[ \t]+)*[\"']?[\w*#.-]*")
_QUOTED: Final = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:''|[^'])*'")
_CLOSERS: Final = {"[": "]", "{": "}"}


class Cursor(NamedTuple):
    """A word with the cursor in it: what is written before it, within the key or the value, and what follows."""

    word: WrittenWord
    before: str
    after: str


def cursors(text: str, line: int, column: int) -> tuple[Cursor, ...]:
    """What may be written at a place, which counts from 1 in characters: a key, a value, or both.

    The text is read with a mark at the cursor. If it is not YAML, the cursor's line is read below the keys that its
    indentation says it belongs to.
    """
    lines = LINE_BREAK.split(text)
    if line > len(lines):
        return ()
    at = line - 1
    for tried in (_whole(lines, at, column - 1), _reduced(lines, at, column - 1), _cut(lines, at, column - 1)):
        found = [cursor for marked in tried for cursor in _marked(marked)]
        if found:
            return tuple(found)
    return ()


def _marked(text: str) -> Iterator[Cursor]:
    node, _ = read_yaml("", text)
    for word in words_of(node) if node is not None else ():
        if MARK in word.text.value:
            before, _, after = word.text.value.partition(MARK)
            yield Cursor(word, before, after)


def _with_mark(line: str, column: int) -> Iterator[str]:
    """The line with the mark; as a key too if nothing but a word is written."""
    before, after = line[:column], line[column:]
    if _KEY_START.fullmatch(before) and not after.strip():
        yield f"{before}{MARK}: x"
    yield f"{before}{MARK}{after}"


def _whole(lines: list[str], at: int, column: int) -> Iterator[str]:
    for marked in _with_mark(lines[at], column):
        yield "\n".join([*lines[:at], marked, *lines[at + 1 :]])


def _reduced(lines: list[str], at: int, column: int) -> Iterator[str]:
    """The line below the keys above it that it belongs to, with their neighbours, and nothing else."""
    line = lines[at][:column]
    opening = cast("re.Match[str]", _OPENING.match(line))  # each part is optional
    level, dash = opening.end(2), opening.end(1) if opening[2] else None  # where keys beside it begin, and its dash
    above: list[str] = []
    for other in reversed(lines[:at]):
        found = cast("re.Match[str]", _OPENING.match(other))
        begin, value = found.end(2), (found[4] or "").strip()
        is_above = begin < level if dash is None else begin < dash or (begin == dash and not found[2])
        is_beside = dash is None and begin == level
        if found[3] and (is_above or is_beside):
            shown = (value if _PLAIN.fullmatch(value) else "x") if is_beside else ""
            above.append(f"{other[: found.end(3)]}: {shown}")
            level, dash = begin, found.end(1) if found[2] else None
    return ("\n".join([*reversed(above), marked + _closers(marked)]) for marked in _with_mark(line, len(line)))


def _cut(lines: list[str], at: int, column: int) -> Iterator[str]:
    """What is written up to the cursor, with all brackets closed; for JSON, whose indentation means nothing."""
    written = "\n".join([*lines[:at], lines[at][:column] + MARK])
    if written.lstrip().startswith(("[", "{")):
        yield written + _closers(written)


def _closers(text: str) -> str:
    """What closes the quotes and brackets that are open at the end of a text."""
    bare = _QUOTED.sub("", text)
    quote = next((char for char in bare if char in "\"'"), "") if re.search(r"(?:^|[\s\[{,:])[\"']", bare) else ""
    open_: list[str] = []
    for char in bare.split(quote)[0] if quote else bare:
        if char in _CLOSERS:
            open_.append(_CLOSERS[char])
        elif open_ and char == open_[-1]:
            open_.pop()
    return quote + "".join(reversed(open_))

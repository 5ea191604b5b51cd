"""Applies the cure of an issue to the text of a flow, as a reader would who copies it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.flow.issues import Issue

_COPIED = re.compile(r"`([^`]+)`|\"([^\"`]+)\"(?! in quotes and)")
_WRITTEN = re.compile(
    r"(?:write|Write) ((?:\"[^\"]*\"|[^\s\",;]+)(?: (?:\||==|!=) \S+)*)(?=$|[;,]| (?:for|here|or|in|instead|where)\b)"
)
_BARE = re.compile(r"write ([a-z]+: \S+|.*[|=\[{].*)$")
_KNOWN = re.compile(r"(?:known are: |it is one of: |write one of )([\w-]+)(?:,|$)")
_DELETION = re.compile(
    r"(?:.*\bor )?(?:delete (?:it|one|`\w+`|the (?:line|prompt|choice))"
    r"|leave (?:it|`?[\w: ]+`?) out|keep one|take it out)"
)
_LEAVE_OUT = re.compile(r"leave out `")
_FITTING = {"step": "end", "flow": "more"}


def cured(text: str, issue: Issue) -> Iterator[str]:
    """The text with the cure applied: what it says to write or to add at the place, or without what is there."""
    lines = text.split("\n")
    at, start = issue.place.line - 1, issue.place.column - 1
    if at >= len(lines):
        return
    line, end = lines[at], start + issue.place.length
    for written in _fragments(issue.cure):
        if "add" in issue.cure or "end the list" in issue.cure or issue.cure.startswith("write `"):
            for indent in range(0, 12, 2):
                yield _with(lines, at, line, " " * indent + written)
                yield _with(lines, len(lines) - 2, lines[-2], " " * indent + written)
        if "add" not in issue.cure:
            for value in dict.fromkeys((written, written.strip('"'), f'"{written}"')):
                yield _with(lines, at, line[:start] + value + line[end:])
            key, colon, _ = line.partition(": ")
            if colon:
                yield _with(lines, at, f"{key}: {written}")
                yield _with(lines, at, line[: len(line) - len(line.lstrip())] + written)
    if _DELETION.match(issue.cure) or _LEAVE_OUT.match(issue.cure) or issue.cure.startswith("known are: "):
        yield from _without(lines, at, start, end)
    yield from _as_told(lines, at, start, end, issue.cure)


def _as_told(lines: list[str], at: int, start: int, end: int, cure: str) -> Iterator[str]:
    """What a cure says in words: to indent a line, to end it with a sign, to write a number, another name."""
    line = lines[at]
    for spaces in re.findall(r"indent it by (\d+) spaces", cure):
        yield _with(lines, at, " " * int(spaces) + line.lstrip())
    if found := re.match(r"write (\S) at its end", cure):
        yield _with(lines, at, line + found[1])
    if cure.startswith("indent with spaces"):
        yield _with(lines, at, line.replace("\t", "    "))
    if found := re.search(r"(?:number from|did you mean) ([\d:-]+)", cure):
        yield _with(lines, at, line[:start] + found[1] + line[end:])
    if found := re.match(r"write [^:]*: (\S+)$|write (\w+: .+)$", cure):
        yield _with(lines, at, line[:start] + (found[1] or found[2]) + line[end:])
        yield _with(lines, at, line[: len(line) - len(line.lstrip())] + (found[1] or found[2]))
    if "another name" in cure or cure.startswith("use a to z"):
        yield "\n".join(lines).replace(line[start:end], "another_name")


def _fragments(cure: str) -> Iterator[str]:
    """What the cure says to write; a name that stands for any becomes one that fits."""
    for pattern in (_COPIED, _WRITTEN, _BARE, _KNOWN):
        for found in pattern.finditer(cure):
            fragment = next(group for group in found.groups() if group)
            if ".." not in fragment or fragment[0].isdigit():
                yield re.sub(r"\b(step|flow)$", lambda word: _FITTING[word[0]], fragment)


def _without(lines: list[str], at: int, start: int, end: int) -> Iterator[str]:
    """Without the line, without it and what is indented below it, and without the one entry of a map or a list."""
    line = lines[at]
    indent = len(line) - len(line.lstrip())
    below = at + 1
    while below < len(lines) and len(lines[below]) - len(lines[below].lstrip()) > indent:
        below += 1
    value = r"(?:: *(?:\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"|[^,}\]]*))?"
    after = re.sub(rf"^{value},? ?", "", line[end:])
    yield _with(lines, at, line[:start] + after)
    yield _with(lines, at, re.sub(r",? *$", "", line[:start]) + after)
    yield _with(lines, at, line[:start] + line[end:])
    yield _with(lines, at)
    yield "\n".join(lines[:at] + lines[below:])


def _with(lines: list[str], at: int, *instead: str) -> str:
    return "\n".join([*lines[:at], *instead, *lines[at + 1 :]])

"""Applies the cure of an issue to a text, as a reader would who copies it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WRITE = "(?:write|add|end it with|close it with|in brackets:|quotes around[^:]*:|braces around it:)"
_FRAGMENTS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"`([^`]+)`",
        r'"([^"]+)"',
        r'did you mean "?([^"]+?)"?\?',
        r'here it is called "?([\w-]+)',
        rf"{_WRITE} (.+?)(?=$|;|,? or | in quotes| without | for | here\b| at | instead| under| where| before| with )",
        rf"{_WRITE} (.+)$",
        r"write ([a-z]{2}-[A-Z]{2})",
        r"write (?:a|a whole) (?:number|duration|date)(?: of \w+)?,? from (\S+?)(?: to|,|$)",
        r"in brackets: (.+)$",
        r"such as (\S+?)[,;.]?(?= |$)",
        r"(?:one|name) of:? (?:the )?([\w.-]+)",
        r"write (\d+) to \d",
        r"e\.g\. (.+?)[.,]?$",
        r"(true) or false is needed",
        r"(?:known are:|its fields are:|the keys are) ([\w-]+)",
    )
]
"""What a cure says to write."""

_DELETES = re.compile(r"(?:.*\bor )?(?:delete|leave|take|keep one)\b", re.IGNORECASE)
_VALUES = (r"", r"[\w:.+-]*", r"\"[^\"]*\"|'[^']*'|[^,}\]]*", r".*")
"""What may be replaced behind the beginning of an issue, beside the issue itself: a word, a value, the rest."""


def cured(text: str, line: int, column: int, length: int, cure: str) -> Iterator[str]:
    """The text with the cure applied in each way in which it can be read, the most likely first."""
    lines = text.split("\n")
    if line <= len(lines):
        edit = _Edit(lines, line - 1, column - 1, column - 1 + length)
        for fragment in dict.fromkeys(found[1].strip() for each in _FRAGMENTS for found in each.finditer(cure)):
            for written in dict.fromkeys(_spellings(fragment)):
                yield from edit.replaced(written)
                yield from edit.added(written)
        if _DELETES.search(cure) or cure.startswith("known are:"):
            yield from edit.deleted()
        yield from edit.as_told(cure)


def _spellings(fragment: str) -> Iterator[str]:
    """The fragment, with and without quotes, and with its placeholders (`step`, `flow`, `..`) filled in."""
    yield from (fragment, fragment.strip('"'), f'"{fragment}"', fragment.rstrip("."))
    yield re.sub(r"\bstep\b", "end", fragment).replace("run: flow", "run: more").replace("..", "x")


@dataclass(frozen=True)
class _Edit:
    """The characters of a line that an issue is about; the line counts from 0."""

    lines: list[str]
    at: int
    start: int
    end: int

    @property
    def line(self) -> str:
        """The line of the issue."""
        return self.lines[self.at]

    @property
    def indent(self) -> int:
        """How far the line is indented."""
        return len(self.line) - len(self.line.lstrip())

    @property
    def below(self) -> int:
        """The first line behind what is indented below the line."""
        for at in range(self.at + 1, len(self.lines)):
            if self.lines[at].strip() and len(self.lines[at]) - len(self.lines[at].lstrip()) <= self.indent:
                return at
        return len(self.lines)

    def with_lines(self, *instead: str, until: int | None = None) -> str:
        """The text with other lines in place of this one, or of those up to another."""
        return "\n".join([*self.lines[: self.at], *instead, *self.lines[until or self.at + 1 :]])

    def replaced(self, written: str) -> Iterator[str]:
        """What is written in place of the issue, of a value there, of the line, or of the value of a key near it."""
        line, front = self.line, self.line[: self.start]
        yield self.with_lines(front + written + line[self.end :])
        for pattern in _VALUES:
            found = re.match(pattern, line[self.start :])
            yield self.with_lines(front + written + line[self.start + (found.end() if found else 0) :])
        yield self.with_lines(" " * self.indent + written)
        yield self.with_lines(" " * self.indent + "- " + written)
        yield self.with_lines(f"{line.partition(': ')[0]}: {written}")
        yield self.with_lines(re.sub(r"^(\s*(?:- )?)[\w-]+", lambda found: found[1] + written, line))
        key, colon, _ = written.partition(": ")
        for at in range(max(0, self.at - 6), min(len(self.lines), self.at + 7)) if colon else ():
            value = re.compile(rf"\b{re.escape(key)}: (\"[^\"]*\"|\[[^\]]*\]|[^,}}\]]*)")
            near = value.sub(lambda _: written, self.lines[at], count=1)
            yield "\n".join([*self.lines[:at], near, *self.lines[at + 1 :]])

    def added(self, written: str) -> Iterator[str]:
        """What is written at the end of the line, in front of the issue, or as a line of its own."""
        line = self.line
        yield self.with_lines(line + written)
        yield self.with_lines(line[: self.start] + written + " " + line[self.start :])
        yield self.with_lines(line[: self.end] + written + line[self.end :])
        yield self.with_lines(re.sub(r"\}([^}]*)$", lambda found: f", {written}}}{found[1]}", line))
        for indent in range(0, 12, 2):
            yield self.with_lines(line, " " * indent + written)
            yield self.with_lines(" " * indent + written, line)
        yield self.with_lines(re.sub(r'("?)$', lambda found: written + found[1], line, count=1))
        braces = line.rfind("{{", 0, self.end), line.find("}}", self.start) + 2
        if braces[0] >= 0:
            yield self.with_lines(line[: braces[0]] + written + line[braces[1] :])
        block = self.lines[self.at : self.below]
        for indent in (self.indent, self.indent + 2):
            yield self.with_lines(*block, " " * indent + written, until=self.below)
        yield "\n".join([self.lines[0], written, *self.lines[1:]])
        for indent in range(0, 12, 2):
            yield "\n".join([*self.lines[:-1], " " * indent + written, self.lines[-1]])

    def deleted(self) -> Iterator[str]:
        """Without the issue, without its entry of a map or a list, without its line and what is below that."""
        front, rest = self.line[: self.start], self.line[self.end :]
        after = re.sub(r"^(?:: *(?:\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"|[^,}\]]*))?,? ?", "", rest)
        yield self.with_lines(front + after)
        yield self.with_lines(re.sub(r",? *$", "", front) + after)
        yield self.with_lines(front + rest)
        yield self.with_lines()
        yield self.with_lines(until=self.below)
        if self.at and self.lines[self.at - 1].endswith(":"):
            yield "\n".join([*self.lines[: self.at - 1], *self.lines[self.below :]])
        begin = self.line.rfind("{{", 0, self.end)
        if begin >= 0:
            yield self.with_lines(self.line[:begin] + re.sub(r"^\{\{.*?\}\}", "", self.line[begin:]))

    def as_told(self, cure: str) -> Iterator[str]:
        """What a cure says in words: to indent, to write a comma, quotes or another name."""
        line, front, issue = self.line, self.line[: self.start], self.line[self.start : self.end]
        for spaces in map(int, re.findall(r"indent it by (\d+) space", cure)):
            shift = spaces - self.indent
            block = self.lines[self.at : self.below]
            moved = [" " * (len(each) - len(each.lstrip()) + shift) + each.lstrip() for each in block]
            yield self.with_lines(" " * spaces + line.lstrip())
            yield self.with_lines(*moved, until=self.below)
        if "another" in cure:
            for name in ("another", "7"):
                yield "\n".join(self.lines).replace(issue, name)
                yield self.with_lines(front + name + line[self.end :])
        if "left edge" in cure:
            yield self.with_lines(line.lstrip())
        if "above" in cure:
            block = self.lines[self.at : self.below]
            for at in range(self.at):
                yield "\n".join([*self.lines[:at], *block, *self.lines[at : self.at], *self.lines[self.below :]])
            yield self.with_lines(*self.lines[self.at + 1 : self.at + 2], line, until=self.at + 2)
        if "comma" in cure:
            yield self.with_lines(f"{front.rstrip()}, {line[self.start :].lstrip()}")
            yield "\n".join([*self.lines[: self.at - 1], f"{self.lines[self.at - 1]},", *self.lines[self.at :]])
        yield from self._respelt(cure)

    def _respelt(self, cure: str) -> Iterator[str]:
        """What a cure says about quotes, spaces, braces and the end of the line."""
        line, front, issue = self.line, self.line[: self.start], self.line[self.start : self.end]
        if "quotes" in cure:
            yield self.with_lines(front + f'"{issue}"' + line[self.end :])
            yield self.with_lines(front + issue.strip("\"'") + line[self.end :])
            yield self.with_lines(re.sub(r"[“”]", '"', line))
        if "space" in cure:
            yield self.with_lines(line.replace("\t", "    "))
            yield self.with_lines(line.replace("\u00a0", " "))
            yield self.with_lines(line.replace(" #", "  #"))
        if "without braces" in cure or "without the braces" in cure:
            yield self.with_lines(line.replace("{{ ", "").replace(" }}", ""))
        if found := re.search(r"write (\S) at (?:its|the) end", cure):
            yield self.with_lines(line + found[1])

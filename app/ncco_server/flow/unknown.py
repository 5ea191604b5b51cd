"""Decides which issues of a file may only be consequences of its other mistakes.

A mistake makes its part of the file (a step, a variable, a lookup, ...) unknown, and the names that this part declares.
Of the issues that a later phase finds, this hides:

- those in an unknown part, and those on a line with an unknown name;
- an issue about one value, such as a name that is not declared, only if its own line has an earlier mistake;
- every issue about the flow as a whole, after any error.
"""

from __future__ import annotations

import re
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from ncco_server.flow.issues import EXPRESSION_RULES, PHASES, RULES, FlowIssue
from ncco_server.flow.language.step import STEP_WORDS
from ncco_server.flow.nodes import LINE_BREAK, Map, Node, is_missing
from ncco_server.flow.source import Gap, names_written_in
from ncco_server.flow.source.gaps import INDENTATION
from ncco_server.flow.source.source_file import OPTION_KEYS
from ncco_server.suggest import nearest

_WORD: Final = re.compile(r"[^\W\d]\w*")
_VALUE: Final = re.compile(r": *(\w+) *(?:#.*)?$")
_COLLECTED: Final = re.compile(r"\binto\W*(\w+)")
_NAMING: Final = frozenset({"vars", "params", "returns", "locales", "hours", "lookups", "hooks", "results", "events"})
"""The sections, apart from `steps`, whose keys are names that the rest of the file may use."""
_LANGUAGE: Final = OPTION_KEYS.union(STEP_WORDS, ("otherwise", "return", "run", "with", "place", "error", "week"))
"""Words that are never names."""
_MISSPELT: Final = frozenset({"E202", "E263", "E402"})
"""Rules about unknown words. If a known word is similar, the issue has no other cause."""
_INHERITED: Final = frozenset({"E240", "E260"})
"""Rules about something missing that steps may inherit from `defaults`."""

_Key = TypeVar("_Key")

_SYNTAX: Final = -1
"""The phase of a syntax error, before all others."""
_NEVER: Final = len(PHASES)


def phase_of(issue: FlowIssue) -> int:
    """The index of the phase that finds an issue."""
    return PHASES.index(RULES[issue.code].found_in)


class _Part(NamedTuple):
    """A top-level entry of a file, or an entry of one of its sections, from its key to the next part.

    Attributes:
        at: the line and the column of its key.
        section: the top-level key.
        name: its own key; "" if it cannot be read.
    """

    at: tuple[int, int]
    section: str
    name: str

    @property
    def is_section(self) -> bool:
        """Whether this is a top-level entry."""
        return self.name == self.section


class Unknown:
    """What is unknown in one file: for each part, name and line, the earliest phase with a mistake about it."""

    def __init__(
        self, text: str, node: Node | None, gaps: Sequence[Gap] = (), errors: Iterable[FlowIssue] = ()
    ) -> None:
        """Collect what is unknown in a file.

        Args:
            text: the text of the file.
            node: its root node; None if it cannot be parsed.
            gaps: the lines that were not read as written.
            errors: its errors.
        """
        self._lines = LINE_BREAK.split(text.removeprefix("\ufeff"))
        self._parts = [*_parts(node)] or [_Part((1, 1), "", "")]
        self._of_parts: dict[_Part, int] = {}
        self._of_lines: dict[int, int] = {}
        self._of_words: dict[str, int] = {}
        self._of_names: dict[str, int] = {}
        self._of_all_names = self._of_defaults = self._of_file = _NEVER
        self._syntax_errors = {id(issue) for gap in gaps for issue in gap.issues}
        for gap in gaps:
            self._add_gap(gap)
        self._searched: set[tuple[_Part, int]] = set()
        for error in errors:
            if id(error) not in self._syntax_errors:
                self._add_error(error, phase_of(error))

    def _add_gap(self, gap: Gap) -> None:
        self._of_file = _SYNTAX
        line = self._line(gap.first)
        column = len(line) - len(line.lstrip(" ")) + 1
        around = self._part((gap.first, column))
        self._add_part(around, _SYNTAX)
        for number in range(gap.first, gap.last + 1) if gap.is_left_out else (gap.first, gap.last):
            self._of_lines[number] = _SYNTAX
        if gap.is_left_out and any(self._line(number)[:1].strip(" #") for number in range(gap.first, gap.last + 1)):
            self._add_part(self._parts[0], _SYNTAX)  # where missing top-level keys are reported
        if gap.is_left_out or not INDENTATION.issuperset(issue.code for issue in gap.issues):
            text = self._text(gap.first, gap.last)
            squeezed = (re.sub(r"\W", "", word) for word in text.split())
            self._add_words([*_declared_in(text), *squeezed], _SYNTAX)
        if around.section in _NAMING:
            self._add_words([around.name], _SYNTAX)
        self._add_section(around.section)
        if column <= around.at[1]:
            self._add_part(self._part((gap.first, 0)), _SYNTAX)
        if own := next((part for part in self._parts if part.at[0] == gap.first), None):
            self._add_part(own, _SYNTAX)
            self._of_names[own.name] = _SYNTAX
        elif column <= around.at[1] and gap.is_left_out:
            own = _Part((gap.first, 1), around.section if column > 1 else "", "")
            insort(self._parts, own)
            self._add_part(own, _SYNTAX)
            self._add_section(own.section or self._parts[0].section)
            self._of_names[re.sub(r"\W", "", line.split(": ")[0]) or re.sub(r"\W", "", line)] = _SYNTAX

    def _add_error(self, issue: FlowIssue, phase: int) -> None:
        part = self._part(issue.place[1:3])
        line = self._line(issue.place.line)
        self._of_file = min(self._of_file, phase)
        _lower(self._of_lines, issue.place.line, phase)
        self._add_part(part, phase)
        if issue.code == "E202" and (value := _VALUE.search(line)):
            self._add_words([value[1]], phase)  # `into` may be misspelt
        key_end = part.at[1] - 1 + len(part.name)
        is_own = part.at[0] == issue.place.line and line[key_end : issue.place.column - 1].strip() in ("", ":")
        if is_own:
            _lower(self._of_names, part.name, phase)
            if part.section == "steps":
                self._add_part(self._part((part.at[0], part.at[1] - 1)), phase)
            if part.section in _NAMING or part is self._parts[0]:
                self._of_all_names = min(phase, self._of_all_names)
        if (part, phase) not in self._searched:
            self._searched.add((part, phase))
            text = self._text_of(part)
            if part.section == "steps" and not part.is_section:
                self._add_words(_COLLECTED.findall(text), phase)
            elif not _is_misspelt(issue):
                self._add_words(_WORD.findall(text) if part.section == "outcomes" else _declared_in(text), phase)

    def hides(self, issue: FlowIssue) -> bool:
        """Whether an issue may be a consequence of mistakes that are found in earlier phases."""
        phase = phase_of(issue)
        if id(issue) in self._syntax_errors:
            return False
        if phase == _NEVER - 1 and self._of_file < phase:
            return True
        if self._of_lines.get(issue.place.line, _NEVER) < phase:
            return True
        if _is_misspelt(issue) and " " not in self._marked(issue):
            return False
        if issue.code in _INHERITED and self._of_defaults < phase:
            return True
        is_about_name = RULES[issue.code].once_for == "name" or bool(RULES[issue.code].declared_by)
        is_about_value = is_about_name or issue.code in EXPRESSION_RULES or issue.code == "E214"
        is_about_value = is_about_value and issue.code != "E533"  # about the whole lookup
        if not is_about_value and self._of_parts.get(self._part(issue.place[1:3]), _NEVER) < phase:
            return True
        return (is_about_name and self._of_all_names < phase) or self._uses_unknown_name(issue, phase)

    def _uses_unknown_name(self, issue: FlowIssue, phase: int) -> bool:
        words = _WORD.findall(self._line(issue.place.line))
        if any(self._of_words.get(word, _NEVER) < phase for word in words):
            return True
        names = [name for name, found in self._of_names.items() if found < phase]
        marked = self._marked(issue)
        return bool(names) and any(nearest(word, names) for word in {marked, *_WORD.findall(marked)})

    def _marked(self, issue: FlowIssue) -> str:
        return self._line(issue.place.line)[issue.place.column - 1 :][: issue.place.length]

    def _part(self, at: tuple[int, int]) -> _Part:
        return self._parts[max(0, bisect_right(self._parts, at, key=lambda part: part.at) - 1)]

    def _text_of(self, part: _Part) -> str:
        """The lines of a part; for a section, those of all its parts."""
        index = bisect_right(self._parts, part)
        after = (each for each in self._parts[index:] if not part.is_section or each.section != part.section)
        end = next((each.at[0] - 1 for each in after), len(self._lines))
        return self._text(part.at[0], max(part.at[0], end))

    def _text(self, first: int, last: int) -> str:
        return "\n".join(self._lines[first - 1 : last])

    def _line(self, number: int) -> str:
        return self._lines[number - 1] if number <= len(self._lines) else ""

    def _add_part(self, part: _Part, phase: int) -> None:
        _lower(self._of_parts, part, phase)
        if part.section not in {"steps", *_NAMING}:  # it may be a misspelt `defaults`
            self._of_defaults = min(phase, self._of_defaults)

    def _add_section(self, section: str) -> None:
        for part in self._parts:
            if part.is_section and part.section == section:
                self._add_part(part, _SYNTAX)

    def _add_words(self, words: Iterable[str], phase: int) -> None:
        for word in words:
            if word not in _LANGUAGE:
                _lower(self._of_words, word, phase)


def _lower(phases: dict[_Key, int], key: _Key, phase: int) -> None:
    phases[key] = min(phase, phases.get(key, _NEVER))


def _is_misspelt(issue: FlowIssue) -> bool:
    return issue.code in _MISSPELT and issue.fix is not None and issue.fix.kind == "word"


def _declared_in(text: str) -> set[str]:
    return {*names_written_in(text)[1], *_COLLECTED.findall(text)}


def _parts(node: Node | None) -> Iterator[_Part]:
    """The parts of a file. What follows an entry without a value may belong to it, unless it looks like an entry."""
    for key, value in node.entries if isinstance(node, Map) else ():
        yield _Part(key.place[1:3], key.value, key.value)
        has_value = True
        for name, inner in value.entries if isinstance(value, Map) else ():
            if has_value or (isinstance(inner, Map) and name.value not in _LANGUAGE):
                yield _Part(name.place[1:3], key.value, name.value)
                has_value = not is_missing(inner)

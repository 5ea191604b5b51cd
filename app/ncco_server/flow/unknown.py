"""Decides which issues of a file may only be consequences of its other mistakes.

A mistake makes its part of the file (a step, a variable, a lookup, ...) unknown, with the names it declares.
Of the issues that a later phase finds, this hides:
- those in an unknown part, and those on a line with an unknown name;
- an issue about one value, if its own line has an earlier mistake;
- the value of an unknown key, and the keys below it that are unknown too, unless it is known what was meant;
- every issue about the flow as a whole, after any error.

What a file declares for others, it makes unknown for them too. A misspelt word of the language is never hidden: it has
no other cause.
"""

from __future__ import annotations

import re
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from ncco_server.flow.issues import EXPRESSION_RULES, PHASES, RULES, FlowIssue
from ncco_server.flow.nodes import LINE_BREAK, Map, Node, Text, is_missing, walk
from ncco_server.flow.source import Gap, names_written_in
from ncco_server.flow.source.gaps import INDENTATION
from ncco_server.flow.source.source_file import OPTION_KEYS
from ncco_server.suggest import nearest

_WORD: Final = re.compile(r"[^\W\d]\w*")
_VISIBLE: Final = re.compile(r"\S")
_COLLECTED: Final = re.compile(r"\binto\W*(\w+)")
_NAMING: Final = frozenset(
    ["vars", "params", "outcomes", "returns", "locales", "hours", "lookups", "hooks", "results", "tables", "events"]
)
"""Sections besides `steps` with names that the rest of the file may use."""
_INSIDE: Final = frozenset({"steps", "vars", "events", "defaults"})
"""Sections of a flow that other flows never see."""
_MISSPELT: Final = frozenset({"E202", "E263", "E402"})
_UNKNOWN_KEYS: Final = frozenset({"E202", "E263", "E275", "E277", "E292", "E402"})
_INHERITED: Final = frozenset({"E240", "E260"})
"""About something missing that steps may inherit from `defaults`."""

OF_STEPS: Final = "E214"
"""About the name of a step, which no section but `steps` can declare."""

_FIELD: Final = "E304"
"""About a field, whose owner may be what is unknown on its line."""
_SYNTAX_RULES: Final = frozenset({"E301", "E302", "E310", "E312", "E320", "E321", "E322"})
"""About how an expression is written, whatever its names are."""
_PLAIN_KEY: Final = re.compile(r" *[\w-]+:(?: |$)")

_Key = TypeVar("_Key")

_SYNTAX: Final = -1
"""Before all phases."""
_NEVER: Final = len(PHASES)


def phase_of(issue: FlowIssue) -> int:
    return PHASES.index(RULES[issue.code].found_in)


class _Part(NamedTuple):
    """An entry of a file or its section, from its key to the next part."""

    at: tuple[int, int]
    section: str
    name: str


class _MapKey(NamedTuple):
    """A key of a map, which is one of several: `at` is its index."""

    map: int
    at: int
    value: tuple[int, int]


class Declared(NamedTuple):
    """The unknown declarations of a file: by name, and of any name, the earliest phase with a mistake about it."""

    names: Mapping[str, int]
    any_name: int
    is_shared: bool


class Unknown:
    """What is unknown in one file: for each part, line and name, the earliest phase with a mistake about it."""

    def __init__(
        self, text: str, node: Node | None, gaps: Sequence[Gap] = (), errors: Iterable[FlowIssue] = ()
    ) -> None:
        """`node` is None if the file cannot be parsed; `gaps` are lines not read as written."""
        self._lines = LINE_BREAK.split(text.removeprefix("\ufeff"))
        self._parts = [*_parts(node)] or [_Part((1, 1), "", "")]
        name = node.get("flow") if isinstance(node, Map) else None
        self._flow = name.value if isinstance(name, Text) else ""
        self._is_shared = isinstance(node, Map) and node.get("shared") is not None
        self._of_file = self._of_defaults = self._of_declarations = self._of_signature = self._of_steps = _NEVER
        self._of_parts: dict[_Part, int] = {}
        self._of_lines: dict[int, int] = {}
        self._of_names: dict[str, int] = {}
        self._named: dict[int, int] = {}
        """By line: the earliest phase with a mistake about one of its names, once somebody has asked."""
        self._of_keys: dict[str, int] = {}
        """The keys of unknown parts, which may be misspelt names."""
        self._entries = dict(_entries(node))
        self._of_values: dict[tuple[int, int], int] = {}
        """The values of unknown keys."""
        self._below_unknown: dict[int, dict[int, int]] = {}
        """By map and phase: the index of the first unknown key. The keys below may belong to it."""
        self._beginnings: dict[_Part, Sequence[tuple[tuple[int, int], str]]] = {}
        self._searched: set[tuple[_Part, int]] = set()
        self._syntax_errors = {id(issue) for gap in gaps for issue in gap.issues}
        for gap in gaps:
            self._add_gap(gap)
        for error in errors:
            if id(error) not in self._syntax_errors:
                self._add_error(error)

    def _add_gap(self, gap: Gap) -> None:
        line = self._line(gap.first)
        column = len(line) - len(line.lstrip(" ")) + 1
        part = self._part((gap.first, column))
        self._add(part, {gap.first, gap.last}, _SYNTAX)
        is_indentation = INDENTATION.issuperset(issue.code for issue in gap.issues)
        if not (is_indentation and _PLAIN_KEY.match(line)):  # otherwise, it is written right
            _lower(self._of_keys, re.sub(r"\W", "", line.partition(": ")[0]), _SYNTAX)
        self._add_names(_WORD.findall(line)[:1], _SYNTAX)
        if gap.is_left_out or not is_indentation:
            self._add_names(_declared_in(self._text(gap.first, gap.last)), _SYNTAX)
        if gap.is_left_out and column <= part.at[1]:  # a whole part, perhaps a section, which is missing at the top
            own = _Part((gap.first, 1), part.section if column > 1 else "", "")
            insort(self._parts, own)
            self._of_parts[own] = self._of_parts[self._parts[0]] = _SYNTAX

    def _add_error(self, issue: FlowIssue) -> None:
        phase = phase_of(issue)
        part = self._part(issue.place[1:3])
        self._add(part, {issue.place.line}, phase)
        if issue.code in _UNKNOWN_KEYS:
            entry = self._entries.get(issue.place[1:3])
            if entry is not None:
                _lower(self._of_values, entry.value, phase)
            if entry is not None and issue.quick_fix is None:
                first = self._below_unknown.setdefault(entry.map, {})
                first[phase] = min(entry.at, first.get(phase, entry.at))
        if part.section != "steps" or part.at[0] == issue.place.line:
            _lower(self._of_keys, part.name, phase)
        if issue.code == "E102" and issue.place.column == part.at[1]:  # one of the two may have another name
            self._of_steps = min(phase, self._of_steps)
            self._of_declarations = min(phase, self._of_declarations)
        before = "".join(char for place, char in self._beginning(part) if place < issue.place[1:3])
        is_whole = (not before and not _is_known_word(issue)) or (
            before == ":" and (part.name == part.section or issue.code == "E201")
        )
        if is_whole and (part.section in _NAMING or part is self._parts[0]):  # it may be about any name
            self._of_declarations = min(phase, self._of_declarations)
        if issue.code == "E201":  # the value may be a name that it declares
            self._add_names(_WORD.findall(self._own(issue)), phase)
        is_step = part.section == "steps" and part.name != "steps"
        if (is_step or not _is_misspelt(issue)) and (part, phase) not in self._searched:
            self._searched.add((part, phase))
            text = self._text_of(part)
            self._add_names(_COLLECTED.findall(text) if is_step else _declared_in(text), phase)

    def _beginning(self, part: _Part) -> Sequence[tuple[tuple[int, int], str]]:
        """The first two characters after the key of a part that are not blank, with their places."""
        if part not in self._beginnings:
            self._beginnings[part] = [*islice(self._characters(part.at[0], part.at[1] + len(part.name)), 2)]
        return self._beginnings[part]

    def _characters(self, line: int, column: int) -> Iterator[tuple[tuple[int, int], str]]:
        """Those that are not blank, from this place on."""
        for number in range(line, len(self._lines) + 1):
            first = column if number == line else 1
            for found in _VISIBLE.finditer(self._line(number), first - 1):
                yield (number, found.start() + 1), found[0]

    def _beside_unknown(self, place: tuple[int, int]) -> int:
        """The earliest phase of a mistake about the key of this value, or about a key above this one."""
        entry = self._entries.get(place)
        first = self._below_unknown.get(entry.map, {}) if entry is not None else {}
        below = [phase for phase, at in first.items() if entry is not None and at < entry.at]
        return min([self._of_values.get(place, _NEVER), *below])

    def _add(self, part: _Part, lines: Iterable[int], phase: int) -> None:
        self._of_file = min(self._of_file, phase)
        if part.section not in _INSIDE:
            self._of_signature = min(self._of_signature, phase)
        _lower(self._of_parts, part, phase)
        if part.section not in {"steps", *_NAMING}:  # it may be a misspelt `defaults`
            self._of_defaults = min(phase, self._of_defaults)
        for line in lines:
            _lower(self._of_lines, line, phase)

    def _add_names(self, names: Iterable[str], phase: int) -> None:
        self._named.clear()
        for name in {*names} - OPTION_KEYS:
            _lower(self._of_names, name, phase)

    @property
    def declared(self) -> Declared:
        """What is unknown of the declarations that other files use."""
        if self._is_shared:
            names = dict(self._of_names)
            for key, phase in self._of_keys.items():
                _lower(names, key, phase)
            return Declared(names, self._of_declarations, is_shared=True)
        return Declared({self._flow: self._of_signature} if self._flow else {}, _NEVER, is_shared=False)

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(word for line in self._lines for word in _WORD.findall(line))

    def add_declared(self, outside: Declared) -> None:
        self._of_declarations = min(self._of_declarations, outside.any_name)
        self._named.clear()
        for name, phase in outside.names.items():
            _lower(self._of_names, name, phase)
            if outside.is_shared and name in self._words:
                self._of_file = min(phase, self._of_file)

    def hides(self, issue: FlowIssue) -> bool:
        phase = phase_of(issue)
        if id(issue) in self._syntax_errors:
            return False
        if phase == _NEVER - 1 and self._of_file < phase:
            return True
        if self._of_lines.get(issue.place.line, _NEVER) < phase:
            return True
        if _is_misspelt(issue):
            return False
        if self._beside_unknown(issue.place[1:3]) <= phase:
            return True
        if issue.code in _INHERITED and self._of_defaults < phase:
            return True
        if _is_about_name(issue) and self._of_declarations < phase:
            return True
        if issue.code == OF_STEPS and self._of_steps < phase:
            return True
        if not _is_about_value(issue) and self._of_parts.get(self._part(issue.place[1:3]), _NEVER) < phase:
            return True
        return self._uses_unknown_name(issue, phase)

    def _uses_unknown_name(self, issue: FlowIssue, phase: int) -> bool:
        own = self._own(issue)
        names = [*issue.names]
        if _is_about_name(issue) and issue.code != _FIELD:
            names += _WORD.findall(own)
        elif issue.code not in _SYNTAX_RULES and self._earliest_on(issue.place.line) < phase:
            return True
        if any(self._of_names.get(word, _NEVER) < phase for word in names):
            return True
        return nearest(own, [key for key, found in self._of_keys.items() if found < phase]) is not None

    def _own(self, issue: FlowIssue) -> str:
        return self._line(issue.place.line)[issue.place.column - 1 :][: issue.place.length]

    def _earliest_on(self, line: int) -> int:
        if line not in self._named:
            phases = (self._of_names.get(word, _NEVER) for word in _WORD.findall(self._line(line)))
            self._named[line] = min(phases, default=_NEVER)
        return self._named[line]

    def _part(self, at: tuple[int, int]) -> _Part:
        return self._parts[max(0, bisect_right(self._parts, at, key=lambda part: part.at) - 1)]

    def _text_of(self, part: _Part) -> str:
        index = bisect_right(self._parts, part)
        line, column = self._parts[index].at if index < len(self._parts) else (len(self._lines) + 1, 1)
        text = self._text(part.at[0], line - 1) if line > part.at[0] else self._line(line)[: column - 1]
        return " " * (part.at[1] - 1) + text[part.at[1] - 1 :]

    def _text(self, first: int, last: int) -> str:
        return "\n".join(self._lines[first - 1 : last])

    def _line(self, number: int) -> str:
        return self._lines[number - 1] if number <= len(self._lines) else ""


def _lower(phases: dict[_Key, int], key: _Key, phase: int) -> None:
    phases[key] = min(phase, phases.get(key, _NEVER))


def _is_misspelt(issue: FlowIssue) -> bool:
    return issue.code in _MISSPELT and issue.quick_fix is not None and issue.quick_fix.kind == "word"


def _is_known_word(issue: FlowIssue) -> bool:
    """Whether the file is read as what was meant, which is not so without its `shared`."""
    return _is_misspelt(issue) and issue.quick_fix is not None and issue.quick_fix.text != "shared"


def _is_about_name(issue: FlowIssue) -> bool:
    return RULES[issue.code].is_about_name and issue.code != OF_STEPS


def _is_about_value(issue: FlowIssue) -> bool:
    """E533 is about a whole lookup, E587 about a whole flow."""
    is_value = RULES[issue.code].is_about_name or issue.code in EXPRESSION_RULES
    return is_value and issue.code not in ("E533", "E587")


def _declared_in(text: str) -> set[str]:
    return {*names_written_in(text)[1], *_COLLECTED.findall(text)}


def _entries(node: Node | None) -> Iterator[tuple[tuple[int, int], _MapKey]]:
    for number, each in enumerate(walk(node) if node is not None else ()):
        if isinstance(each, Map):
            for at, (key, value) in enumerate(each.entries):
                yield key.place[1:3], _MapKey(number, at, value.place[1:3])


def _parts(node: Node | None) -> Iterator[_Part]:
    """What follows an entry without a value may belong to it."""
    for key, value in node.entries if isinstance(node, Map) else ():
        yield _Part(key.place[1:3], key.value, key.value)
        has_value = True
        for name, inner in value.entries if isinstance(value, Map) else ():
            if has_value:
                yield _Part(name.place[1:3], key.value, name.value)
                has_value = not is_missing(inner)

"""`choices`: a menu by keys and speech.

choices:
  sales:   {dtmf: 1, speech: [sales, buy], goto: sales}
  repeat:  {dtmf: "*", goto: menu}
  billing: {dtmf: [2, 22], speech: bill, set: {topic: billing}, goto: support}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from app.flow.exits.asking import min_confidence, retry_of
from app.flow.exits.source import StepSource, Wired
from app.flow.fields import Fields, read_fields
from app.flow.model import (
    Again,
    Asked,
    Assignment,
    Decision,
    Edge,
    Frame,
    Go,
    Jump,
    Outcome,
    Target,
    Variable,
)
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.parts import with_input
from app.flow.phrases import find, fold
from app.flow.reader import Reader
from app.flow.retry import Retry
from app.flow.variables import read_sets

_KEY = re.compile(r"[0-9]{1,20}|[*#]")
_NAME = re.compile(r"\w[\w-]*")
_TAKEN = frozenset({"noinput", "nomatch", "asr_error", "error", "collected", "end"})
_WORDS = ("dtmf", "speech", "set", "goto")
_HINTS = {
    "digits": "write `dtmf`",
    "key": "write `dtmf`",
    "press": "write `dtmf`",
    "say": "write `speech`",
    "then": "write `goto`",
    "step": "write `goto`",
    "next": "write `goto`",
    "target": "write `goto`",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that the caller can press or say. `said` are the phrases as written, `phrases` the folded ones."""

    name: str
    keys: tuple[str, ...]
    said: tuple[str, ...]
    phrases: tuple[str, ...]
    sets: tuple[Assignment, ...]
    target: Target
    place: Place

    @property
    def need(self) -> str:
        """What the caller had to do for it, for the trace."""
        ways = (" or ".join(self.keys), ", ".join(f'"{phrase}"' for phrase in self.said))
        return f"{self.name}: needs {' or '.join(way for way in ways if way)}"


@dataclass(frozen=True, slots=True)
class Choices:
    """Waits for an `input`; each choice leads to its target."""

    word: ClassVar[str] = "choices"
    is_steady: ClassVar[bool] = True
    words: ClassVar[frozenset[str]] = frozenset({"choices", "retry", "min_confidence", "tail"})

    choices: Mapping[str, Choice]
    needs: Mapping[str, str]
    retry: Retry
    wanted: Asked
    place: Place

    @property
    def asked(self) -> Asked | None:
        """Every key and phrase of the menu."""
        return self.wanted

    def edges(self) -> Iterator[Edge]:
        """Each choice, and where the last try leads."""
        for choice in self.choices.values():
            yield Edge(choice.name, choice.target, passes_input=True)
        yield from self.retry.edges()

    def enter(self, frame: Frame) -> Jump | None:
        """The caller decides."""
        return None

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        """The choice's target, or another try."""
        match outcome.name:
            case "choice":
                return self._choose(outcome)
            case "noinput" | "nomatch":
                return self.retry.decide(outcome.name, outcome.because, tries, tuple(self.needs.values()))
            case "asr_error":
                return Decision(Again(blame=False), outcome.name, self.place, f"{outcome.because}: asked again")
            case _:
                return None

    def _choose(self, outcome: Outcome) -> Decision:
        choice = self.choices[outcome.choice]
        others = tuple(need for name, need in self.needs.items() if name != choice.name)
        return Decision(Go(choice.target), choice.name, choice.place, _reason(choice, outcome), others, choice.sets)


def _reason(choice: Choice, outcome: Outcome) -> str:
    if outcome.digits:
        return f'digits {outcome.digits} are the key of choice "{choice.name}"'
    heard = fold(outcome.text)
    held = max((phrase for phrase in choice.phrases if find(phrase, heard)), key=len, default="")
    return f'"{outcome.text}" holds "{held}", a phrase of choice "{choice.name}"'


def read_choices(source: StepSource, reader: Reader) -> Wired | None:
    """The `choices` of a step, and those that it inherits."""
    place = source.fields.at("choices")
    own = read_menu(source.fields.values["choices"], source.variables, reader)
    retry = retry_of(source, place, reader)
    least = min_confidence(source.fields, source.defaults.min_confidence, reader)
    if own is None:
        return None
    inherited = [choice for name, choice in source.defaults.choices.items() if name not in own]
    choices = (*own.values(), *inherited)
    if not choices and source.defaults.is_whole and not _entries(source.fields.values["choices"]):
        reader.report("E230", place, "this menu has no choice")
    keys, phrases = _keys(choices, reader), _phrases(choices, reader)
    if retry is None or not (keys or phrases):
        return None
    asked = Asked(keys=keys, phrases=phrases, min_confidence=least)
    menu = Choices({c.name: c for c in choices}, {c.name: c.need for c in choices}, retry, asked, place)
    is_sensitive = False
    parts = with_input(source.parts, _needs(choices), is_sensitive, place, reader, defaults=source.defaults.actions)
    return Wired(menu, parts)


def _entries(node: Node) -> tuple[Entry, ...]:
    return node.entries if isinstance(node, Map) else ()


def _needs(choices: tuple[Choice, ...]) -> dict[str, Any]:
    """What the `input` must be able to hear."""
    keys = [key for choice in choices for key in choice.keys]
    said = [phrase for choice in choices for phrase in choice.said]
    needs: dict[str, Any] = {"type": [name for name, ways in (("dtmf", keys), ("speech", said)) if ways]}
    if keys:
        needs["dtmf"] = {"maxDigits": max(len(key) for key in keys)}
    if said:
        needs["speech"] = {"context": said}
    return needs


def read_menu(node: Node, variables: Mapping[str, Variable], reader: Reader) -> dict[str, Choice] | None:
    """A map of choices by name; one that cannot be read is left out. None when it is no map."""
    if not isinstance(node, Map):
        cure = "write one choice a line: `sales: {dtmf: 1, speech: [sales], goto: sales}`"
        reader.report("E201", node.place, "`choices` is not a map", cure)
        return None
    read = [_read_choice(entry, variables, reader) for entry in node.entries]
    return {choice.name: choice for choice in read if choice is not None}


def _read_choice(entry: Entry, variables: Mapping[str, Variable], reader: Reader) -> Choice | None:
    name = entry.key
    what = f'the choice "{name.value}"'
    _check_name(name, reader)
    if not isinstance(entry.value, Map):
        cure = f"write `{name.value}: {{dtmf: 1, goto: step}}`"
        reader.report("E201", entry.value.place, f"{what} is not a map", cure)
        return None
    fields = read_fields(entry.value, _WORDS, what, reader, place=name.place, hints=_HINTS)
    keys = _read_keys(fields, reader)
    said = _read_phrases(fields, reader)
    sets = read_sets(fields.values["set"], variables, reader) if "set" in fields.values else ()
    goto = fields.need("goto", "add `goto: step`", reader)
    target = reader.target(goto, "`goto`") if goto else None
    if not {"dtmf", "speech"} & fields.keys.keys() and fields.is_whole:
        reader.report("E231", name.place, f"{what} can be neither pressed nor said")
    return Choice(name.value, keys, tuple(said), tuple(said.values()), sets, target, name.place) if target else None


def _check_name(name: Text, reader: Reader) -> None:
    if name.value in _TAKEN:
        cure = "give the choice another name"
        if name.value in {"noinput", "nomatch"}:
            cure = f"write it under `retry`: `retry: {{{name.value}: [..], then: step}}`"
        reader.report("E206", name.place, f'a choice cannot be named "{name.value}"', cure)
    elif not _NAME.fullmatch(name.value):
        cure = "name the choice by what it stands for; keys go into `dtmf`"
        reader.report("E205", name.place, f'a choice cannot be named "{name.value}"', cure)


def _items(node: Node | None) -> tuple[Node, ...]:
    if node is None:
        return ()
    return node.items if isinstance(node, Seq) else (node,)


def _read_keys(fields: Fields, reader: Reader) -> tuple[str, ...]:
    keys: list[str] = []
    node = fields.get("dtmf")
    if isinstance(node, Seq) and not node.items:
        reader.report("E232", node.place, f"`dtmf` of {fields.what} is an empty list")
    for item in _items(node):
        text = reader.text(item, f"`dtmf` of {fields.what}")
        if text is None:
            continue
        if _KEY.fullmatch(text.value):
            keys.append(text.value)
        else:
            reader.report("E232", text.place, f'"{text.value}" cannot be pressed')
    return tuple(dict.fromkeys(keys))


def _read_phrases(fields: Fields, reader: Reader) -> dict[str, str]:
    """Each phrase as written, and folded."""
    phrases: dict[str, str] = {}
    node = fields.get("speech")
    if isinstance(node, Seq) and not node.items:
        reader.report("E235", node.place, f"`speech` of {fields.what} is an empty list", "list what a caller may say")
    for item in _items(node):
        text = reader.text(item, f"`speech` of {fields.what}")
        if text is None:
            continue
        if "{{" in text.value or "{%" in text.value:
            reader.report("E235", text.place, "a phrase cannot be computed")
            continue
        folded = fold(text.value)
        if not folded:
            reader.report("E235", text.place, f'"{text.value}" holds no word that could be heard')
        else:
            phrases[text.value] = folded
    return phrases


def _keys(choices: tuple[Choice, ...], reader: Reader) -> dict[str, str]:
    """Key → choice; E233 for one of two choices."""
    found: dict[str, Choice] = {}
    for choice in choices:
        for key in choice.keys:
            other = found.setdefault(key, choice)
            if other is not choice:
                _report_shared("E233", f"the key {key}", other, choice, reader)
    return {key: choice.name for key, choice in found.items()}


def _phrases(choices: tuple[Choice, ...], reader: Reader) -> dict[str, str]:
    """Folded phrase → choice; E234 for one of two choices."""
    found: dict[str, Choice] = {}
    for choice in choices:
        for phrase in choice.phrases:
            other = found.setdefault(phrase, choice)
            if other is not choice:
                _report_shared("E234", f'the phrase "{phrase}"', other, choice, reader)
    return {phrase: choice.name for phrase, choice in found.items()}


def _report_shared(code: str, what: str, first: Choice, second: Choice, reader: Reader) -> None:
    message = f'{what} stands for "{second.name}" and for "{first.name}" (line {first.place.line})'
    later, earlier = sorted((first, second), key=lambda choice: choice.place, reverse=True)
    message = f'{what} stands for "{later.name}" and, in line {earlier.place.line}, for "{earlier.name}"'
    reader.report(code, later.place, message)

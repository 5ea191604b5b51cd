"""`choices`: a menu by keys and speech, of a step or, for every menu, of `defaults`.

choices:
  sales:   {dtmf: 1, speech: [sales, buy], goto: sales}
  repeat:  {dtmf: "*", goto: menu}
  billing: {dtmf: [2, 22], speech: bill, set: {topic: billing}, goto: support}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import Field

from app.flow.actions.waits import with_input
from app.flow.language.base import FlowModel, Made, ReadWith
from app.flow.language.exits import StepExit, StepSource, Wired
from app.flow.language.json_schema import defined, listed
from app.flow.language.locales import speaks_several, split
from app.flow.language.reader import Reader
from app.flow.language.retry import Retry
from app.flow.language.targets import read_sets, read_target
from app.flow.model import Again, Asked, Assignment, Decision, Edge, Frame, Go, Outcome, Part, Target
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.phrases import find, fold
from app.flow.templates import Expression

Confidence: TypeAlias = Annotated[float, Field(ge=0, le=1)]

_KEY: Final = re.compile(r"[0-9]{1,20}|[*#]")
_KEY_SCHEMA: Final = {
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^([0-9]{1,20}|[*#])$"}]
}
_NAME: Final = re.compile(r"\w[\w-]*")
_QUOTED_LIST: Final = re.compile(r"\[.*\]")
_TAKEN: Final = frozenset({"noinput", "nomatch", "asr_error", "error", "collected", "end"})


def _items(node: Node | None) -> tuple[Node, ...]:
    if node is None:
        return ()
    return node.items if isinstance(node, Seq) else (node,)


def _read_keys(node: Node, what: str, reader: Reader) -> tuple[str, ...]:
    """What is pressed: digits, `*` or `#`."""
    if isinstance(node, Seq) and not node.items:
        reader.report("E232", node.place, f"{what} is an empty list")
    texts = [text for item in _items(node) if (text := reader.text(item, what)) is not None]
    for text in texts:
        if not _KEY.fullmatch(text.value):
            reader.report("E232", text.place, f'"{text.value}" cannot be pressed')
    return tuple(dict.fromkeys(text.value for text in texts if _KEY.fullmatch(text.value)))


def _read_speech(node: Node, what: str, reader: Reader) -> dict[str, dict[str, str]]:
    """The phrases by locale, as written → folded; those that count in every locale under ""."""
    if not isinstance(node, Map):
        return {"": _read_phrases(node, what, reader)}
    found = split(node, what, reader) or {}
    return {locale: _read_phrases(each, what, reader) for locale, each in found.items()}


def _read_phrases(node: Node, what: str, reader: Reader) -> dict[str, str]:
    if isinstance(node, Seq) and not node.items:
        reader.report("E235", node.place, f"{what} is an empty list", "list what a caller may say")
    texts = [text for item in _items(node) if (text := reader.text(item, what)) is not None]
    return {text.value: folded for text in texts if (folded := _read_phrase(text, reader))}


def _read_phrase(text: Text, reader: Reader) -> str:
    """A phrase, folded; "" once it is reported that nobody can say it."""
    if "{{" in text.value or "{%" in text.value:
        reader.report("E235", text.place, "a phrase cannot be computed")
        return ""
    folded = fold(text.value)
    if _QUOTED_LIST.fullmatch(text.value.strip()):
        message = f"{text.value} in quotes is one phrase, with its brackets and commas"
        reader.report("W236", text.place, message, f"write `{text.value.strip()}` without quotes")
    if not folded:
        reader.report("E235", text.place, f'"{text.value}" holds no word that could be heard')
    return folded


class Choice(FlowModel):
    """One thing that the caller can press or say."""

    is_named: ClassVar = True
    aliases: ClassVar = {
        **dict.fromkeys(("digits", "key", "press"), "dtmf"),
        **dict.fromkeys(("say", "hints", "phrases"), "speech"),
        **dict.fromkeys(("then", "step", "next", "target"), "goto"),
    }
    hints: ClassVar = dict.fromkeys(("locale", "language"), "write `set: {locale: name}`")
    cures: ClassVar = {"goto": "add `goto: step`"}

    name: Made[str]
    keys: Annotated[tuple[str, ...], ReadWith(_read_keys, listed(_KEY_SCHEMA))] = Field((), alias="dtmf")
    """Digits, "*" or "#", or a list of them."""
    said: Annotated[Mapping[str, Mapping[str, str]], ReadWith(_read_speech, defined("phrases"))] = Field(
        default_factory=dict, alias="speech"
    )
    """Phrases that the caller may say."""
    sets: Annotated[tuple[Assignment, ...], ReadWith(read_sets, defined("sets"))] = Field((), alias="set")
    """Variables that change when it is chosen."""
    target: Annotated[Target, ReadWith(read_target, defined("goto"))] = Field(alias="goto")
    """Where it leads."""

    @cached_property
    def phrases(self) -> Mapping[str, str]:
        """What a caller can say in any locale: as written → folded."""
        return {phrase: folded for phrases in self.said.values() for phrase, folded in phrases.items()}

    @property
    def is_local(self) -> bool:
        """Whether its phrases differ from locale to locale."""
        return bool(self.said) and "" not in self.said

    def said_in(self, locale: str) -> Mapping[str, str]:
        """What a caller can say in one locale: as written → folded."""
        return self.said[locale] if locale and locale in self.said else self.phrases

    def need_in(self, locale: str) -> str:
        """What the caller had to do for it, for the trace."""
        ways = (" or ".join(self.keys), ", ".join(f'"{phrase}"' for phrase in self.said_in(locale)))
        return f"{self.name}: needs {' or '.join(way for way in ways if way)}"

    def place_of(self, word: str, value: str) -> Place:
        """Where a key or a folded phrase is written; of a phrase that is written twice, the later place."""
        node = self.written.get(word)
        nodes = [entry.value for entry in node.entries] if isinstance(node, Map) else [node]
        texts = (item for each in nodes for item in _items(each) if isinstance(item, Text))
        return [text.place for text in texts if value == (fold(text.value) if word == "speech" else text.value)][-1]


Menu: TypeAlias = Mapping[str, Choice]


def read_menu(node: Node, what: str, reader: Reader) -> Menu | None:
    """A map of choices by name; one that cannot be read is left out. None when it is no map."""
    if not isinstance(node, Map):
        cure = "write one choice a line: `sales: {dtmf: 1, speech: [sales], goto: sales}`"
        reader.report("E201", node.place, f"{what} is not a map", cure)
        return None
    read = [_read_choice(entry, reader) for entry in node.entries]
    return {choice.name: choice for choice in read if choice is not None}


def _read_choice(entry: Entry, reader: Reader) -> Choice | None:
    name, place = entry.key.value, entry.key.place
    what = f'the choice "{name}"'
    _check_name(entry.key, reader)
    if not isinstance(entry.value, Map):
        cure = f"write `{name}: {{dtmf: 1, goto: step}}`"
        reader.report("E201", entry.value.place, f"{what} is not a map", cure)
        return None
    fields = Choice.read_words(entry.value, what, reader, place=place)
    choice = Choice.build(fields, reader, name=name)
    speech = fields.get("speech")
    if speech is not None and not isinstance(speech, Map) and not _chooses_locale(entry.value):
        _check_translated(speech, what, reader)
    if not {"dtmf", "speech"} & fields.keys.keys() and fields.is_whole:
        reader.report("E231", place, f"{what} can be neither pressed nor said")
    return choice


def _check_name(name: Text, reader: Reader) -> None:
    if name.value in _TAKEN:
        cure = "give the choice another name"
        if name.value in {"noinput", "nomatch"}:
            cure = f"write it under `retry`: `retry: {{{name.value}: [..], then: step}}`"
        reader.report("E206", name.place, f'a choice cannot be named "{name.value}"', cure)
    elif not _NAME.fullmatch(name.value):
        cure = "name the choice by what it stands for; keys go into `dtmf`"
        reader.report("E205", name.place, f'a choice cannot be named "{name.value}"', cure)


def _chooses_locale(choice: Map) -> bool:
    """Whether it is a choice of a language, which is said in its own; also one that is written wrongly."""
    sets = choice.get("set")
    return any("locale" in node.keys() for node in (choice, sets) if isinstance(node, Map))  # noqa: SIM118 - no dict


def _check_translated(speech: Node, what: str, reader: Reader) -> None:
    """W566 for phrases that count in every language."""
    if speaks_several(reader.locales):
        shown = ", ".join(f"{name}: [..]" for name in reader.locales)
        message = f"`speech` of {what} is the same in every locale: {', '.join(reader.locales)}"
        reader.report("W566", speech.place, message, f"write `speech: {{{shown}}}`")


@dataclass(frozen=True, slots=True)
class Choices(StepExit):
    """Waits for an `input`; each choice leads to its target.

    `needs` holds for each locale ("" in a flow without any) what the caller had to do for each choice.
    """

    word: ClassVar = "choices"
    step_words: ClassVar = ("choices", "min_confidence", "retry", "tail")

    choices: Menu
    needs: Mapping[str, Mapping[str, str]]
    retry: Retry
    wanted: Asked
    place: Place

    @property
    def asked(self) -> Asked:
        """Every key and phrase of the menu."""
        return self.wanted

    def edges(self) -> Iterator[Edge]:
        """Each choice, and where the last try leads."""
        for choice in self.choices.values():
            yield Edge(choice.name, choice.target, passes_input=True, sets=choice.sets)
        yield from self.retry.edges()

    def uses(self) -> Iterator[Part | Expression]:
        """The prompts of its retry."""
        yield from self.retry.parts()

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        """The choice's target, or another try."""
        match outcome.name:
            case "choice":
                return self._choose(outcome, _locale(frame))
            case "noinput" | "nomatch":
                needs = tuple(self._needs_in(_locale(frame)).values())
                return self.retry.decide(outcome.name, outcome.because, tries, needs)
            case "asr_error":
                return Decision(Again(blame=False), outcome.name, self.place, f"{outcome.because}: asked again")
            case _:
                return None

    def _needs_in(self, locale: str) -> Mapping[str, str]:
        return self.needs.get(locale) or next(iter(self.needs.values()))

    def _choose(self, outcome: Outcome, locale: str) -> Decision:
        choice = self.choices[outcome.choice]
        others = tuple(need for name, need in self._needs_in(locale).items() if name != choice.name)
        because = _reason(choice, outcome, locale)
        return Decision(Go(choice.target), choice.name, choice.place, because, others, choice.sets)

    @classmethod
    def read(cls, node: Node, source: StepSource) -> Wired | None:
        """The `choices` of a step, and those that it inherits."""
        reader, place, defaults = source.reader, source.fields.at("choices"), source.defaults
        node, source = _put_back(node, source)
        own = read_menu(node, "`choices`", reader)
        retry = source.retry(place)
        if own is None:
            return None
        choices = {**own, **{name: choice for name, choice in defaults.choices.items() if name not in own}}
        if not choices and defaults.is_whole and not (isinstance(node, Map) and node.entries):
            reader.report("E230", place, "this menu has no choice")
        asked = _asked(choices, source.min_confidence, reader)
        if asked.keys and not any(choice.said for choice in choices.values()):
            _check_confidence(source)
        if retry is None or not (asked.keys or asked.phrases):
            return None
        needs = {locale: {c.name: c.need_in(locale) for c in choices.values()} for locale in reader.locales or ("",)}
        asking = _needs(choices, tuple(reader.locales))
        parts = with_input(source.parts, asking, False, place, reader, defaults=reader.inherited)
        return Wired(cls(choices, needs, retry, asked, place), parts)


def _put_back(node: Node, source: StepSource) -> tuple[Node, StepSource]:
    """The menu without the words of the step that are indented too far; E202 for each."""
    strays = [entry for entry in node.entries if _belongs_to_step(entry, source)] if isinstance(node, Map) else []
    if not strays or not isinstance(node, Map):
        return node, source
    keys, values = dict(source.fields.keys), dict(source.fields.values)
    for key, value in strays:
        message = f"`{key.value}` is among the choices, and belongs to the step"
        column = source.fields.at("choices").column
        source.reader.report("E202", key.place, message, f"indent it by {column - 1} spaces, as `choices` is")
        keys[key.value], values[key.value] = key, value
    rest = tuple(entry for entry in node.entries if entry not in strays)
    return node._replace(entries=rest), replace(source, fields=replace(source.fields, keys=keys, values=values))


def _belongs_to_step(entry: Entry, source: StepSource) -> bool:
    """Whether an entry of a menu is `retry` or `tail` of its step, and no choice."""
    is_choice = isinstance(entry.value, Map) and {"dtmf", "speech", "goto"} & set(entry.value.keys())
    word = entry.key.value
    return word in Choices.step_words and word != "choices" and word not in source.fields.values and not is_choice


def _check_confidence(source: StepSource) -> None:
    """W222 for a `min_confidence` of a menu that takes keys alone."""
    node, place = source.fields.get("choices"), source.fields.at("min_confidence")
    entries = node.entries if isinstance(node, Map) else ()
    is_heard = any(isinstance(each.value, Map) and each.value.get("speech") is not None for each in entries)
    if "min_confidence" in source.fields.values and not is_heard:
        source.reader.report("W222", place, "`min_confidence` has no effect: no choice of this menu has `speech`")


def _locale(frame: Frame) -> str:
    return str(frame.names.get("locale", ""))


def _reason(choice: Choice, outcome: Outcome, locale: str) -> str:
    if outcome.digits:
        return f'digits {outcome.digits} are the key of choice "{choice.name}"'
    heard = fold(outcome.text)
    phrases = choice.said_in(locale).values()
    held = max((phrase for phrase in phrases if find(phrase, heard)), key=len, default="")
    return f'"{outcome.text}" holds "{held}", a phrase of choice "{choice.name}"'


def _asked(choices: Menu, least: float, reader: Reader) -> Asked:
    """What the menu listens for: in the default locale, with what it does in each."""
    keys = _keys(choices, reader)
    each = {
        locale: Asked(keys=keys, phrases=_phrases(choices, locale, reader), min_confidence=least)
        for locale in reader.locales or ("",)
    }
    first = next(iter(each.values()))
    return replace(first, by_locale=each) if any(choice.is_local for choice in choices.values()) else first


def _needs(choices: Menu, locales: tuple[str, ...]) -> dict[str, Any]:
    """What the `input` must be able to hear."""
    keys = [key for choice in choices.values() for key in choice.keys]
    said = {
        locale: [phrase for choice in choices.values() for phrase in choice.said_in(locale)]
        for locale in locales or ("",)
    }
    is_spoken = any(said.values())
    needs: dict[str, Any] = {"type": [name for name, ways in (("dtmf", keys), ("speech", is_spoken)) if ways]}
    if keys:
        needs |= {"dtmf": {"maxDigits": max(len(key) for key in keys)}, "hash_chooses": "#" in keys}
    if is_spoken:
        needs["speech"] = {"context": said if locales else said[""]}
    return needs


def _keys(choices: Menu, reader: Reader) -> dict[str, str]:
    """Key → choice; E233 for one of two choices."""
    found: dict[str, Choice] = {}
    for choice in choices.values():
        for key in choice.keys:
            other = found.setdefault(key, choice)
            if other is not choice:
                _report_twice("dtmf", key, (other, choice), reader)
    return {key: choice.name for key, choice in found.items()}


def _phrases(choices: Menu, locale: str, reader: Reader) -> dict[str, str]:
    """Folded phrase of a locale → choice; E234 for one of two choices."""
    found: dict[str, Choice] = {}
    for choice in choices.values():
        for phrase in choice.said_in(locale).values():
            other = found.setdefault(phrase, choice)
            if other is not choice:
                _report_twice("speech", phrase, (other, choice), reader)
    return {phrase: choice.name for phrase, choice in found.items()}


def _report_twice(word: str, value: str, both: tuple[Choice, Choice], reader: Reader) -> None:
    """E233 for a key and E234 for a phrase of two choices."""
    (earlier, first), (place, second) = sorted((choice.place_of(word, value), choice.name) for choice in both)
    code, what = ("E233", f"the key {value}") if word == "dtmf" else ("E234", f'the phrase "{value}"')
    reader.report(code, place, f'{what} stands for "{second}" and, in line {earlier.line}, for "{first}"')

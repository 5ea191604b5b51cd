"""`choices`: the menu of a step, by keys and speech. `defaults` may add choices to every menu.

choices:
  sales:   {dtmf: 1, speech: [sales, buy], goto: sales}
  repeat:  {dtmf: "*", goto: menu}
  billing: {dtmf: [2, 22], speech: bill, set: {topic: billing}, goto: support}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import Field

from app.flow.actions.waits import with_input
from app.flow.exit import Asked, Assignment, Decision, Edge, Go, Outcome, Target
from app.flow.issues import Fix
from app.flow.language.base import FlowModel, ReadWith, SetByCode
from app.flow.language.exits import ReadExit, StepExit, StepSource
from app.flow.language.json_schema import listed, ref
from app.flow.language.locales import speaks_several, split
from app.flow.language.reader import HINTS, Reader, has_braces, items
from app.flow.language.retry import FAILURES, Retry
from app.flow.language.targets import read_sets, read_target
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.part import Frame, Part
from app.flow.phrases import find, fold
from app.flow.templates.values import Expression

Confidence: TypeAlias = Annotated[float, Field(ge=0, le=1)]

_KEY: Final = re.compile(r"[0-9]{1,20}|[*#]")
_KEY_SCHEMA: Final = {
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^([0-9]{1,20}|[*#])$"}]
}
_NAME: Final = re.compile(r"\w[\w-]*")
_QUOTED_LIST: Final = re.compile(r"\[.*\]")
_TAKEN: Final = frozenset({"noinput", "nomatch", "asr_error", "error", "collected", "end"})


def _read_texts(node: Node, what: str, code: str, reader: Reader) -> list[Text]:
    """A text, or a list of them that is not empty."""
    if isinstance(node, Seq) and not node.items:
        reader.report(code, node.place, f"{what} is an empty list", "list what a caller may press or say")
    return [text for item in items(node) if (text := reader.text(item, what)) is not None]


def _read_keys(node: Node, what: str, reader: Reader) -> tuple[str, ...]:
    """What is pressed: digits, `*` or `#`."""
    found: dict[str, None] = {}
    for text in _read_texts(node, what, "E232", reader):
        if _KEY.fullmatch(text.value):
            found[text.value] = None
        else:
            reader.report("E232", text.place, f'"{text.value}" cannot be pressed')
    return tuple(found)


def _read_speech(node: Node, what: str, reader: Reader) -> dict[str, dict[str, str]]:
    """The phrases by locale, as written → folded; those that count in every locale under ""."""
    by_locale = (split(node, what, reader) or {}) if isinstance(node, Map) else {"": node}
    return {locale: _read_phrases(each, what, reader) for locale, each in by_locale.items()}


def _read_phrases(node: Node, what: str, reader: Reader) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in _read_texts(node, what, "E235", reader):
        folded = fold(text.value)
        if has_braces(text):
            reader.report("E235", text.place, "a phrase cannot be computed")
        elif not folded:
            reader.report("E235", text.place, f'"{text.value}" contains no words')
        else:
            found[text.value] = folded
        if _QUOTED_LIST.fullmatch(text.value.strip()):
            message = f"{text.value} in quotes is one phrase, with its brackets and commas"
            written = text.value.strip()
            fix = Fix(f"write `{written}` without quotes", "characters", written)
            reader.report("W236", text.place, message, fix)
    return found


class Choice(FlowModel):
    """One thing that the caller can press or say."""

    is_named: ClassVar = True
    hints: ClassVar = HINTS["choice"]
    cures: ClassVar = {"goto": Fix("add `goto: step`", "add", "goto: end")}

    name: SetByCode[str]
    keys: Annotated[tuple[str, ...], ReadWith(_read_keys, listed(_KEY_SCHEMA))] = Field((), alias="dtmf")
    """Digits, "*" or "#", or a list of them."""
    said: Annotated[Mapping[str, Mapping[str, str]], ReadWith(_read_speech, ref("phrases"))] = Field(
        default_factory=dict, alias="speech"
    )
    """Phrases that the caller may say."""
    sets: Annotated[tuple[Assignment, ...], ReadWith(read_sets, ref("sets"))] = Field((), alias="set")
    """Variables that change when it is chosen."""
    target: Annotated[Target, ReadWith(read_target, ref("goto"))] = Field(alias="goto")
    """Where it leads."""

    @cached_property
    def phrases(self) -> Mapping[str, str]:
        """What a caller can say in any locale: as written → folded."""
        return {phrase: folded for phrases in self.said.values() for phrase, folded in phrases.items()}

    @property
    def is_local(self) -> bool:
        """Whether its phrases differ by locale."""
        return bool(self.said) and "" not in self.said

    def said_in(self, locale: str) -> Mapping[str, str]:
        """What a caller can say in one locale: as written → folded."""
        return self.said[locale] if locale and locale in self.said else self.phrases

    def need_in(self, locale: str) -> str:
        """The keys and phrases that would have chosen it, for the trace."""
        ways = (" or ".join(self.keys), ", ".join(f'"{phrase}"' for phrase in self.said_in(locale)))
        return f"{self.name}: needs {' or '.join(way for way in ways if way)}"

    def place_of(self, word: str, value: str) -> Place:
        """Where a key or a folded phrase is written; of a phrase that is written twice, the later place."""
        node = self.written.get(word)
        nodes = [entry.value for entry in node.entries] if isinstance(node, Map) else [node]
        texts = (item for each in nodes for item in items(each) if isinstance(item, Text))
        return [text.place for text in texts if value == (fold(text.value) if word == "speech" else text.value)][-1]


Menu: TypeAlias = Mapping[str, Choice]


def read_menu(node: Node, what: str, reader: Reader) -> Menu | None:
    """A map of choices by name; one that cannot be read is left out. None when it is no map."""
    found = reader.map(node, what, "write one choice a line: `sales: {dtmf: 1, speech: [sales], goto: sales}`")
    if found is None:
        return None
    read = [_read_choice(entry, reader) for entry in found.entries]
    return {choice.name: choice for choice in read if choice is not None}


def _read_choice(entry: Entry, reader: Reader) -> Choice | None:
    name, place = entry.key.value, entry.key.place
    what = f'the choice "{name}"'
    taken_cure = "give the choice another name"
    if name in FAILURES:
        taken_cure = f"write it under `retry`: `retry: {{{name}: [..], then: step}}`"
    cure = "name the choice by its meaning; keys go into `dtmf`"
    reader.check_name(entry.key, "a choice", _NAME, cure, taken=_TAKEN, taken_cure=taken_cure)
    found = reader.map(entry.value, what, f"write `{name}: {{dtmf: 1, goto: step}}`")
    if found is None:
        return None
    fields = Choice.read_words(found, what, reader, place=place)
    choice = Choice.build(fields, reader, name=name)
    speech, sets = fields.get("speech"), fields.get("set")
    chooses_locale = any(isinstance(node, Map) and node.get("locale") is not None for node in (found, sets))
    if speech is not None and not isinstance(speech, Map) and not chooses_locale and speaks_several(reader.locales):
        shown = ", ".join(f"{locale}: [..]" for locale in reader.locales)
        message = f"`speech` of {what} is the same in every locale: {', '.join(reader.locales)}"
        reader.report("W566", speech.place, message, f"write `speech: {{{shown}}}`")
    if not {"dtmf", "speech"} & fields.keys.keys() and fields.is_whole:
        reader.report("E231", place, f"{what} can be neither pressed nor said")
    return choice


@dataclass(frozen=True, slots=True)
class Choices(StepExit):
    """Waits for an `input`; each choice leads to its target."""

    word: ClassVar = "choices"
    step_words: ClassVar = ("choices", "min_confidence", "retry", "tail")

    choices: Menu
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
        locale = str(frame.names.get("locale", ""))
        needs = {choice.name: choice.need_in(locale) for choice in self.choices.values()}
        if outcome.name != "choice":
            return self.retry.after(outcome, self.place, tries, tuple(needs.values()))
        choice = self.choices[outcome.choice]
        others = tuple(need for name, need in needs.items() if name != choice.name)
        because = _reason(choice, outcome, locale)
        return Decision(Go(choice.target), choice.name, choice.place, because, others, choice.sets)

    @classmethod
    def read(cls, node: Node, source: StepSource) -> ReadExit | None:
        """The `choices` of a step, and those that it inherits."""
        node, source = _move_step_words_out(node, source)
        reader, place, defaults = source.reader, source.fields.at("choices"), source.defaults
        own = read_menu(node, "`choices`", reader)
        retry = source.retry(place)
        if own is None:
            return None
        choices = {**own, **{name: choice for name, choice in defaults.choices.items() if name not in own}}
        written = node.entries if isinstance(node, Map) else ()
        if not choices and defaults.is_whole and not written:
            reader.report("E230", place, "this menu has no choice")
        asked = _asked(choices, source.min_confidence, reader)
        is_heard = any("speech" in choice.written.values for choice in choices.values())
        if asked.keys and not is_heard and "min_confidence" in source.fields.values:
            message = "`min_confidence` has no effect: no choice of this menu has `speech`"
            reader.report("W222", source.fields.at("min_confidence"), message)
        if retry is None or not (asked.keys or asked.phrases):
            return None
        asking = _input_needs(choices, tuple(reader.locales))
        parts = with_input(source.parts, asking, False, place, reader)
        return ReadExit(cls(choices, retry, asked, place), parts)


def _move_step_words_out(node: Node, source: StepSource) -> tuple[Node, StepSource]:
    """Move words of the step that are indented into the menu back to the step; E202 for each."""
    fields, inner = source.fields, node.entries if isinstance(node, Map) else ()
    strays = [
        entry
        for entry in inner
        if entry.key.value in {"retry", "tail", "min_confidence"} - fields.values.keys()
        and not (isinstance(entry.value, Map) and {"dtmf", "speech", "goto"}.intersection(entry.value.keys()))
    ]
    for key, value in strays:
        message = f"`{key.value}` is among the choices, and belongs to the step"
        cure = f"indent it by {fields.at('choices').column - 1} spaces, as `choices` is"
        source.reader.report("E202", key.place, message, cure)
        fields = replace(fields, keys={**fields.keys, key.value: key}, values={**fields.values, key.value: value})
    if isinstance(node, Map):
        node = node._replace(entries=tuple(entry for entry in inner if entry not in strays))
    return node, replace(source, fields=fields)


def _reason(choice: Choice, outcome: Outcome, locale: str) -> str:
    if outcome.digits:
        return f'digits {outcome.digits} are the key of choice "{choice.name}"'
    heard = fold(outcome.text)
    phrases = choice.said_in(locale).values()
    held = max((phrase for phrase in phrases if find(phrase, heard)), key=len, default="")
    return f'"{outcome.text}" contains "{held}", a phrase of choice "{choice.name}"'


def _asked(choices: Menu, least: float, reader: Reader) -> Asked:
    """What the menu listens for in the default locale; `by_locale` has the same for each locale if they differ."""
    every = choices.values()
    keys = _distinct(((key, choice) for choice in every for key in choice.keys), "dtmf", reader)
    each: dict[str, Asked] = {}
    for locale in reader.locales or ("",):
        said = ((phrase, choice) for choice in every for phrase in choice.said_in(locale).values())
        each[locale] = Asked(keys=keys, phrases=_distinct(said, "speech", reader), min_confidence=least)
    first = next(iter(each.values()))
    return replace(first, by_locale=each) if any(choice.is_local for choice in every) else first


def _input_needs(choices: Menu, locales: tuple[str, ...]) -> dict[str, Any]:
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


def _distinct(ways: Iterable[tuple[str, Choice]], word: str, reader: Reader) -> dict[str, str]:
    """Key or folded phrase → choice; E233 for a key and E234 for a phrase of two choices."""
    found: dict[str, Choice] = {}
    for value, choice in ways:
        other = found.setdefault(value, choice)
        if other is not choice:
            both = sorted((each.place_of(word, value), each.name) for each in (other, choice))
            (earlier, first), (place, second) = both
            code, what = ("E233", f"the key {value}") if word == "dtmf" else ("E234", f'the phrase "{value}"')
            reader.report(code, place, f'{what} belongs to "{second}" and, in line {earlier.line}, to "{first}"')
    return {value: choice.name for value, choice in found.items()}

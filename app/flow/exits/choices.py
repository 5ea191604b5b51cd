"""`choices`: a menu by keys and speech.

choices:
  sales:   {dtmf: 1, speech: [sales, buy], goto: sales}
  repeat:  {dtmf: "*", goto: menu}
  billing: {dtmf: [2, 22], speech: bill, set: {topic: billing}, goto: support}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from app.flow.confidence import min_confidence
from app.flow.exits.asking import retry_of
from app.flow.exits.source import StepSource, Wired
from app.flow.menu import Choice, read_menu
from app.flow.model import (
    Again,
    Asked,
    Decision,
    Edge,
    Frame,
    Go,
    Jump,
    Outcome,
    Part,
)
from app.flow.nodes import Entry, Map, Node, Place
from app.flow.parts.asking import with_input
from app.flow.phrases import find, fold
from app.flow.reader import Reader
from app.flow.retry import Retry
from app.flow.templates import Expression


@dataclass(frozen=True, slots=True)
class Choices:
    """Waits for an `input`; each choice leads to its target.

    `needs` tells for each locale ("" in a flow without any) what the caller had to do for each choice.
    """

    word: ClassVar[str] = "choices"
    is_steady: ClassVar[bool] = True
    is_early: ClassVar[bool] = False
    asks_again: ClassVar[bool] = False
    words: ClassVar[frozenset[str]] = frozenset({"choices", "retry", "min_confidence", "tail"})

    choices: Mapping[str, Choice]
    needs: Mapping[str, Mapping[str, str]]
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
            yield Edge(choice.name, choice.target, passes_input=True, sets=choice.sets)
        yield from self.retry.edges()

    def uses(self) -> Iterator[Part | Expression]:
        """The prompts of its retry."""
        yield from self.retry.parts()

    def enter(self, frame: Frame) -> Jump | None:
        """The caller decides."""
        return None

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


def _locale(frame: Frame) -> str:
    return str(frame.names.get("locale", ""))


def _reason(choice: Choice, outcome: Outcome, locale: str) -> str:
    if outcome.digits:
        return f'digits {outcome.digits} are the key of choice "{choice.name}"'
    heard = fold(outcome.text)
    phrases = choice.said_in(locale).values()
    held = max((phrase for phrase in phrases if find(phrase, heard)), key=len, default="")
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
    asked = _asked(choices, least, reader)
    if retry is None or not (asked.keys or asked.phrases):
        return None
    needs = {locale: {c.name: c.need_in(locale) for c in choices} for locale in reader.locales or ("",)}
    menu = Choices({c.name: c for c in choices}, needs, retry, asked, place)
    asking = _needs(choices, tuple(reader.locales))
    parts = with_input(source.parts, asking, False, place, reader, defaults=source.defaults.actions)
    return Wired(menu, parts)


def _asked(choices: tuple[Choice, ...], least: float, reader: Reader) -> Asked:
    """What the menu listens for: in the default locale, with what it does in each."""
    keys = _keys(choices, reader)
    each = {
        locale: Asked(keys=keys, phrases=_phrases(choices, locale, reader), min_confidence=least)
        for locale in reader.locales or ("",)
    }
    first = next(iter(each.values()))
    return replace(first, by_locale=each) if any(choice.by_locale for choice in choices) else first


def _entries(node: Node) -> tuple[Entry, ...]:
    return node.entries if isinstance(node, Map) else ()


def _needs(choices: tuple[Choice, ...], locales: tuple[str, ...]) -> dict[str, Any]:
    """What the `input` must be able to hear."""
    keys = [key for choice in choices for key in choice.keys]
    said = {locale: [phrase for choice in choices for phrase in choice.said_in(locale)] for locale in locales or ("",)}
    is_spoken = any(said.values())
    needs: dict[str, Any] = {"type": [name for name, ways in (("dtmf", keys), ("speech", is_spoken)) if ways]}
    if keys:
        needs |= {"dtmf": {"maxDigits": max(len(key) for key in keys)}, "hash_chooses": "#" in keys}
    if is_spoken:
        needs["speech"] = {"context": said if locales else said[""]}
    return needs


def _keys(choices: tuple[Choice, ...], reader: Reader) -> dict[str, str]:
    """Key → choice; E233 for one of two choices."""
    found: dict[str, Choice] = {}
    for choice in choices:
        for key in choice.keys:
            other = found.setdefault(key, choice)
            if other is not choice:
                _report_shared("E233", f"the key {key}", ("dtmf", key), (other, choice), reader)
    return {key: choice.name for key, choice in found.items()}


def _phrases(choices: tuple[Choice, ...], locale: str, reader: Reader) -> dict[str, str]:
    """Folded phrase of a locale → choice; E234 for one of two choices."""
    found: dict[str, Choice] = {}
    for choice in choices:
        for phrase in choice.said_in(locale).values():
            other = found.setdefault(phrase, choice)
            if other is not choice:
                _report_shared("E234", f'the phrase "{phrase}"', ("speech", phrase), (other, choice), reader)
    return {phrase: choice.name for phrase, choice in found.items()}


def _report_shared(code: str, what: str, key: tuple[str, str], both: tuple[Choice, Choice], reader: Reader) -> None:
    (earlier, first), (place, second) = sorted((choice.places[key], choice.name) for choice in both)
    reader.report(code, place, f'{what} stands for "{second}" and, in line {earlier.line}, for "{first}"')

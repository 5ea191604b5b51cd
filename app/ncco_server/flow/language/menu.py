"""`choices`: the menu of a step, by keys and speech. `defaults` may add choices to every menu.

choices:
  billing: {dtmf: [2, 22], speech: bill, set: {topic: billing}, goto: support}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from ncco_server.flow.actions.waits import InputNeeds, Needs
from ncco_server.flow.frame import Frame
from ncco_server.flow.grammar.reader import Fields, Reader, Resolver
from ncco_server.flow.language.choice import ChoiceDefinition, Confidence, Menu
from ncco_server.flow.language.exits import AskingExit, AskingWords, StepSource
from ncco_server.flow.language.retry import FAILURES, Retry
from ncco_server.flow.nodes import Entry, Map, Place
from ncco_server.flow.runtime import (
    BY_KEYS,
    BY_SPEECH,
    Asked,
    Decision,
    ExitOutcome,
    Go,
    Outcome,
    Way,
)


class ChoicesWords(AskingWords):
    """The words of a step with a menu."""

    choices: Menu | None = None
    """A menu: each choice with `dtmf`, `speech` or both, and where it leads."""
    min_confidence: Confidence | None = None
    """From 0 to 1: results with a lower confidence do not count."""


def restore_menu(step: Fields, reader: Reader) -> Fields:
    menu = step.get("choices")
    strays = [entry for entry in menu.entries if _is_stray(entry, step)] if isinstance(menu, Map) else []
    for key, _ in strays:
        message = f"`{key.value}` is among the choices, but belongs to the step"
        cure = f"indent it by {step.at('choices').column - 1} spaces, like `choices`"
        reader.report("E202", key.place, message, cure)
    if not isinstance(menu, Map) or not strays:
        return step
    return replace(step, values={**step.values, "choices": menu.without(*(key.value for key, _ in strays))})


def _is_stray(entry: Entry, step: Fields) -> bool:
    is_choice = isinstance(entry.value, Map) and not {*ChoiceDefinition.words()}.isdisjoint(entry.value.keys())
    return entry.key.value in {*ChoicesWords.words()} - step.values.keys() and not is_choice


@dataclass(frozen=True, slots=True)
class Choices(AskingExit[ChoicesWords]):
    """Waits for an `input`. Each choice leads to its target."""

    word: ClassVar = "choices"
    form: ClassVar = ChoicesWords

    choices: Menu
    retry: Retry
    wanted: Asked
    place: Place
    locales: tuple[str, ...] = ()
    needed: dict[str, dict[str, str]] = field(default_factory=dict, init=False, compare=False, repr=False)
    """Keys and phrases of each choice, by locale; `decide` uses them for its reasons."""

    @property
    def asked(self) -> Asked:
        return self.wanted

    def needs(self) -> Needs:
        keys = [key for choice in self.choices.values() for key in choice.keys]
        said = {
            locale: [phrase for choice in self.choices.values() for phrase in choice.said_in(locale)]
            for locale in self.locales or ("",)
        }
        is_spoken = any(said.values())
        return InputNeeds(
            tuple(kind for kind, is_asked in (("dtmf", bool(keys)), ("speech", is_spoken)) if is_asked),
            max_digits=max(map(len, keys), default=0),
            hash_chooses="#" in keys,
            context=(said if self.locales else said[""]) if is_spoken else (),
        )

    def written_ways(self) -> Iterator[Way]:
        for choice in self.choices.values():
            yield Way(
                choice.name,
                choice.target,
                choice.place,
                (f"{choice.name} {BY_KEYS}", f"{choice.name} {BY_SPEECH}"),
                passes_input=True,
                sets=choice.sets,
                choice=choice,
                is_alone=True,
            )
        yield from self.retry.ways()

    def outcomes(self) -> Iterator[ExitOutcome]:
        for choice in self.choices.values():
            if choice.keys:
                yield ExitOutcome(f"{choice.name} {BY_KEYS}", choice.place)
            if choice.phrases:
                yield ExitOutcome(f"{choice.name} {BY_SPEECH}", choice.place)
        for failure in FAILURES:
            yield from self.retry.outcomes(failure)

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        locale = str(frame.names.get("locale", ""))
        needs = self.needed.get(locale)
        if needs is None:
            needs = self.needed[locale] = {choice.name: choice.need_in(locale) for choice in self.choices.values()}
        if outcome.name != "choice":
            return self.retry.after(outcome, self.place, tries, tuple(needs.values()))
        choice = self.choices[outcome.choice]
        others = tuple(need for name, need in needs.items() if name != choice.name)
        return Decision(Go(choice.target), choice.name, choice.place, outcome.because, others, choice.sets)

    @classmethod
    def of_words(cls, words: ChoicesWords, source: StepSource) -> Self | None:
        reader = source.reader
        place = words.at("choices")
        own = words.choices
        defaults = source.defaults
        retry = source.retry(words.retry, place)
        if own is None:
            return None
        choices = {**own, **{name: choice for name, choice in defaults.choices.items() if name not in own}}
        if not choices:
            reader.report("E204", place, "this menu has no choices", "add a choice: `sales: {dtmf: 1, goto: sales}`")
        least = defaults.min_confidence if words.min_confidence is None else words.min_confidence
        asked = _asked(choices, least, reader)
        is_heard = any("speech" in choice.written.values for choice in choices.values())
        if asked.keys and not is_heard and "min_confidence" in words.written.values:
            message = "`min_confidence` has no effect: no choice of this menu has `speech`"
            reader.report(
                "W296", words.at("min_confidence"), message, "delete `min_confidence`, or give a choice `speech`"
            )
        if retry is None or not (asked.keys or asked.phrases):
            return None
        return cls(choices, retry, asked, place, tuple(reader.locales))


def _asked(choices: Menu, least: float, reader: Resolver) -> Asked:
    """The default locale's input. If locales differ, `by_locale` has each one's."""
    every = choices.values()
    keys = _distinct(((key, choice) for choice in every for key in choice.keys), "dtmf", reader)
    each: dict[str, Asked] = {}
    for locale in reader.locales or ("",):
        said = ((phrase, choice) for choice in every for phrase in choice.said_in(locale).values())
        each[locale] = Asked(keys=keys, phrases=_distinct(said, "speech", reader), min_confidence=least)
    first = next(iter(each.values()))
    return replace(first, by_locale=each) if any(choice.is_local for choice in every) else first


def _distinct(ways: Iterable[tuple[str, ChoiceDefinition]], word: str, reader: Reader) -> dict[str, str]:
    found: dict[str, ChoiceDefinition] = {}
    for value, choice in ways:
        other = found.setdefault(value, choice)
        if other is not choice:
            both = sorted((each.place_of(word, value), each.name) for each in (other, choice))
            (earlier, first), (place, second) = both
            code, what = ("E233", f"the key {value}") if word == "dtmf" else ("E233", f'the phrase "{value}"')
            reader.report(code, place, f'{what} belongs to "{second}" and, on line {earlier.line}, to "{first}"')
    return {value: choice.name for value, choice in found.items()}

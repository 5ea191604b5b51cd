"""`collect`: data entry by keys, or free speech; the input goes into a variable.

collect: {into: pin, digits: 4, sensitive: true, check: pin == env.PIN}
collect: {into: account, digits: 6..8}                                       # ends with #
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from keyword import iskeyword
from typing import Annotated, Any, ClassVar, Final, Self

from ncco_server.flow.actions.waits import InputNeeds, Needs
from ncco_server.flow.frame import Frame, Target
from ncco_server.flow.grammar.forms import TEXT, Notation, offered
from ncco_server.flow.grammar.map_form import MapForm, written_as
from ncco_server.flow.grammar.reader import Fields, Reader, Resolver
from ncco_server.flow.grammar.variables import is_variable_name
from ncco_server.flow.language.choice import Confidence
from ncco_server.flow.language.exits import AskingExit, AskingWords, Condition, GotoWords, StepSource
from ncco_server.flow.language.retry import Retry
from ncco_server.flow.nodes import Map, Node, Place, Text
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
from ncco_server.flow.scope import Variable
from ncco_server.flow.templates.values import Expression

_DIGITS: Final = re.compile(r"(\d{1,3})(?:\s*\.\.\s*(\d{1,3}))?")
_DIGITS_SCHEMA: Final = {
    "anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^\d{1,3}(\s*\.\.\s*\d{1,3})?$"}]
}
_MAX_DIGITS: Final = 20
"""Source: NCCO reference, DTMF Input Settings (maxDigits)."""


def _read_into(node: Node, what: str, reader: Resolver) -> Variable | None:
    text = reader.text(node, what)
    is_named = text is not None and is_variable_name(text, "a variable", reader)
    return reader.variables.get(text.value) if text is not None and is_named else None


def _read_digits(node: Node, what: str, reader: Reader) -> tuple[int, int] | None:
    text = node if isinstance(node, Text) else reader.text(node, what, "write a number, or a range such as 6..8")
    if text is None:
        return None
    found = _DIGITS.fullmatch(text.value)
    low, high = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if 1 <= low <= high <= _MAX_DIGITS:
        return low, high
    cure = f"write a number from 1 to {_MAX_DIGITS}, or a range such as 6..8"
    reader.report("E203", text.place, f'{what} is "{text.value}"', cure)
    return None


def _read_speech(node: Node, what: str, reader: Reader) -> bool:
    is_any = isinstance(node, Text) and node.value == "any"
    if not is_any:
        fix = "write `speech: any`, or use `choices`"
        reader.report("E203", node.place, f"{what} accepts any words", fix)
    return is_any


class DataEntry(MapForm):
    """The map under `collect`."""

    example: ClassVar = "collect: {into: name, digits: 4}"
    is_at_key: ClassVar = True
    cures: ClassVar = {"into": "add `into: name`, the variable that stores the answer"}

    variable: Annotated[Variable, Notation(_read_into, offered("variables"))] = written_as("into")
    """The variable that receives the input."""
    digits: Annotated[tuple[int, int] | None, Notation(_read_digits, _DIGITS_SCHEMA)] = None
    """How many: 4, or a range such as 6..8, which the caller ends with #."""
    speech: Annotated[bool, Notation(_read_speech, TEXT)] = False
    """any: the caller may say anything."""
    sensitive: bool = False
    """true: the value is never written anywhere, and is forgotten after the turn that received it."""
    check: Condition | None = None
    """A condition that the input must meet. Otherwise the attempt has failed."""
    min_confidence: Confidence | None = None
    """From 0 to 1: results with a lower confidence do not count."""

    @classmethod
    def build(cls, fields: Fields, reader: Reader, **made: Any) -> Self | None:
        entry = super().build(fields, reader, **made)
        if "min_confidence" in fields.values and "speech" not in fields.values:
            message = "`min_confidence` is in a `collect` without speech"
            reader.report("E219", fields.at("min_confidence"), message, "delete it, or add `speech: any`")
        if not {"digits", "speech"} & fields.values.keys():
            cure = (
                "write `digits=4`, or `speech=True`"
                if fields.place.is_in_python
                else "add `digits: 4` or `speech: any`"
            )
            reader.report("E204", fields.place, "`collect` needs digits or speech", cure)
            return None
        return entry


class CollectWords(AskingWords, GotoWords):
    """The words of a step that collects input."""

    cures: ClassVar = {"goto": "add `goto: end` next to `collect`"}

    collect: DataEntry | None = None
    """Keys or words that go into a variable. The call continues at the `goto` next to it."""

    @classmethod
    def build(cls, fields: Fields, reader: Reader, **made: Any) -> Self | None:
        """A `goto` inside `collect` is reported there, and read as the one next to it."""
        entry = fields.values.get("collect")
        inside = entry.get("goto") if isinstance(entry, Map) else None
        values = fields.values if inside is None else {"goto": inside, **fields.values}
        return super().build(replace(fields, values=values), reader, **made)


@dataclass(frozen=True, slots=True)
class Collect(AskingExit[CollectWords]):
    """Waits for an `input`, checks what the caller entered or said, and stores it in a variable.

    Speech results with a confidence below `least` (0 to 1) do not count.
    """

    word: ClassVar = "collect"
    form: ClassVar = CollectWords

    entry: DataEntry
    target: Target
    retry: Retry
    least: float
    place: Place

    @property
    def asked(self) -> Asked:
        entry = self.entry
        is_sensitive = entry.variable.sensitive
        return Asked(lengths=entry.digits, free_speech=entry.speech, min_confidence=self.least, sensitive=is_sensitive)

    def needs(self) -> Needs:
        entry = self.entry
        low, high = entry.digits or (0, 0)
        asked = (("dtmf", entry.digits is not None), ("speech", entry.speech))
        return InputNeeds(
            tuple(kind for kind, is_asked in asked if is_asked),
            max_digits=high,
            ends_on_hash=low != high,
            is_sensitive=entry.variable.sensitive,
        )

    def written_ways(self) -> Iterator[Way]:
        yield Way(
            "collected",
            self.target,
            self.place,
            (f"collected {BY_KEYS}", f"collected {BY_SPEECH}"),
            passes_input=True,
            fills=self.entry.variable,
            label=f"{self.entry.variable.name} given",
            is_alone=True,
        )
        yield from self.retry.ways()

    def outcomes(self) -> Iterator[ExitOutcome]:
        if self.entry.digits is not None:
            yield ExitOutcome(f"collected {BY_KEYS}", self.place)
        if self.entry.speech:
            yield ExitOutcome(f"collected {BY_SPEECH}", self.place)
        yield from self.retry.outcomes("noinput")
        if not self._fits_anything:
            yield from self.retry.outcomes("nomatch")

    @property
    def _fits_anything(self) -> bool:
        type_ = self.entry.variable.type
        is_checked = self.entry.check is not None or type_.name != "text" or bool(type_.words)
        return self.entry.digits is None and not self.least and not is_checked

    def reads(self) -> Iterator[Expression]:
        if self.entry.check is not None:
            yield self.entry.check

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        if outcome.name == "collected":
            return self._keep(outcome, frame, tries)
        return self.retry.after(outcome, self.place, tries)

    def _keep(self, outcome: Outcome, frame: Frame, tries: int) -> Decision:
        fault = self._length_fault(outcome)
        if fault:
            return self.retry.decide("nomatch", fault, tries)
        check = self.entry.check
        variable = self.entry.variable
        into = variable.name
        try:
            value = variable.type.cast(outcome.digits or outcome.text)
        except ValueError as error:
            fault = f"it does not fit the type of {into}" + ("" if variable.sensitive else f": {error}")
            return self.retry.decide("nomatch", fault, tries)
        shown = f"check: {check.source}" if check and not variable.sensitive else "the check"
        if check is not None and not check.evaluate({**frame.names, into: variable.type.operand(value)}):
            return self.retry.decide("nomatch", f"{shown} does not hold", tries)
        given = f"{len(outcome.digits)} digits go" if outcome.digits else "what was said goes"
        to = "to the handler" if iskeyword(into) else f"into {into}"
        because = f"{given} {to}" + (f"; {shown} holds" if check else "")
        return Decision(Go(self.target), "collected", self.place, because, values={into: value})

    def _length_fault(self, outcome: Outcome) -> str:
        digits = self.entry.digits
        if not outcome.digits:
            return "" if self.entry.speech else "speech was given, but keys were asked for"
        if digits is None:
            return "keys were pressed, but speech was asked for"
        low, high = digits
        if not (outcome.digits.isascii() and outcome.digits.isdigit()):
            return "digits are needed, but another key was pressed"
        if low <= len(outcome.digits) <= high:
            return ""
        needed = f"{low}" if low == high else f"{low} to {high}"
        return f"length: {len(outcome.digits)} entered, {needed} needed"

    @classmethod
    def of_words(cls, words: CollectWords, source: StepSource) -> Self | None:
        place = words.at("collect")
        entry = words.collect
        target = words.goto
        retry = source.retry(words.retry, place)
        if entry is None or target is None or retry is None:
            return None
        least = source.defaults.min_confidence if entry.min_confidence is None else entry.min_confidence
        return cls(entry, target, retry, least, place)

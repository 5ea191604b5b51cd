"""`collect`: data entry by keys, or free speech; what was given goes into a variable.

collect: {into: pin, digits: 4, sensitive: true, check: pin == env.PIN}
collect: {into: account, digits: 6..8}                                       # ends with #
collect: {into: reason, speech: any, min_confidence: 0.5}

`goto` beside it says where the call goes then; what does not fit counts as a failed try.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from app.flow.confidence import min_confidence
from app.flow.exits.asking import retry_of
from app.flow.exits.source import StepSource, Wired
from app.flow.fields import Fields, read_fields
from app.flow.model import Again, Asked, Decision, Edge, Frame, Go, Jump, Outcome, Part, Target, Variable
from app.flow.nodes import Place, Text
from app.flow.parts.asking import with_input
from app.flow.reader import Reader
from app.flow.retry import Retry
from app.flow.scope import variable_type
from app.flow.targets import read_target
from app.flow.templates import Expression
from app.flow.types import ValueType
from app.flow.variables import is_variable_name

WORDS = ("into", "digits", "speech", "sensitive", "check", "min_confidence")
_HINTS = {
    "goto": "write `goto` beside `collect`, not inside it",
    "retry": "write `retry` beside `collect`, not inside it",
    "dtmf": "write `digits: 4`, or a range such as `digits: 6..8`",
    "maxdigits": "write `digits: 4`, or a range such as `digits: 6..8`",
    "length": "write `digits: 4`, or a range such as `digits: 6..8`",
    "variable": "write `into`",
    "name": "write `into`",
    "if": "write `check`",
}
_DIGITS = re.compile(r"(\d{1,3})(?:\s*\.\.\s*(\d{1,3}))?")
_SLIPPED_DIGITS = re.compile(r"(\d{1,3})\s*(?:-|\.|\.{3}|to|\u2013|\u2026)\s*(\d{1,3})")
_MOST_DIGITS = 20
"""Source: NCCO reference, DTMF Input Settings (maxDigits)."""


@dataclass(frozen=True, slots=True)
class Collect:
    """Waits for an `input`, checks what came, and keeps it."""

    word: ClassVar[str] = "collect"
    is_steady: ClassVar[bool] = True
    is_early: ClassVar[bool] = False
    asks_again: ClassVar[bool] = False
    words: ClassVar[frozenset[str]] = frozenset({"collect", "goto", "retry", "tail"})

    into: str
    type: ValueType
    check: Expression | None
    target: Target
    retry: Retry
    wanted: Asked
    place: Place

    @property
    def asked(self) -> Asked | None:
        """How many digits, or free speech."""
        return self.wanted

    def edges(self) -> Iterator[Edge]:
        """Where it goes with what was given, and where the last try leads."""
        yield Edge("collected", self.target, passes_input=True, fills=self.into)
        yield from self.retry.edges()

    def uses(self) -> Iterator[Part | Expression]:
        """The check, and the prompts of its retry."""
        if self.check is not None:
            yield self.check
        yield from self.retry.parts()

    def enter(self, frame: Frame) -> Jump | None:
        """The caller decides."""
        return None

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        """Keep what fits, else another try. Raises RenderError when `check` cannot be computed."""
        match outcome.name:
            case "collected":
                return self._keep(outcome, frame, tries)
            case "noinput" | "nomatch":
                return self.retry.decide(outcome.name, outcome.because, tries)
            case "asr_error":
                return Decision(Again(blame=False), outcome.name, self.place, f"{outcome.because}: asked again")
            case _:
                return None

    def _keep(self, outcome: Outcome, frame: Frame, tries: int) -> Decision:
        fault = self._length_fault(outcome)
        if fault:
            return self.retry.decide("nomatch", fault, tries)
        try:
            value = self.type.cast(outcome.digits or outcome.text)
        except ValueError as error:
            fault = f"it does not fit the type of {self.into}" + ("" if self.wanted.sensitive else f": {error}")
            return self.retry.decide("nomatch", fault, tries)
        if self.check is not None and not self.check.evaluate({**frame.names, self.into: value}):
            return self.retry.decide("nomatch", f"{self.shown_check} does not hold", tries)
        given = f"{len(outcome.digits)} digits go" if outcome.digits else "what was said goes"
        because = f"{given} into {self.into}" + (f"; {self.shown_check} holds" if self.check else "")
        return Decision(Go(self.target), "collected", self.place, because, values={self.into: value})

    @property
    def shown_check(self) -> str:
        """The check, for the trace; of a sensitive value not what it is compared with."""
        return f"check: {self.check.source}" if self.check and not self.wanted.sensitive else "the check"

    def _length_fault(self, outcome: Outcome) -> str:
        if not outcome.digits:
            return "" if self.wanted.free_speech else "speech was given, but keys were asked for"
        if self.wanted.lengths is None:
            return "keys were pressed, but speech was asked for"
        low, high = self.wanted.lengths
        if not outcome.digits.isdigit():
            return "digits are due, and another key was pressed"
        if low <= len(outcome.digits) <= high:
            return ""
        due = f"{low}" if low == high else f"{low} to {high}"
        return f"length: {len(outcome.digits)} digits were entered where {due} are due"


def read_collect(source: StepSource, reader: Reader) -> Wired | None:
    """The `collect` of a step with the `goto` beside it."""
    place = source.fields.at("collect")
    node = reader.map(source.fields.values["collect"], "`collect`", "write `collect: {into: name, digits: 4}`")
    goto = source.fields.need("goto", "add `goto: step` beside `collect`", reader)
    target = read_target(goto, "`goto`", reader) if goto else None
    retry = retry_of(source, place, reader)
    if node is None:
        return None
    fields = read_fields(node, WORDS, "`collect`", reader, place=place, hints=_HINTS)
    into = _read_into(fields, source.variables, reader)
    asked = _read_asked(fields, into, source, reader)
    check_node = fields.get("check") if into else None
    check = reader.expression(check_node, "`check`") if check_node else None
    if into is None or asked is None or target is None or retry is None:
        return None
    exit_ = Collect(into.name, variable_type(into), check, target, retry, asked, place)
    parts = with_input(source.parts, _needs(asked), asked.sensitive, place, reader, defaults=source.defaults.actions)
    return Wired(exit_, parts)


def _needs(asked: Asked) -> Mapping[str, Any]:
    kinds = {"dtmf": asked.lengths is not None, "speech": asked.free_speech}
    needs: dict[str, Any] = {"type": [kind for kind, is_asked in kinds.items() if is_asked]}
    if asked.lengths:
        low, high = asked.lengths
        needs["dtmf"] = {"maxDigits": high} if low == high else {"maxDigits": high, "submitOnHash": True}
    return needs


def _read_into(fields: Fields, variables: Mapping[str, Variable], reader: Reader) -> Variable | None:
    node = fields.need("into", "add `into: name`, the variable that keeps what was given", reader)
    text = reader.text(node, "`into`") if node else None
    if text is None or not is_variable_name(text, "a variable", reader):
        return None
    return variables.get(text.value)


def _read_asked(fields: Fields, into: Variable | None, source: StepSource, reader: Reader) -> Asked | None:
    lengths = _read_digits(fields, reader)
    is_spoken = _read_speech(fields, reader)
    least = min_confidence(fields, source.defaults.min_confidence, reader)
    if "sensitive" in fields.values:
        reader.flag(fields.values["sensitive"], "`sensitive`")
    if not {"digits", "speech"} & fields.values.keys():
        if fields.is_whole:
            reader.report("E245", fields.place, "`collect` takes neither digits nor speech")
        return None
    if "min_confidence" in fields.values and "speech" not in fields.values:
        message = "`min_confidence` stands in a `collect` without speech"
        reader.report("E219", fields.at("min_confidence"), message, "delete it, or add `speech: any`")
    is_sensitive = into is not None and into.sensitive
    return Asked(lengths=lengths, free_speech=is_spoken, min_confidence=least, sensitive=is_sensitive)


def _read_digits(fields: Fields, reader: Reader) -> tuple[int, int] | None:
    node = fields.get("digits")
    text = reader.text(node, "`digits`") if node else None
    if text is None:
        return None
    found = _DIGITS.fullmatch(text.value)
    if found is None:
        slipped = _SLIPPED_DIGITS.fullmatch(text.value)
        cure = f"write {slipped[1]}..{slipped[2]}" if slipped else None
        reader.report("E246", text.place, f'`digits` is "{text.value}"', cure)
        return None
    low = int(found[1])
    high = int(found[2] or found[1])
    if not 1 <= low <= high <= _MOST_DIGITS:
        reader.report("E246", text.place, f'`digits` is "{text.value}"', _digits_cure(low, high))
        return None
    return low, high


def _digits_cure(low: int, high: int) -> str:
    if low > high:
        return f"write the smaller number first: {high}..{low}"
    return f"an `input` takes 1 to {_MOST_DIGITS} digits: write a number or a range within"


def _read_speech(fields: Fields, reader: Reader) -> bool:
    node = fields.get("speech")
    if node is None:
        return False
    if isinstance(node, Text) and node.value == "any":
        return True
    reader.report("E203", node.place, "`speech` of `collect` takes any words", "write `speech: any`, or use `choices`")
    return False

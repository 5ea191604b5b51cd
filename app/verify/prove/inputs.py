"""What can happen where a call waits: choices by key and by phrase, silence, what does not fit, ways to dial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, TypeVar

from app.engine import Session, Wait
from app.engine.outcome import CONNECTED
from app.flow.actions.values import Object
from app.flow.language.collect import Collect
from app.flow.language.exits import HELD, Hold
from app.flow.language.outcomes import DETECTED, DISCONNECTED, FAILURES, On
from app.flow.model import Asked, Flow, Step
from app.ncco.webhooks import InputWebhook, NotifyWebhook, StatusWebhook, Webhook
from app.verify.prove.tested import Tested, beside
from app.verify.prove.values import Representatives

Value = TypeVar("Value", str, float)
Kind = Literal["call", "input", "dial", "checkpoint", "held", "leg", "fault"]
KEYS: Final = "1234567890*#"
_DIGITS: Final = "2345678901"
_STRANGE: Final = ("something nobody would say here", "blue elephants", "xyz", "quite different words", "88888888")
_LONGEST_SAID: Final = 40
SURE: Final = 0.9
"""How sure the recogniser is of what nobody asks about; that of a scenario that does not say either."""
_NO: Final[Mapping[str, Any]] = {}


class Input(NamedTuple):
    """One thing that happens at a wait.

    Attributes:
        kind: what it is.
        told: as a step of a script says it; empty for what comes by itself.
        wait: the number of the wait that it comes in on.
        webhook: None for one that cannot be read.
        seen: the statuses that were reported before.
        waited: seconds since the step was entered.
        fault: what is wrong on the way: `unreadable`, `refused`, `away`; "" for nothing.
    """

    kind: Kind
    told: Mapping[str, Any] = _NO
    wait: int = -1
    webhook: Webhook | None = None
    seen: frozenset[str] = frozenset()
    waited: float = 0.0
    fault: str = ""


@dataclass(slots=True)
class Inputs:
    """What can happen in each step. It is the same each time, so it is made once."""

    root: Flow
    shown: Representatives
    _made: dict[tuple[Any, ...], tuple[Input, ...]] = field(default_factory=dict)

    def at(self, session: Session) -> tuple[Input, ...]:
        """Everything that can happen where a session waits, but for faults."""
        steering = tuple((wait.index, wait.kind, wait.name) for wait in session.waits if wait.steers)
        key = (session.at, session.step, session.locale, steering)
        if key not in self._made:
            self._made[key] = tuple(self._at(session))
        return self._made[key]

    def _at(self, session: Session) -> Iterator[Input]:
        flow = self.root.named(session.at)
        step = flow.steps[session.step]
        for wait in session.waits:
            if not wait.steers:
                continue
            if wait.kind == "input" and step.exit.asked is not None:
                asked = step.exit.asked.in_locale(flow.locale_for(session.locale))
                yield from self._answers(flow, step, asked, wait)
            elif wait.kind == "event" and isinstance(step.exit, On):
                yield from _statuses(step.exit, wait)
            else:
                yield from _notified(step, wait)

    def _answers(self, flow: Flow, step: Step, asked: Asked, wait: Wait) -> Iterator[Input]:
        keys = [*asked.keys, *self._digits(flow, step, asked), *_wrong_keys(asked), *self._read_keys(asked)]
        for digits in _different(keys):
            yield pressed(wait, digits)
        if asked.phrases or asked.free_speech:
            sure, unsure = self._confidences(asked)
            for text in _different([*_phrases(asked), *self._speech(flow, step, asked)]):
                for confidence in sure:
                    yield spoken(wait, text, confidence)
            for confidence in unsure:
                yield spoken(wait, self._strange(flow, step), confidence)
            yield _failed(wait)
        yield silence(wait)

    def _confidences(self, asked: Asked) -> tuple[list[float], list[float]]:
        """How sure the recogniser may be: where that is enough, and where it is not; the usual first."""
        tested = self.shown.literals.of("", ("input", "confidence"))
        numbers = sorted({number for number in tested.numbers if 0 <= number <= 1})
        near = beside([0.0, *numbers, asked.min_confidence, 1.0], is_whole=False)
        found = _different([SURE, *(each for each in near if 0 <= each <= 1)]) if numbers else [SURE]
        if numbers:
            self.shown.chosen["input.confidence"] = tuple(found)
        sure = [each for each in found if each >= asked.min_confidence]
        return sure or [1.0], [*sure, *([0.0] if asked.min_confidence > 0 else [])]

    def _read_keys(self, asked: Asked) -> list[str]:
        """Keys that are none of a menu's, where something looks at what was pressed."""
        longest = max(map(len, asked.keys), default=0)
        tested = self.shown.literals.of("", ("input", "digits"))
        found = [text for text in tested.texts if text.isascii() and text.isdigit() and len(text) <= longest]
        if found:
            self.shown.chosen["input.digits"] = tuple(found)
        return found

    def _digits(self, flow: Flow, step: Step, asked: Asked) -> list[str]:
        """Digits of the right length, one too few, and a sign that is none; nobody can press more than are taken.

        Source: NCCO reference, DTMF Input Settings (maxDigits).
        """
        if asked.lengths is None or not isinstance(step.exit, Collect):
            return []
        low, high = asked.lengths
        tested = self._tested(flow, step.exit)
        numbers = [number for number in beside(tested.numbers, is_whole=True) if number >= 0]
        fitting = [str(number).zfill(low) for number in numbers]
        far = ("0" * low, "9" * high) if tested.is_bounded else ()
        texts = [text for text in (*tested.texts, *tested.made(low, high), *fitting, *far) if text.isascii()]
        found = _different([text for text in texts if text.isdigit() and low <= len(text) <= high])
        others = [digit * low for digit in _DIGITS if digit * low not in found and tested.has_none(digit * low)]
        found += others[:1] or ([_DIGITS[0] * low] if not found else [])
        longest = _DIGITS[0] * high
        found += [longest] if high > low and longest not in found else []
        self.shown.chosen[f"{flow.name}.{step.exit.into}"] = tuple(found)
        return [*found, *(["2" * (low - 1)] if low > 1 else []), "*"]

    def _speech(self, flow: Flow, step: Step, asked: Asked) -> list[str]:
        """What is said in free speech; in a menu, what is said beside a phrase, where something looks at that."""
        strange = self._strange(flow, step)
        if not asked.free_speech or not isinstance(step.exit, Collect):
            heard = self.shown.literals.of("", ("input", "text"))
            said = _different([*heard.texts, *(part.text for part in heard.parts)])
            if said:
                self.shown.chosen["input.text"] = tuple(said)
            phrases = _phrases(asked)
            return [strange, *said, *(f"{phrase} {text}" for phrase in phrases for text in said if text)]
        tested = self._tested(flow, step.exit)
        texts = [text for text in (*tested.texts, *(part.text for part in tested.parts)) if text]
        texts += tested.made(0, _LONGEST_SAID)
        if tested.form == "number" or not tested.texts:
            texts += [f"{number:g}" for number in beside(tested.numbers, is_whole=False)]
        self.shown.chosen[f"{flow.name}.{step.exit.into}"] = tuple(_different([*texts, strange]))
        return [*texts, strange]

    def _strange(self, flow: Flow, step: Step) -> str:
        """Something that nobody would say here, and nothing looks for."""
        literals = self.shown.literals
        tested = [literals.of("", ("input", "text"))]
        tested += [self._tested(flow, step.exit)] if isinstance(step.exit, Collect) else []
        return next((text for text in _STRANGE if all(each.has_none(text) for each in tested)), _STRANGE[0])

    def _tested(self, flow: Flow, collect: Collect) -> Tested:
        """What the value is held against; the variables of the server that it is compared with count as literals."""
        literals = self.shown.literals
        tested = literals.of(flow.name, (collect.into,))
        heard = [literals.of("", ("input", word)) for word in ("digits", "text")]
        every = [const for found in (tested, *heard) for const in found.literals]
        parts = tuple(dict.fromkeys(part for found in (tested, *heard) for part in found.parts))
        env = [self.shown.env[path[2]] for path in tested.names if path[1] == "env" and len(path) > 2]
        return tested._replace(literals=tuple(dict.fromkeys([*every, *env, *collect.type.words])), parts=parts)


def pressed(wait: Wait, digits: str) -> Input:
    """Keys."""
    webhook = InputWebhook.read({"dtmf": {"digits": digits, "timed_out": False}})
    return Input("input", {"press": digits}, wait.index, webhook)


def spoken(wait: Wait, text: str, confidence: float) -> Input:
    """Speech."""
    said = [{"text": text, "confidence": str(confidence)}]
    told: Mapping[str, Any] = {"speak": text if confidence == SURE else {"text": text, "confidence": f"{confidence:g}"}}
    return Input("input", told, wait.index, InputWebhook.read({"dtmf": {"digits": None}, "speech": {"results": said}}))


def silence(wait: Wait) -> Input:
    """Nothing."""
    fields = {"dtmf": {"digits": "", "timed_out": True}, "speech": {"results": [], "timeout_reason": "start_timeout"}}
    return Input("input", {"silence": ""}, wait.index, InputWebhook.read(fields))


def _failed(wait: Wait) -> Input:
    """A fault of the recogniser."""
    why = "ERR1: Failed to analyze audio"
    webhook = InputWebhook.read({"dtmf": {"digits": None}, "speech": {"error": why}})
    return Input("input", {"speak": {"error": why}}, wait.index, webhook)


def _phrases(asked: Asked) -> list[str]:
    """One phrase of each choice."""
    first: dict[str, str] = {}
    for phrase, choice in asked.phrases.items():
        first.setdefault(choice, phrase)
    return list(first.values())


def _wrong_keys(asked: Asked) -> list[str]:
    """A key that is none of the menu's, if there is one; none where only speech is listened for."""
    return [key for key in KEYS if key not in asked.keys][:1] if asked.keys else []


def _statuses(on: On, wait: Wait) -> Iterator[Input]:
    """Each way in which dialling can end, as far as it steers."""
    for status in (*FAILURES, *DETECTED, DISCONNECTED):
        if (status in on.lines or status in on.covered) and not (status == "beep" and _decides_before_a_beep(on)):
            fields = {"status": "machine", "sub_state": "beep_start"} if status == "beep" else {"status": status}
            told = {"dial": {"outcome": status}}
            yield Input("dial", told, wait.index, StatusWebhook.read(fields), frozenset({status}))


def _decides_before_a_beep(on: On) -> bool:
    """Whether a machine is told of first, and has its own line: the dial is decided when it beeps.

    Source: webhook reference, Machine detection (mode default: the status event, then the beep event).
    """
    if "machine" not in on.lines or on.connect is None:
        return False
    detections = [target.fields.get("advancedMachineDetection") for target in on.connect.targets]
    modes = [found.members.get("mode") for found in detections if isinstance(found, Object)]
    return bool(modes) and all(mode is not None and mode.is_literal and mode.render({}) == "default" for mode in modes)


def ends_by_itself(step: Step, session: Session) -> bool:
    """Whether a call is over when the dialled party hangs up: nothing stands behind the connect."""
    is_dial = isinstance(step.exit, On) and step.exit.connect is not None
    return is_dial and not any(wait.name == CONNECTED for wait in session.waits)


def _notified(step: Step, wait: Wait) -> Iterator[Input]:
    webhook = NotifyWebhook.read({"payload": {"checkpoint": wait.name}})
    if wait.name == CONNECTED:
        yield Input(
            "dial", {"dial": {"outcome": "completed"}}, wait.index, webhook, frozenset({"answered", "completed"})
        )
        yield Input("dial", {"dial": {"outcome": "failed"}}, wait.index, webhook, frozenset())
    elif wait.name == HELD and isinstance(step.exit, Hold):
        seconds = step.exit.up_to_ms / 1000
        yield Input("held", {}, wait.index, webhook)
        yield Input("held", {}, wait.index, webhook, waited=seconds)
    else:
        yield Input("checkpoint", {}, wait.index, webhook)


def faults_at(session: Session) -> Iterator[Input]:
    """What can go wrong between Vonage and this server where a session waits."""
    for wait in session.waits:
        if wait.steers and wait.kind in ("input", "notify") and wait.name != CONNECTED:
            yield Input("fault", {}, wait.index, fault="unreadable")
    yield Input("fault", {}, fault="refused")
    yield Input("fault", {}, fault="away")


def _different(values: list[Value]) -> list[Value]:
    return list(dict.fromkeys(values))

"""Events while a call waits: keys, speech, silence, dial outcomes, checkpoints, delivery faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ncco_server.engine import OpenWait, Session, awaits_detection
from ncco_server.engine.waits import kind_of
from ncco_server.engine.waits.agent import AgentOverWait, AgentWait
from ncco_server.engine.waits.checkpoint import CheckpointWait, HoldWait, ReachedWait
from ncco_server.engine.waits.dial import ConnectedWait, DialWait
from ncco_server.engine.waits.input import InputWait
from ncco_server.engine.waits.kind import WaitKind
from ncco_server.flow.actions.waits import connect_of
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.runtime import Asked
from ncco_server.flow.scope import Variable
from ncco_server.flow.values import Object
from ncco_server.ncco.statuses import STATUSES
from ncco_server.ncco.webhooks import InputWebhook, NotifyWebhook, StatusWebhook, Webhook
from ncco_studio.verify.prove.agents import agent_triggers
from ncco_studio.verify.prove.samples import Representatives
from ncco_studio.verify.prove.trigger import Trigger
from ncco_studio.verify.sample_values import DIGITS, Compared, around, values_of

KEYS: Final = "1234567890*#"
CONFIDENT: Final = 0.9
"""The default confidence of speech, as in a scenario."""
_UNUSUAL: Final = ("something nobody would say here", "blue elephants", "xyz", "quite different words", "88888888")


@dataclass(slots=True)
class Triggers:
    """The triggers of each step, without faults."""

    root: Flow
    values: Representatives

    def at(self, session: Session) -> Iterator[Trigger]:
        flow = self.root.named(session.at)
        step = flow.steps[session.step]
        for wait in (wait for wait in session.waits if wait.steers):
            asked = step.exit.asked
            if isinstance(kind_of(wait), AgentWait | AgentOverWait):
                yield from agent_triggers(self.values, flow, step, wait)
            elif kind_of(wait).asks and asked is not None:
                in_locale = asked.by_locale.get(flow.locale_for(session.locale), asked)
                yield from self._answers(flow, step, in_locale, wait)
            else:
                yield from _SAMPLES[type(kind_of(wait))](step, wait)

    def _answers(self, flow: Flow, step: Step, asked: Asked, wait: OpenWait) -> Iterator[Trigger]:
        wrong = [key for key in KEYS if key not in asked.keys][:1] if asked.keys else []
        keys = [*asked.keys, *self._digits(flow, step, asked), *wrong, *self._tested_keys(asked)]
        for digits in dict.fromkeys(keys):
            yield pressed(wait, digits)
        if asked.phrases or asked.free_speech:
            sure, unsure = self._confidences(asked)
            for text in dict.fromkeys([*_phrases(asked), *self._speech(flow, step, asked)]):
                for confidence in sure:
                    yield spoken(wait, text, confidence)
            for confidence in unsure:
                yield spoken(wait, self._unusual(flow, step), confidence)
            error = "ERR1: Failed to analyze audio"
            failed = InputWebhook.read({"dtmf": {"digits": None}, "speech": {"error": error}})
            yield Trigger("input", {"speak": {"error": error}}, wait.index, failed)
        yield silence(wait)

    def _confidences(self, asked: Asked) -> tuple[list[float], list[float]]:
        """Accepted confidences, the default first, and those of speech that matches nothing."""
        numbers = sorted({number for number in self._input("confidence").numbers if 0 <= number <= 1})
        near = around([0.0, *numbers, asked.min_confidence, 1.0], is_whole=False)
        found = list(dict.fromkeys([CONFIDENT, *(each for each in near if numbers and 0 <= each <= 1)]))
        if numbers:
            self.values.chosen["input.confidence"] = tuple(found)
        sure = [each for each in found if each >= asked.min_confidence]
        return sure or [1.0], [*sure, *([0.0] if asked.min_confidence > 0 else [])]

    def _tested_keys(self, asked: Asked) -> list[str]:
        longest = max(map(len, asked.keys), default=0)
        found = [text for text in self._input("digits").texts if text.isascii() and text.isdigit()]
        found = [text for text in found if len(text) <= longest]
        if found:
            self.values.chosen["input.digits"] = tuple(found)
        return found

    def _digits(self, flow: Flow, step: Step, asked: Asked) -> list[str]:
        """Valid lengths, one digit too few, and a `*`. Vonage never sends more than `maxDigits`.

        Source: NCCO reference, DTMF InputWait Settings (maxDigits).
        """
        variable = step.exit.fills
        if asked.lengths is None or variable is None:
            return []
        low, high = asked.lengths
        compared = self._collected(flow, variable)
        numbers = [f"{each:.0f}".zfill(low) for each in around(compared.numbers, is_whole=True) if each >= 0]
        far = ("0" * low, "9" * high) if compared.has("bounded") else ()
        texts = (*compared.texts, *compared.made(low, high), *numbers, *far)
        fitting = (text for text in texts if text.isascii() and text.isdigit() and low <= len(text) <= high)
        found = list(dict.fromkeys(fitting))
        others = [digit * low for digit in DIGITS if digit * low not in found and compared.excludes(digit * low)]
        found += others[:1] or ([DIGITS[0] * low] if not found else [])
        found += [DIGITS[0] * high] if high > low and DIGITS[0] * high not in found else []
        self.values.chosen[f"{flow.name}.{variable.name}"] = tuple(found)
        return [*found, *(["2" * (low - 1)] if low > 1 else []), "*"]

    def _speech(self, flow: Flow, step: Step, asked: Asked) -> list[str]:
        """Free speech; in a menu, the texts compared with `input.text`, alone and after a phrase."""
        unusual = self._unusual(flow, step)
        variable = step.exit.fills
        if not asked.free_speech or variable is None:
            heard = self._input("text")
            said = list(dict.fromkeys([*heard.texts, *(part.text for part in heard.parts)]))
            if said:
                self.values.chosen["input.text"] = tuple(said)
            return [unusual, *said, *(f"{phrase} {text}" for phrase in _phrases(asked) for text in said if text)]
        compared = self._collected(flow, variable)
        fitting = [] if variable.type.name == "text" else values_of(variable.type, compared, self.values.now)
        texts = list(filter(None, [*compared.written(), *map(_said, fitting)]))
        self.values.chosen[f"{flow.name}.{variable.name}"] = tuple(dict.fromkeys([*texts, unusual]))
        return [*texts, unusual]

    def _unusual(self, flow: Flow, step: Step) -> str:
        variable = step.exit.fills
        compared = self._input("text") if variable is None else self._collected(flow, variable)
        return next(filter(compared.excludes, _UNUSUAL), _UNUSUAL[0])

    def _input(self, name: str) -> Compared:
        return self.values.literals.of("", ("input", name))

    def _collected(self, flow: Flow, variable: Variable) -> Compared:
        """The value is compared as a variable, `input` or environment variable."""
        compared = self.values.literals.of(flow.name, (variable.name,))
        env = [self.values.env[path[2]] for path in compared.names if path[1] == "env" and len(path) > 2]
        found = replace(compared, literals=dict(compared.literals), parts=dict(compared.parts))
        for each in (self._input("digits"), self._input("text")):
            found.literals |= each.literals
            found.parts |= each.parts
        found.literals |= dict.fromkeys((*env, *variable.type.words))
        return found


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def pressed(wait: OpenWait, digits: str) -> Trigger:
    webhook = InputWebhook.read({"dtmf": {"digits": digits, "timed_out": False}})
    return Trigger("input", {"press": digits}, wait.index, webhook)


def spoken(wait: OpenWait, text: str, confidence: float) -> Trigger:
    results = [{"text": text, "confidence": str(confidence)}]
    speech = text if confidence == CONFIDENT else {"text": text, "confidence": f"{confidence:g}"}
    webhook = InputWebhook.read({"dtmf": {"digits": None}, "speech": {"results": results}})
    return Trigger("input", {"speak": speech}, wait.index, webhook)


def silence(wait: OpenWait) -> Trigger:
    fields = {"dtmf": {"digits": "", "timed_out": True}, "speech": {"results": [], "timeout_reason": "start_timeout"}}
    return Trigger("input", {"silence": ""}, wait.index, InputWebhook.read(fields))


def _phrases(asked: Asked) -> list[str]:
    first: dict[str, str] = {}
    for phrase, choice in asked.phrases.items():
        first.setdefault(choice, phrase)
    return list(first.values())


def _statuses(step: Step, wait: OpenWait) -> Iterator[Trigger]:
    for name, status in STATUSES.items():
        if status.steers and name in step.exit.statuses and not (name == "beep" and _decides_before_a_beep(step)):
            line = {"dial": {"outcome": name}}
            yield Trigger("dial", line, wait.index, StatusWebhook.read(status.fields), frozenset({name}))


def _decides_before_a_beep(step: Step) -> bool:
    """Whether `machine` has its own line and comes first, so that it decides the dial before the beep.

    Source: webhook reference, Machine detection (mode default: the status event, then the beep event).
    """
    connect = connect_of(step.parts)
    if "machine" not in step.exit.statuses or connect is None:
        return False
    detections = [target.fields.get("advancedMachineDetection") for target in connect.targets]
    modes = [found.members.get("mode") for found in detections if isinstance(found, Object)]
    return bool(modes) and all(mode is not None and mode.is_literal and mode.render({}) == "default" for mode in modes)


def ends_with_dial(step: Step, session: Session) -> bool:
    """Whether the call ends when the dialled party hangs up, because nothing follows the `connect`."""
    behind = (ConnectedWait, AgentOverWait)
    return step.exit.dials and not any(isinstance(kind_of(wait), behind) for wait in session.waits)


def _connected(step: Step, wait: OpenWait) -> Iterator[Trigger]:
    answered = frozenset({"answered", "completed"})
    yield Trigger("dial", {"dial": {"outcome": "completed"}}, wait.index, _notify(wait), answered)
    yield Trigger("dial", {"dial": {"outcome": "failed"}}, wait.index, _notify(wait))


def _held(step: Step, wait: OpenWait) -> Iterator[Trigger]:
    yield Trigger("held", {}, wait.index, _notify(wait))
    yield Trigger("held", {}, wait.index, _notify(wait), waited=step.exit.longest_wait_s)


def _reached(step: Step, wait: OpenWait) -> Iterator[Trigger]:
    yield Trigger("checkpoint", {}, wait.index, _notify(wait))


def _notify(wait: OpenWait) -> Webhook:
    return NotifyWebhook.read({"payload": {"checkpoint": wait.name}})


_SAMPLES: Final[Mapping[type[WaitKind], Callable[[Step, OpenWait], Iterator[Trigger]]]] = {
    DialWait: _statuses,
    ConnectedWait: _connected,
    HoldWait: _held,
    CheckpointWait: _reached,
    ReachedWait: _reached,
}
"""What can end each kind of wait, except an input and an agent, whose answers depend on the whole flow."""


def detections_at(root: Flow, session: Session, given: Mapping[str, Any]) -> Iterator[Trigger]:
    """Results of machine detection that can arrive while a placed call waits.

    In other modes the result comes before the call begins. Source: webhook reference, Machine detection.
    """
    outbound = root.outbound
    if outbound is not None and outbound.machine_detection == "continue" and may_be_moved(root, session):
        yield from (Trigger("detected", {"dial": {"outcome": outcome}}, given=given) for outcome in outbound.ways)


def may_be_moved(root: Flow, session: Session) -> bool:
    """Whether machine detection can still lead the call to another step."""
    ways = root.outbound.ways if root.outbound is not None and session.call.request else {}
    return bool(ways) and not session.parent and awaits_detection(session)


def faults_at(session: Session) -> Iterator[Trigger]:
    """Leave out faults of the store."""
    for wait in session.waits:
        if wait.steers and isinstance(kind_of(wait), InputWait | CheckpointWait):
            yield Trigger("fault", {}, wait.index, fault="unreadable")
    yield Trigger("fault", {}, fault="refused")

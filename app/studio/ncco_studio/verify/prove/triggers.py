"""Events while a call waits: keys, speech, silence, dial outcomes, checkpoints, delivery faults.

The engine plays a `Trigger`'s turn once for every combination of lookup answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product
from math import prod
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from ncco_server.engine import Lookup, LookupAnswer, OpenWait, Session, Turn, TurnContext, WaitRef, awaits_detection
from ncco_server.engine.dialling import PREMIUM_PREFIXES
from ncco_server.engine.interpreter import Playing
from ncco_server.flow.action import CONNECTED, HELD
from ncco_server.flow.actions.waits import connect_of
from ncco_server.flow.language.selection import ROWS
from ncco_server.flow.language.tables import TableRead
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.runtime import Asked
from ncco_server.flow.scope import Variable
from ncco_server.flow.values import Object
from ncco_server.ncco.statuses import STATUSES
from ncco_server.ncco.webhooks import InputWebhook, NotifyWebhook, StatusWebhook, Webhook
from ncco_server.settings.values import DEFAULT, read_failsafe
from ncco_server.table_rows import applied
from ncco_studio.verify.handlers.explored import ExploredHandler, explored_in
from ncco_studio.verify.handlers.states import comparable
from ncco_studio.verify.outcomes import Following
from ncco_studio.verify.prove.samples import Representatives
from ncco_studio.verify.prove.uses import flows_run_from
from ncco_studio.verify.sample_values import DIGITS, Compared, around, values_of

TriggerKind = Literal["call", "detected", "input", "dial", "checkpoint", "held", "leg", "fault"]
Answers: TypeAlias = tuple[tuple[str, LookupAnswer], ...]
"""As (name, answer), in order."""

Rows: TypeAlias = dict[str, tuple[str, str, LookupAnswer]]
"""The rows that a turn has read, as they were before it, with the flow and the name of the lookup."""

KEYS: Final = "1234567890*#"
CONFIDENT: Final = 0.9
"""The default confidence of speech, as in a scenario."""
NO_REPLY: Final = LookupAnswer(None, "timed out")
MOST_TOGETHER: Final = 512
"""Of more combinations of concurrent lookups' answers, each answer is tried once."""
FAILSAFE: Final[tuple[Mapping[str, Any], ...]] = read_failsafe(DEFAULT)
NO_DIAL_LIMIT: Final = 1_000_000
"""States ignore how often a call has dialled."""
ALL_PREFIXES: Final = ("sip:", "sips:", *"123456789", *PREMIUM_PREFIXES)
"""Every number and address: what a server may dial is a setting, not part of the flow."""
_UNUSUAL: Final = ("something nobody would say here", "blue elephants", "xyz", "quite different words", "88888888")
_NOTHING: Final[Mapping[str, Any]] = {}


class Trigger(NamedTuple):
    """Something that happens at a wait.

    Attributes:
        line: the script line that causes it; empty if nobody acts.
        wait: the index of the webhook's wait.
        webhook: None if it cannot be parsed.
        seen: the dial statuses reported so far.
        waited: seconds since the step was entered.
        fault: `unreadable`, `refused`, `away` (the store is unavailable), or "".
        given: the params of a placed call that machine detection moves.
    """

    kind: TriggerKind
    line: Mapping[str, Any] = _NOTHING
    wait: int = -1
    webhook: Webhook | None = None
    seen: frozenset[str] = frozenset()
    waited: float = 0.0
    fault: str = ""
    given: Mapping[str, Any] = _NOTHING


@dataclass(slots=True)
class Triggers:
    """The triggers of each step, without faults."""

    root: Flow
    values: Representatives

    def at(self, session: Session) -> Iterator[Trigger]:
        flow = self.root.named(session.at)
        step = flow.steps[session.step]
        for wait in (wait for wait in session.waits if wait.steers):
            if wait.kind == "input" and step.exit.asked is not None:
                asked = step.exit.asked
                in_locale = asked.by_locale.get(flow.locale_for(session.locale), asked)
                yield from self._answers(flow, step, in_locale, wait)
            elif wait.kind == "event":
                yield from _statuses(step, wait)
            else:
                yield from _notified(step, wait)

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

        Source: NCCO reference, DTMF Input Settings (maxDigits).
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
    return step.exit.dials and not any(wait.name == CONNECTED for wait in session.waits)


def _notified(step: Step, wait: OpenWait) -> Iterator[Trigger]:
    webhook = NotifyWebhook.read({"payload": {"checkpoint": wait.name}})
    if wait.name == CONNECTED:
        answered = frozenset({"answered", "completed"})
        yield Trigger("dial", {"dial": {"outcome": "completed"}}, wait.index, webhook, answered)
        yield Trigger("dial", {"dial": {"outcome": "failed"}}, wait.index, webhook)
    elif wait.name == HELD:
        yield Trigger("held", {}, wait.index, webhook)
        yield Trigger("held", {}, wait.index, webhook, waited=step.exit.longest_wait_s)
    else:
        yield Trigger("checkpoint", {}, wait.index, webhook)


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
        if wait.steers and wait.kind in ("input", "notify") and wait.name != CONNECTED:
            yield Trigger("fault", {}, wait.index, fault="unreadable")
    yield Trigger("fault", {}, fault="refused")


# turns


class PlayedTurn(NamedTuple):
    """A turn with the answers of its lookups.

    Attributes:
        turn: None if the webhook changed nothing.
        follow: its trace's steps and outcomes; None before the trace is read.
        is_timed: whether the turn depends on the time.
        timed: after how many results a handler has read the clock or opening hours last, by flow.
    """

    turn: Turn | None
    answers: Answers
    follow: Following | None = None
    is_timed: bool = False
    timed: Mapping[str, int] = MappingProxyType({})


@dataclass(slots=True)
class PossibleTurns:
    """Plays a flow's turns with every combination of lookup answers."""

    root: Flow
    values: Representatives
    _answers: dict[tuple[str, str], tuple[LookupAnswer, ...]] = field(default_factory=dict)

    def of(self, begin: Callable[[], Playing[Turn] | Playing[Turn | None]]) -> Iterator[PlayedTurn]:
        """Call `begin` once for each combination of answers.

        Of two combinations after which a handler goes on in the same way, one is left out.
        """
        waiting: list[tuple[tuple[tuple[LookupAnswer, ...], ...], frozenset[Any]]] = [((), frozenset())]
        handlers = {flow.name: found for flow in flows_run_from(self.root).values() if (found := explored_in(flow))}
        seen = set[Any]()
        while waiting:
            known, path = waiting.pop()
            for handler in handlers.values():
                handler.watch.timed.clear()
                handler.watch.playback = None
            playing = begin()
            given = known[:0]
            rows: Rows = {}
            answers = list[tuple[str, LookupAnswer]]()
            others = []
            try:
                lookups = next(playing)
                while True:
                    if len(given) >= len(known) and lookups[0].flow in handlers:
                        state = _state_of(handlers, lookups, rows, answers)
                        if state in path:
                            handlers[lookups[0].flow].watch.note_repetition(lookups[0].name)
                        if state in seen:
                            playing.close()
                            break
                        seen.add(state)
                        path = path | {state}
                    chosen, *rest = known[len(given) :][:1] or self._choices(lookups, rows)
                    others += [((*given, other), path) for other in rest]
                    given = (*given, chosen)
                    for lookup, answer in zip(lookups, chosen, strict=True):
                        if isinstance(lookup.request, TableRead):
                            rows.setdefault(lookup.request.row, (lookup.flow, lookup.name, answer))
                    sent = tuple(map(_with_changes, lookups, chosen))
                    answers += [(lookup.name, answer) for lookup, answer in zip(lookups, sent, strict=True)]
                    lookups = playing.send(sent)
            except StopIteration as done:
                timed = {name: max(found.watch.timed) for name, found in handlers.items() if found.watch.timed}
                yield PlayedTurn(done.value, tuple(answers), timed=timed)
            waiting += reversed(others)

    def _choices(self, lookups: tuple[Lookup, ...], rows: Rows) -> list[tuple[LookupAnswer, ...]]:
        each = [_as_before(lookup, self._of(lookup), rows) for lookup in lookups]
        if prod(map(len, each)) <= MOST_TOGETHER:
            return list(product(*each))
        self.values.chosen[", ".join(lookup.name for lookup in lookups)] = ("each answer of each lookup once",)
        first = tuple(answers[0] for answers in each)
        others = [(at, answer) for at, answers in enumerate(each) for answer in answers[1:]]
        return [first, *((*first[:at], answer, *first[at + 1 :]) for at, answer in others)]

    def _of(self, lookup: Lookup) -> tuple[LookupAnswer, ...]:
        """The last answer is a timeout or, for a table, a missing row."""
        key = (lookup.flow, lookup.name)
        if key not in self._answers:
            missing = LookupAnswer(None) if lookup.request.method == "TABLE" else NO_REPLY
            self._answers[key] = (*map(LookupAnswer, self._real(lookup)), missing)
        return self._answers[key]

    def _real(self, lookup: Lookup) -> Sequence[Any]:
        flow = self.root.named(lookup.flow)
        if (handler := explored_in(flow)) is not None:
            samples, are_all = handler.samples(lookup.name, lookup.request)
            if not are_all:
                self.values.chosen[f"{flow.name}.{lookup.name}"] = samples
            return samples
        asked = next(asks for asks in flow.steps[lookup.step].all_asks if asks.name == lookup.name)
        selection = asked.definition.selection
        present = selection.present if selection is not None else ()
        found = self.values.answers(lookup.flow, lookup.name, asked.definition.returns, present)
        return found if selection is None else [each for each in found if each.get(ROWS) != []]  # that is a missing row


def _state_of(
    handlers: Mapping[str, ExploredHandler],
    lookups: Sequence[Lookup],
    rows: Rows,
    answers: Sequence[tuple[str, LookupAnswer]],
) -> Any:
    """Equal if handlers that wait for these lookups go on in the same way. The same change of a row counts once."""
    playbacks = [(name, found.watch.playback) for name, found in handlers.items()]
    states = [(name, playback.state) for name, playback in playbacks if playback is not None]
    functions = {name for found in handlers.values() for name in found.watch.functions}
    others = [each for each in answers if each[0] not in functions]
    requests = [each.request for each in lookups]
    changes = [frozenset(map(comparable, each.pending)) for each in requests if isinstance(each, TableRead)]
    return comparable((states, [each.name for each in lookups], rows, others, changes))


def _as_before(lookup: Lookup, answers: tuple[LookupAnswer, ...], rows: Rows) -> Sequence[LookupAnswer]:
    """Leave out what a row cannot be, if its key is missing, or if the turn has read it before."""
    request = lookup.request
    if not isinstance(request, TableRead):
        return answers
    if not request.row:
        return answers[-1:]
    if request.row not in rows:
        return answers
    *reader, before = rows[request.row]
    if reader == [lookup.flow, lookup.name]:
        return [before]
    return [answer for answer in answers if (answer.value is None) == (before.value is None)]


def _with_changes(lookup: Lookup, answer: LookupAnswer) -> LookupAnswer:
    request = lookup.request
    if not isinstance(request, TableRead) or not request.pending:
        return answer
    return answer._replace(value=applied(answer.value, request.row, request.pending))


def context_at(now: datetime, env: Mapping[str, str], dials: int = NO_DIAL_LIMIT) -> TurnContext:
    """`dials`: maximum number of dials in a call."""
    return TurnContext(now, _link, mask, env, FAILSAFE, ALL_PREFIXES, dials, _CIPHER)


def _link(ref: WaitRef) -> str:
    return f"https://ncco.example.com/{ref.kind}/{ref.turn}/{ref.index}"


def mask(session: str, secret: str) -> str:
    return f"hidden {secret}"


class _PlainCipher:
    """Nothing is stored, so values stay readable."""

    def encrypt(self, text: str) -> str:
        return f"{_KEPT}{text}"

    def decrypt(self, token: str) -> str | None:
        return token.removeprefix(_KEPT) if token.startswith(_KEPT) else None


_KEPT: Final = "kept:"
_CIPHER: Final = _PlainCipher()

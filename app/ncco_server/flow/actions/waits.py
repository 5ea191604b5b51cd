"""Completes the action a step waits for: its `input`, its connect, its checkpoint or the notify of a `hold`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ncco_server.flow.action import CONNECTED, HELD, Action, checkpoint, literal
from ncco_server.flow.actions.connect import ConnectPart, ConnectTarget
from ncco_server.flow.actions.do import Document
from ncco_server.flow.actions.item import Item
from ncco_server.flow.actions.ncco_action import read_action
from ncco_server.flow.actions.part import Part
from ncco_server.flow.frame import Callback
from ncco_server.flow.grammar.locales import Locale
from ncco_server.flow.grammar.reader import Reader, Resolver
from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.nodes import Place
from ncco_server.flow.templates.values import Value
from ncco_server.flow.values import Array, Constant, Object, localised
from ncco_server.ncco.checks import PROMPTS
from ncco_server.ncco.languages import RECOGNISED_CODES, VOICES_BY_CODE
from ncco_server.ncco.statuses import DETECTIONS, DIAL_OUTCOMES

_FILLED_FOR_INPUT = ("eventUrl", "eventMethod")


class Needs(Protocol):
    """What an exit needs from the actions of its step."""

    def complete(self, parts: tuple[Part, ...], place: Place, reader: Resolver) -> tuple[Part, ...]:
        """Return all parts, unchanged after reporting an error. `place` is the place of the exit."""


@dataclass(frozen=True, slots=True)
class InputNeeds:
    """A step that asks the caller needs a single `input`.

    Fields of an `input` in `do` are checked (E406, E406, E412) and kept. Otherwise one is appended, with the flow's
    defaults.

    Attributes:
        kinds: `dtmf`, `speech` or both.
        max_digits: 0 if the step takes no keys.
        context: phrases for the recogniser; a map by locale if the flow has locales.
    """

    kinds: tuple[str, ...]
    max_digits: int = 0
    ends_on_hash: bool = False
    hash_chooses: bool = False
    context: Sequence[str] | Mapping[str, Sequence[str]] = ()
    is_sensitive: bool = False

    def complete(self, parts: tuple[Part, ...], place: Place, reader: Resolver) -> tuple[Part, ...]:
        found = [number for number, part in enumerate(parts) if isinstance(part, Action) and part.word == "input"]
        if len(found) > 1:
            reader.report(
                "E406",
                parts[found[1]].place,
                "this step has more than one `input`",
                "ask once per step; move the second question to another step",
            )
            return parts
        if not found:
            appended = read_action(Item("input", place, None, ()).inherit(reader.inherited), reader)
            parts, found = (*parts, appended) if isinstance(appended, Action) else parts, [len(parts)]
        number = found[0]
        before, written = parts[:number], parts[number]
        if not isinstance(written, Action):
            return parts
        faults = list(self._contradictions(written, place))
        reader.issues.extend(faults)
        if faults:
            return parts
        callback = Callback("input", "input", steers=True, sensitive=self.is_sensitive)
        asking = replace(written, fields=self._fields(written, before, place, reader), callback=callback)
        return (*_interruptible(before, place), asking, *parts[number + 1 :])

    def _contradictions(self, written: Action, place: Place) -> Iterator[FlowIssue]:
        for name in _FILLED_FOR_INPUT:
            if name in written.fields:
                message = (
                    f"`{name}` is written on the input of a step that "
                    "asks the caller: the answer must come to this server"
                )
                yield RULES["E412"].at(written.fields[name].place, message, "leave it out")
        if written.literal("mode") == "asynchronous":
            message = "an asynchronous input only reports keys, so this step's exit never gets an answer"
            yield RULES["E406"].at(written.fields["mode"].place, message)
        kinds = written.literal("type")
        for kind in self.kinds:
            if kinds is not None and kind not in kinds:
                message = f"`type` lacks {kind}, but the exit on line {place.line} requires it"
                yield RULES["E406"].at(written.fields["type"].place, message, f"add {kind}, or leave out `type`")
        settings = _member(written, "dtmf")
        most = literal(settings, "maxDigits")
        if most is not None and most < self.max_digits:
            message = f"maxDigits is {most}, but the exit waits for up to {self.max_digits} digits"
            yield RULES["E406"].at(settings["maxDigits"].place, message)
        if literal(settings, "submitOnHash") and self.hash_chooses:
            message = "with submitOnHash the key # ends the input, so it cannot be a choice"
            cure = "leave out `submitOnHash`, or give the choice another key"
            yield RULES["E406"].at(settings["submitOnHash"].place, message, cure)

    def _fields(self, written: Action, before: tuple[Part, ...], place: Place, reader: Resolver) -> dict[str, Value]:
        dtmf: dict[str, Value] = {"maxDigits": Constant(self.max_digits, place)} if self.max_digits else {}
        dtmf |= {"submitOnHash": Constant(True, place)} if self.ends_on_hash else {}
        speech = {"context": _texts(self.context, place)} if self.context else {}
        if "speech" in self.kinds and "language" not in _member(written, "speech"):
            language = _language(before, place, reader)
            speech |= {"language": language} if language is not None else {}
        fields: dict[str, Value] = {"type": _texts(self.kinds, place)}
        for name, asked in (("dtmf", dtmf), ("speech", speech)):
            members = {**asked, **_member(written, name)}
            if members:
                fields[name] = Object(members, place)
        kept = {name: value for name, value in written.fields.items() if name not in fields or name == "type"}
        return {**fields, **kept}


def _member(written: Action, name: str) -> Mapping[str, Value]:
    inner = written.fields.get(name)
    return inner.members if isinstance(inner, Object) else {}


def _texts(content: Sequence[str] | Mapping[str, Sequence[str]], place: Place) -> Value:
    if isinstance(content, Mapping):
        return localised({locale: _texts(each, place) for locale, each in content.items()}, place)
    return Array(tuple(Constant(item, place) for item in content), place)


def _language(before: tuple[Part, ...], place: Place, reader: Resolver) -> Value | None:
    """None leaves the choice to Vonage.

    Otherwise the locale's language or, without locales, that of the last talk if Vonage can recognise it.
    """
    if reader.locales:
        return _recognition_language(reader)
    talks = [part for part in before if isinstance(part, Action) and part.word == "talk"]
    spoken = talks[-1].literal("language") if talks else None
    is_recognised = isinstance(spoken, str) and spoken.lower() in RECOGNISED_CODES
    return Constant(spoken, place) if is_recognised else None


def _recognition_language(reader: Resolver) -> Value:
    locales: Mapping[str, Locale] = reader.locales
    for locale in locales.values():
        if not locale.is_recognised and locale.language.lower() in VOICES_BY_CODE:
            heard_in = locale.speech_language
            message = f"callers of the locale {locale.name} are heard in {heard_in}: {locale.language} is not"
            message += " in the list of recognised languages"
            reader.report("W567", locale.place_of("language"), message)
    by_locale = {
        name: Constant(locale.speech_language, locale.place_of("speech", "language"))
        for name, locale in locales.items()
    }
    return localised(by_locale, next(iter(by_locale.values())).place)


def _interruptible(before: tuple[Part, ...], place: Place) -> tuple[Part, ...]:
    """Add `bargeIn: true` to the prompts of one kind at the end.

    Source: NCCO reference, Talk and Stream (bargeIn): the next action of another kind must be an input, and once true
    it stays true, even if a following prompt says false.
    """
    kind = getattr(before[-1], "word", "") if before else ""
    barging: list[Part] = []
    for part in reversed(before if kind in PROMPTS else ()):
        if not isinstance(part, Action) or part.word != kind or part.literal("bargeIn") is False:
            break
        barging.append(part if "bargeIn" in part.fields else part.with_fields({"bargeIn": Constant(True, place)}))
    return (*before[: len(before) - len(barging)], *reversed(barging))


_BEEP_MODES = ("default", "detect_beep")


def _allows_detection(target: ConnectTarget, named: frozenset[str], reader: Reader) -> bool:
    advanced = target.fields.get("advancedMachineDetection")
    members = advanced.members if isinstance(advanced, Object) else {}
    simple = target.fields.get("machineDetection") if advanced is None else None
    mode = literal(members, "mode")
    behavior = members.get("behavior", simple)
    if "beep" in named and simple is not None:
        reader.report("E410", simple.place, "machineDetection does not listen for the beep in `on`")
    elif "beep" in named and mode not in (None, *_BEEP_MODES):
        message = f"mode {mode} does not listen for the beep in `on`"
        reader.report("E410", members["mode"].place, message, "write `mode: detect_beep`, or leave out `mode`")
    elif named and behavior is not None and behavior.is_literal and behavior.render({}) != "continue":
        message = f"with `hangup` the call ends before `on: {min(named)}` can decide"
        reader.report("E410", behavior.place, message, "write `continue`, or leave it out")
    else:
        return True
    return False


def _complete_detection(target: ConnectTarget, named: frozenset[str], place: Place) -> ConnectTarget:
    advanced = target.fields.get("advancedMachineDetection")
    if not named or (advanced is None and "machineDetection" in target.fields):
        return target
    if advanced is None and "beep" not in named:
        return target.with_fields({"machineDetection": Constant("continue", place)})
    written = advanced.members if isinstance(advanced, Object) else {}
    mode = {"mode": Constant("detect_beep" if named == {"beep"} else "default", place)} if "beep" in named else {}
    members = {"behavior": Constant("continue", place), **mode, **written}
    return target.with_fields({"advancedMachineDetection": Object(members, place)})


_CONNECT_OUTCOMES = frozenset({*DIAL_OUTCOMES, "otherwise"})
_TAKE_TIME = frozenset({"talk", "stream", "wait"})
_REFUSED_IN_HOLD = frozenset({"conversation", "transfer", "input", "record"})
_FILLED_FOR_CONNECT = ("eventUrl", "eventMethod", "eventType")


@dataclass(frozen=True, slots=True)
class DialNeeds:
    """An `on` with outcomes needs a connect or a checkpoint as the step's last action.

    Misfits are reported (E408 to E410, E412).

    Attributes:
        names: the outcomes named in `on`, except `error`.
        completed_ends: the call ends when the called party hangs up, and nothing is set then. Otherwise, or if that
            party first hears a flow and may decline, a notify after the connect decides the outcome: a lost `busy`
            event must not lead to the `completed` path.
    """

    names: frozenset[str]
    completed_ends: bool

    def complete(self, parts: tuple[Part, ...], place: Place, reader: Resolver) -> tuple[Part, ...]:
        if self.names & _CONNECT_OUTCOMES:
            parts = _with_connect(parts, self.names & set(DETECTIONS), self.completed_ends, place, reader)
        for name in sorted(self.names - _CONNECT_OUTCOMES - {"error"}):
            parts = _with_checkpoint(parts, name, place, reader)
        return parts


@dataclass(frozen=True, slots=True)
class HeldNeeds:
    """A step that holds the caller needs a notify, which reports that the parts before it were played."""

    def complete(self, parts: tuple[Part, ...], place: Place, reader: Resolver) -> tuple[Part, ...]:
        words = {part.word for part in parts if isinstance(part, Action)}
        if not words & _TAKE_TIME and not any(isinstance(part, Document) for part in parts):
            cure = "write `stream=url` or `talk=text`" if place.is_in_python else "add `- wait: 10` to `do`"
            reader.report("E204", place, "nothing is played while the caller is held, so no time passes", cure)
        for part in parts:
            if isinstance(part, Action) and part.word == "stream" and part.literal("loop") == 0:
                reader.report("E279", part.fields["loop"].place, "this stream never ends, so `hold` never checks again")
            elif isinstance(part, ConnectPart) or (isinstance(part, Action) and part.word in _REFUSED_IN_HOLD):
                word = "connect" if isinstance(part, ConnectPart) else part.word
                reader.report("E279", part.place, f"`{word}` is not allowed in a step that holds the caller", "move it")
        return (*parts, checkpoint(HELD, place, steers=True))


def connect_of(parts: tuple[Part, ...]) -> ConnectPart | None:
    return next((part for part in parts if isinstance(part, ConnectPart)), None)


def _with_connect(
    parts: tuple[Part, ...], detections: frozenset[str], completed_ends: bool, place: Place, reader: Reader
) -> tuple[Part, ...]:
    connect = _only_connect(parts, place, reader)
    fitting = (
        [_allows_outcomes(target, detections, reader) for target in connect.targets] if connect is not None else []
    )
    if connect is None or not all(fitting):
        return parts
    synchronous = {"eventType": Constant("synchronous", place)}
    waiting = connect.with_fields(synchronous, Callback("event", "connect", steers=True))
    targets = tuple(_complete_detection(target, detections, place) for target in waiting.targets)
    before = tuple(_opening(part) for part in parts[:-1]) if connect.rings_several else parts[:-1]
    behind = () if completed_ends and not connect.names_flow else (checkpoint(CONNECTED, place, steers=True),)
    return (*before, replace(waiting, targets=targets), *behind)


def _only_connect(parts: tuple[Part, ...], place: Place, reader: Reader) -> ConnectPart | None:
    """None, after reporting E408, unless the step's only connect comes last."""
    connects = [part for part in parts if isinstance(part, ConnectPart)]
    if len(connects) == 1 and parts[-1] is connects[0]:
        return connects[0]
    if not connects:
        message = "`on` has outcomes of a `connect`, but this step does not have a `connect`"
        if parts and isinstance(parts[-1], Document):
            message = "`on` cannot steer a `connect` inside an `ncco` document"
        reader.report("E408", place, message)
    elif len(connects) > 1:
        message = "this step has more than one `connect`, so it is unclear whose outcome `on` means"
        cure = "write one `connect` with a list of targets, or one step for each"
        reader.report("E408", connects[1].place, message, cure)
    else:
        message = "something follows the `connect`, but `on` decides what comes after it"
        behind = parts[parts.index(connects[0]) + 1]
        reader.report("E408", behind.place, message, "move it to the step that `completed` leads to")
    return None


def _allows_outcomes(target: ConnectTarget, detections: frozenset[str], reader: Reader) -> bool:
    filled = [name for name in _FILLED_FOR_CONNECT if name in target.fields]
    if target.literal("eventType") == "synchronous":
        filled.remove("eventType")
    for name in filled:
        message = f"`{name}` is set on a connect, but its outcome must reach `on`"
        reader.report("E412", target.fields[name].place, message)
    return _allows_detection(target, detections, reader) and not filled


def _opening(part: Part) -> Part:
    return replace(part, is_opening=True) if isinstance(part, Action | Document) else part


def _with_checkpoint(parts: tuple[Part, ...], name: str, place: Place, reader: Resolver) -> tuple[Part, ...]:
    """Turn the checkpoint `name` into a wait; report E403 unless it exists and comes last."""
    found = [part for part in parts if isinstance(part, Action) and part.checkpoint == name]
    last = parts[-1] if parts else None
    if not found:
        reader.report(
            "E403",
            place,
            f'this step does not have a checkpoint "{name}"',
            "end `do` with `- checkpoint: name` and name the same checkpoint in `on`",
        )
        return parts
    if last is not found[-1]:
        message = f"something follows the checkpoint `{name}`, but `on` decides what comes after it"
        behind = parts[parts.index(found[-1]) + 1]
        reader.report(
            "E403",
            behind.place,
            message,
            f"move the checkpoint to the end of `do`, or this to the step that `{name}` leads to",
        )
        return parts
    return (*parts[:-1], checkpoint(name, found[-1].place, steers=True))

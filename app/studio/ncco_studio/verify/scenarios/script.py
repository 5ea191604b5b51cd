"""The steps of a script: what the caller hears and does, and what happens to the call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Annotated, Any, ClassVar, Final, Literal, Protocol, Self, get_args

from ncco_server.errors import AppError
from ncco_server.flow.grammar.forms import TEXT, Notation
from ncco_server.flow.grammar.map_form import written_as
from ncco_server.flow.grammar.reader import Fields, Reader, read_fields
from ncco_server.flow.nodes import Map, Node, Place, Text
from ncco_server.ncco.durations import plain
from ncco_server.ncco.statuses import WEBHOOK_STATUSES
from ncco_server.ncco.value_types import Number, digits_in
from ncco_server.suggest import nearest
from ncco_studio.simulator.agents import AgentBehaviour, Who
from ncco_studio.simulator.legs import SURE, Leg
from ncco_studio.simulator.parties import ENDLESS, Behaviour, PartyOutcome, Words, is_websocket
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.transcript import AwaitedInput, CallMoment, MomentKind
from ncco_studio.verify.scenarios.values import (
    ANY_MAP,
    EXCERPTS,
    KEYS,
    SECONDS,
    Excerpt,
    ScenarioModel,
    ScenarioReader,
    json_of,
    listed,
    node_of,
    read_as,
    read_json,
    read_keys,
    read_word,
    seconds_of,
)

AgentAct = Literal["closes", "silent", "hangs up", "unreachable"]
FaultKind = Literal["unreadable", "lost", "refused", "away", "gone"]


class ScriptedCall(Protocol):
    """The call of a script; `pending_faults` apply to the next webhooks, in order."""

    leg: Leg
    vonage: Vonage
    pending_faults: list[FaultKind]


FAULTS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)
AGENT_ACTS: Final[Mapping[AgentAct, tuple[PartyOutcome, float]]] = {
    "closes": ("disconnected", 0),
    "silent": ("completed", ENDLESS),
    "hangs up": ("completed", 0),
    "unreachable": ("unanswered", 0),
}
"""How the leg ends, and after how long; 0 for when the agent says. Source: WebSocket guide."""
OUTCOMES: Final[tuple[str, ...]] = get_args(PartyOutcome)
STATUSES: Final = (*WEBHOOK_STATUSES, "transcribed", "success", "failure")
"""Source: webhook reference, Call status events, Transcription and Payment."""
_ADDRESS: Final = re.compile(r"\+?[\d ]+|.*[:@].*")
"""An address, not an outcome. An app user's name needs `to`."""
_EXPECTED: Final = "this is an expectation, not a step"


def same_address(one: str, other: str) -> bool:
    plain_one, plain_other = (digits_in(each).lower() for each in (one, other))
    return plain_one == plain_other


class ScriptStep(ScenarioModel):
    """One line of a script."""

    word: ClassVar[str]
    when_done: ClassVar[tuple[MomentKind, ...] | None] = None
    """The kinds of moments at which the step can be performed; None for any."""
    awaits: ClassVar[tuple[MomentKind, ...]] = ()
    """The kinds of moments that a step without a time waits for; () if it does not wait."""
    takes: ClassVar[str] = ""
    """What the open input must accept: `dtmf` or `speech`; "" for either."""
    otherwise: ClassVar[str] = ""
    """Why the step is impossible at another moment, or for another input."""

    @property
    def moment_s(self) -> float | None:
        """Seconds from the answer, which can be during a prompt; None: after the previous step.

        Not every step can have `at`.
        """
        at_s: float | None = getattr(self, "at_s", None)
        return at_s

    def problem_at(self, moment: CallMoment, leg: Leg) -> str:
        """Return "" if the step is possible at a moment of a call."""
        if self.when_done is not None and moment.kind not in self.when_done:
            return self.otherwise
        accepted = leg.open.takes if isinstance(leg.open, AwaitedInput) else {self.takes}
        return self.otherwise if self.takes and self.takes not in accepted else ""

    async def perform(self, call: ScriptedCall) -> None:
        """Raise CallIsOver."""

    @classmethod
    def is_alone(cls) -> bool:
        """Whether the step has no value, or a default."""
        return not cls.required()

    @classmethod
    def alone(cls, place: Place) -> Self:
        return cls(written=Fields(cls.word, place, {}, {}))

    def as_written(self) -> Any:
        """See `ScenarioModel`; a step without a value becomes its word."""
        return super().as_written() or self.word


class HearStep(ScriptStep):
    """The texts must be heard next, in sequence."""

    word: ClassVar = "hear"
    when_done: ClassVar = ()
    otherwise: ClassVar = _EXPECTED

    texts: Annotated[tuple[Excerpt, ...], EXCERPTS] = written_as("hear", default=())
    """what must be heard next; a part of it is enough"""

    @classmethod
    def alone(cls, place: Place) -> Self:
        """A `hear` without a text matches anything."""
        return cls(texts=(Excerpt(None, place),), written=Fields(cls.word, place, {}, {}))

    def as_written(self) -> Any:
        texts = [excerpt.text or "?" for excerpt in self.texts]
        return {"hear": texts[0] if len(texts) == 1 else texts}


class PressStep(ScriptStep):
    """The caller presses keys."""

    word: ClassVar = "press"
    awaits: ClassVar = ("input", "record", "idle")
    takes: ClassVar = "dtmf"
    otherwise: ClassVar = "keys are not accepted here; say something"

    keys: Annotated[str, KEYS] = written_as("press")
    """the keys to press: digits, * and #"""
    at_s: Annotated[float | None, SECONDS] = written_as("at", default=None)
    """seconds since the call was answered; without it, as soon as the server waits for the caller"""

    async def perform(self, call: ScriptedCall) -> None:
        await call.leg.press(self.keys)


class SpokenInput(ScenarioModel):
    """The caller's words, as speech recognition reports them."""

    short: ClassVar = "text"

    text: str = ""
    confidence: Annotated[float, Number(0, 1)] = SURE
    error: str = ""

    @property
    def results(self) -> tuple[tuple[str, float], ...]:
        return () if self.error else ((self.text, self.confidence),)


class SpeakStep(ScriptStep):
    """The caller speaks."""

    word: ClassVar = "speak"
    awaits: ClassVar = ("input", "record", "idle")
    takes: ClassVar = "speech"
    otherwise: ClassVar = "speech is not accepted here; press keys"

    speech: SpokenInput = written_as("speak")
    at_s: Annotated[float | None, SECONDS] = written_as("at", default=None)
    """seconds since the call was answered; without it, as soon as the server waits for the caller"""

    async def perform(self, call: ScriptedCall) -> None:
        await call.leg.speak(*self.speech.results, error=self.speech.error)

    @classmethod
    def build(cls, fields: Fields, reader: Reader, **made: Any) -> Self | None:
        """See `MapForm.build`; a text or an error is required."""
        found = super().build(fields, reader, **made)
        if found is not None and isinstance(fields.get("speak"), Map):
            said = found.speech.written
            if said.is_whole and not said.values.keys() & {"text", "error"}:
                cure = "add `text: ...`, or `error: ...` for a speech recognition error"
                reader.report("S103", fields.place, "`speak` has no `text`", cure)
        return found


class SilenceStep(ScriptStep):
    """The caller lets an input or a recording time out."""

    word: ClassVar = "silence"
    when_done: ClassVar = ("input", "record")
    awaits: ClassVar = ("input", "record")
    otherwise: ClassVar = "nothing waits for the caller now; let time pass"

    async def perform(self, call: ScriptedCall) -> None:
        await call.leg.silence()


class Spoken(ScenarioModel):
    """A called party's words when its flow asks something."""

    cures: ClassVar = {"speak": "write `{speak: text}`"}

    speak: str


def _read_pressed(node: Node, what: str, reader: Reader) -> str | Spoken | None:
    """Read keys, "" for nothing, or `{speak: text}`."""
    if isinstance(node, Map):
        return Spoken.read(node, "an entry of `presses`", reader)
    return "" if isinstance(node, Text) and not node.value else read_keys(node, what, reader)


PRESSES: Final = listed(_read_pressed, {"anyOf": [TEXT, Spoken.json_schema()]})
"""A called party's input each time its flow asks."""


def acts_of(presses: Iterable[str | Spoken]) -> tuple[str | Words, ...]:
    return tuple(Words(press.speak, SURE) if isinstance(press, Spoken) else press for press in presses)


class ScriptedParty(ScenarioModel):
    """Who is dialled, and the result of the dial."""

    short: ClassVar = "outcome"

    to: str = ""
    """number, user, URI or extension; without it, whoever is dialled"""
    outcome: PartyOutcome = "completed"
    rings: Annotated[float, SECONDS] = 4.0
    talks: Annotated[float, SECONDS] = 30.0
    hangs_up: Literal["caller", "party"] = "party"
    """who ends the conversation"""
    hears: Annotated[tuple[Excerpt, ...], EXCERPTS] = ()
    """what the party must hear from its own flow (`onAnswer`), in this order"""
    presses: Annotated[tuple[str | Spoken, ...], PRESSES] = ()
    """the party's input each time that its flow asks; "" is silence"""

    @classmethod
    def read(cls, node: Node, what: str, reader: Reader, *, place: Place | None = None, **made: Any) -> Self | None:
        """See `ScenarioModel`: `{to: .., outcome: ..}`, `busy` or `"447700900111"`."""
        if isinstance(node, Text) and _ADDRESS.fullmatch(node.value):
            return cls(to=node.value)
        return super().read(node, what, reader, place=place, **made)

    @property
    def behaviour(self) -> Behaviour:
        return Behaviour(self.outcome, self.rings, self.talks, self.hangs_up == "party", acts_of(self.presses))


class PartyStep(ScriptStep):
    """Sets what the next dialled party does."""

    when_done: ClassVar = ("dial",)
    awaits: ClassVar = ("dial",)

    @property
    def behaviour(self) -> Behaviour:
        raise NotImplementedError

    @property
    def hears(self) -> tuple[Excerpt, ...]:
        """What the party must hear from its own flow."""
        return ()

    async def perform(self, call: ScriptedCall) -> None:
        await call.leg.decide(self.behaviour)


class DialStep(PartyStep):
    """Sets who is dialled next, and the result."""

    word: ClassVar = "dial"
    otherwise: ClassVar = "no phone is ringing now"

    party: ScriptedParty = written_as("dial", default=ScriptedParty())
    """who is dialled next, and the result"""

    def problem_at(self, moment: CallMoment, leg: Leg) -> str:
        address = moment.waited.address if moment.waited is not None else ""
        is_other = address and self.party.to and not same_address(self.party.to, address)
        other = f"{address} is dialled, not {self.party.to}" if is_other else ""
        return super().problem_at(moment, leg) or other

    @property
    def behaviour(self) -> Behaviour:
        return self.party.behaviour

    @property
    def hears(self) -> tuple[Excerpt, ...]:
        return self.party.hears


class SaidLine(ScenarioModel):
    """A line of the conversation with an agent."""

    agent: str = ""
    """what the agent says"""
    caller: str = ""
    """what the caller says"""

    @property
    def line(self) -> tuple[Who, str]:
        return ("agent", self.agent) if self.agent else ("caller", self.caller)

    @classmethod
    def build(cls, fields: Fields, reader: Reader, **made: Any) -> Self | None:
        """See `MapForm.build`; one of both is required."""
        found = super().build(fields, reader, **made)
        if found is not None and bool(found.agent) == bool(found.caller):
            reader.report("S103", fields.place, "a line is what one of them says", "write `{agent: text}`")
        return found


class ScriptedAgent(ScenarioModel):
    """What the agent at a websocket does."""

    short: ClassVar = "does"

    hands: str = ""
    """the outcome that it hands back before it closes its websocket or hangs up"""
    values: Annotated[Mapping[str, Any], Notation(read_json, ANY_MAP)] = field(default_factory=dict)
    """the values that it hands back with the outcome"""
    does: AgentAct = "closes"
    """`closes` its websocket, is `silent` up to the limit, `hangs up` by REST, or is `unreachable`"""
    after: Annotated[float, SECONDS] = 10.0
    """how long it has the caller before it does that"""
    said: Annotated[tuple[SaidLine, ...], listed(SaidLine.read, SaidLine.json_schema())] = ()
    """the conversation, as it tells it to the server: [{agent: Hello}, {caller: A refund}]"""

    @property
    def behaviour(self) -> Behaviour:
        outcome, talks_s = AGENT_ACTS[self.does]
        hands = {"outcome": self.hands, "values": self.values} if self.hands else {}
        said = tuple(each.line for each in self.said)
        return AgentBehaviour(outcome, talks_s=talks_s or self.after, hands=hands, said=said)


class AgentStep(PartyStep):
    """Sets what the agent does that the caller is connected to next."""

    word: ClassVar = "agent"
    otherwise: ClassVar = "no agent is being connected now"

    agent: ScriptedAgent = written_as("agent", default=ScriptedAgent())
    """what the agent does that the caller is connected to next"""

    def problem_at(self, moment: CallMoment, leg: Leg) -> str:
        address = moment.waited.address if moment.waited is not None else ""
        is_other = address and not is_websocket(address)
        return super().problem_at(moment, leg) or (f"{address} is dialled, which is not an agent" if is_other else "")

    @property
    def behaviour(self) -> Behaviour:
        return self.agent.behaviour


class RecordedMessage(ScenarioModel):
    """The caller's recording."""

    short: ClassVar = "seconds"

    seconds: Annotated[float, SECONDS] = 5.0
    key: Annotated[str, KEYS] = ""
    """the key that ends the recording; without it, silence ends it"""


class RecordStep(ScriptStep):
    """The caller leaves a recording."""

    word: ClassVar = "record"
    when_done: ClassVar = ("record",)
    awaits: ClassVar = ("record",)
    otherwise: ClassVar = "nothing is being recorded now"

    message: RecordedMessage = written_as("record", default=RecordedMessage())

    async def perform(self, call: ScriptedCall) -> None:
        await call.leg.speak(seconds=self.message.seconds)
        if self.message.key:
            await call.leg.press(self.message.key)
        elif (await call.leg.hear()).kind == "record":
            await call.leg.silence()


class WaitStep(ScriptStep):
    """The caller does nothing for some seconds. Anything heard in the meantime is skipped."""

    word: ClassVar = "wait"

    seconds: Annotated[float, SECONDS] = written_as("wait")


_read_until = read_as(lambda text: text if plain(text) else None, "write part of what the caller should hear")


class UntilStep(ScriptStep):
    """The caller does nothing until a text is heard. Anything heard before it is skipped."""

    word: ClassVar = "until"
    when_done: ClassVar = ()
    otherwise: ClassVar = _EXPECTED

    text: Annotated[str, Notation(_read_until, TEXT)] = written_as("until")
    """the caller does nothing until this is heard; a part of it is enough"""


_read_moment = read_as(lambda text: text if text == "now" else seconds_of(text), "write now, or seconds, such as 12s")


class HangUpStep(ScriptStep):
    """The caller hangs up."""

    word: ClassVar = "hangup"

    when: Annotated[float | Literal["now"], Notation(_read_moment, TEXT)] = written_as("hangup", default="now")
    """now, or how many seconds after the call was answered"""
    at_s: Annotated[float | None, SECONDS] = written_as("at", default=None)

    @property
    def moment_s(self) -> float | None:
        return self.at_s if self.when == "now" else self.when

    async def perform(self, call: ScriptedCall) -> None:
        await call.leg.hang_up()


class EndStep(ScriptStep):
    """The call ends by itself, and nothing more is heard."""

    word: ClassVar = "end"
    when_done: ClassVar = ()
    otherwise: ClassVar = _EXPECTED


def _read_event(node: Node, what: str, reader: Reader) -> dict[str, Any] | None:
    found = reader.map(node, what, "write the fields of the webhook: `event: {status: failed}`")
    status = found.get("status") if found else None
    if found is None or (status is not None and read_word(status, STATUSES, "`status`", reader) is None):
        return None
    fields: dict[str, Any] = json_of(found)
    return fields


class EventStep(ScriptStep):
    """Vonage sends an event webhook for this call. The given fields override the usual fields of an event."""

    word: ClassVar = "event"

    payload: Annotated[Mapping[str, Any], Notation(_read_event, ANY_MAP)] = written_as("event")
    """the fields of a webhook"""

    async def perform(self, call: ScriptedCall) -> None:
        await call.vonage.send_event(call.leg, self.payload)


class FaultStep(ScriptStep):
    """A fault of the next webhook whose reply is played.

    `unreadable`: its body is cut off. `lost`: its first delivery gets no reply. `refused`: Vonage rejects the reply as
    an invalid NCCO. `away`: the store is unavailable for the delivery, its retry and the fallback. `gone`: the
    delivery, its retry and the fallback all get no reply.
    """

    word: ClassVar = "fault"

    fault: FaultKind
    """what goes wrong with the next webhook whose reply is played"""

    async def perform(self, call: ScriptedCall) -> None:
        call.pending_faults.append(self.fault)


KINDS: Final = (
    HearStep, PressStep, SpeakStep, SilenceStep, DialStep, AgentStep, RecordStep, WaitStep, UntilStep, HangUpStep,
    EndStep, EventStep, FaultStep,
)  # fmt: skip
STEPS: Final[Mapping[str, type[ScriptStep]]] = {kind.word: kind for kind in KINDS}
EXPECTING: Final = (HearStep, UntilStep, PartyStep, EndStep, RecordStep)
"""Steps that can make a scenario fail."""


def read_script(node: Node, what: str, reader: Reader) -> tuple[ScriptStep, ...]:
    """Report S101 if the script is not a list."""
    found = reader.seq(node, what)
    steps = [_read_step(item, reader) for item in found.items] if found else []
    return tuple(step for step in steps if step is not None)


def _read_step(node: Node, reader: Reader) -> ScriptStep | None:
    if isinstance(node, Text):
        return _read_alone(node, reader)
    if not isinstance(node, Map) or not node.entries:
        reader.report("S105", node.place, "this is not a step", "write one step per line, such as `- press: 1`")
        return None
    keys = [entry.key for entry in node.entries if entry.key.value in STEPS]
    if len(keys) == 1:
        word = keys[0]
        kind = STEPS[keys[0].value]
        what = f"the step `{word.value}`"
        if kind.words():
            return kind.read(node, what, reader, place=word.place)
        reader.report("S101", word.place, "this step does not take a value", f"write only the word: `- {word.value}`")
        read_fields(node, (word.value,), what, reader)
    elif keys:
        words = " and ".join(f"`{key.value}`" for key in keys)
        reader.report("S105", keys[1].place, f"{words} are two steps", "write each of them on a separate line")
    else:
        key = node.entries[0].key
        reader.report("S102", key.place, f'a script cannot have "{key.value}"', _cure(key.value))
    return None


class NotAStep(AppError):
    """The text is not a step; the message suggests what to write."""


def step_of(value: object) -> ScriptStep:
    """Read plain YAML or JSON: `"silence"`, `{"press": "1"}`. Raises NotAStep."""
    reader = ScenarioReader()
    step = _read_step(node_of(value), reader)
    if step is None or reader.issues:
        first = reader.issues[0]
        raise NotAStep(f"{first.message}; {first.cure}")
    return step


def _read_alone(text: Text, reader: Reader) -> ScriptStep | None:
    kind = STEPS.get(text.value)
    if kind is not None and kind.is_alone() and not text.quoted:
        return kind.alone(text.place)
    word, _, rest = text.value.partition(" ")
    if kind is not None:
        reader.report("S103", text.place, f"`{text.value}` has no value", f"write `- {text.value}: ...`")
    elif word in STEPS and rest:
        reader.report("S105", text.place, f"a colon is missing after `{word}`", f"write `- {word}: {rest.strip()}`")
    else:
        reader.report("S105", text.place, f'there is no step "{text.value}"', _cure(text.value))
    return None


def _cure(word: str) -> str:
    near = nearest(word, STEPS)
    return f'did you mean "{near}"?' if near else f"write one of: {', '.join(STEPS)}"

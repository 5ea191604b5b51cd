"""The state of one call between two webhooks, the input and result of a turn, and its trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, NamedTuple, Self, TypeVar

import orjson

from app.flow.runtime import CallbackKind

NOTHING: Final[Mapping[str, Any]] = {}
"""An empty map, for values that Vonage did not send. Never modified."""


class Call(NamedTuple):
    """What the answer webhook said; "" or {} where Vonage sent nothing.

    Attributes:
        to, from_number: digits as sent. `from_user`: the Client SDK user instead of a number.
        uuid: the leg; opaque. conversation_uuid: opaque, changes when the leg is moved.
        sip: SIP headers by their own name (`X-Tenant`, `User-to-User`).
        custom_data: the custom data from the Client SDK.
    """

    to: str = ""
    from_number: str = ""
    from_user: str = ""
    uuid: str = ""
    conversation_uuid: str = ""
    region_url: str = ""
    endpoint_type: str = ""
    direction: str = "inbound"
    sip: Mapping[str, str] = NOTHING
    custom_data: Mapping[str, Any] = NOTHING


class WaitRef(NamedTuple):
    """The wait that a callback URL's token names."""

    kind: CallbackKind
    session: str
    turn: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which is not used


class OpenWait(NamedTuple):
    """A place where a webhook may come in.

    Attributes:
        index: its number within its turn, from 0.
        kind: the route it comes in on.
        name: `input`, `connect`, `record`, ..., or the checkpoint's name.
        step: the step that opened it.
        steers: whether its reply may replace the NCCO.
        sensitive: whether the digits and words in its webhook must not be written anywhere.
        flow: the flow of that step; "" is the flow that the call began in.
        runs: the flow that the other party of a connect hears, and its params; None when it hears none.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which is not used
    kind: CallbackKind
    name: str
    step: str
    steers: bool
    sensitive: bool = False
    flow: str = ""
    runs: Mapping[str, Any] | None = None


class Level(NamedTuple):
    """A flow that waits until a flow that it runs returns.

    Attributes:
        flow: its name. step: the step with the `run`.
        variables, lookups: as in `Session`.
    """

    flow: str
    step: str
    variables: Mapping[str, Any]
    lookups: Mapping[str, Any]


OWN_LEG: Final = -1
"""Used instead of a wait's number for the caller's own leg."""


class Observer(NamedTuple):
    """A wait of an earlier turn whose events still send hooks, even hours later.

    A call that has finished its flow, but lasts until its caller leaves a `conversation`, has one for its own leg.

    Attributes:
        turn, wait: which one; `wait` is OWN_LEG for the caller's own leg. flow, step: whose hooks are sent.
    """

    turn: int
    wait: int
    flow: str
    step: str


class Session(NamedTuple):
    """Our state of one call.

    Attributes:
        id: the leg uuid of its answer webhook, or a random id.
        turn: number of the turn that was played last, from 1.
        step: the step that waits; "" once the call is over.
        tries: failed tries of that step. asr_errors: errors of the recogniser, which do not count as tries.
        position: which item of the step's list is played (connect list).
        dialled: how often this call has dialled.
        variables: by name; of a sensitive one only its token.
        entered_at: `now` when the step was entered (aware, UTC); a repeated prompt says the same again.
        heard: the `input` in scope when the step was entered (digits, text, confidence).
        waits: the waits that this turn opened.
        is_over: nothing more can be played.
        at: the flow of `step` when it is not the one that the call began in.
        callers: the flows that wait for it, the outermost first.
        lookups: the answers of the lookups of this flow, by name.
        locale: chosen by the caller; "" before.
        observers: the waits of earlier turns whose events still send hooks.
        parent: the session whose connect made this leg; "" for an incoming call.
        returned: the outcome that the flow returned when no other flow waited for it.
    """

    id: str
    flow: str
    revision: str
    call: Call
    turn: int = 0
    step: str = ""
    tries: int = 0
    asr_errors: int = 0
    position: int = 0
    dialled: int = 0
    variables: Mapping[str, Any] = NOTHING
    entered_at: datetime | None = None
    heard: Mapping[str, Any] = NOTHING
    waits: tuple[OpenWait, ...] = ()
    is_over: bool = False
    at: str = ""
    callers: tuple[Level, ...] = ()
    lookups: Mapping[str, Any] = NOTHING
    locale: str = ""
    observers: tuple[Observer, ...] = ()
    parent: str = ""
    returned: str = ""


R = TypeVar("R", Call, OpenWait, Level, Session)

_FIRST_RARE: Final = Session._fields.index("at")
"""The first field that most sessions do not have: it and those behind it are written only if they are not empty."""
_NOTHING_RARE: Final = tuple(Session._field_defaults.values())[_FIRST_RARE - len(Session._fields) :]


def to_json(session: Session) -> bytes:
    """The session as JSON, as the store keeps it."""
    fields: dict[str, Any] = {
        "id": session.id,
        "flow": session.flow,
        "revision": session.revision,
        "call": _call_fields(session.call),
        "turn": session.turn,
        "step": session.step,
        "tries": session.tries,
        "asr_errors": session.asr_errors,
        "position": session.position,
        "dialled": session.dialled,
        "variables": session.variables,
        "entered_at": session.entered_at,
        "heard": session.heard,
        "waits": [_wait_fields(wait) for wait in session.waits],
        "is_over": session.is_over,
    }
    rare = session[_FIRST_RARE:]
    if rare != _NOTHING_RARE:
        fields |= {name: value for name, value in zip(Session._fields[_FIRST_RARE:], rare, strict=True) if value}
        if session.callers:
            fields["callers"] = [level._asdict() for level in session.callers]
        if session.observers:
            fields["observers"] = [list(observer) for observer in session.observers]
    return orjson.dumps(fields)


def _call_fields(call: Call) -> dict[str, Any]:
    return {
        "to": call.to,
        "from_number": call.from_number,
        "from_user": call.from_user,
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "region_url": call.region_url,
        "endpoint_type": call.endpoint_type,
        "direction": call.direction,
        "sip": call.sip,
        "custom_data": call.custom_data,
    }


def _wait_fields(wait: OpenWait) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "index": wait.index,
        "kind": wait.kind,
        "name": wait.name,
        "step": wait.step,
        "steers": wait.steers,
        "sensitive": wait.sensitive,
    }
    if wait.flow:
        fields["flow"] = wait.flow
    if wait.runs:
        fields["runs"] = wait.runs
    return fields


def _reader(kind: type[R]) -> Callable[[Mapping[str, Any]], R]:
    """Creates a record from its fields by name. It raises TypeError for unknown fields, KeyError for missing ones.

    Keyword arguments would do the same with twice as many instructions (docs/decisions.md).
    """
    defaults, size, values = kind._field_defaults, len(kind._fields), itemgetter(*kind._fields)

    def read(given: Mapping[str, Any]) -> R:
        known = {**defaults, **given}
        if len(known) > size:
            raise TypeError(f"its fields are {', '.join(given)}")
        return kind._make(values(known))

    return read


_read_call, _read_wait, _read_level, _read_session = _reader(Call), _reader(OpenWait), _reader(Level), _reader(Session)


def from_json(state: bytes) -> Session:
    """The session that `to_json` wrote. Raises ValueError when it is not one."""
    try:
        known: dict[str, Any] = orjson.loads(state)
        known["call"] = _read_call(known["call"])
        known["waits"] = tuple([_read_wait(wait) for wait in known["waits"]])
        entered_at = known["entered_at"]
        known["entered_at"] = datetime.fromisoformat(entered_at) if entered_at else None
        if "callers" in known:
            known["callers"] = tuple([_read_level(level) for level in known["callers"]])
        if "observers" in known:
            known["observers"] = tuple([Observer(*observer) for observer in known["observers"]])
        return _read_session(known)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the state of a session: {error}") from error


class TurnContext(NamedTuple):
    """Everything from outside that a turn may use.

    Attributes:
        now: aware, UTC.
        env: variables for flows by name, the prefix `FLOW_` taken off.
        link: the callback URL of a wait.
        mask: (session id, secret) → the token that is written in its place.
        failsafe: the NCCO that is played when nothing else can be.
        dial_allow: prefixes that computed numbers and addresses may have (`app.engine.dialling.refusal`).
        dial_limit: how often one call may dial.
    """

    now: datetime
    link: Callable[[WaitRef], str]
    mask: Callable[[str, str], str]
    env: Mapping[str, str] = NOTHING
    failsafe: tuple[Mapping[str, Any], ...] = ()
    dial_allow: tuple[str, ...] = ()
    dial_limit: int = 10


class Lookup(NamedTuple):
    """What the interpreter needs from outside. It yields a tuple of them, to be asked side by side.

    Attributes:
        step: where in the flow. name: of the lookup. flow: of the lookup.
        request: what to ask (`app.flow.language.lookups.LookupRequest`).
        key: the same for each try of the same turn: an idempotency key.
    """

    step: str
    name: str
    request: Any
    key: str
    flow: str = ""


class LookupAnswer(NamedTuple):
    """The answer to a lookup; one is sent back for each, in their order.

    Attributes:
        value: the result of `json.loads`, or of the function; None when there is none.
        problem: why the value is missing, in one short sentence; "" if it is there.
        ms: how long it took.
        is_cached: whether it is an earlier answer. is_late: whether there was no time left for an answer.
        status: of a server's answer that is not a success; 0 for none.
    """

    value: Any
    problem: str = ""
    ms: int = 0
    is_cached: bool = False
    is_late: bool = False
    status: int = 0

    def __repr__(self) -> str:
        """The answer without its value, which may be sensitive."""
        return f"<answer: {self.problem or 'there'}, in {self.ms} ms>"


class Turn(NamedTuple):
    """The work between two decisions: one webhook in, one NCCO out.

    Attributes:
        ncco: valid; plain JSON values. Empty if there is nothing to play.
        session: the state after it.
        trace: its actions and reasons.
        outcome: how the webhook was understood (`answer`, `sales`, `noinput`, `busy`, ...), for logs and metrics.
        is_failsafe: nothing of the flow could be played.
        hooks: webhooks of ours to send after the reply (`app.flow.language.hooks.Hook`).
        lookups: the answers of lookups by name, as the turn saw them.
        has_fault: whether a line of the trace says `failed` or `refused`.
        trace_json: the trace as JSON, where every call has the same; b"" elsewhere.
    """

    ncco: list[dict[str, Any]]
    session: Session
    trace: tuple[TraceLine, ...]
    outcome: str
    is_failsafe: bool = False
    hooks: tuple[Any, ...] = ()
    lookups: Mapping[str, Any] = NOTHING
    has_fault: bool = False
    trace_json: bytes = b""


@dataclass
class TraceLine:
    """One thing a turn did. orjson serialises dataclasses itself, and fastest without slots.

    Attributes:
        did: `answered`, `heard`, `decided`, `entered`, `asked`, `ran`, `reaches`, `refused` or `failed`.
        step: the step it concerns.
        what: the outcome, target or action.
        where: `file:line` of the flow line that decided, "" where none did.
        because: which rule decided, in one sentence.
        others: why the others did not fit.
        by: for input `keys` or `speech`; for a lookup `answer` or `default`; "" otherwise.
        attempt, attempts: which failed try of how many a `retry` has decided on; 0 otherwise.
        next_target: the number of the target of a list that is rung next; 0 otherwise.
    """

    did: str
    step: str
    what: str
    where: str = ""
    because: str = ""
    others: tuple[str, ...] = ()
    by: str = ""
    attempt: int = 0
    attempts: int = 0
    next_target: int = 0

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Self:
        """A line from JSON, with defaults for fields that older lines lack."""
        return cls(**{each.name: line[each.name] for each in fields(cls) if each.name in line})

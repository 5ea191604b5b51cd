"""The state of one call between two webhooks, as values that JSON can hold, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from app.flow.model import CallbackKind

NOTHING: Final[Mapping[str, Any]] = {}
"""A field that Vonage did not send. Never written to."""


class Call(NamedTuple):
    """What the answer webhook said; "" or {} where Vonage sent nothing.

    Attributes:
        to, from_number: digits as sent. `from_user`: the Client SDK user instead of a number.
        uuid: the leg; opaque. conversation_uuid: opaque, changes when the leg is moved.
        sip: SIP headers by their own name (`X-Tenant`, `User-to-User`).
        custom_data: what the Client SDK passed to the call.
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
    """Which wait a callback URL names: what its token carries."""

    kind: CallbackKind
    session: str
    turn: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which is not used


class Wait(NamedTuple):
    """A place where a webhook may come in.

    Attributes:
        index: its number within its turn, from 0.
        kind: the route it comes in on.
        name: `input`, `connect`, `record`, ..., or the checkpoint's name.
        step: the step that opened it.
        steers: whether its reply may replace the NCCO.
        sensitive: whether the digits and words in its webhook must not be written anywhere.
        flow: the flow of that step; "" is the flow that the call began in.
        runs: the flow that the other party of a connect hears, and what it is given; None when it hears none.
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
"""In place of the number of a wait: the caller's own leg."""


class Observer(NamedTuple):
    """A wait of an earlier turn whose events still send hooks, hours later if need be.

    A call whose flow is over, but which lasts until its caller leaves a `conversation`, has one for its own leg.

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
        tries: failed tries of that step. asr_errors: faults of the recogniser, not held against the caller.
        position: which item of the step's list is played (connect list).
        dialled: how often this call has dialled.
        variables: by name; of a sensitive one only its token.
        entered_at: `now` when the step was entered (aware, UTC); a repeated prompt says the same again.
        heard: the `input` in scope when the step was entered (digits, text, confidence).
        waits: the waits that this turn opened.
        is_over: nothing more can be played.
        at: the flow of `step` when it is not the one that the call began in.
        callers: the flows that wait for it, the outermost first.
        lookups: what came of the lookups of this flow, by name.
        locale: the one that the caller chose; "" until then.
        observers: what is told of the webhooks of earlier turns.
        parent: the session whose connect made this leg; "" for a call that came in.
        returned: the outcome with which the flow came to its end where none waits for it.
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
    waits: tuple[Wait, ...] = ()
    is_over: bool = False
    at: str = ""
    callers: tuple[Level, ...] = ()
    lookups: Mapping[str, Any] = NOTHING
    locale: str = ""
    observers: tuple[Observer, ...] = ()
    parent: str = ""
    returned: str = ""


def to_json(session: Session) -> bytes:
    """The session as JSON, as the store keeps it."""
    return orjson.dumps(
        {
            "id": session.id,
            "flow": session.flow,
            "revision": session.revision,
            "call": _fields_of_call(session.call),
            "turn": session.turn,
            "step": session.step,
            "tries": session.tries,
            "asr_errors": session.asr_errors,
            "position": session.position,
            "dialled": session.dialled,
            "variables": session.variables,
            "entered_at": session.entered_at,
            "heard": session.heard,
            "waits": [_fields_of(wait) for wait in session.waits],
            "is_over": session.is_over,
            **_fields_seldom_used(session),
        }
    )


def _fields_seldom_used(session: Session) -> dict[str, Any]:
    """Fields that most calls do not have, and that are left out then."""
    fields: dict[str, Any] = {}
    if session.at:
        fields["at"] = session.at
    if session.callers:
        fields["callers"] = [caller._asdict() for caller in session.callers]
    if session.lookups:
        fields["lookups"] = session.lookups
    if session.locale:
        fields["locale"] = session.locale
    if session.observers:
        fields["observers"] = [list(observer) for observer in session.observers]
    if session.parent:
        fields["parent"] = session.parent
    if session.returned:
        fields["returned"] = session.returned
    return fields


def _fields_of_call(call: Call) -> dict[str, Any]:
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


def _fields_of(wait: Wait) -> dict[str, Any]:
    """The wait as a dict, which is written in a third of the time that a dataclass takes."""
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
    if wait.runs is not None:
        fields["runs"] = wait.runs
    return fields


def from_json(state: bytes) -> Session:
    """The session that `to_json` wrote. Raises ValueError when it is not one."""
    try:
        fields: dict[str, Any] = orjson.loads(state)
        call = Call(**fields.pop("call"))
        waits = tuple(Wait(**wait) for wait in fields.pop("waits"))
        entered_at = fields.pop("entered_at")
        moment = datetime.fromisoformat(entered_at) if entered_at else None
        callers = tuple(Level(**level) for level in fields.pop("callers", ()))
        observers = tuple(Observer(*observer) for observer in fields.pop("observers", ()))
        return Session(call=call, waits=waits, entered_at=moment, callers=callers, observers=observers, **fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the state of a session: {error}") from error

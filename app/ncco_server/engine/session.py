"""The state of a call between two webhooks, and the input, result and trace of a turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, NamedTuple, Protocol, Self, TypeVar

import orjson

from ncco_server.flow.frame import CallbackKind
from ncco_server.ncco.value_types import is_withheld
from ncco_server.results import NO_FACTS, TurnFacts
from ncco_server.table_rows import RowChange

NOTHING: Final[Mapping[str, Any]] = {}
"""A map that Vonage did not send; never changed."""


class CallData(NamedTuple):
    """The data of the answer webhook; "" or {} if missing.

    Attributes:
        from_user: the user of a Client SDK application, who calls without a number.
        conversation_uuid: changes when the leg is moved.
        request: the ID of the placed call; "" for an incoming one.
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
    request: str = ""

    @property
    def caller(self) -> str:
        """The number, or the user; "" if it is withheld."""
        return caller_of(self.from_number, self.from_user)


def caller_of(number: str, user: str) -> str:
    return user if is_withheld(number) else number


class WaitRef(NamedTuple):
    """The wait that a callback URL's token names."""

    kind: CallbackKind
    session: str
    turn: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which is not used


class OpenWait(NamedTuple):
    """A point in a call where the server waits for a webhook.

    Attributes:
        index: counts within the turn, from 0.
        steers: whether the reply to the webhook may replace the NCCO.
        sensitive: whether its digits and words must never be stored.
        flow: "" for the flow that the call began in.
        runs: the flow that the called party of a `connect` hears and its params.
        limit_s: after which Vonage ends the turn of an agent; 0 for any other wait.
        reply: as in `Draft`.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which is not used
    kind: CallbackKind
    name: str
    step: str
    steers: bool
    sensitive: bool = False
    flow: str = ""
    runs: Mapping[str, Any] | None = None
    limit_s: int = 0
    reply: Mapping[str, Any] | None = None


class Level(NamedTuple):
    """A flow that waits in `step` for another flow to return."""

    flow: str
    step: str
    variables: Mapping[str, Any]
    lookups: Mapping[str, Any]


OWN_LEG: Final = -1
"""The number of a wait, for the caller's own leg."""


class Observer(NamedTuple):
    """A wait of an earlier turn whose events still send hooks, even hours later.

    If the flow has ended, but the caller is still in a `conversation`, the call has one with `wait=OWN_LEG`.
    """

    turn: int
    wait: int
    flow: str
    step: str


class Session(NamedTuple):
    """The server's state of one call.

    Attributes:
        id: made from the leg UUID of the answer webhook, or random.
        turn: the latest one, from 1.
        step: the step that waits; "" once the call is over.
        tries: failed attempts in that step, without the speech recognition errors in `asr_errors`.
        position: the index of the current target in a connect's list.
        variables: sensitive values are tokens.
        entered_at: when the step was entered (aware, UTC): its `now`, so that a repeated prompt is the same.
        heard: the value of `input` when the step was entered.
        at: the flow of `step`; "" for the flow that the call began in.
        callers: the flows that wait for that flow, outermost first.
        locale: "" until the caller has chosen one.
        parent: the session whose `connect` created this leg; "" for an incoming call.
        returned: the flow's outcome if no other flow waited for it.
        agent: what is known about the agent that the call waits for (`ncco_server.engine.agents`).
    """

    id: str
    flow: str
    revision: str
    call: CallData
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
    agent: Mapping[str, Any] = NOTHING

    @property
    def entered_turn(self) -> int:
        """The turn in which the call came to its step, which can have asked or played again since."""
        return self.turn - self.tries - self.asr_errors


R = TypeVar("R", CallData, OpenWait, Level, Session)

_REQUIRED: Final = object()
_DEFAULTS: Final = {  # the version before this one cannot read a session without `waits`
    kind: [(name, _REQUIRED if name == "waits" else kind._field_defaults.get(name, _REQUIRED)) for name in kind._fields]
    for kind in (CallData, OpenWait, Level, Session)
}


def to_json(session: Session) -> bytes:
    return orjson.dumps(session, default=_written)


def _written(record: Any) -> Any:
    """Only the fields that differ from their defaults, since each webhook writes them; of an observer, a list."""
    if isinstance(record, Observer):
        return list(record)
    fields = zip(_DEFAULTS[type(record)], record, strict=True)
    return {name: value for (name, default), value in fields if value != default}


def _reader(kind: type[R]) -> Callable[[Mapping[str, Any]], R]:
    """Raises TypeError for unknown fields, KeyError for missing ones."""
    defaults = kind._field_defaults
    size = len(kind._fields)
    values = itemgetter(*kind._fields)

    def read(given: Mapping[str, Any]) -> R:
        known = {**defaults, **given}
        if len(known) > size:
            raise TypeError(f"its fields are {', '.join(given)}")
        return kind._make(values(known))

    return read


_read_call = _reader(CallData)
_read_wait = _reader(OpenWait)
_read_level = _reader(Level)
_read_session = _reader(Session)


def from_json(state: bytes) -> Session:
    """Raises ValueError unless `to_json` wrote the state."""
    try:
        known: dict[str, Any] = orjson.loads(state)
        known["call"] = _read_call(known["call"])
        known["waits"] = tuple([_read_wait(wait) for wait in known["waits"]])
        if entered_at := known.get("entered_at"):
            known["entered_at"] = datetime.fromisoformat(entered_at)
        if "callers" in known:
            known["callers"] = tuple([_read_level(level) for level in known["callers"]])
        if "observers" in known:
            known["observers"] = tuple([Observer(*observer) for observer in known["observers"]])
        return _read_session(known)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the state of a session: {error}") from error


ENCRYPTED: Final = "encrypted"
"""In a stored action of a placed call: the names of the options that are tokens."""


class Cipher(Protocol):
    """Encrypts the values that a placed call keeps until its last attempt is over."""

    def encrypt(self, text: str) -> str: ...

    def decrypt(self, token: str) -> str | None:
        """None for a text that is not a token."""


class TurnContext(NamedTuple):
    """The external values that a turn can use.

    Attributes:
        now: aware, UTC.
        env: by name, without the prefix `FLOW_`.
        mask: the session's ID and a secret → the token that replaces it.
        cipher: encrypts the call's `spoken` params; None if it keeps none.
        keys: for digests of what a handler does; the first one for new digests, all of them for stored ones.
        by_hand: what was decided by hand (`ByHand`), by the key of the opening hours.
    """

    now: datetime
    link: Callable[[WaitRef], str]
    mask: Callable[[str, str], str]
    env: Mapping[str, str] = NOTHING
    failsafe: tuple[Mapping[str, Any], ...] = ()
    dial_allow: tuple[str, ...] = ()
    dial_limit: int = 10
    cipher: Cipher | None = None
    keys: tuple[bytes, ...] = (b"",)
    by_hand: Mapping[tuple[str, str], Sequence[Any]] = {}


class Lookup(NamedTuple):
    """A lookup that the interpreter requests.

    Attributes:
        request: a `LookupRequest`, or a `TableRead` of `ncco_server.flow.language`.
        key: the idempotency key, the same for each attempt of a turn.
        turn, session: of a handler's function, whose result is stored before the turn; otherwise 0 and "".
        redact: replaces what repeats a sensitive value in such a result.
    """

    step: str
    name: str
    request: Any
    key: str
    flow: str = ""
    turn: int = 0
    session: str = ""
    redact: Callable[[Any], Any] | None = None

    @property
    def id(self) -> tuple[str, int, str]:
        return self.session, self.turn, self.key

    @property
    def is_function(self) -> bool:
        return bool(self.turn)


class LookupAnswer(NamedTuple):
    """The answer to a lookup.

    Attributes:
        value: the response's JSON, decoded, or the function's result; None if there is none.
        problem: why the value is missing, or "".
        status: the HTTP status of an error; 0 for none.
        cure: what the operator can do; "" if the lookup's source must change.
        is_late: whether the time limit was reached.
        is_cut_off: whether it never began, or the server closed meanwhile: a function may then be called again.
    """

    value: Any
    problem: str = ""
    ms: int = 0
    is_cached: bool = False
    is_late: bool = False
    status: int = 0
    cure: str = ""
    is_cut_off: bool = False

    def __repr__(self) -> str:
        """The value may be sensitive."""
        return f"<answer: {self.problem or 'there'}, in {self.ms} ms>"


class StoredAnswer(NamedTuple):
    """The answer of a lookup, with tokens in place of sensitive values."""

    flow: str
    name: str
    value: Any


class CalledFunction(NamedTuple):
    """The result of a handler's function as JSON, or the `problem`."""

    flow: str
    name: str
    value: Any
    problem: str


class Turn(NamedTuple):
    """One webhook in, one NCCO out.

    Attributes:
        ncco: valid; empty if there is nothing to play.
        outcome: what the webhook meant (`answer`, `sales`, `noinput`, `busy`, ...).
        is_failsafe: whether no part of the flow could be played.
        has_fault: whether a line of the trace says `failed` or `refused`.
        trace_json: if the trace is the same in every call; otherwise b"".
        dials: in this turn.
        stored_ncco: the NCCO with tokens for `spoken` params; None if it has none.
        answers: in the order in which they were given: one turn can make a lookup several times.
        called: in order. The store keeps the functions' results until the turn is stored.
        by_hand: as in `TurnContext`.
        errors: the exceptions of handlers that nothing caught; for the log.
        logged: the lines that handlers have logged.
    """

    ncco: list[dict[str, Any]]
    session: Session
    trace: tuple[TraceLine, ...]
    outcome: str
    is_failsafe: bool = False
    hooks: tuple[Any, ...] = ()
    answers: tuple[StoredAnswer, ...] = ()
    has_fault: bool = False
    trace_json: bytes = b""
    dials: int = 0
    stored_ncco: list[dict[str, Any]] | None = None
    facts: TurnFacts = NO_FACTS
    called: tuple[CalledFunction, ...] = ()
    saves: tuple[RowChange, ...] = ()
    by_hand: Mapping[tuple[str, str], Sequence[Any]] = {}
    errors: tuple[BaseException, ...] = ()
    logged: tuple[str, ...] = ()

    @property
    def lookups(self) -> dict[str, Any]:
        """The last answer of each lookup, by name."""
        return {answer.name: answer.value for answer in self.answers}


@dataclass
class TraceLine:
    """One line of a turn's trace; without slots, because orjson serialises such dataclasses fastest.

    Attributes:
        did: `answered`, `heard`, `decided`, `entered`, `asked`, `saved`, `ran`, `reaches`, `by hand`, `refused` or
            `failed`.
        where: the line of the flow that decided, as `file:line`; or "".
        others: why the other lines or choices did not apply.
        by: for input `keys` or `speech`; for a lookup `answer` or `default`; "" otherwise.
        attempt, attempts: after a failed attempt its number, from 1, and the maximum; otherwise 0.
        next_target: in a list of targets to dial, from 1; otherwise 0.
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
        """Older lines lack some fields."""
        return cls(**{field.name: line[field.name] for field in fields(cls) if field.name in line})


@dataclass
class FailedLine(TraceLine):
    """A value that could not be computed; `at` is its `file:line:column`."""

    at: str = ""

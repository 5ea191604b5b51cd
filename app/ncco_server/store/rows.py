"""The rows of a store's tables. Times are milliseconds since 1970 (UTC); documents (bytes) are never parsed."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple, Self


def hash_of(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()


class WebhookRow(NamedTuple):
    """A webhook as received, with secrets masked. `leg` and `conversation` are "" if missing.

    Attributes:
        id: random.
        kind: `answer`, `fallback`, `input`, `notify`, `event`, ...
        session: "" if unknown.
        turn, wait: what it arrived on; -1 for none.
        status: with its sub-state; distinguishes the webhooks of one wait; "" for input and notify.
        body: the raw body or query string.
    """

    id: str
    kind: str
    session: str
    turn: int
    wait: int
    status: str
    leg: str
    conversation: str
    method: str
    body: bytes
    received_at: int


class SessionRow(NamedTuple):
    """One call. `version` counts its writes from 1; `state` is the session as JSON."""

    id: str
    leg: str
    conversation: str
    flow: str
    revision: str
    version: int
    state: bytes
    is_over: bool
    created_at: int
    updated_at: int

    @classmethod
    def read(cls, row: Sequence[Any]) -> Self:
        """Convert booleans, which SQLite returns as 0 and 1."""
        *before, is_over, created_at, updated_at = row
        return cls._make((*before, bool(is_over), created_at, updated_at))


SESSION_COLUMNS: Final = ", ".join(SessionRow._fields)


class TurnRow(NamedTuple):
    """One turn. `ncco` is the reply; `webhook` is the ID of the webhook that caused the turn.

    `cause_turn`, `cause_wait` and `cause_status` give a repeated delivery the same bytes; -1, -1 and "" for the answer
    webhook. `has_failed`: a part of it could not be played. The last three are its facts: see
    `ncco_server.results.TurnFacts`.
    """

    session: str
    number: int
    ncco: bytes
    trace: bytes
    inputs: bytes
    webhook: str
    cause_turn: int
    cause_wait: int
    cause_status: str
    created_at: int
    has_failed: bool = False
    heard: int = 0
    rang: str = ""
    result: str = ""


class RevisionRow(NamedTuple):
    """The sources of one revision of a flow as JSON, so that any host can finish any call."""

    hash: str
    flow: str
    sources: bytes
    created_at: int


class HookRow(NamedTuple):
    """An unsent hook, deleted once it is sent.

    Attributes:
        id: random; lets the receiver recognise repeats.
        headers: as JSON.
        due_at: None while an earlier hook of its session is waiting. Parked hooks and emails delay no others.
        leased_until: before this time, only the process that claimed it may send it.
        tries: how many times it was claimed.
        problem: of the last attempt, or "".
        is_parked: not sent until somebody retries it, as when it cannot be rendered.
    """

    id: str
    session: str
    name: str
    url: str
    headers: bytes
    body: bytes
    created_at: int
    due_at: int | None
    leased_until: int = 0
    tries: int = 0
    problem: str = ""
    is_parked: bool = False

    @classmethod
    def read(cls, row: Sequence[Any]) -> Self:
        *before, is_parked = row
        return cls._make((*before, bool(is_parked)))

    @property
    def places_call(self) -> bool:
        return self.url.startswith("place:")

    @property
    def is_mail(self) -> bool:
        """An email's URL is `mailto:` followed by the addresses."""
        return self.url.startswith("mailto:")


IS_MAIL: Final = "url LIKE 'mailto:%'"
HOOK_COLUMNS: Final = ", ".join(HookRow._fields)


class HookCounts(NamedTuple):
    """Unsent hooks."""

    waiting: int
    parked: int


class Schema(NamedTuple):
    """The version of a store's tables, and the missing versions.

    Attributes:
        found: "" if the store is empty or does not exist; newer than `newest` after a rollback.
        newest: of this program.
        missing: from oldest to newest.
    """

    found: str
    newest: str
    missing: tuple[str, ...] = ()


class CallFilter(NamedTuple):
    """Which calls to list; "", 0 and False mean any.

    Attributes:
        number: the first or last digits of the calling or called number.
        flow: the flow in which the call began.
        since, until: it began at or after `since`, and before `until` (milliseconds since 1970).
        is_open: it has a leg and is not marked as over.
        own: the flow's own result.
        reason: why they were missed, as in `ncco_server.results.MISSED`.
    """

    number: str = ""
    flow: str = ""
    since: int = 0
    until: int = 0
    is_open: bool = False
    has_failed: bool = False
    result: str = ""
    own: str = ""
    reason: str = ""

    @property
    def needs_result(self) -> bool:
        """Ended calls are found by their results, which have indexes for this."""
        wants = self.number or self.flow or self.has_failed or self.result or self.own or self.reason
        return bool(wants) and not self.is_open


ANY_CALL: Final = CallFilter()


class CallRow(NamedTuple):
    """A call in a list; later calls have higher keys. `is_lost`: its end was never reported."""

    key: int
    session: SessionRow
    turns: int
    has_failed: bool
    is_lost: bool = False


class ReportedCall(NamedTuple):
    """A call whose way through its flow is counted. `is_over`: the leg has ended."""

    key: int
    flow: str
    leg: str
    state: bytes
    is_over: bool
    created_at: int
    updated_at: int


class OpenCall(NamedTuple):
    """A call that is not over. `leg` is "" if it has none."""

    key: int
    id: str
    leg: str
    flow: str
    revision: str
    created_at: int
    updated_at: int


class ConnectStatus(NamedTuple):
    """An event of a called party; `call` is the call's key."""

    call: int
    turn: int
    wait: int
    status: str


class Timeline(NamedTuple):
    """Everything about a call in the order of writing, with its unsent hooks.

    Parked hooks come before waiting ones, each from oldest to newest.
    """

    call: CallRow
    webhooks: tuple[WebhookRow, ...]
    turns: tuple[TurnRow, ...]
    hooks: tuple[HookRow, ...]


class Forgotten(NamedTuple):
    """How many rows were deleted, or would be.

    Attributes:
        running: calls in progress; their callers hear the failsafe NCCO next.
        revisions: kept, because the number is part of a flow.
        recordings: the server or `ncco forget` removes their files.
        rows: of the tables that flow files declare.
        changes: that people made in the console.
        purged: as `Database.purge` returns it; None after a dry run.
    """

    calls: int = 0
    running: int = 0
    turns: int = 0
    webhooks: int = 0
    hooks: int = 0
    revisions: int = 0
    recordings: int = 0
    placed: int = 0
    rows: int = 0
    hashes: int = 0
    texts: int = 0
    changes: int = 0
    purged: bool | None = None

"""The rows of a store.

All times are integers: milliseconds since 1970-01-01 UTC. All documents (`state`, `ncco`, `trace`, `body`, ...) are
bytes that the store never parses.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Self


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return int(moment.timestamp() * 1000)


class WebhookRow(NamedTuple):
    """A webhook as received (secrets masked).

    Attributes:
        id: random, created by the caller of the store.
        kind: `answer`, `fallback`, `input`, `notify`, `event`, ... as recognised.
        session: its session, "" if unknown.
        turn, wait: the wait it arrived on; -1 for none.
        status: distinguishes deliveries on one wait: a call status with its sub-state, "" for input and notify.
        leg, conversation: as sent, "" if missing.
        method: `GET` or `POST`.
        body: raw body or query string.
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
        """A row of `SESSION_COLUMNS`; SQLite returns booleans as 0 and 1."""
        *before, is_over, created_at, updated_at = row
        return cls._make((*before, bool(is_over), created_at, updated_at))


SESSION_COLUMNS: Final = ", ".join(SessionRow._fields)


class TurnRow(NamedTuple):
    """One turn. `ncco` is the reply; `webhook` the ID of the webhook that caused it.

    `cause_turn`, `cause_wait`, `cause_status` identify the delivery that it answers, so that a repeat gets the same
    bytes: -1, -1, "" for the answer webhook. `has_failed` is whether part of it could not be played; None in rows of
    hosts of 0.2.
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
    has_failed: bool | None = None


class RevisionRow(NamedTuple):
    """The sources of one revision of a flow, as JSON, so that any host can finish any call."""

    hash: str
    flow: str
    sources: bytes
    created_at: int


class HookRow(NamedTuple):
    """An unsent hook. Its row is deleted once it is sent.

    The hooks of a session are sent in order of writing: none is due while an earlier one waits. Parked hooks no longer
    wait, and mails are independent.

    Attributes:
        id: random; lets the receiver recognise a repeat.
        name: the hook's name in its flow.
        headers: the flow's headers, as JSON.
        due_at: when to try next; None while an earlier hook of its session waits.
        leased_until: only the claiming sender may try before this time.
        tries: number of claims.
        problem: the result of the last attempt, "" before it.
        is_parked: given up until somebody retries it. A hook that could not be built is parked from the start.
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
        """A row of `HOOK_COLUMNS`; SQLite gives 0 and 1 for truth values."""
        *before, is_parked = row
        return cls._make((*before, bool(is_parked)))

    @property
    def is_mail(self) -> bool:
        """Whether it is a mail, to the addresses after `mailto:`."""
        return self.url.startswith("mailto:")


IS_MAIL: Final = "url LIKE 'mailto:%'"
HOOK_COLUMNS: Final = ", ".join(HookRow._fields)


class HookCounts(NamedTuple):
    """The numbers of waiting and parked hooks."""

    waiting: int
    parked: int


class Schema(NamedTuple):
    """The version of a store's tables, and the newest known one.

    Attributes:
        found: its version, "" if it is empty or does not exist.
        newest: the newest version known to this program.
        missing: the versions in between, oldest first.
        retention_days: its default retention. None: created by version 0.1, keeps calls forever.
        additions: the versions of missing additions, oldest first; 0.2 creates none.
    """

    found: str
    newest: str
    missing: tuple[str, ...]
    retention_days: int | None = None
    additions: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether it is up to date."""
        return not (self.missing or self.additions)


WORD_CALLS: Final = 20_000
"""How many of the newest calls are searched for a word, without an index."""


class CallFilter(NamedTuple):
    """Which calls to list; "", 0 and False mean any.

    Attributes:
        number: digits anywhere in the state of the call.
        flow: the flow that it began in.
        since: opened at or after this time (milliseconds since 1970).
        is_open: not marked as over.
        has_failed: one of its turns could not be played as written.
        word: occurs in the flow's name, the state, a prompt or a webhook, in upper or lower case; only its longest
            part of ASCII is searched for, so that some calls may not contain it. Only the newest `WORD_CALLS` calls
            are searched.
    """

    number: str = ""
    flow: str = ""
    since: int = 0
    is_open: bool = False
    has_failed: bool = False
    word: str = ""


ANY_CALL: Final = CallFilter()
"""Every call."""


class CallRow(NamedTuple):
    """A call in a list: its session, its number of turns, and whether one could not be played as written.

    `key` is its position in the list: later calls have higher keys.
    """

    key: int
    session: SessionRow
    turns: int
    has_failed: bool


class ReportedCall(NamedTuple):
    """The data of a call for a report.

    Attributes:
        is_over: its end was reported.
        person_at: when a called party first answered, unless it is known to be a machine.
        recorded: the NCCOs that made the reported recordings.
    """

    key: int
    flow: str
    leg: str
    state: bytes
    is_over: bool
    created_at: int
    updated_at: int
    person_at: int | None
    recorded: Sequence[bytes]


class OpenCall(NamedTuple):
    """A call of a leg that is not over."""

    key: int
    id: str
    leg: str
    flow: str
    revision: str
    created_at: int
    updated_at: int


class ConnectStatus(NamedTuple):
    """An event of a called party: the key of the call, its turn and wait, and the status."""

    call: int
    turn: int
    wait: int
    status: str


class Timeline(NamedTuple):
    """Everything of one call: its webhooks and turns in order of writing, and its unsent hooks.

    Parked hooks come first, each kind oldest first.
    """

    call: CallRow
    webhooks: tuple[WebhookRow, ...]
    turns: tuple[TurnRow, ...]
    hooks: tuple[HookRow, ...]


class Forgotten(NamedTuple):
    """Counts of deleted rows, or of those that would be deleted.

    Attributes:
        calls, turns, webhooks, hooks: rows.
        running: calls that had not ended; their callers hear the failsafe NCCO next.
        revisions: revisions of flows that contain one of the numbers. They are kept: their authors wrote it.
        recordings: rows; their files are removed by the server, or by `ncco forget`.
        placed: calls that this server has placed, or was to place.
        purged: whether deleted rows are gone from the files too; None if the store cannot know or nothing was deleted.
    """

    calls: int = 0
    running: int = 0
    turns: int = 0
    webhooks: int = 0
    hooks: int = 0
    revisions: int = 0
    recordings: int = 0
    placed: int = 0
    purged: bool | None = None

"""The rows of placed calls and their attempts, and the arguments and results of `ncco_server.store.placed`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from ncco_server.store.rows import HookRow
from ncco_server.store.sql import Sql

PLACED_TABLE: Final = "ncco_placed"
ATTEMPTS_TABLE: Final = "ncco_attempts"
PLACING_TABLE: Final = "ncco_placing"
PLACED_TABLES: Final = (PLACED_TABLE, ATTEMPTS_TABLE, PLACING_TABLE)

HUNG_UP: Final = "hung up, because the call was cancelled"
"""The `problem` of an attempt that this server has hung up."""

COMPLETED: Final = "completed"
"""The `outcome` of an attempt that is over at Vonage, while a webhook that shows how it ended may still arrive."""

Origin: TypeAlias = Literal["api", "cli", "console", "hook"]
PlacedState: TypeAlias = Literal["waiting", "calling", "over"]
AttemptState: TypeAlias = Literal["placing", "placed", "answered", "over"]


class PlacedRow(NamedTuple):
    """A placed call. All times are milliseconds since 1970.

    Attributes:
        id: random, 32 hexadecimal digits.
        key: identifies a repeated request; unique, and kept even if the call is forgotten.
        digest: a digest of the request, to tell a repeated request from a different one with the same key.
        owner: who requested it: the name of the API key or of the login, or "".
        batch: the name of its batch, or "".
        flow: the flow that the called person hears.
        number: the called number: digits with the country code; "" once the call was forgotten.
        params: the flow's params as JSON, sensitive ones encrypted.
        chain: how many placed calls led to this one.
        state: see `ncco_server.store.placed`.
        outcome: `answered`, the status of the last attempt, `cancelled`, `expired` or `unknown`; "" until it is over.
        problem: why it failed or is waiting, in one sentence, or "".
        tries: number of attempts.
        wanted_at: the call is not placed before this time.
        expires_at: the call is not placed after this time; None if it never expires.
        due_at: when to try the call next; None if it is not waiting.
        cancelled_at: when it was cancelled.
        salt: what the sensitive values in `params` are encrypted with, in addition to the server's key. Every end of
            the call deletes it, so that nobody can decrypt them. "" if there are none.
        origin: how it was requested; "" if a host without this column stored it.
    """

    id: str
    key: str
    digest: str
    owner: str
    batch: str
    flow: str
    number: str
    params: str
    chain: int
    state: PlacedState
    outcome: str
    problem: str
    tries: int
    wanted_at: int
    expires_at: int | None
    due_at: int | None
    cancelled_at: int | None
    created_at: int
    updated_at: int
    salt: str = ""
    origin: Origin | Literal[""] = ""

    @property
    def can_be_cancelled(self) -> bool:
        """Whether it is not over, and nobody has cancelled it."""
        return self.state != "over" and self.cancelled_at is None


class AttemptRow(NamedTuple):
    """One attempt of a placed call. All times are milliseconds since 1970.

    Attributes:
        placed: the ID of the placed call.
        number: the attempt's number, from 1.
        flow, to_number: the flow and number of the placed call; no two attempts in progress have the same flow and
            number. "" once the call was forgotten: then nothing of it is stored any more.
        revision: the revision of the flow.
        state: see `ncco_server.store.placed`.
        leg, conversation: Vonage's IDs; "" until known. While the attempt is `placing`, only an event has named them.
        placing_at: when it was committed, right before its request.
        give_up_at: when it is given up if no webhooks arrive; None once it is over.
        answered_at, over_at: when it was answered and when it ended; None before.
        outcome: Vonage's last status, `answered` or `unknown`; until the attempt is over, "", the result of machine
            detection, or `COMPLETED`.
        problem: why it failed, in one sentence, or "".
    """

    placed: str
    number: int
    flow: str
    to_number: str
    revision: str
    state: AttemptState
    leg: str
    conversation: str
    placing_at: int
    give_up_at: int | None
    answered_at: int | None
    over_at: int | None
    outcome: str
    problem: str


class PlacingLimits(NamedTuple):
    """How many attempts all hosts together may make."""

    per_minute: int
    per_day: int


class PlacingControl(NamedTuple):
    """Whether, and from when, calls may be placed.

    Attributes:
        next_at: no call may be placed before this time, to leave a gap between new calls.
        paused_at, paused_by, reason: when placing was paused, by whom and why; `paused_at` is None if it is not paused.
        held_until, held_for: until when no call is placed because Vonage accepts none, and why; None if it never was.
    """

    next_at: int = 0
    paused_at: int | None = None
    paused_by: str = ""
    reason: str = ""
    held_until: int | None = None
    held_for: str = ""

    def is_held(self, now: int) -> bool:
        """Whether no call is placed now because Vonage accepts none."""
        return self.held_until is not None and self.held_until > now


SELECT_CONTROL: Final = Sql(f"SELECT {', '.join(PlacingControl._fields)} FROM {PLACING_TABLE} WHERE id = 1")


class PlacedCounts(NamedTuple):
    """How many calls are waiting for an attempt, and how many have one in progress."""

    waiting: int = 0
    calling: int = 0


class CalledCounts(NamedTuple):
    """How many placed calls were called, and how many of them were answered."""

    called: int = 0
    answered: int = 0


class Begun(NamedTuple):
    """The result of `PlacedCalls.begin`: an attempt, or why there is none.

    Attributes:
        attempt: the attempt to send; None if there is none.
        look_at: when to try again, if a limit or a pause prevented the attempt; otherwise 0.
    """

    attempt: AttemptRow | None
    look_at: int = 0


class AttemptResult(NamedTuple):
    """How an attempt ended. The call ends the same way unless another attempt follows.

    Attributes:
        outcome, problem: as in `PlacedRow` and `AttemptRow`.
        hooks: the hooks to send if the call ends.
    """

    outcome: str
    problem: str = ""
    hooks: Sequence[HookRow] = ()


class PlacedFilter(NamedTuple):
    """Which placed calls to list; "" means any. `number` is digits that occur anywhere in the called number."""

    flow: str = ""
    state: str = ""
    outcome: str = ""
    batch: str = ""
    number: str = ""
    owner: str = ""
    origin: Origin | Literal[""] = ""


ANY_PLACED: Final = PlacedFilter()

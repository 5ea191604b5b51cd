"""The rows of placed calls and their attempts, with what methods take and return; see `app.store.placed`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from app.store.rows import HookRow

PLACED_TABLE: Final = "ncco_placed"
ATTEMPTS_TABLE: Final = "ncco_attempts"
PLACING_TABLE: Final = "ncco_placing"
PLACED_TABLES: Final = (PLACED_TABLE, ATTEMPTS_TABLE, PLACING_TABLE)

HUNG_UP: Final = "hung up, because the call was cancelled"
"""The problem of an attempt that this server has hung up."""

PlacedState: TypeAlias = Literal["waiting", "calling", "over"]
AttemptState: TypeAlias = Literal["placing", "placed", "answered", "over"]


class PlacedRow(NamedTuple):
    """A placed call. All times are milliseconds since 1970.

    Attributes:
        id: random, 32 hexadecimal digits.
        key: recognises a repeated request; unique, and kept when the call is forgotten.
        digest: the digest of the request, to distinguish a repeated request from another one with the same key.
        owner: who asked for it: the name of an API key, `cli`, `hook`, or `console` and the name of a login.
        batch: name of its batch, or "".
        flow: the flow that the called person hears.
        number: digits with the country code.
        params: the flow's params as JSON.
        chain: number of calls that led to this one.
        state: see above.
        outcome: `answered`, the status of the last attempt, `cancelled`, `expired` or `unknown`; "" until it is over.
        problem: why it failed or waits, in one sentence, or "".
        tries: number of attempts.
        wanted_at: not before this time.
        expires_at: the call is not placed afterwards; None: never expires.
        due_at: when to look at it next; None unless it is waiting.
        cancelled_at: when it was cancelled.
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


class AttemptRow(NamedTuple):
    """One attempt of a placed call. All times are milliseconds since 1970.

    Attributes:
        placed: the placed call. number: from 1.
        flow, to_number: those of the placed call; at most one attempt of both is under way.
        revision: the revision of the flow that the called person hears.
        state: see above.
        leg, conversation: Vonage's ids; "" until they are known.
        placing_at: when it was committed, just before its request.
        give_up_at: when it is given up without webhooks; None once it is over.
        answered_at, over_at: None if that has not happened.
        outcome: Vonage's last status, `answered` or `unknown`; until it is over "", or the result of machine detection.
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
    """Maximum numbers of attempts of all hosts together."""

    per_minute: int
    per_day: int


class PlacingControl(NamedTuple):
    """Whether calls may be placed now.

    Attributes:
        next_at: not before this time, since new calls are spaced out.
        paused_at, paused_by, reason: who paused all placing, when and why; `paused_at` None if nobody did.
    """

    next_at: int = 0
    paused_at: int | None = None
    paused_by: str = ""
    reason: str = ""


class PlacedCounts(NamedTuple):
    """Numbers of calls: those that wait for an attempt, and those with an attempt under way."""

    waiting: int = 0
    calling: int = 0


class Begun(NamedTuple):
    """The result of `PlacedCalls.begin`: the attempt, or the reason for none.

    Attributes:
        attempt: the attempt to send; None if there is none.
        look_at: when anything can be placed again, if `attempt` is None because of a limit; else 0.
    """

    attempt: AttemptRow | None
    look_at: int = 0


class AttemptResult(NamedTuple):
    """How an attempt ended, and its call if no other attempt follows.

    Attributes:
        outcome, problem: as in the rows.
        params: the call's params to keep, without sensitive ones.
        hooks: the hooks to send.
    """

    outcome: str
    problem: str = ""
    params: str = ""
    hooks: Sequence[HookRow] = ()


class PlacedFilter(NamedTuple):
    """Which placed calls to list; "" means any. `number` is a part of the number, in digits."""

    flow: str = ""
    state: str = ""
    outcome: str = ""
    batch: str = ""
    number: str = ""
    owner: str = ""


ANY_PLACED: Final = PlacedFilter()

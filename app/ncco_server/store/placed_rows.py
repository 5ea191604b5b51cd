"""The rows of calls that this server places, and of their attempts.

States of a placed call:

    waiting   for an attempt: due_at set
    calling   an attempt is in progress: its over_at is NULL
    over      outcome set; a cancelled or expired call may never have had an attempt

States of an attempt:

    placing   committed before the request
    placed    Vonage accepted the request
    answered  somebody picked up
    over      outcome set
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from ncco_server.store.rows import HookRow

HUNG_UP: Final = "hung up, because the call was cancelled"
COMPLETED: Final = "completed"
"""The `outcome` of an ended attempt until a webhook shows how it ended."""
Origin: TypeAlias = Literal["api", "cli", "console", "hook"]
PlacedState: TypeAlias = Literal["waiting", "calling", "over"]
AttemptState: TypeAlias = Literal["placing", "placed", "answered", "over"]
AttemptKey: TypeAlias = tuple[str, int]


class PlacedRow(NamedTuple):
    """A placed call. All times are milliseconds since 1970.

    Attributes:
        key: identifies a repeated request; kept even if the call is forgotten.
        digest: differs if another request has the same key.
        owner: the name of the API key or of the login, or "".
        number: digits with the country code; "" once forgotten.
        params: JSON, with sensitive values encrypted.
        outcome: `answered`, the status of the last attempt, `cancelled`, `expired` or `unknown`; "" until it is over.
        problem: why it failed or is waiting, or "".
        expires_at, due_at: None for never.
        salt: encrypts `params`, with the server's key, until the call ends.
        origin: "" if a host without this column stored it.
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
        return self.state != "over" and self.cancelled_at is None


class AttemptRow(NamedTuple):
    """One attempt of a placed call. All times are milliseconds since 1970.

    Attributes:
        flow, to_number: no two attempts in progress have the same; "" once forgotten.
        leg, conversation: "" until known. While `placing`, only an event has named them.
        placing_at: right before its request.
        give_up_at: when it is given up without webhooks; None once it is over.
        outcome: Vonage's last status, `answered` or `unknown`; until the attempt is over, "", the result of machine
            detection, or `COMPLETED`.
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

    @property
    def key(self) -> AttemptKey:
        return self.placed, self.number


class PlacingLimits(NamedTuple):
    """How many attempts all hosts together may make."""

    per_minute: int
    per_day: int


class PlacingControl(NamedTuple):
    """When calls may be placed; None means not paused or held.

    `next_at` leaves a gap between new calls.
    """

    next_at: int = 0
    paused_at: int | None = None
    paused_by: str = ""
    reason: str = ""
    held_until: int | None = None
    held_for: str = ""

    def is_held(self, now: int) -> bool:
        return (self.held_until or 0) > now


class PlacedCounts(NamedTuple):
    """Calls that wait for an attempt, or have one in progress."""

    waiting: int = 0
    calling: int = 0


class CalledCounts(NamedTuple):
    """Calls that were placed, and those that were answered."""

    called: int = 0
    answered: int = 0


class Begun(NamedTuple):
    """An attempt; or None, and when to try again (otherwise 0) after a limit or a pause."""

    attempt: AttemptRow | None
    look_at: int = 0
    refused_by: str = ""


class AttemptResult(NamedTuple):
    """How an attempt ended. Unless another one follows, the call ends the same way."""

    outcome: str
    problem: str = ""
    hooks: Sequence[HookRow] = ()


class PlacedFilter(NamedTuple):
    """Which placed calls to list; "" means any. `number` is any part of the called number."""

    flow: str = ""
    state: str = ""
    outcome: str = ""
    batch: str = ""
    number: str = ""
    owner: str = ""
    origin: Origin | Literal[""] = ""


ANY_PLACED: Final = PlacedFilter()
PLACED_COLUMNS: Final = ", ".join(PlacedRow._fields)
ATTEMPT_COLUMNS: Final = ", ".join(AttemptRow._fields)

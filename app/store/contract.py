"""What every store does, whatever it is made of. The contract suite in tests/store runs on each of them.

All times are integers: milliseconds since 1970-01-01 UTC. All documents (`state`, `ncco`, `trace`, `body`) are bytes
that the store does not read. What a call that returned has written is still there after a crash or a power cut. A call
that was cancelled has written all of its rows or none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol


class WebhookRow(NamedTuple):
    """A webhook as it came (secrets masked).

    Attributes:
        id: random, from whoever records it.
        kind: `answer`, `fallback`, `input`, `notify`, `event`, ... as recognised.
        session: the session it belongs to, "" when none is known.
        turn, wait: the wait it came in on; -1 for none.
        status: what tells deliveries of one wait apart: a call status with its sub state, "" for input and notify.
        leg, conversation: as sent, "" when missing.
        method: `GET` or `POST`. body: raw body or query string.
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


class TurnRow(NamedTuple):
    """One turn. `ncco` are the bytes that went out; `webhook` the id of the webhook that caused it.

    `cause_turn`, `cause_wait`, `cause_status` name the delivery that it answers, so that a second one gets the same
    bytes: -1, -1, "" for the answer webhook.
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


class RevisionRow(NamedTuple):
    """The sources of one revision of a flow, as JSON, so that any host can finish any call."""

    hash: str
    flow: str
    sources: bytes
    created_at: int


class Store(Protocol):
    """A durable store of calls. Every method may raise StoreUnavailable; what else it raises stands with it."""

    async def open(self) -> None:
        """Connect, migrate to the newest schema, check that it can be written. Raises StoreUnusable."""

    async def close(self) -> None:
        """Finish what was begun and let go; a closed store can be opened again."""

    async def check(self) -> None:
        """Write and delete a row, to see that it can be written."""

    async def open_call(self, session: SessionRow, turn: TurnRow, webhook: WebhookRow) -> None:
        """Write a new call with its first turn, in one transaction. Raises AlreadyOpen and writes nothing."""

    async def load(self, session: str) -> SessionRow | None:
        """The call, or None."""

    async def advance(self, session: SessionRow, turn: TurnRow, webhook: WebhookRow) -> None:
        """Write the next turn, in one transaction, if the stored version is `session.version - 1`. Raises Conflict.

        A turn number that the call has already is a Conflict too.
        """

    async def record(self, webhook: WebhookRow) -> None:
        """Write a webhook that steers nothing."""

    async def end(self, leg: str, webhook: WebhookRow) -> int:
        """Record `webhook` and mark every open call of `leg` as over (version + 1); returns how many there were.

        A missing leg ("") has no calls. The calls' `updated_at` becomes the webhook's `received_at`.
        """

    async def reply(self, session: str, turn: int, wait: int, status: str | None) -> bytes | None:
        """The NCCO that answered this delivery: same wait and same status (None: any status), or None.

        `turn` and `wait` -1 ask for the reply to the answer webhook.
        """

    async def statuses(self, session: str, turn: int) -> tuple[tuple[int, str], ...]:
        """(wait, status) of every webhook recorded for a turn's waits, in the order of writing.

        A webhook that was recorded before its call was opened belongs to none.
        """

    async def save_revisions(self, revisions: Iterable[RevisionRow]) -> None:
        """Write those that are not there yet."""

    async def revision(self, hash_: str) -> RevisionRow | None:
        """The revision with this hash, or None."""

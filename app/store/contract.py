"""What every store does, whatever it is made of. The contract suite in tests/store runs on each of them.

All times are integers: milliseconds since 1970-01-01 UTC. All documents (`state`, `ncco`, `trace`, `body`) are bytes
that the store does not read. What a call that returned has written is still there after a crash or a power cut. A call
that was cancelled has written all of its rows or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


class HookRow(NamedTuple):
    """A webhook of ours that is not sent yet. Once it is sent, its row is gone.

    The hooks of one session go out in the order of writing: none is due while an earlier one waits. A parked one does
    not wait any more.

    Attributes:
        id: random; the receiver knows a second delivery by it.
        name: of the hook in its flow.
        headers: those that the flow writes, as JSON.
        due_at: when to try next; None while an earlier hook of its session waits.
        leased_until: until then whoever claimed it is trying.
        tries: how often it was claimed.
        problem: what came of the last try, "" before it.
        is_parked: given up, until somebody asks to try again; one that could not be made comes in parked.
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


class HookCounts(NamedTuple):
    """How many hooks there are that wait, and that are parked."""

    waiting: int
    parked: int


class Outbox(Protocol):
    """The part of a store that keeps hooks until they are sent. Every method may raise StoreUnavailable.

    Hooks come in with the turn, the webhook or the end of a call that causes them, in the same transaction.
    """

    async def has_due_hooks(self, now: int) -> bool:
        """Whether `claim_hooks` would find any. Writes nothing."""

    async def claim_hooks(self, now: int, leased_until: int, limit: int) -> list[HookRow]:
        """Take up to `limit` hooks that are due and that nobody tries, longest due first, as they are from now on.

        Their `tries` are one more and nobody else gets them before `leased_until`. At most one of each session.
        """

    async def hook_sent(self, id_: str, now: int) -> None:
        """Delete it; the next one of its session is due `now`. One that is gone is no fault."""

    async def hook_failed(self, id_: str, tries: int, due_at: int, problem: str) -> None:
        """Let go of it until `due_at`, unless somebody has claimed it since (`tries` is then another)."""

    async def put_off_hook(self, id_: str, tries: int, due_at: int) -> None:
        """Let go of it until `due_at` as if it had not been claimed, unless somebody has claimed it since."""

    async def park_hook(self, id_: str, tries: int, problem: str, now: int) -> None:
        """Give it up, unless somebody has claimed it since; the next one of its session is due `now`."""

    async def retry_hooks(self, ids: Sequence[str] | None, now: int) -> int:
        """Let hooks with these ids (None: all) be due `now`, parked ones with all their tries; returns how many.

        One that waits for an earlier one of its session goes on waiting, and is not counted; nor is one that is gone.
        """

    async def drop_hooks(self, ids: Sequence[str] | None) -> int:
        """Delete parked hooks with these ids (None: all parked ones); returns how many. Those that wait stay."""

    async def hooks(self, limit: int) -> list[HookRow]:
        """Up to `limit` hooks, parked ones first, each kind oldest first."""

    async def count_hooks(self) -> HookCounts:
        """How many there are."""


class Store(Outbox, Protocol):
    """A durable store of calls. Every method may raise StoreUnavailable; what else it raises stands with it.

    `hooks` are written in the same transaction as what they come with. Attributes:
        reads_at_once: whether nobody waits for what is read; then no task is needed to read.
    """

    reads_at_once: bool

    async def open(self) -> None:
        """Connect, migrate to the newest schema, check that it can be written.

        Raises StoreUnusable, and StoreUnavailable when the same may do later.
        """

    async def close(self) -> None:
        """Finish what was begun and let go; a closed store can be opened again."""

    async def check(self) -> None:
        """Write and delete a row, to see that it can be written."""

    async def open_call(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()
    ) -> None:
        """Write a new call with its first turn, in one transaction. Raises AlreadyOpen and writes nothing."""

    async def load(self, session: str) -> SessionRow | None:
        """The call, or None."""

    async def advance(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()
    ) -> None:
        """Write the next turn, in one transaction, if the stored version is `session.version - 1`. Raises Conflict.

        A turn number that the call has already is a Conflict too.
        """

    async def calls_of(self, leg: str) -> list[SessionRow]:
        """The calls of a leg that are not over, oldest first; a missing leg ("") has none."""

    async def record(self, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()) -> None:
        """Write a webhook that steers nothing.

        Its hooks are left out when its call has recorded the same delivery before: same turn, wait and status. Of two
        that come at the same moment one brings them.
        """

    async def end(self, leg: str, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()) -> int:
        """Record `webhook` and mark every open call of `leg` as over (version + 1); returns how many there were.

        A missing leg ("") has no calls. The calls' `updated_at` becomes the webhook's `received_at`. Hooks of a second
        delivery are left out as in `record`; those of a webhook that came in on no wait, when nothing was open.
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

    async def replace_revision(self, revision: RevisionRow) -> None:
        """Write it, in place of one with the same hash."""

    async def revision(self, hash_: str) -> RevisionRow | None:
        """The revision with this hash, or None."""

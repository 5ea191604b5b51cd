"""The part of a store that shows what it holds, to people and programs beside a running server. It writes nothing."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol, runtime_checkable

from app.store.contract import HookRow, RevisionRow, SessionRow, TurnRow, WebhookRow

FAILURE: Final = b'"did":"failed"'
"""Stands in the trace of a turn in which something could not be played. Texts in a trace have their quotes escaped."""

NEAR: Final = 2_000
"""Webhooks that were written shortly before a call was opened, or after its last one, among which to look for its own.

Vonage may report `started` and `ringing` before it asks for the NCCO; such webhooks belong to no call yet.
"""


class Wanted(NamedTuple):
    """Which calls to list; what is "" or 0 or False does not matter.

    Attributes:
        number: digits that stand somewhere in the state of the call.
        flow: the flow that it began in.
        since: not opened before (milliseconds since 1970).
        is_open: not marked as over.
        has_failed: a turn of it could not be played as it is written.
    """

    number: str = ""
    flow: str = ""
    since: int = 0
    is_open: bool = False
    has_failed: bool = False


ANY: Final = Wanted()
"""Every call."""


class CallRow(NamedTuple):
    """A call in a list: its session, how many turns it has, and whether one of them could not be played as written.

    `key` says where in the list it stands: later calls have greater ones.
    """

    key: int
    session: SessionRow
    turns: int
    has_failed: bool


class Timeline(NamedTuple):
    """Everything of one call: its webhooks and its turns in the order of writing, and the hooks that are not sent.

    Of the hooks parked ones come first, each kind oldest first.
    """

    call: CallRow
    webhooks: tuple[WebhookRow, ...]
    turns: tuple[TurnRow, ...]
    hooks: tuple[HookRow, ...]


class Records(Protocol):
    """Reads what a store holds. Every method may raise StoreUnavailable."""

    async def open(self) -> None:
        """Connect. Raises StoreUnusable for what is no store of ours, or one that this version cannot read."""

    async def close(self) -> None:
        """Let go."""

    async def calls(self, limit: int, before: int | None = None, wanted: Wanted = ANY) -> list[CallRow]:
        """Up to `limit` calls, newest first, from the one behind the key `before` on (None: from the newest)."""

    async def count_open(self, since: int) -> int:
        """How many calls are not marked as over that began then or later (milliseconds). Holds up no event loop."""

    async def calls_like(self, name: str, limit: int) -> list[CallRow]:
        """The call with this id alone; where there is none, up to `limit` whose ids begin so, in their order.

        Of an id behind which a slash and a flow stand, what is before the slash is enough.
        """

    async def timeline(self, session: str) -> Timeline | None:
        """Everything of the call with this id, or None.

        Webhooks that name its leg and were written shortly before it was opened, or after its last one, are its own.
        """

    async def revision(self, hash_: str) -> RevisionRow | None:
        """The revision with this hash, or None."""


@runtime_checkable
class Recorded(Protocol):
    """A store whose contents can be read beside it."""

    def records(self) -> Records:
        """What reads them, not opened yet. The store itself need not be open."""

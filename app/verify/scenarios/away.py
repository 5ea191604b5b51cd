"""A store that can be away, as one on a machine of its own sometimes is."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import iscoroutinefunction
from typing import Any, NoReturn

from app.errors import StoreUnavailable
from app.store import HookRow, SessionRow, SqliteDatabase, Store, TurnRow, WebhookRow


class AwayStore(Store):
    """A store in memory.

    Attributes:
        is_away: whether every method raises StoreUnavailable.
        opened: the ids of all calls, oldest first.
    """

    def __init__(self) -> None:
        super().__init__(SqliteDatabase())
        self.is_away = False
        self.opened: list[str] = []

    async def open_call(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()
    ) -> None:
        """Write a new call, and remember its id."""
        await super().open_call(session, turn, webhook, hooks=hooks)
        self.opened.append(session.id)

    def __getattribute__(self, name: str) -> Any:
        """What it is asked for; while it is away, everything that a server waits for fails."""
        found = super().__getattribute__(name)
        is_away = not name.startswith("_") and name != "is_away" and iscoroutinefunction(found) and self.is_away
        return _fail if is_away else found


async def _fail(*_: object, **__: object) -> NoReturn:
    raise StoreUnavailable("the scenario has taken it away")

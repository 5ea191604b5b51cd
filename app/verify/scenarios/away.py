"""A store that can be away, as one on a machine of its own sometimes is."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import Any, NoReturn

from app.errors import StoreUnavailable
from app.store.memory import MemoryStore


class AwayStore(MemoryStore):
    """A store in memory.

    Attributes:
        is_away: whether whoever asks it for anything gets StoreUnavailable.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False

    def __getattribute__(self, name: str) -> Any:
        """What it is asked for; while it is away, everything that a server waits for fails."""
        found = super().__getattribute__(name)
        is_away = not name.startswith("_") and name != "is_away" and iscoroutinefunction(found) and self.is_away
        return _fail if is_away else found


async def _fail(*_: object, **__: object) -> NoReturn:
    raise StoreUnavailable("the scenario has taken it away")

"""What waits for a store says so when it is cancelled: its caller is then told that the store is away."""

from __future__ import annotations

import asyncio
from typing import Final

_NOTE: Final = "it waited for the store"


def waited(error: asyncio.CancelledError) -> None:
    """Say of a cancelling that it struck while the store was being waited for."""
    error.add_note(_NOTE)


def is_of_store(error: BaseException | None) -> bool:
    """Whether `error` is the end of what waited for the store."""
    return _NOTE in getattr(error, "__notes__", ())

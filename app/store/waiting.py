"""Marks a cancelled task that was waiting for the store, so that its caller reports the store as unavailable."""

from __future__ import annotations

import asyncio
from typing import Final

_NOTE: Final = "it waited for the store"


def waited(error: asyncio.CancelledError) -> None:
    """Note on a cancellation that the task was waiting for the store."""
    error.add_note(_NOTE)


def is_of_store(error: BaseException | None) -> bool:
    """Whether `error` cancelled a task that was waiting for the store."""
    return _NOTE in getattr(error, "__notes__", ())

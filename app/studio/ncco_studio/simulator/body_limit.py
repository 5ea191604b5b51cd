"""Limits the size of request bodies."""

from __future__ import annotations

from starlette.types import Message, Receive


def limited(receive: Receive, most: int, error: Exception) -> Receive:
    """Raise `error` once a body has more than `most` bytes."""
    size = 0

    async def receive_some() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise error
        return message

    return receive_some

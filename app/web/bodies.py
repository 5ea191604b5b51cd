"""Read the body of a request, and no more of it than is allowed."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import Receive

DRAINED: Final = 16
"""How many times the limit is read, and thrown away, before the connection is closed."""


REFUSED_S: Final = 0.25
"""Seconds that the body of a request gets that is refused already."""


class BodyTooLarge(Exception):
    """The body is larger than the limit; what was read of it is let go."""


class ClientGone(Exception):
    """The client has hung up before its body was complete: nobody waits for a reply."""


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body. Raises BodyTooLarge for one of more than `limit` bytes, ClientGone."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        return await _rest(receive, limit, body)
    if len(body) > limit:
        raise BodyTooLarge
    return body


async def is_soon_there(receive: Receive, limit: int) -> bool:
    """Whether the body of a request that is refused already is there, or comes at once. It is thrown away.

    One who sends it while the connection closes may never see the refusal; nobody waits longer for a stranger.
    """
    try:
        async with asyncio.timeout(REFUSED_S):
            await read_body(receive, limit)
    except (TimeoutError, BodyTooLarge):
        return False
    return True


async def _rest(receive: Receive, limit: int, first: bytes) -> bytes:
    """The body whose beginning is `first`.

    What passes the limit is read on for a while and thrown away: a client that still sends when the connection closes
    never sees the reply.
    """
    chunks, size, is_more = [first], len(first), True
    while is_more and size <= limit * DRAINED:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        is_more = message.get("more_body", False)
    if size > limit:
        raise BodyTooLarge
    return b"".join(chunks)

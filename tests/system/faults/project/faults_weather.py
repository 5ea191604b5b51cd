"""Lookups of the house that are functions."""

from __future__ import annotations

import asyncio


def today() -> dict[str, str]:
    """In a thread."""
    return {"text": "It rains."}


async def tomorrow() -> dict[str, str]:
    """In the loop of the server."""
    await asyncio.sleep(0)
    return {"text": "It will rain."}

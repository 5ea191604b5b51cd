"""Python lookups for the flow `house`."""

from __future__ import annotations

import asyncio


def today() -> dict[str, str]:
    """Runs in a thread."""
    return {"text": "It rains."}


async def tomorrow() -> dict[str, str]:
    """Runs in the server's event loop."""
    await asyncio.sleep(0)
    return {"text": "It will rain."}

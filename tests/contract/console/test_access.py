"""Who gets what from the console."""

from __future__ import annotations

import httpx


async def test_the_console_opens_with_the_phone(client: httpx.AsyncClient) -> None:
    response = await client.get("/")
    assert response.is_redirect
    assert response.headers["location"] == "/phone"

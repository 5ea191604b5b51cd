"""How the platform continues when a reply fails: one retry, then the fallback URL twice, then silence."""

from __future__ import annotations

from typing import Any

import httpx

from ncco_server.ncco import check

RETRIED = frozenset({429, 503, 504})


async def heard(client: httpx.AsyncClient, path: str, fields: dict[str, Any]) -> list[Any] | None:
    """The NCCO that is finally played; None if the caller hears nothing."""
    if (ncco := await _asked(client, path, fields)) is not None:
        return ncco
    request = {"reason": "Invalid response code.", "original_request": {"url": path, "type": "event"}}
    return await _asked(client, "/webhooks/fallback", fields | request)


async def _asked(client: httpx.AsyncClient, path: str, fields: dict[str, Any]) -> list[Any] | None:
    for _ in range(2):
        response = await client.post(path, json=fields)
        if response.status_code not in RETRIED:
            return _playable(response)
    return None


def _playable(response: httpx.Response) -> list[Any] | None:
    if response.status_code != 200 or response.headers.get("content-type") != "application/json":
        return None
    ncco: list[Any] = response.json()
    return None if any(issue.severity == "error" for issue in check(ncco)) else ncco

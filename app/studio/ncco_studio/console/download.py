"""Sends tables of calls and messages as files, a page of rows at a time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from ncco_server.desk.exports import Pages
from ncco_studio.console.audit import audit


async def csv_response(request: Request, what: str, chunks: AsyncIterator[str], name: str, **logged: Any) -> Response:
    """Send a file, and log who has downloaded `what`. Raises StoreError if its first piece cannot be read."""
    response = await _streamed(chunks, "text/csv; charset=utf-8", name)
    audit(request, f"{what} downloaded", **logged)
    return response


async def json_response(key: str, pages: Pages) -> Response:
    """Raises StoreError if the first page cannot be read."""
    return await _streamed(_json_chunks(key, pages), "application/json", "")


async def _json_chunks(key: str, pages: Pages) -> AsyncIterator[str]:
    begin = f"{{{json.dumps(key)}: ["
    comma = ""
    async for page in pages:
        rows = [json.dumps(document.as_json(), ensure_ascii=False) for document in page]
        yield begin + (comma + ", ".join(rows) if rows else "")
        begin = ""
        comma = ", " if rows else comma
    yield "]}"


async def _streamed(chunks: AsyncIterator[str], media_type: str, name: str) -> Response:
    """Send a file if it has a name. Raises StoreError if the first piece fails."""
    first = await anext(chunks)

    async def content() -> AsyncIterator[str]:
        yield first
        async for chunk in chunks:
            yield chunk

    headers = {"content-disposition": f"attachment; filename={name}"} if name else {}
    return StreamingResponse(content(), media_type=media_type, headers=headers)

"""Sends tables of calls and messages as files, a page of rows at a time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import tzinfo

from fastapi import Response
from fastapi.responses import StreamingResponse

from ncco_server.desk.exports import Pages, csv_pages
from ncco_server.service.documents import RowDocument


async def csv_response(kind: type[RowDocument], pages: Pages, zone: tzinfo, name: str) -> Response:
    """Write times in `zone`. Raises StoreError if the first page cannot be read."""
    return await streamed(csv_pages(kind, pages, zone), "text/csv; charset=utf-8", name)


async def json_response(key: str, pages: Pages) -> Response:
    """Raises StoreError if the first page cannot be read."""
    return await streamed(_json_chunks(key, pages), "application/json", "")


async def _json_chunks(key: str, pages: Pages) -> AsyncIterator[str]:
    begin = f"{{{json.dumps(key)}: ["
    comma = ""
    async for page in pages:
        rows = [json.dumps(document.as_json(), ensure_ascii=False) for document in page]
        yield begin + (comma + ", ".join(rows) if rows else "")
        begin = ""
        comma = ", " if rows else comma
    yield "]}"


async def streamed(chunks: AsyncIterator[str], media_type: str, name: str) -> Response:
    """Send a file if it has a name. Raises StoreError if the first piece fails."""
    first = await anext(chunks)

    async def content() -> AsyncIterator[str]:
        yield first
        async for chunk in chunks:
            yield chunk

    headers = {"content-disposition": f"attachment; filename={name}"} if name else {}
    return StreamingResponse(content(), media_type=media_type, headers=headers)

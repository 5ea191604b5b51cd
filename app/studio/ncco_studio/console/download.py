"""Sends tables as files, a page of rows at a time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import tzinfo
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from ncco_server.desk.exports import Pages, csv_text
from ncco_studio.console.audit import audit


async def csv_response(request: Request, what: str, chunks: AsyncIterator[str], name: str, **logged: Any) -> Response:
    """Send a file, and log who has downloaded `what`. Raises StoreError if its first piece cannot be read."""
    response = await _streamed(chunks, "text/csv; charset=utf-8", name)
    audit(request, f"{what} downloaded", **logged)
    return response


async def titled_response(
    request: Request,
    what: str,
    titles: Mapping[str, str],
    pages: AsyncIterator[Iterable[Mapping[str, object]]],
    zone: tzinfo,
    *,
    name: str,
    **logged: Any,
) -> Response:
    """Send `name`.csv for people's spreadsheets, and log who has downloaded `what`.

    `titles` are those of the columns. It begins with a byte order mark, without which Excel takes UTF-8 for something
    else.
    """

    async def chunks() -> AsyncIterator[str]:
        yield "\ufeff" + csv_text([*titles.values()], ())
        async for rows in pages:
            yield csv_text([*titles], rows, zone, has_names=False)

    return await csv_response(request, what, chunks(), f"{name}.csv", **logged)


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

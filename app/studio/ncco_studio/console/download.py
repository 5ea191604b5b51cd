"""Sends lists as files, a page of rows at a time, and audio as a player requests it, a part at a time."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import tzinfo
from http import HTTPStatus
from typing import IO, Any, Final

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from ncco_server.desk.exports import csv_text
from ncco_server.service.recording_files import in_thread
from ncco_studio.console.audit import audit

BLOCK: Final = 256 * 1024
"""Bytes sent at a time."""
_RANGE: Final = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")


async def csv_response(
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

    `titles` are those of the columns. The file begins with a byte order mark, without which Excel takes UTF-8 for
    something else. Raises StoreError if the first page cannot be read.
    """

    async def chunks() -> AsyncIterator[str]:
        begin = "\ufeff" + csv_text([*titles.values()], ())
        async for rows in pages:
            yield begin + csv_text([*titles], rows, zone, has_names=False)
            begin = ""
        if begin:
            yield begin

    response = await _streamed(chunks(), "text/csv; charset=utf-8", f"{name}.csv")
    audit(request, f"{what} downloaded", **logged)
    return response


async def _streamed(chunks: AsyncIterator[str], media_type: str, name: str) -> Response:
    """Send a file if it has a name. Raises StoreError if the first piece fails."""
    first = await anext(chunks)

    async def content() -> AsyncIterator[str]:
        yield first
        async for chunk in chunks:
            yield chunk

    headers = {"content-disposition": f"attachment; filename={name}"} if name else {}
    return StreamingResponse(content(), media_type=media_type, headers=headers)


def wanted(header: str, size: int) -> range | None:
    """Return the requested positions; None if they are not in the file.

    Several parts, or an unknown unit, give the whole file. Source: RFC 9110, 14.2.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not any(found.groups()):
        return range(size)
    first, last = found.groups()
    if not first:
        part = range(max(0, size - int(last)), size)
    elif last and int(last) < int(first):
        return range(size)
    else:
        part = range(int(first), min(size, int(last) + 1) if last else size)
    return part or None


def audio_response(file: IO[bytes], size: int, asked: str, content_type: str, headers: Mapping[str, str]) -> Response:
    """Close the file after sending it. `asked` is the Range header, "" for none."""
    shared = {"accept-ranges": "bytes", **headers}
    part = wanted(asked, size)
    if part is None:
        file.close()
        unsatisfied = {**shared, "content-range": f"bytes */{size}"}
        return Response(status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=unsatisfied)
    shared["content-length"] = str(len(part))
    if len(part) == size:
        return StreamingResponse(_blocks(file, part), media_type=content_type, headers=shared)
    shared["content-range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return StreamingResponse(_blocks(file, part), HTTPStatus.PARTIAL_CONTENT, shared, content_type)


async def _blocks(file: IO[bytes], part: range) -> AsyncIterator[bytes]:
    with file:
        file.seek(part.start)
        for at in range(part.start, part.stop, BLOCK):
            yield await in_thread(file.read, min(BLOCK, part.stop - at))

"""Sends audio to a browser's player: a file, or the part that the player requests, streamed from storage."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import IO, Final

from fastapi import Response
from fastapi.responses import StreamingResponse

from ncco_server.service.recording_files import in_thread

BLOCK: Final = 256 * 1024
"""Bytes sent at a time."""
_RANGE: Final = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")


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

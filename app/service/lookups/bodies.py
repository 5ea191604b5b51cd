"""The body of an answer: at most 64 KiB, also when it is unpacked, and JSON."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable
from typing import Any, Final, cast

import httpx
import orjson

from app.service.lookups.problem import Problem

LIMIT: Final = 64 * 1024
_TOO_LARGE: Final = f"larger than {LIMIT // 1024} KiB"
_BOM: Final = b"\xef\xbb\xbf"
_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


async def read_body(response: httpx.Response) -> bytes:
    """The bytes of a body, unpacked. Raises Problem, and httpx.TransportError when it breaks off."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in _PACKED and encoding not in ("identity", ""):
        raise Problem("packed in a way that was not asked for")
    chunks, size = [], 0
    async for chunk in _chunks(response):
        size += len(chunk)
        if size > LIMIT:
            raise Problem(_TOO_LARGE)
        chunks.append(chunk)
    body = b"".join(chunks)
    return _unpacked(body) if encoding in _PACKED else body


def _chunks(response: httpx.Response) -> AsyncIterable[bytes]:
    """The body as it is sent, still packed."""
    return cast(httpx.AsyncByteStream, response.stream)


async def drain(response: httpx.Response) -> None:
    """Take in a short body that nobody needs, so that the connection can be used again."""
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= LIMIT:
        async for _ in _chunks(response):
            pass


def _unpacked(body: bytes) -> bytes:
    """What was packed; never more than a little over the limit is unpacked."""
    unpacking = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        found = unpacking.decompress(body, LIMIT + 1)
    except zlib.error:
        raise Problem("packed in a way that cannot be unpacked") from None
    if len(found) > LIMIT:
        raise Problem(_TOO_LARGE)
    if not unpacking.eof:
        raise Problem("packed in a way that cannot be unpacked")
    return found


def read_json(body: bytes) -> Any:
    """The JSON value of a body. Raises Problem."""
    body = body.removeprefix(_BOM)
    if not body.strip():
        raise Problem("the answer is empty")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Problem("not JSON (HTML)" if body.lstrip().startswith(b"<") else "not JSON") from None


def as_json(value: Any) -> bytes:
    """What a function gave back, as JSON. Raises Problem."""
    try:
        body = orjson.dumps(value)
    except (TypeError, RecursionError):
        raise Problem("gave back something that JSON does not have") from None
    if len(body) > LIMIT:
        raise Problem(_TOO_LARGE)
    return body

"""What goes out: NCCOs, empty replies and errors as JSON, never anything else."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import orjson
from starlette.types import Send

from app.service.delivery import Reply

PROBLEM_LIMIT: Final = 200
"""Characters of the `ncco-problem` header."""

_JSON: Final = (b"content-type", b"application/json")
_EMPTY: Final = (b"content-length", b"0")
CLOSE: Final = (b"connection", b"close")
_NOT_PRINTABLE: Final = re.compile(r"[^ -~]+")


class Answer(NamedTuple):
    """A response, and what the log and the metrics say of it.

    Attributes:
        reply: what the service said, or what stands in for it.
        status: of HTTP. body: JSON, or nothing.
        headers: further ones.
        error: what broke, for the log; never sent.
    """

    reply: Reply
    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    error: BaseException | None = None


def error_body(error: str, cure: str) -> bytes:
    """The body of every error: what is wrong, and what to do."""
    return orjson.dumps({"error": error, "cure": cure})


def refused(kind: str, outcome: str, status: int, error: str, cure: str, *, close: bool = False) -> Answer:
    """A request that gets no NCCO. `close` ends the connection, for a body that was not read to its end."""
    reply = Reply(None, kind, outcome, problem=error)
    return Answer(reply, status, error_body(error, cure), (CLOSE,) if close else ())


def headers_of(answer: Answer) -> list[tuple[bytes, bytes]]:
    """The headers of a response. An empty body goes out without a content type."""
    body = answer.body
    headers = [_JSON, (b"content-length", b"%d" % len(body))] if body else [_EMPTY] if answer.status != 204 else []
    headers.extend(answer.headers)
    if answer.reply.problem:
        headers.append((b"ncco-problem", _header_text(answer.reply.problem)))
    return headers


async def send_answer(answer: Answer, send: Send) -> None:
    """Send it."""
    await send({"type": "http.response.start", "status": answer.status, "headers": headers_of(answer)})
    await send({"type": "http.response.body", "body": answer.body})


def _header_text(text: str) -> bytes:
    return _NOT_PRINTABLE.sub(" ", text)[:PROBLEM_LIMIT].strip().encode("ascii")

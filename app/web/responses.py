"""Responses to webhooks: NCCOs, empty replies, and errors as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import orjson
from fastapi import Response

from app.service.delivery import Reply

PROBLEM_LIMIT: Final = 200
"""Characters of the `ncco-problem` header."""

_NOT_PRINTABLE: Final = re.compile(r"[^ -~]+")


class WebhookResponse(Response):
    """The response to a webhook.

    Attributes:
        reply: what the service decided, for the log and the metrics.
        error: the fault of ours behind it, for the log; never sent.
    """

    def __init__(
        self,
        reply: Reply,
        status_code: int = 200,
        content: bytes | None = None,
        *,
        error: BaseException | None = None,
        closes: bool = False,
    ) -> None:
        """Send `content`, or the NCCO of the reply. `closes` ends the connection after it."""
        body = content if content is not None else reply.ncco or b""
        headers = {"connection": "close"} if closes else {}
        if reply.problem:
            headers["ncco-problem"] = header_text(reply.problem)
        super().__init__(body, status_code, headers, "application/json" if body else None)
        self.reply = reply
        self.error = error


def error_response(status: int, error: str, cure: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as JSON."""
    return Response(error_body(error, cure), status, headers, "application/json")


def error_body(error: str, cure: str) -> bytes:
    """The body of every error: what is wrong, and what to do."""
    return orjson.dumps({"error": error, "cure": cure})


def header_text(text: str) -> str:
    """A text as a header may hold it."""
    return _NOT_PRINTABLE.sub(" ", text)[:PROBLEM_LIMIT].strip()

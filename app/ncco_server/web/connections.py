"""Limits connections, request heads and waiting times on all ports: uvicorn only limits idle connections."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any, ClassVar, Final, Literal

from fastapi import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ncco_server.web.webhook_http import error_response

MAX_HEAD_BYTES: Final = 65_536
MAX_HEADERS: Final = 100
_TOO_LARGE: Final = "431 Request Header Fields Too Large"
_TOO_SLOW: Final = "408 Request Timeout"
_TOO_MANY: Final = "503 Service Unavailable"

_LOG: Final = logging.getLogger("uvicorn.error.connections")
_LOG.setLevel(logging.ERROR)  # warnings for malformed requests would let clients fill the log


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's connection, with limits.

    Attributes:
        most_connections: per port and process.
        head_s: how long a new connection may be silent, and how long the head of a request may take to arrive.
        request_s: how long the rest may take. The routes have shorter limits, with a reply.
        send_s: how long a client may leave a response unread.
    """

    most_connections: ClassVar = 4_096
    head_s: ClassVar = 5.0
    request_s: ClassVar = 30.0
    send_s: ClassVar = 60.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _LOG
        self._requests = 0
        self._awaited: Literal["head", "body", ""] = ""
        self._head_bytes = 0
        self._receiving: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(_TOO_MANY)
        else:
            self._receive_within(self.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._receiving, self._sending):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._requests, self._awaited
        super().data_received(data)
        if self.transport.is_closing():
            return
        is_head_only = before in ((self._requests, "head"), (self._requests - 1, ""))
        if self._awaited == "head" and is_head_only:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(_TOO_LARGE)
                return
        if not self._awaited:
            self._receive_within(None)
        elif before != (self._requests, self._awaited):
            self._receive_within(self.head_s if self._awaited == "head" else self.request_s)

    def on_message_begin(self) -> None:
        self._requests += 1
        self._awaited = "head"
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Answer a refused head in place of the application."""
        self._awaited = "body"
        refused = _refusal(self.url, self.headers, self.parser.get_http_version())
        self.app = refused or self.config.loaded_app
        if refused is not None:
            self.url = b"/"  # the URL may be too long to parse
        super().on_headers_complete()
        self.headers = deque(maxlen=0)  # type: ignore[assignment]  # drops the trailers of a chunked body

    def on_message_complete(self) -> None:
        self._awaited = ""
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._sending = self.loop.call_later(self.send_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._sending is not None:
            self._sending.cancel()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even if the client has not read everything."""
        self.transport.abort()

    def _receive_within(self, seconds: float | None) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
        self._receiving = None if seconds is None else self.loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        if self._awaited == "head":
            self._refuse(_TOO_SLOW)
        else:
            self.transport.abort()

    def _refuse(self, status: str) -> None:
        self.transport.write(f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode())
        self.transport.close()
        self._receive_within(None)


def _refusal(url: bytes, headers: Sequence[tuple[bytes, bytes]], version: str) -> Response | None:
    """None for a complete head that is not too large and names one host."""
    size = len(url) + sum(len(name) + len(value) for name, value in headers)
    if len(headers) > MAX_HEADERS or size > MAX_HEAD_BYTES:
        problem = f"the request has more than {MAX_HEADERS} headers, or more than {MAX_HEAD_BYTES} bytes of them"
        return error_response(431, problem, "Send fewer and shorter headers.", {"connection": "close"})
    hosts = sum(name == b"host" for name, _ in headers)
    if hosts > 1 or (not hosts and version == "1.1"):  # Source: RFC 9112, 3.2
        return error_response(400, f"the request has {hosts} Host headers", "Send one.", {"connection": "close"})
    return None

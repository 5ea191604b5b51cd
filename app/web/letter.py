"""A request that came whole, and its reply, for webhooks that need no more of uvicorn than that."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from app.web.answers import CLOSE, Answer, headers_of

if TYPE_CHECKING:
    from app.web.protocol import PatientProtocol

_PLAIN_URL: Final = re.compile(rb"/webhooks/[\w/.-]+")
"""Of which path and query need not be told apart, and in which nothing is escaped."""


Take: TypeAlias = "Callable[[Letter, bytes], bool]"
"""Answers a letter with that body, now or later. False: it is not answered, and nothing was done."""


class _Nobody:
    """Who would wait for the rest of a body, if there was any."""

    def set(self) -> None:
        """Nothing."""


_NOBODY: Final = _Nobody()


class Letter:
    """A POST whose head and body came together, on a connection that stays.

    To uvicorn it is a cycle like its own, and a task while it waits: what uvicorn asks of one or tells it is here.

    Attributes:
        scope: what ASGI would say of it, as far as webhooks are told apart by it.
        disconnected, keep_alive, response_complete, message_event: see uvicorn.
    """

    __slots__ = ("_protocol", "_task", "disconnected", "keep_alive", "response_complete", "scope")
    message_event = _NOBODY

    def __init__(self, protocol: PatientProtocol, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        self._protocol = protocol
        self._task: asyncio.Task[None] | None = None
        self.scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "scheme": protocol.scheme,
            "headers": headers,
        }
        self.disconnected = self.response_complete = False
        self.keep_alive = True

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where its connection is served."""
        return self._protocol.loop

    def wait(self) -> None:
        """It is answered later: the server does not end before, also when whoever sent it has gone."""
        self._protocol.tasks.add(cast("asyncio.Task[None]", self))

    def follow(self, task: asyncio.Task[None]) -> None:
        """Keep the task that answers it."""
        self._task = task

    def cancel(self, msg: str | None = None) -> None:
        """The server waits for it no longer. `msg`: as tasks take it."""
        if self._task is None:
            self._protocol.transport.close()
        else:
            self._task.cancel(msg)

    def give_up(self, error: BaseException) -> None:
        """Say nothing more, since what answers it has failed: what uvicorn does when an application fails."""
        self._end()
        self._protocol.logger.error("Exception in ASGI application", exc_info=error)
        self._protocol.transport.close()

    def _end(self) -> None:
        self.response_complete = True
        self._protocol.tasks.discard(cast("asyncio.Task[None]", self))

    def reply(self, answer: Answer) -> None:
        """Send the answer in one piece: the bytes that uvicorn would send."""
        self._end()
        if self.disconnected or self._protocol.transport.is_closing():
            return
        protocol, headers, ending = self._protocol, headers_of(answer), b"\r\n"
        if CLOSE in headers:
            self.keep_alive = False
        elif not self.keep_alive:
            ending = b"connection: close\r\n\r\n"
        lines = [b"%b: %b\r\n" % header for header in headers]
        head = STATUS_LINE[answer.status] + protocol.common_head()
        protocol.transport.write(b"".join((head, *lines, ending, answer.body)))
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()


def letter_of(protocol: PatientProtocol) -> Letter | None:
    """What a request will be when its body is there; None: it is for uvicorn.

    A request behind one that is not answered yet, the last one of a connection, and whatever is not quite usual.
    """
    url, parser = protocol.url, protocol.parser
    before: RequestResponseCycle | None = protocol.cycle  # uvicorn says that there always is one
    if parser.get_method() != b"POST" or protocol.expect_100_continue or _PLAIN_URL.fullmatch(url) is None:
        return None
    if parser.get_http_version() != "1.1" or not parser.should_keep_alive() or parser.should_upgrade():
        return None
    if (before is not None and not before.response_complete) or protocol.flow.write_paused:
        return None
    return Letter(protocol, url.decode(), protocol.headers)

"""The side of HTTP that uvicorn leaves open: clients that never finish a head, and idle ones when the server ends."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.web.crowd import Crowd
from app.web.exchange import Exchange
from app.web.leaving import Leaving
from app.web.letter import Letter, Take, letter_of

HEAD_S: Final = 10.0
"""Seconds from the first byte of a request to the end of its head. Vonage gives up after 5."""

GOODBYE_S: Final = 0.5
"""How long an idle connection stays open when the server ends: a request that is on its way is still answered."""


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, with an end to its patience.

    A connection that sends nothing at all is closed as an idle one is, and so is one that sends something behind its
    last request that is none. One timer looks at a connection now and then; uvicorn has one for each request.

    A webhook that comes whole is a letter, for which uvicorn's own cycle, scope, events and task are not made; the
    application says whether it takes it. Everything else is left to uvicorn, also what looked like a letter at first.

    Attributes:
        head_s, goodbye_s: see the constants.

    Args:
        leaving: whether the server is about to end. No connection then outlives its answer, so that a client that keeps
            one open comes anew, and by way of whoever sends it elsewhere.
        crowd: the connections of this process; None: nobody counts them.
    """

    head_s = HEAD_S
    goodbye_s = GOODBYE_S

    def __init__(self, *args: Any, leaving: Leaving | None = None, crowd: Crowd | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._leaving = leaving or Leaving()
        self._crowd = crowd
        self._head: asyncio.TimerHandle | None = None
        self._is_head_open = True
        self._idle: asyncio.TimerHandle | None = None
        self._idle_since: float | None = None
        self._is_ending = False
        self._take: Take | None = getattr(self.app, "take", None)
        self._letter: Letter | None = None
        self._body: list[bytes] = []
        self._common: tuple[object, bytes] = (None, b"")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_idly()
        self._look_whether_idle()
        if self._crowd is not None:
            self._crowd.came(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        self._stop(self._head)
        self._stop(self._idle)
        if self._crowd is not None:
            self._crowd.left(self)

    @property
    def is_silent(self) -> bool:
        """Whether no whole head has come yet."""
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn says that there always is one
        return cycle is None

    @property
    def is_idle(self) -> bool:
        """Whether all that was asked is answered."""
        return self.is_silent or self.cycle.response_complete

    def give_way(self) -> None:
        """Close the connection, since there are too many."""
        self.timeout_keep_alive_handler()

    def data_received(self, data: bytes) -> None:
        """Take in what came; what is no whole head yet has to become one in time."""
        super().data_received(data)
        if self._letter is not None:
            self._open_letter()
        is_head_open = self._is_head_open
        if is_head_open != (self._head is not None):
            self._stop(self._head)
            self._head = self.loop.call_later(self.head_s, self.timeout_keep_alive_handler) if is_head_open else None
        elif not is_head_open and self._idle_since is None:
            cycle: RequestResponseCycle | None = self.cycle  # none where the first head could not be read
            if cycle is not None and cycle.response_complete:
                self._wait_idly()

    def on_message_begin(self) -> None:
        """Begin to read a head. What uvicorn makes for it is made when it is known to be needed."""
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._is_head_open = True

    def on_headers_complete(self) -> None:
        """Begin to answer, unless it is a letter, of which all is there soon."""
        self._is_head_open = False
        if self._take is not None and not (self._is_ending or self._leaving.has_begun):
            self._letter = letter_of(self)
        if self._letter is None:
            self._begin()

    def on_body(self, body: bytes) -> None:
        """Take in a part of a body."""
        if self._letter is None:
            super().on_body(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Hand over a letter."""
        letter, before = self._letter, self.cycle
        if letter is None or self._take is None:
            super().on_message_complete()
            return
        body, self._letter, self._body = b"".join(self._body), None, []
        self.cycle = cast(RequestResponseCycle, letter)
        if not self._take(letter, body):
            self.cycle = before
            self._begin_with(body)
            super().on_message_complete()

    def _open_letter(self) -> None:
        """Read on as uvicorn does: the rest of the body is not there yet."""
        body, self._letter, self._body = b"".join(self._body), None, []
        if not self.transport.is_closing():
            self._begin_with(body)

    def _begin_with(self, body: bytes) -> None:
        self._begin()
        if body:
            super().on_body(body)

    def _begin(self) -> None:
        """Begin to answer; a connection of a server that ends has had its last request with this one."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()
        if type(self.cycle) is RequestResponseCycle:
            self.cycle.__class__ = Exchange  # uvicorn makes one of its own, and lets no other be given
        if self._is_ending or self._leaving.has_begun:
            self.cycle.keep_alive = False

    def common_head(self) -> bytes:
        """The headers that every reply of this moment has, as they are sent; uvicorn makes new ones each second."""
        headers = self.server_state.default_headers
        if self._common[0] is not headers:
            self._common = headers, b"".join([b"%b: %b\r\n" % header for header in headers])
        return self._common[1]

    def on_response_complete(self) -> None:
        """Go on with the request behind it, or wait for the next one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._wait_idly()

    def shutdown(self) -> None:
        """The server ends: answer what is being answered and what is on its way, then close."""
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn says that there always is one
        is_busy = cycle is not None and not cycle.response_complete
        if self._is_ending or is_busy:
            super().shutdown()
            return
        self._is_ending = True
        self.loop.call_later(self.goodbye_s, self.shutdown)

    def _wait_idly(self) -> None:
        self._idle_since = self.loop.time()

    def _unset_keepalive_if_required(self) -> None:
        """Something came: it is not idle."""
        self._idle_since = None

    def _look_whether_idle(self) -> None:
        """Close a connection that has been idle for long, or look again when it can have been."""
        now = self.loop.time()
        due = (now if self._idle_since is None else self._idle_since) + self.timeout_keep_alive
        if due <= now:
            self.timeout_keep_alive_handler()
        else:
            self._idle = self.loop.call_at(due, self._look_whether_idle)

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()

"""The side of HTTP that uvicorn leaves open: clients that never finish a head, never read or never wait."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.web.crowd import Crowd
from app.web.exchange import Exchange
from app.web.leaving import Leaving
from app.web.letter import Letter, Take, letter_of

HEAD_S: Final = 10.0
"""Seconds from the first byte of a request to the end of its head. Vonage gives up after 5."""

GOODBYE_S: Final = 0.5
"""How long an idle connection stays open when the server ends: a request that is on its way is still answered."""

UNREAD_S: Final = 10.0
"""Seconds that a client may leave unread what it was sent. Vonage gives up after 5."""

MOST_BEHIND: Final = 64
"""Requests that wait behind one that is being answered. Vonage and proxies send none before an answer."""


class _TooMany(Exception):
    """A request more than may wait on one connection."""


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, with an end to its patience.

    A connection that sends nothing at all is closed as an idle one is, and so is one that sends something behind its
    last request that is none. One timer looks at a connection now and then; uvicorn has one for each request.

    A webhook that comes whole is a letter, for which uvicorn's own cycle, scope, events and task are not made; the
    application says whether it takes it. Everything else is left to uvicorn, also what looked like a letter at first.

    A connection costs little, whatever comes on it: it is cut when its client does not read, and when more requests
    come than may wait on it, nothing is heard behind those. Who asks for another protocol is answered in this one.

    Attributes:
        head_s, goodbye_s, unread_s, most_behind: see the constants.

    Args:
        leaving: whether the server is about to end. No connection then outlives its answer, so that a client that keeps
            one open comes anew, and by way of whoever sends it elsewhere.
        crowd: the connections of this process; None: nobody counts them.
    """

    head_s = HEAD_S
    goodbye_s = GOODBYE_S
    unread_s = UNREAD_S
    most_behind = MOST_BEHIND

    def __init__(self, *args: Any, leaving: Leaving | None = None, crowd: Crowd | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._leaving = leaving or Leaving()
        self._crowd = crowd
        self._head: asyncio.TimerHandle | None = None
        self._is_head_open = True
        self._idle: asyncio.TimerHandle | None = None
        self._idle_since: float | None = None
        self._is_ending = self._is_deaf = False
        self._unread: asyncio.TimerHandle | None = None
        self._take: Take | None = getattr(self.app, "take", None)
        self._letter: Letter | None = None
        self._body: list[bytes] = []
        self._common: tuple[object, bytes] = (None, b"")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_idly()
        self._idle = self.loop.call_later(self.timeout_keep_alive, self._look_whether_idle)
        if self._crowd is not None:
            self._crowd.came(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        self._stop(self._head)
        self._stop(self._idle)
        self._stop(self._unread)
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
        """Close the connection, since there are too many; what its client has not read yet is lost."""
        self.transport.abort()

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.unread_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Wait no longer."""
        super().resume_writing()
        self._stop(self._unread)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn says that it always closes
        """Answer a client that will ask no more; one that stops in the middle of a request hears nothing."""
        return self._ends_behind_what_was_asked()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read; behind requests that have yet to be answered it is only not heard."""
        if not self._ends_behind_what_was_asked():
            super().send_400_response(msg)

    def _ends_behind_what_was_asked(self) -> bool:
        """Hear no more, and close behind the last answer; False: there is nothing to answer."""
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn says that there always is one
        if cycle is None or cycle.response_complete or getattr(cycle, "more_body", False):
            return False
        cycle.keep_alive, self._is_deaf = False, True
        return True

    def data_received(self, data: bytes) -> None:
        """Take in what came; what is no whole head yet has to become one in time."""
        if self._is_deaf:
            return
        self._feed(data)
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

    def _feed(self, data: bytes) -> None:
        """Let the parser tell what is in it. It leaves off behind a head that asks for another protocol."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._is_refused_upgrade():
                self._feed(self._head_without_upgrade() + data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("Invalid HTTP request received.")

    def _is_refused_upgrade(self) -> bool:
        """Whether a head asks for another protocol, which a server may pass over."""
        return bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"

    def _head_without_upgrade(self) -> bytes:
        """The head that was read last, as one that asks for nothing else.

        A server may pass it over. Source: RFC 9110, section 7.8.
        """
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        return b"".join((self.parser.get_method(), b" ", self.url, b" HTTP/1.1\r\n", *lines, b"\r\n"))

    def on_message_begin(self) -> None:
        """Begin to read a head. What uvicorn makes for it is made when it is known to be needed."""
        if len(self.pipeline) >= self.most_behind:
            raise _TooMany
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._is_head_open = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header. What stands behind a body in chunks is none: nobody may sign there."""
        if self._is_head_open:
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Begin to answer, unless it is a letter, of which all is there soon."""
        self._is_head_open = False
        if self._is_refused_upgrade():
            return
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
        if self._is_refused_upgrade():
            return
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
        if self.transport.is_closing():
            self.transport.abort()  # closed long ago, and its client has not read what it was sent
        elif due <= now:
            self.timeout_keep_alive_handler()
            self._idle = self.loop.call_later(self.unread_s, self.transport.abort)
        else:
            self._idle = self.loop.call_at(due, self._look_whether_idle)

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()

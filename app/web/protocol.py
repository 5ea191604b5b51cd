"""The side of HTTP that uvicorn leaves open: clients that never finish a head, and idle ones when the server ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.web.crowd import Crowd
from app.web.exchange import Exchange
from app.web.leaving import Leaving

HEAD_S: Final = 10.0
"""Seconds from the first byte of a request to the end of its head. Vonage gives up after 5."""

GOODBYE_S: Final = 0.5
"""How long an idle connection stays open when the server ends: a request that is on its way is still answered."""


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, with an end to its patience.

    A connection that sends nothing at all is closed as an idle one is, and so is one that sends something behind its
    last request that is none. What a whole request costs more than without this is a look at one dictionary.

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
        self._is_ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_idly()
        if self._crowd is not None:
            self._crowd.came(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        self._stop(self._head)
        self._stop(self.timeout_keep_alive_task)
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
        scope: Mapping[str, Any] | None = self.scope  # uvicorn says that there always is one
        is_head_open = scope is None or "method" not in scope
        if is_head_open != (self._head is not None):
            self._stop(self._head)
            self._head = self.loop.call_later(self.head_s, self.timeout_keep_alive_handler) if is_head_open else None
        elif not is_head_open and self.timeout_keep_alive_task is None:
            cycle: RequestResponseCycle | None = self.cycle  # none where the first head could not be read
            if cycle is not None and cycle.response_complete:
                self._wait_idly()

    def on_headers_complete(self) -> None:
        """Begin to answer; a connection of a server that ends has had its last request with this one."""
        super().on_headers_complete()
        if type(self.cycle) is RequestResponseCycle:
            self.cycle.__class__ = Exchange  # uvicorn makes one of its own, and lets no other be given
        if self._is_ending or self._leaving.has_begun:
            self.cycle.keep_alive = False

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
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()

"""Opens the websockets of calls in real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from ncco_studio.simulator.parties import PartyOutcome
from ncco_studio.simulator.scheduler import Signal
from ncco_studio.simulator.sockets import NotOpened, SocketPlayer

InStep = Callable[[], AbstractAsyncContextManager[None]]
OPENS_S: Final = 60.0
"""The connect's own `timeout` is shorter or the same."""


class OpenedSocket:
    """A websocket that is opened at once; see `LiveSocket`. `in_step` lets virtual time catch up."""

    def __init__(self, endpoint: Mapping[str, Any], in_step: InStep, speed: float) -> None:
        self._player = SocketPlayer(endpoint, pace=speed, heard=self._heard)
        self._in_step = in_step
        self.opened = Signal()
        self.closed = Signal()
        self.spoke = Signal()
        self.outcome: PartyOutcome = "unanswered"
        self.spoke_s = 0.0
        self.task = asyncio.create_task(self._run())

    def press(self, key: str) -> None:
        self._player.press(key)

    def hang_up(self) -> None:
        if self.opened.is_fired:
            self._player.hang_up()
        else:
            self.task.cancel()

    async def _run(self) -> None:
        try:
            connection = await self._player.open(OPENS_S)
            async with self._in_step():
                self.opened.fire()
            await self._player.talk(connection)
        except NotOpened as error:
            self.outcome = error.outcome
        async with self._in_step():
            self.closed.fire()

    async def _heard(self, seconds: float) -> None:
        async with self._in_step():
            self.spoke_s = seconds
            spoke = self.spoke
            self.spoke = Signal()
            spoke.fire()

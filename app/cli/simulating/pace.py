"""How fast a call is played: at once, or at the speed of speech."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from app.simulator import Moment, PhoneCall

SLICE_S: Final = 0.1
"""How much of a call is played between two looks at the clock."""

LONGEST_S: Final = 3600.0
"""How much of a call is played at once when nobody waits for the caller."""


class Pace:
    """Plays a call on to where the caller is waited for. What the caller thinks meanwhile takes no time.

    Args:
        is_real: whether a second of the call takes a second.
        sleep: lets time pass.
    """

    def __init__(self, *, is_real: bool, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.is_real = is_real
        self._sleep = sleep
        self._is_interrupted = self._is_hurried = False

    def interrupt(self) -> None:
        """Stop where the call is now: the caller does something."""
        self._is_interrupted = True

    def hurry(self) -> None:
        """Play what comes next at once."""
        self._is_hurried = True

    async def listen(self, call: PhoneCall, show: Callable[[], Awaitable[None]]) -> Moment:
        """Play on until the caller is waited for, somebody interrupts, or to the end; `show` tells what was heard."""
        is_paced = self.is_real and not self._is_hurried
        self._is_interrupted = self._is_hurried = False
        if not is_paced:
            return await call.listen(at_most=LONGEST_S)
        moment = Moment(call.at, "until")
        while moment.kind == "until" and not self._is_interrupted:
            await self._sleep(SLICE_S)
            moment = await call.listen(until=call.at + SLICE_S)
            await show()
        return moment

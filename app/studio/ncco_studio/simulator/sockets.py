"""A websocket as Vonage opens it in a call: what it sends, and what a caller hears of what comes back.

Source: WebSocket guide. Where it says nothing, we chose: a message of another size is not played, audio beyond the
buffer is lost, and `clear` also drops the `notify` commands whose audio it drops.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from ncco_studio.simulator.parties import PartyOutcome

FRAME_S: Final = 0.02
BUFFERED_FRAMES: Final = 3072
"""Source: WebSocket guide; that of 2022 has 1,024."""
KEY_MS: Final = 260
"""The duration of a key in the guide's sample."""
STRETCH_S: Final = 1.0
"""A shorter silence belongs to the speech around it. Our choice."""
JITTER_S: Final = 0.04
"""Nobody hears a shorter gap. Our choice."""
CLOSES_S: Final = 1.0
"""A websocket is closed so long after one side has said so, even if a busy bot reads no more. Our choice."""


def frame_size(content_type: str) -> int:
    """The bytes of 20 ms: 640 for `audio/l16;rate=16000`, which is also the size without a rate."""
    found = re.search(r"rate=(\d+)", content_type)
    return int(found[1] if found else 16000) // 50 * 2


class NotOpened(Exception):
    """The websocket could not be opened; `outcome` is the status of the event."""

    def __init__(self, outcome: PartyOutcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


@dataclass(slots=True)
class Playout:
    """The buffer between an agent and its caller. Times are seconds of the call.

    Attributes:
        sizes: how many audio messages had each size.
        first_s: when the first sound was heard; None if there was none.
        heard_s, unheard_s: sound that was played, and sound that was not.
        gaps: silences within a stretch of speech, because the next message came late.
        stretches: how long each stretch of speech lasted that is over.
    """

    frame_bytes: int
    sizes: Counter[int] = field(default_factory=Counter)
    first_s: float | None = None
    heard_s: float = 0.0
    unheard_s: float = 0.0
    gaps: list[float] = field(default_factory=list)
    stretches: list[float] = field(default_factory=list)
    free_at: float = 0.0
    _queued: deque[tuple[float, bool]] = field(default_factory=deque)
    _stretch: tuple[float, float] | None = None

    def add(self, frame: bytes, at: float) -> None:
        self.play(at)
        self.sizes[len(frame)] += 1
        is_sound = any(frame)
        if len(frame) != self.frame_bytes or len(self._queued) >= BUFFERED_FRAMES:
            self.unheard_s += FRAME_S * is_sound * len(frame) / self.frame_bytes
            return
        late = at - self.free_at
        if is_sound and self._stretch is not None and JITTER_S < late < STRETCH_S:
            self.gaps.append(late)
        begins = max(at, self.free_at)
        self.free_at = begins + FRAME_S
        self._queued.append((begins, is_sound))

    def play(self, at: float) -> None:
        while self._queued and self._queued[0][0] < at:
            begins, is_sound = self._queued.popleft()
            if is_sound:
                self.heard_s += FRAME_S
                self.first_s = begins if self.first_s is None else self.first_s
                self._stretch = (self._stretch or (begins, begins))[0], begins + FRAME_S
        if self._stretch is not None and at - self._stretch[1] > STRETCH_S:
            self._end_stretch()

    def clear(self, at: float) -> None:
        """Drop what has not been played."""
        self.play(at)
        self._queued.clear()
        self.free_at = at

    def close(self, at: float) -> None:
        """What has not been played is never heard."""
        self.play(at)
        self.unheard_s += FRAME_S * sum(is_sound for _, is_sound in self._queued)
        self.clear(at)
        if self._stretch is not None:
            self._end_stretch()

    def _end_stretch(self) -> None:
        if self._stretch is not None:
            self.stretches.append(self._stretch[1] - self._stretch[0])
            self._stretch = None


async def _ignore(*_: object) -> None:
    """For callers who want no news."""


class SocketPlayer:
    """One websocket to an agent. Open it, then let it talk until one side closes it.

    Args:
        endpoint: as in the NCCO. Only a custom `authorization` is sent: what Vonage's own contains is not documented.
        audio: frames of the caller's audio; silence afterwards.
        pace: how many seconds of the call pass in a second.
        heard: gets the seconds of each stretch of speech when it is over.
        tell: gets each message of the agent that is no audio, and each key.

    Attributes:
        is_hung_up: whether this side closed it.
        closed_s: when it was closed, in seconds of the call.
    """

    def __init__(
        self,
        endpoint: Mapping[str, Any],
        *,
        audio: Iterable[bytes] = (),
        pace: float = 1.0,
        heard: Callable[[float], Awaitable[None]] = _ignore,
        tell: Callable[[str], Awaitable[None]] = _ignore,
    ) -> None:
        self._content_type = str(endpoint.get("content-type") or "audio/l16;rate=16000")
        self._uri = str(endpoint["uri"])
        self._headers = endpoint.get("headers") or {}
        self._authorization = str((endpoint.get("authorization") or {}).get("value") or "")
        self._audio = iter(audio)
        self._pace = pace
        self._heard = heard
        self._tell = tell
        self._begun = time.monotonic()
        self._keys: deque[str] = deque()
        self._notices: deque[tuple[float, Any]] = deque()
        self._stopped = asyncio.Event()
        self.playout = Playout(frame_size(self._content_type))
        self.is_hung_up = False
        self.closed_s: float | None = None
        self.close_code: int | None = None

    @property
    def at(self) -> float:
        """Seconds since the connection was made."""
        return (time.monotonic() - self._begun) * self._pace

    def press(self, key: str) -> None:
        self._keys.append(key)

    def hang_up(self) -> None:
        self.is_hung_up = True
        self._stopped.set()

    async def open(self, within_s: float) -> ClientConnection:
        """Raises NotOpened. Which of the two statuses Vonage chooses is not documented."""
        headers = {"authorization": self._authorization} if self._authorization else {}
        try:
            async with asyncio.timeout(within_s):
                connection = await connect(
                    self._uri,
                    additional_headers=headers,
                    compression=None,
                    ping_interval=None,
                    max_size=None,
                    open_timeout=None,
                    close_timeout=CLOSES_S,
                    proxy=None,
                )
        except (InvalidHandshake, InvalidURI, ValueError) as error:
            raise NotOpened("failed", str(error)) from error
        except TimeoutError as error:
            raise NotOpened("unanswered", f"no connection within {within_s:g} s") from error
        except (OSError, EOFError) as error:
            raise NotOpened("unanswered", str(error)) from error
        self._begun = time.monotonic()
        return connection

    async def talk(self, connection: ClientConnection) -> None:
        receiving = asyncio.create_task(self._receive(connection))
        sending = asyncio.create_task(self._send(connection))
        stopping = asyncio.create_task(self._stopped.wait())
        tasks = receiving, sending, stopping
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.closed_s = self.at
            for task in tasks:
                task.cancel()
            self.playout.close(self.closed_s)
            await connection.close()
            self.close_code = connection.close_code
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(done, Exception) and not isinstance(done, ConnectionClosed):
                raise done
        await self._report_stretches()

    async def _receive(self, connection: ClientConnection) -> None:
        async for message in connection:
            if isinstance(message, bytes):
                self.playout.add(message, self.at)
            else:
                await self._follow(connection, message)

    async def _follow(self, connection: ClientConnection, message: str) -> None:
        await self._tell(message)
        try:
            command = json.loads(message)
        except (ValueError, RecursionError):
            return
        match command:
            case {"action": "clear"}:
                self.playout.clear(self.at)
                self._notices.clear()
                await _write(connection, {"event": "websocket:cleared"})
            case {"action": "notify"}:
                self._notices.append((self.playout.free_at, command.get("payload")))

    async def _send(self, connection: ClientConnection) -> None:
        """20 ms of audio at a time, and events between them. Time that a slow machine loses is not made up for."""
        await _write(connection, {"event": "websocket:connected", "content-type": self._content_type, **self._headers})
        silence = repeat(bytes(self.playout.frame_bytes))
        due = self.at
        while True:
            await connection.send(next(self._audio, None) or next(silence))
            if self._keys:
                await _write(connection, {"event": "websocket:dtmf", "digit": self._keys.popleft(), "duration": KEY_MS})
            while self._notices and self._notices[0][0] <= self.at:
                await _write(connection, {"event": "websocket:notify", "payload": self._notices.popleft()[1]})
            self.playout.play(self.at)
            await self._report_stretches()
            due = max(due + FRAME_S, self.at)
            await asyncio.sleep((due - self.at) / self._pace)

    async def _report_stretches(self) -> None:
        while self.playout.stretches:
            await self._heard(self.playout.stretches.pop(0))


async def _write(connection: ClientConnection, event: Mapping[str, Any]) -> None:
    await connection.send(json.dumps(event))

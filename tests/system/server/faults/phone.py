"""Whole calls over a connection, made as the platform makes them: each NCCO is followed until the call ends.

As on the platform, a webhook that gets a 503 is sent once more, then the fallback URL is asked. Bad luck is random:
deliveries come twice, events are lost, callers hang up in the middle, connections break.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeAlias

from ncco_server.ncco import check
from tests.support.webhooks import facts
from tests.system.server.faults.wire import Answer, Lost, Wire

Ncco: TypeAlias = list[dict[str, Any]]

TURNS: Final = 12
AGAIN: Final = frozenset({429, 503, 504})
STEERING: Final = ("busy", "timeout", "unanswered", "rejected", "failed")
FAILSAFE: Final = "call again"
"""Words of the NCCO that is played when no flow can continue."""
CHECKED: Final = 0.05
"""The share of NCCOs that are checked against every rule; the others only have to be arrays."""


@dataclass(frozen=True)
class Luck:
    """The probability of each kind of bad luck, from 0 to 1."""

    twice: float = 0.0
    lost: float = 0.0
    hang_up: float = 0.0
    break_off: float = 0.0


@dataclass
class Tally:
    """The result of all calls.

    Attributes:
        rescued: NCCOs that the fallback URL returned.
        statuses: the number of answers by HTTP status; 0 stands for no answer.
        seconds: the duration of each answer.
        faults: violations, such as a caller who heard nothing or an answer that cannot be played.
        ended: legs whose end was acknowledged.
    """

    calls: int = 0
    webhooks: int = 0
    rescued: int = 0
    failsafes: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    ended: set[str] = field(default_factory=set)


async def at_once() -> None:
    """Do not wait between webhooks."""


class Phone:
    """Makes calls one after another.

    Args:
        wires: two connections, so that duplicates can arrive at the same moment.
        chance: makes all random decisions.
        luck: the probability of each kind of bad luck.
        pace: awaited before each webhook.
    """

    def __init__(
        self,
        wires: tuple[Wire, Wire],
        chance: Random,
        tally: Tally,
        luck: Luck | None = None,
        pace: Callable[[], Awaitable[None]] = at_once,
    ) -> None:
        self._wires = wires
        self._chance = chance
        self._tally = tally
        self._luck = luck or Luck()
        self._pace = pace
        self._leg = ""
        self._has_hung_up = False

    async def call(self) -> None:
        """Make one call, from the answer webhook to the end of its leg."""
        self._leg = f"{self._chance.getrandbits(128):032x}"
        self._has_hung_up = False
        self._tally.calls += 1
        ncco = await self._played("/webhooks/answer", self._facts())
        if not ncco:
            self._tally.faults["a caller heard nothing"] += 1
        for _ in range(TURNS):
            if not ncco or self._has_hung_up:
                break
            if self._strikes(self._luck.hang_up):
                await self._hang_up()
            ncco = await self._go_on(ncco)
        if not self._has_hung_up:
            await self._hang_up()

    async def _go_on(self, ncco: Ncco) -> Ncco:
        """Do what the NCCO says. Returns the NCCO that replaces it; [] at the end."""
        for action in ncco:
            match action["action"]:
                case "input":
                    digits = self._chance.choice(["1", "2", "3", "4", "", "9"])
                    dtmf = {"digits": digits, "timed_out": not digits}
                    return await self._played(_path(action), {**self._facts(), "dtmf": dtmf})
                case "notify":
                    fields = {"payload": action["payload"], "conversation_uuid": f"CON-{self._leg}"}
                    if found := await self._played(_path(action), fields):
                        return found
                case "connect":
                    return await self._dial(action)
                case "record":
                    await self._told(_path(action), self._recording())
        return []

    async def _dial(self, action: dict[str, Any]) -> Ncco:
        path, leg = _path(action), f"{self._chance.getrandbits(128):032x}"
        about = {**self._facts(), "uuid": leg, "direction": "outbound"}
        await self._told(path, {**about, "status": "started"})
        await self._told(path, {**about, "status": "ringing"})
        if on_answer := action["endpoint"][0].get("onAnswer"):
            await self._told(path, {**about, "status": "answered"})
            await self._pick_up(on_answer["url"], about)
            if await self._told(path, {**about, "status": "completed"}):
                self._tally.ended.add(leg)
            return []
        status = self._chance.choice(STEERING)
        return await self._played(path, {**about, "status": status})

    async def _pick_up(self, url: str, about: dict[str, Any]) -> None:
        """Ask for the NCCO of the other party, who answers; press keys at its inputs."""
        heard = await self._played(_cut(url), about)
        for action in heard:
            if action["action"] == "input":
                dtmf = {"digits": self._chance.choice(["1", "2", ""]), "timed_out": False}
                await self._played(_path(action), {**about, "dtmf": dtmf})

    async def _hang_up(self) -> None:
        self._has_hung_up = True
        leg = self._leg
        fields = {**self._facts(), "status": "completed", "direction": "inbound"}
        if await self._told("/webhooks/event", fields):
            self._tally.ended.add(leg)

    def _facts(self) -> dict[str, Any]:
        return facts(self._leg)

    def _recording(self) -> dict[str, Any]:
        named = {"recording_url": "https://api.nexmo.com/v1/files/1", "recording_uuid": "1", "size": "1"}
        return {**named, "conversation_uuid": f"CON-{self._leg}"}

    async def _told(self, path: str, fields: dict[str, Any]) -> bool:
        """Send an event whose reply is not played. Returns whether it was acknowledged."""
        if self._strikes(self._luck.lost):
            return False
        answer = await self._delivered(path, fields)
        return answer is not None and answer.status in (200, 204)

    async def _played(self, path: str, fields: dict[str, Any]) -> Ncco:
        """The NCCO that is played after a webhook; [] if the previous one continues."""
        if self._strikes(self._luck.break_off):
            await self._wires[1].break_off(path, fields)
        answer = await self._delivered(path, fields)
        if answer is not None and answer.status == 200:
            return self._read(answer)
        request = {"url": f"https://calls.example.com{path}", "type": "answer" if path.endswith("answer") else "event"}
        reason = "Socket timeout." if answer is None else "Invalid response code."
        answer = await self._delivered("/webhooks/fallback", {**fields, "reason": reason, "original_request": request})
        if answer is None or answer.status != 200:
            self._tally.faults["a caller heard nothing, the fallback failed"] += 1
            return []
        self._tally.rescued += 1
        return self._read(answer)

    def _read(self, answer: Answer) -> Ncco:
        ncco = answer.ncco
        self._tally.failsafes += any(FAILSAFE in action.get("text", "") for action in ncco)
        if self._chance.random() < CHECKED:
            wrong = [issue.code for issue in check(ncco) if ncco and issue.severity == "error"]
            self._tally.faults.update(f"an NCCO with {code}" for code in wrong)
        return ncco

    async def _delivered(self, path: str, fields: dict[str, Any]) -> Answer | None:
        """The final answer to a webhook; None if there was none."""
        one, other = self._wires
        if self._strikes(self._luck.twice):
            answer, again = await asyncio.gather(self._sent(one, path, fields), self._sent(other, path, fields))
            if answer and again and answer.status == again.status == 200 and answer.body != again.body:
                self._tally.faults[f"two answers to one delivery: {path.split('/')[2]}"] += 1
        else:
            answer = await self._sent(one, path, fields)
        if answer is None or answer.status in AGAIN:
            answer = await self._sent(one, path, fields)
        return answer

    async def _sent(self, wire: Wire, path: str, fields: dict[str, Any]) -> Answer | None:
        await self._pace()
        begun = time.perf_counter()
        self._tally.webhooks += 1
        try:
            answer = await wire.post(path, fields)
        except Lost:
            self._tally.statuses[0] += 1
            return None
        self._tally.statuses[answer.status] += 1
        if answer.status not in (200, 204, 503):
            self._tally.faults[f"status {answer.status}: {path.split('/')[2]}"] += 1
        self._tally.seconds.append(time.perf_counter() - begun)
        return answer

    def _strikes(self, probability: float) -> bool:
        return self._chance.random() < probability


def _path(action: dict[str, Any]) -> str:
    return _cut(action["eventUrl"][0])


def _cut(url: str) -> str:
    """The path of one of our own URLs."""
    return f"/webhooks/{url.partition('/webhooks/')[2]}"

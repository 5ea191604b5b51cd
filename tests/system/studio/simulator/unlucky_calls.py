"""One call generated from a seed: who does what, and what everybody hears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple, Protocol

from ncco_server.service.functions import AnswerLookups
from ncco_studio.simulator.assumptions import DEFAULTS
from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import Chaos, NetworkFault
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.servers import App, AsgiServer, Request, Response
from ncco_studio.simulator.transcript import CallMoment, Waited
from tests.system.studio.simulator.unlucky_lines import APPLICATION, Line, LookUps

FIRST: Final = datetime(2026, 12, 21, tzinfo=UTC)
"""Calls begin within a week from this time, by day and by night, and on holidays."""
A_WEEK_S: Final = 7 * 24 * 3600
OUTCOMES: Final = ("answered",) * 4 + (
    "busy", "timeout", "unanswered", "rejected", "failed", "machine", "human", "beep",
)  # fmt: skip
MOST_MOMENTS: Final = 25
"""Maximum number of things that a caller does before hanging up."""
IN_A_HURRY: Final = 0.3
TWINS: Final = 0.15
FALLBACKS: Final = 0.08
FAILED: Final = 500
CALLERS: Final = ("447700900123", "447700900124", "447700900222")
GOOD_REASONS: Final = frozenset({503})
"""Server errors that are not faults: 503 asks for an unsigned webhook to be sent again."""


class UnderTest(Protocol):
    """What a call needs from a server; implemented by `Server`.

    Attributes:
        look_up: answers lookups.
        now: the time on the server's clock.
    """

    look_up: AnswerLookups
    now: datetime

    @property
    def app(self) -> App:
        """The server's ASGI application."""

    async def take_hooks(self) -> tuple[str, ...]:
        """Return the names of the hooks to be sent, sorted, and remove these hooks."""


class Played(NamedTuple):
    """The result of a call.

    Attributes:
        heard: what each party heard and did, in the order in which they rang.
        timed: the same with times, unless these depend on the last webhook.
        hooks: the names of the hooks that the flow caused.
        faults: statuses from 500 on, and errors that the application raised.
    """

    heard: tuple[tuple[str, ...], ...]
    timed: tuple[tuple[str, ...], ...]
    hooks: tuple[str, ...]
    faults: tuple[str, ...]

    def told(self) -> list[str]:
        """The times, hooks and faults, as lines of text."""
        return [f"{number}: {line}" for number, lines in enumerate(self.timed) for line in lines] + [
            *self.hooks,
            *self.faults,
        ]


class _Door:
    """Passes requests to the server at the time of the call, and notes its faults.

    With bad luck a request comes twice at the same moment, and the platform gets either of the two replies.
    """

    def __init__(self, server: UnderTest, clock: VirtualClock, luck: Random | None) -> None:
        self._server = server
        self._clock = clock
        self._luck = luck
        self._inner = AsgiServer(server.app, clock)
        self._served: list[int] = []

    @property
    def now(self) -> datetime:
        return self._clock()

    @property
    def faults(self) -> tuple[str, ...]:
        wrong = [status for status in self._served if status >= FAILED and status not in GOOD_REASONS]
        return (*(f"status {status}" for status in wrong), *(repr(fault) for fault in self._inner.faults))

    async def deliver(self, request: Request) -> Response:
        self._server.now = self._clock()
        times = 2 if self._luck is not None and self._luck.random() < TWINS else 1
        responses = await asyncio.gather(*(self._inner.deliver(request) for _ in range(times)))
        self._served += [response.status for response in responses]
        return responses[0] if self._luck is None else self._luck.choice(responses)


class Slow(Chaos):
    """The delays from the bad luck of a seed, without its faults: each reply comes late, but at the first attempt."""

    def next_fault(self, *, is_awaited: bool) -> NetworkFault:
        """Replace faults by delays: a lost reply comes after the timeout and the retry, an unsigned request comes late.

        If every reply would be lost, the reply comes when the fallback would have been asked.
        """
        luck = super().next_fault(is_awaited=is_awaited)
        if luck.is_unsigned:
            return NetworkFault(late_s=luck.late_s + luck.slow_s + DEFAULTS.retry_after_s)
        lost = DEFAULTS.answer_timeout_s + DEFAULTS.retry_after_s if luck.loses_reply else 0.0
        lost += DEFAULTS.answer_timeout_s if luck.loses_every_reply else 0.0
        return NetworkFault(late_s=luck.late_s, slow_s=luck.slow_s + lost)


NETWORKS: Final[Mapping[str, Callable[[int], Chaos | None]]] = {
    "calm": lambda _: None,
    "slow": lambda seed: Slow(seed, fallback_rate=FALLBACKS),
    "unlucky": lambda seed: Chaos(seed, fallback_rate=FALLBACKS),
}


async def play(line: Line, server: UnderTest, seed: int, network: str) -> Played:
    """Play the call of a seed to its end, and wait for everything that comes late.

    Args:
        line: the line to call.
        server: the line's server.
        seed: determines everything.
        network: one of NETWORKS.
    """
    when = Random(f"{line.name} {seed} begins").uniform(0, A_WEEK_S)  # noqa: S311 - to be repeated
    clock = VirtualClock(FIRST + timedelta(seconds=round(when)))
    twins = Random(seed) if network == "unlucky" else None  # noqa: S311 - to be repeated
    door = _Door(server, clock, twins)
    look_ups = LookUps(line, seed)
    server.look_up = look_ups.ask
    vonage = Vonage(
        APPLICATION, door, clock, _parties(line, seed), chaos=NETWORKS[network](seed), seed=f"{seed} {network}"
    )
    luck_of_callers = Random(f"{line.name} {seed}")  # noqa: S311 - to be repeated
    party = _Party(line, vonage, luck_of_callers, luck_of_callers.sample(CALLERS, len(CALLERS)))
    await party.call()
    await vonage.run()
    everybody = [leg for call in party.calls for leg in (call, *call.dialled)]
    heard = tuple(tuple(f"{entry.kind} {entry.text}" for entry in leg.transcript) for leg in everybody)
    timed = tuple(tuple(f"{entry.at:.2f} {entry.kind} {entry.text}" for entry in leg.transcript) for leg in everybody)
    return Played(heard, heard if party.has_idled else timed, await server.take_hooks(), door.faults)


def _parties(line: Line, seed: int) -> Parties:
    """Parties who behave differently at each of the first three dials."""
    return Parties({
        address: [_behaviour(Random(f"{seed} {address} {dial}")) for dial in range(3)]  # noqa: S311 - to be repeated
        for address in line.addresses
    })  # fmt: skip


def _behaviour(luck: Random) -> Behaviour:
    outcome: Any = luck.choice(OUTCOMES)
    acts = [luck.choice(("1", "1", "2", "", "")) for _ in range(3)]
    return Behaviour(outcome, luck.uniform(1, 40), luck.uniform(5, 60), luck.random() < 0.8, tuple(acts))


class _Party:
    """Callers who decide at random what to do, whenever they can do something.

    Attributes:
        calls: the calls so far, in order.
        has_idled: whether a call was idle, so that nothing more would happen until somebody acts. What its caller then
            does comes at a time that depends on the last webhook.
    """

    def __init__(self, line: Line, vonage: Vonage, luck: Random, numbers: list[str]) -> None:
        self._line = line
        self._vonage = vonage
        self._luck = luck
        self._numbers = numbers
        self.calls: list[Leg] = []
        self.has_idled = False

    async def call(self) -> None:
        """Call and stay until the call is over; if a leg is alone in a conversation, another caller joins."""
        call = await self._vonage.call(self._line.number, self._numbers[len(self.calls)])
        self.calls.append(call)
        for _ in range(MOST_MOMENTS):
            moment = await self._next(call)
            if moment.kind == "end":
                return
            if moment.kind == "idle":
                self.has_idled = True
                if len(self.calls) < len(self._numbers):
                    await self.call()
                break
            await self._do(call, moment.waited)
        await call.hang_up()

    async def _next(self, call: Leg) -> CallMoment:
        """The next moment of a call; a caller in a hurry hears only a random number of prompts of a menu."""
        if self._luck.random() >= IN_A_HURRY:
            return await call.listen()
        for _ in range(self._luck.randint(1, 6)):
            moment = await call.hear()
            if moment.kind != "until":
                return moment
            if call.open is not None:
                return CallMoment(call.at, call.open.kind, call.open)
        return await call.listen()

    async def _do(self, call: Leg, waited: Waited | None) -> None:
        luck, takes = self._luck, waited.takes if waited is not None else frozenset[str]()
        what = luck.choices(("act", "silence", "hang up"), (85, 10, 5))[0]
        if what == "hang up":
            await call.hang_up()
        elif what == "silence":
            await call.silence()
        elif waited is not None and waited.kind == "record":
            await call.speak("Please call me back.")
            await (call.press("#") if luck.random() < 0.5 and not call.is_over else call.silence())
        elif "speech" in takes and (luck.random() < 0.5 or "dtmf" not in takes):
            await call.speak((luck.choice(self._line.phrases), luck.choice((0.9, 0.6, 0.3))))
        else:
            await call.press(self._digits(waited))

    def _digits(self, waited: Waited | None) -> str:
        settings = (waited.action.get("dtmf") or {}) if waited is not None else {}
        most = int(settings.get("maxDigits", 4))
        fitting = [digits for digits in self._line.digits if len(digits) <= most]
        longer = [digits for digits in fitting if len(digits) > 1]
        digits = self._luck.choice(longer if longer and self._luck.random() < 0.7 else fitting)
        return f"{digits}#" if settings.get("submitOnHash") and "#" not in digits else digits

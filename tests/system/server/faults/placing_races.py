"""Two hosts that act on the same placed call at the same moment.

Each has its own connection to one database:

- reply: one stores Vonage's 201, the other receives the first webhook of the same leg;
- cancel: one cancels the call, the other receives its answer webhook: the person either hears the flow and is then hung
  up on, or hears a goodbye;
- attempt: both begin an attempt of the same call;
- batches: each begins a call of a different batch to the same number.

No leg may be lost, no attempt made twice, and no cancelled call may continue.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

import httpx

from ncco_server.flow.loader import load
from ncco_server.service.calls import CallService
from ncco_server.service.placing.requests import WantedCall, checked
from ncco_server.service.placing.webhooks import GOODBYE, urls_of
from ncco_server.service.turns import Policy
from ncco_server.store import AttemptRow, PlacedRow, PlacingLimits, Store, milliseconds, open_store
from ncco_studio.verify.scenarios.stage import make_app
from tests.support.placing import AT, BASE, MANY, PLAIN_REMINDER
from tests.system.trial import Outcome, Trial, counted

STEP_MS: Final = 1_000
"""The time between two new calls: more than the minimum interval of placed calls."""
GIVE_UP_MS: Final = 60_000
KEY: Final = b"a key that both hosts share"

T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")


@dataclass(slots=True)
class Host:
    """One of the servers that share a database."""

    store: Store
    client: httpx.AsyncClient

    async def send(self, url: str, leg: str, **fields: str) -> bytes:
        """Send the host a webhook of a leg, and return the body of the reply."""
        body = {"uuid": leg, "conversation_uuid": f"CON-{leg}", "from": "442079460001", "to": "447700900123", **fields}
        reply = await self.client.post(url.removeprefix(BASE), json=body)
        reply.raise_for_status()
        return reply.content


@dataclass(slots=True)
class Races:
    """Two hosts, the current time, and the counts of results and faults."""

    one: Host
    two: Host
    now: int = field(default_factory=lambda: milliseconds(AT))
    number: int = 447_700_000_000
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - not for secrets
    results: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    async def wanted(self, batch: str = "", number: int = 0) -> PlacedRow:
        """Add a call, to a new number unless one is given."""
        self.number += not number
        self.now += STEP_MS
        at = AT + timedelta(milliseconds=self.now - milliseconds(AT))
        request = WantedCall(
            flow="reminder", to=str(number or self.number), values={"name": "Ada"}, origin="cli", batch=batch
        )
        row = checked(request, FLOWS, ("44",), at, (b"key",))
        return (await self.one.store.placed.add([row]))[0]

    async def begin(
        self, host: Host, row: PlacedRow, after_ms: int = 0, limits: PlacingLimits = MANY
    ) -> AttemptRow | None:
        """Begin an attempt of a call; None if the host may not."""
        now = self.now + after_ms
        return (await host.store.placed.begin(row, REVISION, now, now + GIVE_UP_MS, limits)).attempt

    async def reply(self) -> None:
        """Race Vonage's 201 against the first webhook."""
        attempt = await self._begun()
        answer_url, event_url = urls_of(BASE, KEY, attempt)
        leg = f"leg-{attempt.placed}"
        is_answer = self.now % (2 * STEP_MS) == 0
        webhook = self.two.send(answer_url, leg) if is_answer else self.two.send(event_url, leg, status="ringing")
        await self._at_once(self.one.store.placed.sent(attempt, leg, f"CON-{leg}"), webhook)
        (stored,) = await self.one.store.placed.attempts(attempt.placed)
        self._expect((leg, "answered" if is_answer else "placed") == (stored.leg, stored.state), "a leg is lost")
        self.results["answer" if is_answer else "event"] += 1

    async def cancel(self) -> None:
        """Race a cancellation against the answer webhook."""
        attempt = await self._begun()
        answer_url, _ = urls_of(BASE, KEY, attempt)
        leg = f"leg-{attempt.placed}"
        await self.one.store.placed.sent(attempt, leg, "")
        _, heard = await self._at_once(
            self.one.store.placed.cancel(attempt.placed, self.now), self.two.send(answer_url, leg)
        )
        (stored,) = await self.one.store.placed.attempts(attempt.placed)
        hears_goodbye = heard == GOODBYE
        self._expect(hears_goodbye == (stored.state == "placed"), "the person hears something else than is stored")
        to_hang_up = {each.placed for each in await self.one.store.placed.cancelled(999)}
        self._expect(attempt.placed in to_hang_up, "a cancelled call goes on")
        await self.one.store.placed.hung_up(stored)
        self.results["goodbye" if hears_goodbye else "flow"] += 1

    async def attempt(self) -> None:
        """Let both hosts begin an attempt of the same call."""
        row = await self.wanted()
        begun = await self._at_once(self.begin(self.one, row), self.begin(self.two, row))
        self._expect(sum(each is not None for each in begun) == 1, "not one attempt is made")
        self.results["first host" if begun[0] is not None else "second host"] += 1

    async def batches(self) -> None:
        """Let each host begin a call of a different batch to the same number."""
        first = await self.wanted("monday")
        second = await self.wanted("tuesday", self.number)
        begun = await self._at_once(self.begin(self.one, first), self.begin(self.two, second, STEP_MS // 2))
        self._expect(sum(each is not None for each in begun) == 1, "a number is called twice at a time, or not at all")
        self.results["monday" if begun[0] is not None else "tuesday"] += 1

    async def _begun(self) -> AttemptRow:
        attempt = await self.begin(self.one, await self.wanted())
        if attempt is None:
            raise RuntimeError("a call to a number that nothing else calls cannot begin")
        return attempt

    async def _at_once(self, one: Coroutine[Any, Any, T], two: Coroutine[Any, Any, U]) -> tuple[T, U]:
        """Run both, in either order or nearly at the same moment."""

        async def late(deed: Coroutine[Any, Any, V], seconds: float) -> V:
            await asyncio.sleep(seconds)
            return await deed

        ahead_s = self.chance.choice((0, 0, 0.001, -0.001, 0.004, -0.004))
        return await asyncio.gather(late(one, max(0, ahead_s)), late(two, max(0, -ahead_s)))

    def _expect(self, holds: bool, fault: str) -> None:
        self.faults[fault] += not holds


FLOWS: Final = load({"flows/reminder.yaml": PLAIN_REMINDER}).flows
REVISION: Final = FLOWS["reminder"].revision
KINDS: Final[dict[str, Callable[[Races], Coroutine[Any, Any, None]]]] = {
    "reply": Races.reply,
    "cancel": Races.cancel,
    "attempt": Races.attempt,
    "batches": Races.batches,
}


@asynccontextmanager
async def _host(url: str, races: list[Races]) -> AsyncIterator[Host]:
    """A server on a database, with the clock of the races."""
    store = open_store(url)
    policy = Policy(keys=(KEY,), failsafe=({"action": "talk", "text": "Sorry."},), dial_allow=("44",))
    service = CallService(store, lambda: load({"flows/reminder.yaml": PLAIN_REMINDER}), policy)

    app = make_app(service, lambda: AT + timedelta(milliseconds=races[0].now - milliseconds(AT) if races else 0), [])
    async with store, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        await service.library.reload()
        yield Host(store, client)


async def race(url: str, number: int) -> Races:
    """Run every kind of race `number` times."""
    known: list[Races] = []
    async with _host(url, known) as one, _host(url, known) as two:
        races = Races(one, two)
        known.append(races)
        for kind in KINDS.values():
            for _ in range(number):
                await kind(races)
        return races


async def placing_raced(trial: Trial) -> Outcome:
    """Let two hosts act on placed calls at the same moment: nothing happens twice."""
    races = await race(trial.url(), trial.size)
    seen = f"{trial.size:,} races of each of {len(KINDS)} kinds; who was first: {dict(races.results)}"
    return Outcome([seen], counted(races.faults))

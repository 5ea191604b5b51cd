"""Agents that hand callers back at the moment at which something else resumes their calls, while servers are killed.

A hand-back that was answered with 204 decides how its call goes on, unless the call had ended before. Both the agent
and Vonage send again what was not answered.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
import orjson

from ncco_server.store import Timeline, open_store
from tests.support.webhooks import callback, facts
from tests.system.server.faults.served import Served, served
from tests.system.trial import Outcome, Trial, counted

FLOW: Final = """\
flow: support
default: true
start: assistant
steps:
  assistant:
    agent: {uri: "wss://bot.example.com/calls", outcomes: [refund], returns: {order: text}, limit: 10m}
    on: {refund: refund, done: end, failed: failed, too_long: late}
  refund: {do: [{talk: "Order {{ agent.order }}."}, {wait: 1}], goto: end}
  failed: {do: [{talk: Not available.}], goto: end}
  late: {do: [{talk: That took long.}], goto: end}
"""
HANDLER: Final = '''\
from typing import TypedDict

from ncco_server import Call, call_flow

class Given(TypedDict):
    order: str

@call_flow(numbers=["442079460222"])
async def clerk(call: Call) -> None:
    """The same as support.yaml."""
    given = await call.agent("wss://bot.example.com/calls", outcomes=["refund"], returns=Given, limit=600)
    await call.talk(f"Order {given.values['order']}." if given.values else f"Not handed back: {given.outcome}.")
'''
LINES: Final = ("442079460000", "442079460222")
"""The numbers of the flow file and of the handler."""
KINDS: Final = ("disconnected", "completed", "checkpoint", "limit", "hang-up")
"""What comes beside the hand-back."""
AT_ONCE: Final = 16
GIVE_UP_S: Final = 60.0
KEY: Final = "invented-key-of-the-servers-for-tests-only"


class RacedCall:
    """A call with an agent, whose requests go to any of the servers."""

    def __init__(self, client: httpx.AsyncClient, hosts: Sequence[Served], number: int, luck: Random) -> None:
        self.leg = f"{number:032x}"
        self.kind = KINDS[number % len(KINDS)]
        self.line = LINES[number // len(KINDS) % len(LINES)]
        self.handed = 0
        self.is_unsure = False
        self.replies: set[bytes] = set()
        self._client = client
        self._hosts = hosts
        self._luck = luck

    async def play(self) -> None:
        answered = await self._send("/webhooks/answer", facts(self.leg, to=self.line))
        ncco = orjson.loads(answered.content)
        self._events, self._over = callback(ncco, "connect"), callback(ncco, "notify")
        hand_back = ncco[0]["endpoint"][0]["headers"]["hand_back"]
        await self._report("answered")
        work: list[Awaitable[Any]] = [self._hand_back(hand_back)]
        match self.kind:
            case "disconnected":
                work += [self._report("disconnected")]
            case "completed":
                work += [self._complete("30")]
            case "limit":
                work += [self._complete("600")]
            case "checkpoint":
                work += [self._come_back()]
            case "hang-up":
                over = facts(self.leg, status="completed", direction="inbound", duration="30")
                work += [self._send("/webhooks/event", over), self._report("disconnected")]
        await asyncio.gather(*work)

    async def _hand_back(self, url: str) -> None:
        body = {"outcome": "refund", "values": {"order": self.leg}}
        await asyncio.sleep(self._luck.random() * 0.01)
        self.handed = (await self._send(url, body)).status_code

    async def _complete(self, duration: str) -> None:
        await self._report("completed", duration=duration)
        await self._come_back()

    async def _come_back(self) -> None:
        await asyncio.sleep(self._luck.random() * 0.01)
        payload = {"payload": {"checkpoint": "agent.over"}, "conversation_uuid": f"CON-{self.leg}"}
        self._heard(await self._send(self._over, payload))

    async def _report(self, status: str, **fields: Any) -> None:
        await asyncio.sleep(self._luck.random() * 0.01)
        self._heard(await self._send(self._events, {"status": status, "uuid": f"ws-{self.leg}", **fields}))

    def _heard(self, reply: httpx.Response) -> None:
        if reply.content:
            self.replies.add(reply.content)

    async def _send(self, url: str, body: dict[str, Any]) -> httpx.Response:
        """Send it again until it is answered."""
        async with asyncio.timeout(GIVE_UP_S):
            while True:
                host = self._luck.choice(self._hosts)
                try:
                    reply = await self._client.post(host.url + httpx.URL(url).path, json=body)
                    if reply.status_code != 503:
                        return reply
                except httpx.TransportError:
                    self.is_unsure |= "outcome" in body
                await asyncio.sleep(0.02)

    def judge(self, timeline: Timeline | None, found: Counter[str]) -> None:
        """Count what is wrong."""
        if timeline is None:
            found["a call is not stored"] += 1
            return
        outcomes = [orjson.loads(turn.inputs)["outcome"] for turn in timeline.turns[1:]]
        status = self.handed
        found[f"note: {self.kind}, {status}, {' '.join(outcomes) or 'ended'}"] += 1
        if len(outcomes) > 1 or len(self.replies) > 1:
            found["a call went on twice"] += 1
        if outcomes == ["refund"] and any(self.leg.encode() not in reply for reply in self.replies):
            found["a call went on with other values"] += 1
        if status not in (204, 410):
            found[f"a hand-back got {status}"] += 1
        if status == 204 and outcomes != ["refund"] and not (self.kind == "hang-up" and not outcomes):
            found["a hand-back that was accepted did not decide"] += 1
        if status == 410 and outcomes == ["refund"] and not self.is_unsure:
            found["a hand-back that was refused decided"] += 1
        if self.kind != "hang-up" and not outcomes:
            found["a call did not go on"] += 1


async def race(folder: Path, calls: int, *, url: str, kills: int = 0, hosts: int = 2, seed: int = 1) -> Counter[str]:
    """Play calls at `hosts` servers of one database, which are killed and started again `kills` times in all."""
    (folder / "flows").mkdir()
    (folder / "flows/support.yaml").write_text(FLOW)
    (folder / "flows/clerk.py").write_text(HANDLER)
    settings = {"NCCO_FLOWS": f"{folder / 'flows'}", "NCCO_PYTHON_FLOWS": "clerk.py", "NCCO_KEY": KEY}
    chance = Random(seed)  # noqa: S311 - the same moments in each run
    found = Counter[str]()
    servers = [served(folder, NCCO_DATABASE_URL=url, **settings) for _ in range(hosts)]
    waiting = iter(range(calls))
    played: list[RacedCall] = []

    kill_at = {calls * number // (kills + 1) for number in range(1, kills + 1)}
    killing: list[asyncio.Task[None]] = []
    one_at_a_time = asyncio.Lock()

    async def kill() -> None:
        async with one_at_a_time:
            server = chance.choice(servers)
            await asyncio.sleep(chance.random() * 0.03)
            await asyncio.to_thread(server.end, signal.SIGKILL)
            await asyncio.to_thread(server.start)
            found["note: kills"] += 1

    async def play(client: httpx.AsyncClient) -> None:
        for number in waiting:
            call = RacedCall(client, servers, number, Random(chance.random()))  # noqa: S311 - as above
            played.append(call)
            if number in kill_at:
                killing.append(asyncio.create_task(kill()))
            await call.play()

    try:
        for server in servers:
            server.start()
        limits = httpx.Limits(keepalive_expiry=None)
        async with httpx.AsyncClient(timeout=GIVE_UP_S, limits=limits) as client:
            await asyncio.gather(*(play(client) for _ in range(AT_ONCE)))
            await asyncio.gather(*killing)
    finally:
        for server in servers:
            server.end()
    async with open_store(url) as store, store.records() as records:
        for call in played:
            call.judge(await records.timeline(call.leg), found)
    return found


def _outcome(found: Counter[str]) -> Outcome:
    notes = sorted(
        f"{name.removeprefix('note: ')}: {count}" for name, count in found.items() if name.startswith("note")
    )
    return Outcome(notes, counted({name: count for name, count in found.items() if not name.startswith("note")}))


async def agents_raced(trial: Trial) -> Outcome:
    """Let agents hand callers back beside everything that resumes a call, on two hosts."""
    return _outcome(await race(trial.folder, trial.size * len(KINDS), url=trial.url(), seed=trial.seed))


async def agents_killed(trial: Trial) -> Outcome:
    """Kill servers while agents hand callers back: 40 calls for each kill."""
    hosts = 2 if trial.database == "hosts" else 1
    calls = trial.size * 40
    return _outcome(await race(trial.folder, calls, url=trial.url(), kills=trial.size, hosts=hosts, seed=trial.seed))

"""Runs probes: places calls, replies to webhooks, and keeps a journal of what they show."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import jwt

from ncco_server.errors import AppError
from ncco_server.ncco.statuses import OVER
from ncco_server.service.delivery import query_fields
from ncco_server.service.masks import json_object
from ncco_server.vonage.voice_api import NewCall, VoiceApi, VoiceApiError
from ncco_studio.verify.platform_check.exchange import Action, ProbeExchange, ProbeReply, Received, Role
from ncco_studio.verify.platform_check.journal import Journal, Observation, UnfinishedRun
from ncco_studio.verify.platform_check.probes import Act, PlatformProbe, Seen

TICK_S: Final = 0.25
SETTLE_S: Final = 7.0
"""How long webhooks may still arrive after a run's calls have ended."""
CLEAN_UP_S: Final = 6.0
SILENCE_S: Final = 20.0
"""So long after a placed call without any webhook, none will come."""
MARGIN_S: Final = 15.0
"""How much longer than planned the platform lets a call last."""
_SUCCEEDED: Final = {"hang_up": 204, "transfer": 204, "press": 200, "call": 201}
_TESTED: Final[Sequence[Action]] = (
    {"action": "talk", "text": "This number is being tested. Please call again in a few minutes."},
)
"""For anybody else who calls one of the numbers meanwhile."""


class CheckStopped(AppError):
    """The check cannot go on."""


@dataclass(eq=False, slots=True)
class ProbeRun:
    """A probe that is asked.

    Attributes:
        roles: whose leg each UUID is.
        placed: the UUIDs of the placed calls.
        ended: the UUIDs of legs that have had their last status.
        prices: of each leg, in EUR.
        replied: how often each reply was used, by name.
    """

    number: int
    probe: PlatformProbe
    exchange: ProbeExchange
    roles: dict[str, Role | None] = field(default_factory=dict)
    placed: list[str] = field(default_factory=list)
    ended: dict[str, float] = field(default_factory=dict)
    prices: dict[str, float] = field(default_factory=dict)
    replied: Counter[str] = field(default_factory=Counter)

    def learn(self, role: Role | None, uuid: str) -> Role | None:
        """The role of a leg, or the second role of its kind if another leg has it."""
        if uuid not in self.roles:
            is_taken = role is not None and role in self.roles.values()
            second: Mapping[Role | None, Role] = {"caller": "second_caller", "subject": "second_subject"}
            self.roles[uuid] = second.get(role, role) if is_taken else role
        return self.roles[uuid]

    @property
    def live(self) -> list[str]:
        return [uuid for uuid in self.roles if uuid not in self.ended]


class PlatformCheck:
    """Asks probes, one after another.

    Args:
        api: of the application whose webhooks go to `receive`.
        base_url: the URL whose paths lead to `receive`.
        journal, save: the record, whose numbers alone are dialled, and what keeps it.
        rate_eur: the highest price of a minute of one leg.
        clock: in seconds.
        pause: lets seconds pass.
    """

    def __init__(
        self,
        api: VoiceApi,
        base_url: str,
        journal: Journal,
        save: Callable[[Journal], None],
        *,
        rate_eur: float,
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._base_url = base_url
        self._journal = journal
        self._save = save
        self._rate_eur = rate_eur
        self._clock = clock
        self._pause = pause
        self._numbers = itertools.count(1)
        self._runs: dict[int, ProbeRun] = {}
        self._run: ProbeRun | None = None

    @property
    def exchanges(self) -> Iterator[tuple[PlatformProbe, ProbeExchange]]:
        """What the runs so far have sent."""
        return ((run.probe, run.exchange) for run in self._runs.values())

    def cost_eur(self, probe: PlatformProbe) -> float:
        """What a probe costs at most."""
        return probe.legs * (probe.seconds + MARGIN_S) / 60 * self._rate_eur

    async def ask(self, probe: PlatformProbe) -> Seen:
        """Place the probe's calls; return what they show. Raises CheckStopped."""
        run = ProbeRun(next(self._numbers), probe, ProbeExchange(self._clock(), probe.patience_s))
        self._runs[run.number] = self._run = run
        self._journal.placing = UnfinishedRun(probe=probe.name, cost_eur=self.cost_eur(probe))
        self._save(self._journal)
        try:
            await self._create(
                run, run.probe.caller or [{"action": "wait", "timeout": probe.patience_s}], probe.options
            )
            await self._follow(run)
        finally:
            await self._clean_up(run)
        self._require_contact(run)
        seen = probe.read(run.exchange)
        cost_eur = sum(run.prices.values()) if len(run.prices) == len(run.roles) else self.cost_eur(probe)
        self._journal.observations.append(Observation(probe=probe.name, seen=seen, cost_eur=cost_eur))
        self._journal.placing = None
        self._save(self._journal)
        return seen

    async def end_interrupted(self) -> None:
        """Hang up an earlier check's calls, as far as they are known."""
        for placing in self._journal.interrupted:
            for uuid in placing.uuids:
                await self._hang_up(uuid)

    def receive(self, path: str, method: str, query: str, headers: Mapping[str, str], body: bytes) -> ProbeReply:
        """Note a webhook, and return the reply. `path` follows the base URL, and header names are lower case."""
        fields: Mapping[str, Any] = query_fields(query) if method == "GET" else json_object(body)
        number, _, name = path.strip("/").rpartition("/")
        uuid = str(fields.get("uuid") or fields.get("call_uuid") or "")
        if number.isdecimal():
            run = self._runs.get(int(number))
        else:  # the run that knows the leg; otherwise the current one
            run = next((run for run in self._runs.values() if uuid and uuid in run.roles), self._run)
        guess = self._guess(fields)
        if run is None or (name == "answer" and guess is None and uuid not in run.roles):
            return ProbeReply(_TESTED) if name in ("answer", "fallback") else ProbeReply(status=204)
        role = run.learn(guess, uuid) if uuid else None
        received = Received(name, role, method, self._clock(), fields, _claims(headers.get("authorization", "")))
        run.exchange.received.append(received)
        if uuid and received.status in OVER:
            run.ended.setdefault(uuid, received.at)
            run.prices[uuid] = max(run.prices.get(uuid, 0.0), _amount(fields.get("price")))
        return self._reply(run, "third" if (name, role) == ("answer", "third") else name)

    def _guess(self, fields: Mapping[str, Any]) -> Role | None:
        """Whose leg a webhook is about, by its numbers; None for legs that a `connect` dials."""
        caller, subject = self._journal.numbers
        to, from_ = str(fields.get("to")), str(fields.get("from"))
        if {to, from_} - {caller, subject}:
            return None
        if fields.get("direction", "inbound") == "inbound":
            return "subject" if to == subject else "third"
        return "caller" if to == subject else None

    def _reply(self, run: ProbeRun, name: str) -> ProbeReply:
        replies = run.probe.replies.get(name, (ProbeReply(status=204),))
        turn = run.replied[name]
        run.replied[name] += 1
        reply = replies[min(turn, len(replies) - 1)]
        body = reply.body if isinstance(reply.body, str | None) else self._filled(run, reply.body)
        location = reply.location and self._filled(run, reply.location)
        return ProbeReply(body, reply.status, reply.content_type, reply.delay_s, location)

    def _filled(self, run: ProbeRun, value: Any) -> Any:
        """A value with numbers and URLs instead of their names."""
        if isinstance(value, Mapping):
            return {name: self._filled(run, each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._filled(run, each) for each in value]
        if not isinstance(value, str):
            return value
        plus, at, name = value.rpartition("@")
        if not at or plus not in ("", "+"):
            return value
        caller, subject = self._journal.numbers
        known = {"caller": caller, "subject": subject, "room": f"platform-check-{run.number}-{run.exchange.placed_at}"}
        return plus + known.get(name, f"{self._base_url}/{run.number}/{name}")

    async def _create(self, run: ProbeRun, caller: Sequence[Action] | str, options: Mapping[str, Any]) -> None:
        number, called = self._journal.numbers
        source = {"answer_url" if isinstance(caller, str) else "ncco": self._filled(run, caller)}
        new = NewCall(
            to=called,
            from_=number,
            ringing_timer=60,
            length_timer=int(run.probe.seconds + MARGIN_S),
            **source,
            **self._filled(run, options),
        )
        try:
            created = await self._api.create_call(new)
        except VoiceApiError as error:
            if error.outcome != "unknown":
                self._journal.placing = None
                self._save(self._journal)
            raise CheckStopped(f"the call of the probe {run.probe.name} was not placed: {error}", error.cure) from error
        run.placed.append(created.uuid)
        if self._journal.placing is not None:
            self._journal.placing.uuids.append(created.uuid)
            self._save(self._journal)
        run.learn("caller", created.uuid)

    async def _follow(self, run: ProbeRun) -> None:
        """Carry out the acts until the last call has ended, webhooks stay away too long, or time is up."""
        due = list(run.probe.acts)
        until = run.exchange.placed_at + run.probe.seconds
        while (now := self._clock()) < until:
            for act in [act for act in due if self._is_due(run, act)]:
                due.remove(act)
                await self._act(run, act)
            has_ended = run.ended and not any(uuid in run.live for uuid in run.placed)
            if has_ended and now - max(run.ended.values()) > SETTLE_S:
                return
            if not run.exchange.received and now - run.exchange.placed_at > SILENCE_S:
                return
            await self._pause(TICK_S)

    def _is_due(self, run: ProbeRun, act: Act) -> bool:
        found = run.exchange.first(act.after)
        begun = found.at if found is not None else None if act.after else run.exchange.placed_at
        is_known = act.what == "call" or act.whose in run.roles.values()
        return begun is not None and is_known and self._clock() - begun >= act.wait_s

    async def _act(self, run: ProbeRun, act: Act) -> None:
        exchange = run.exchange
        exchange.acted_at[act.what] = self._clock()
        uuid = next((uuid for uuid, role in run.roles.items() if role == act.whose), "")
        value = self._filled(run, act.value)
        try:
            match act.what:
                case "hang_up":
                    await self._api.hang_up(uuid, repeats_s=())
                case "press":
                    await self._api.press(uuid, value)
                case "transfer":
                    await self._api.transfer(uuid, value)
                case "call":
                    await self._create(run, value, {})
        except VoiceApiError as error:
            exchange.statuses[act.what] = int(error.status or 0)
        else:
            exchange.statuses[act.what] = _SUCCEEDED[act.what]

    async def _clean_up(self, run: ProbeRun) -> None:
        """Hang up every remaining leg, and wait until the platform has reported its end."""
        for uuid in run.live:
            await self._hang_up(uuid)
        until = self._clock() + CLEAN_UP_S
        while run.live and self._clock() < until:
            await self._pause(TICK_S)

    async def _hang_up(self, uuid: str) -> None:
        try:
            await self._api.hang_up(uuid)
        except VoiceApiError:
            return  # it has ended, or its length timer ends it

    def _require_contact(self, run: ProbeRun) -> None:
        """Raises CheckStopped if a call cannot show anything, because it or its webhooks got nowhere."""
        caller, called = self._journal.numbers
        if not run.exchange.received:
            message = f"no webhook has reached {self._base_url} since the call was placed"
            raise CheckStopped(message, "Check that Vonage can reach this address, and that the tunnel is running.")
        failed = next((each for each in run.exchange.received if each.role == "caller" and each.status in OVER), None)
        has_come = run.exchange.first("answer", "subject") is not None
        if not has_come and failed is not None and "hang_up" not in run.exchange.acted_at:
            why = " ".join(
                str(failed.fields[name]) for name in ("status", "detail", "sip_code") if name in failed.fields
            )
            message = f"the call from {caller} to {called} did not come in at the application: {why}"
            raise CheckStopped(message, "Check that both numbers are linked to the application, and call one by hand.")


def _claims(authorization: str) -> Mapping[str, Any] | None:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        claims: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return None
    return claims


def _amount(price: Any) -> float:
    try:
        return float(price)
    except (TypeError, ValueError):
        return 0.0

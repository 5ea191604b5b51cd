"""Plays cases on this project's own simulator."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import jwt

from ncco_server.ncco.durations import Durations
from ncco_studio.simulator.assumptions import Assumptions
from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.legs import CallIsOver, Leg
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.rest.access import Access
from ncco_studio.simulator.rest.api import Platform, calls_api
from ncco_studio.simulator.servers import Request, Response
from tests.support.keys import rsa_key
from tests.system.studio.conformance.played import ApiReply, Played, Sent, filled, legs_of
from tests.system.studio.conformance.suite import BASE, SOUNDS, Act, Caller, Case, Party, Reply, Sound

SECRET = "invented-signature-secret-for-tests-only"
ACCOUNT = {"signature_secret": SECRET, "api_key": "ab12cd34", "application_id": "7d0e1f2a-3333-4444-8555-666677778888"}
URLS = {f"{name}_url": f"{BASE}/{name}" for name in ("answer", "event", "fallback")}
KEY: Final = rsa_key()
OTHER_KEY: Final = rsa_key("other")
ONE_WORD_A_SECOND = 60 / 155
AUDIO = {f"https://audio.example/{seconds}s.mp3": float(seconds) for seconds in (*range(1, 61), 600, 3600)}
PATIENCE = 40
"""How many times a caller with nothing more to do waits before the runner hangs up."""


class CannedServer:
    """Sends the replies that a case defines and records the requests."""

    def __init__(self, case: Case, clock: VirtualClock) -> None:
        self._clock = clock
        self._replies = {path: list(replies) for path, replies in case.replies.items()}
        self.requests: list[Sent] = []

    @property
    def now(self) -> datetime:
        return self._clock()

    async def deliver(self, request: Request) -> Response:
        sent = Sent(self._clock.ms / 1000, request.method, request.url, request.headers, request.body)
        self.requests.append(sent)
        replies = self._replies.get(sent.path, [Reply()])
        return self._response(replies.pop(0) if len(replies) > 1 else replies[0])

    def _response(self, reply: Reply) -> Response:
        if reply.failure:
            return Response(0, failure=reply.failure)
        text = reply.body or ""
        if reply.ncco is not None:
            text = json.dumps(filled(reply.ncco, self.requests))
        headers = {"content-type": reply.type} if reply.type and text else {}
        return Response(reply.status, headers, text.encode(), reply.seconds)


class Simulated:
    """This project's simulator as a platform for the suite."""

    async def play(self, case: Case) -> Played:
        """See `Platform`."""
        return await _Stage(case).play()


class _Stage:
    """A case that is being played."""

    def __init__(self, case: Case) -> None:
        self._case = case
        clock = VirtualClock()
        self._server = CannedServer(case, clock)
        settings: dict[str, Any] = {**URLS, **ACCOUNT, **case.platform, "assumes": Assumptions(**case.assumes)}
        parties = Parties({address: _behaviours(party) for address, party in case.parties.items()})
        durations = Durations(streams=AUDIO, pace=ONE_WORD_A_SECOND)
        self._vonage = Vonage(
            Application(**settings), self._server, clock, parties, durations=durations, seed=case.case
        )
        self._clock = clock
        self._calls: dict[str, Leg] = {}
        self._played = Played()
        access = Access(ACCOUNT["application_id"], KEY.public_key(), clock)
        transport = httpx.ASGITransport(calls_api(Platform(self._vonage, access)))
        self._api = httpx.AsyncClient(transport=transport, base_url="http://vonage.test")

    async def play(self) -> Played:
        if self._case.places is not None:
            await self._place(self._case.places)
        elif self._case.caller is not None:
            await self._ring("caller", self._case.caller)
        for act in self._case.does:
            await self._do(act)
        for call in list(self._calls.values()):
            await _to_the_end(call)
        played = self._played
        caller = self._calls.get("caller")
        if caller is not None:
            played.zero = self._clock.ms / 1000 - caller.at
            played.uuid, played.is_answered = caller.uuid, caller.is_answered
        await self._vonage.run()
        played.webhooks = self._server.requests
        if caller is not None:
            played.ended_by = caller.ended_by
            played.ended_at = next((heard.at for heard in caller.transcript if heard.kind in ("ended", "hung up")), 0.0)
        self._take_down()
        return played

    async def _ring(self, name: str, caller: Caller) -> None:
        self._calls[name] = await self._vonage.call(
            caller.to, caller.number, endpoint_type=caller.endpoint_type, from_user=caller.user,
            sip_headers=caller.sip_headers, custom_data=caller.custom_data,
        )  # fmt: skip

    async def _place(self, body: Mapping[str, Any]) -> None:
        reply = await self._request("POST", "", body)
        self._calls["caller"] = self._vonage.legs[reply.json()["uuid"]]

    async def _request(self, method: str, path: str, body: Any, token: str = "") -> httpx.Response:
        now = self._clock()
        if token == "expired":
            now -= timedelta(hours=1)
        id_ = "another" if token == "another application" else ACCOUNT["application_id"]
        claims = {"application_id": id_, "iat": now, "exp": now + timedelta(minutes=15), "jti": "1"}
        signed = jwt.encode(claims, OTHER_KEY if token == "another key" else KEY, algorithm="RS256")
        headers = {} if token == "none" else {"authorization": f"Bearer {signed}"}
        path = path.replace("CALL", self._calls["caller"].uuid if "caller" in self._calls else "")
        return await self._api.request(method, f"/v1/calls{path}", json=body, headers=headers)

    async def _ask(self, act: Act) -> None:
        method, _, path = str(act.asks).partition(" ")
        for _ in range(act.times):
            reply = await self._request(method, path, act.body, act.token)
        self._played.api_replies.append(ApiReply(reply.status_code, reply.json() if reply.content else None))

    async def _do(self, act: Act) -> None:
        if act.waits is not None:
            await self._vonage.run(act.waits)
        elif act.asks is not None:
            await self._ask(act)
        elif act.call is not None:
            await self._ring(act.call, self._case.callers[act.call])
        else:
            try:
                await self._act(self._party(act.who), act)
            except (CallIsOver, ValueError) as problem:
                self._played.problems.append(f"{act.model_dump(exclude_defaults=True)}: {problem}")

    async def _act(self, call: Leg, act: Act) -> None:
        if act.at is not None:
            await self._vonage.scheduler.advance(lambda: call.is_answered or call.is_over)
            if act.at < call.at:
                raise ValueError(f"{act.at:g} s have passed: it is {call.at:g} s since the answer")
            await call.listen(until=act.at)
        if act.press is not None:
            await call.press(act.press)
        elif act.speak is not None:
            await call.speak(*act.speak, seconds=act.seconds, error=act.error)
        elif act.silence:
            await call.silence()
        elif act.hang_up:
            await call.hang_up()
        else:
            moment = await call.listen(act.listen if isinstance(act.listen, float) else None)
            if isinstance(act.listen, str) and act.listen not in ("anything", moment.kind):
                self._played.problems.append(f"{act.listen} was to be waited for, not {moment.kind} at {moment.at:g} s")

    def _party(self, who: str) -> Leg:
        if who in self._calls:
            return self._calls[who]
        uuid = legs_of(self._server.requests).get(who)
        found = [leg for call in self._calls.values() for leg in call.dialled if leg.uuid == uuid]
        if not found:
            raise ValueError(f"{who} has not been dialled")
        return found[0]

    def _take_down(self) -> None:
        heard: dict[str, list[Sound]] = defaultdict(list)
        addresses = {uuid: address for address, uuid in legs_of(self._server.requests).items()}
        legs = {call.uuid: name for name, call in self._calls.items()}
        legs |= {
            leg.uuid: addresses.get(leg.uuid, leg.uuid) for call in self._calls.values() for leg in call.dialled
        }  # fmt: skip
        calls = [leg for call in self._calls.values() for leg in (call, *call.dialled)]
        for call in calls:
            heard[legs[call.uuid]] += [
                Sound(kind=entry.kind, text=entry.text, at=entry.at, lasts=entry.seconds, cut=entry.is_cut)
                for entry in call.transcript
                if entry.kind in SOUNDS
            ]
        self._played.heard = dict(heard)


def _behaviours(party: Party | list[Party]) -> Behaviour | list[Behaviour]:
    return _behaviour(party) if isinstance(party, Party) else [_behaviour(one) for one in party]


def _behaviour(party: Party) -> Behaviour:
    fields = party.model_dump(exclude={"presses"})
    return Behaviour(**fields, script=tuple(party.presses))


async def _to_the_end(call: Leg) -> None:
    """Let the call end without further acts: inputs time out, and a caller who would wait forever hangs up."""
    for _ in range(PATIENCE):
        moment = await call.listen()
        if moment.kind == "end":
            return
        if moment.kind == "idle":
            break
        await call.silence()
    await call.hang_up()

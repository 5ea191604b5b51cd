"""A call between two numbers of an account: the test answers both ends, and keeps the webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ncco_server.ncco.statuses import OVER
from ncco_server.service.delivery import query_fields
from ncco_server.service.masks import json_object
from ncco_server.vonage.voice_api import NewCall, VoiceApi, VoiceApiError


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to a webhook; `body` is an NCCO, or None for an empty reply."""

    body: Sequence[Mapping[str, Any]] | None = None
    status: int = 200
    delay_s: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook; `name` is the end of its path, `role` is whose leg it is about, and `at` is in seconds."""

    name: str
    role: str
    method: str
    at: float
    fields: Mapping[str, Any]
    token: str


@dataclass(slots=True)
class Line:
    """Its legs: `caller` is placed by the REST API, `subject` comes in at the second number, `third` at the first.

    In NCCOs, `@subject` and `@caller` are the numbers, and `@name` is the URL of the webhook `name`.
    """

    api: VoiceApi
    base_url: str
    numbers: tuple[str, str]
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    received: list[Received] = field(default_factory=list)
    _roles: dict[str, str] = field(default_factory=dict)
    _replies: dict[str, list[Reply]] = field(default_factory=dict)
    _until: float = 0.0
    acted_at: float = 0.0

    async def place(self, *, seconds: int = 30, **replies: Any) -> None:
        """Call the second number. A reply may be an NCCO; of a tuple, the last one repeats."""
        for name, given in ({"third": [], "fallback": []} | replies).items():
            several = given if isinstance(given, tuple) else (given,)
            self._replies[name] = [each if isinstance(each, Reply) else Reply(each) for each in several]
        self._until = self.clock() + seconds
        caller, called = self.numbers
        ncco = [{"action": "wait", "timeout": seconds - 5}]
        created = await self.api.create_call(NewCall(to=called, from_=caller, ncco=ncco, length_timer=seconds + 15))
        self._roles[created.uuid] = "caller"

    async def wait_for(self, arrived: Callable[[], object]) -> None:
        while not arrived() and self.clock() < self._until:
            await self.sleep(0.25)

    async def over(self) -> None:
        """Wait for the last webhooks, and hang up what is left when time is up."""
        await self.wait_for(lambda: self.end_of("caller"))
        await self.sleep(7)
        ended = {each.fields.get("uuid") for each in self.received if each.fields.get("status") in OVER}
        for uuid in {*self._roles} - ended:
            with suppress(VoiceApiError):  # it is over
                await self.api.hang_up(uuid)

    async def act(self, what: str, value: Any) -> None:
        """Ask the REST API: `hang_up` a role's leg, let the caller `press` keys, `transfer` the subject to an NCCO."""
        self.acted_at = self.clock()
        uuids = {role: uuid for uuid, role in self._roles.items()}
        try:
            match what:
                case "hang_up":
                    await self.api.hang_up(uuids[value], repeats_s=())
                case "press":
                    await self.api.press(uuids["caller"], value)
                case _:
                    await self.api.transfer(uuids["subject"], self._filled(value))
        except VoiceApiError as error:
            if error.outcome != "refused":
                raise

    def all(self, which: str, role: str = "") -> list[Received]:
        """Webhooks with a name, with a name and a status (`leg timeout`), or with a status alone (` timeout`)."""
        name, _, status = which.partition(" ")
        found = [each for each in self.received if name in ("", each.name) and role in ("", each.role)]
        return [each for each in found if status in ("", each.fields.get("status"))]

    def end_of(self, role: str) -> float | None:
        """When a leg ended."""
        return next((each.at for each in self.all("", role) if each.fields.get("status") in OVER), None)

    def after(self, which: str) -> str | None:
        """What follows a webhook: the rest of the subject's NCCO, which sends `tail`, or the end of the call."""
        if not self.all(which):
            return None
        is_cut_off = (self.end_of("subject") or self._until) < self._until - 5
        return "continues" if self.all("tail") else "ends" if is_cut_off else None

    def receive(self, path: str, method: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """`path` follows the base URL; names of headers are lower case."""
        fields: Mapping[str, Any] = query_fields(query) if method == "GET" else json_object(body)
        name = path.strip("/")
        role = self._role(fields)
        token = headers.get("authorization", "").partition(" ")[2]
        self.received.append(Received(name, role, method, self.clock(), fields, token))
        if name == "answer" and role not in ("subject", "third"):
            return Reply([{"action": "talk", "text": "This number is being tested."}])
        replies = self._replies.get("third" if (name, role) == ("answer", "third") else name, [Reply(status=204)])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        return Reply(self._filled(reply.body), reply.status, reply.delay_s, self._filled(reply.headers))

    def _role(self, fields: Mapping[str, Any]) -> str:
        uuid = str(fields.get("uuid") or fields.get("call_uuid") or "")
        role = self._roles.get(uuid, "")
        if not role and uuid:
            is_incoming = fields.get("direction", "inbound") == "inbound"
            numbers = fields.get("from"), fields.get("to")
            if numbers == self.numbers:
                role = "subject" if is_incoming else "caller"
            elif numbers == self.numbers[::-1] and is_incoming:
                role = "third"
            self._roles[uuid] = role
        return role

    def _filled(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: self._filled(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._filled(each) for each in value]
        plus, is_name, name = value.partition("@") if isinstance(value, str) else ("", "", "")
        known = {"caller": self.numbers[0], "subject": self.numbers[1], "room": f"room-{self._until}"}
        return plus + known.get(name, f"{self.base_url}/{name}") if is_name else value

"""A webhook server that replies by a script, and the virtual platform in front of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ncco_server.ncco.durations import Durations
from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import Application, Chaos
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.servers import Request, Response

TO, FROM = "442079460000", "447700900123"
BASE = "https://calls.example.com"
ANSWER, EVENT, FALLBACK = f"{BASE}/answer", f"{BASE}/event", f"{BASE}/fallback"
EMPTY = Response(200)


def url(path: str) -> list[str]:
    """An eventUrl of the server."""
    return [f"{BASE}/{path}"]


def playing(ncco: object, **more: Any) -> Response:
    """A reply with an NCCO."""
    return Response(200, {"content-type": "application/json"}, json.dumps(ncco).encode(), **more)


def talk(text: str, **options: Any) -> dict[str, Any]:
    return {"action": "talk", "text": text, **options}


def ask(path: str = "input", **options: Any) -> dict[str, Any]:
    """An input; for keys unless it says otherwise."""
    return {"action": "input", "type": ["dtmf"], "eventUrl": url(path), **options}


def dial(number: str = "447700900456", path: str = "connect", **options: Any) -> dict[str, Any]:
    """A connect to a phone."""
    endpoint = [{"type": "phone", "number": number}]
    return {"action": "connect", "from": TO, "endpoint": endpoint, "eventUrl": url(path), **options}


class ScriptedServer:
    """Gives each path its replies in order and repeats the last one; every other path gets an empty reply.

    Args:
        replies: by path: an NCCO, a response, or a tuple of them.
    """

    def __init__(self, clock: VirtualClock, replies: Mapping[str, Any]) -> None:
        self._clock = clock
        self._replies = {path: list(reply) if isinstance(reply, tuple) else [reply] for path, reply in replies.items()}
        self.requests: list[Request] = []

    @property
    def now(self) -> datetime:
        return self._clock()

    def reply(self, path: str, ncco: object) -> None:
        """Reply with this NCCO on a path from now on."""
        self._replies[path] = [ncco]

    async def deliver(self, request: Request) -> Response:
        self.requests.append(request)
        replies = self._replies.get(urlsplit(request.url).path.strip("/"), [EMPTY])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        return reply if isinstance(reply, Response) else playing(reply)


class Line:
    """A virtual platform with a scripted server; with `asks`, dials wait for a decision."""

    def __init__(
        self,
        replies: Mapping[str, Any],
        parties: Mapping[str, Behaviour | Sequence[Behaviour]] | None = None,
        *,
        asks: bool = False,
        chaos: Chaos | None = None,
        durations: Durations | None = None,
        **settings: Any,
    ) -> None:
        self.clock = VirtualClock()
        self.server = ScriptedServer(self.clock, replies)
        urls = {"answer_url": ANSWER, "event_url": EVENT, "fallback_url": FALLBACK}
        self.vonage = Vonage(
            Application(**(urls | settings)),
            self.server,
            self.clock,
            Parties(parties or {}, None if asks else Behaviour()),
            durations=durations or Durations(streams={f"{BASE}/ten.mp3": 10.0}),
            chaos=chaos,
        )

    async def call(self, **facts: Any) -> Leg:
        return await self.vonage.call(TO, facts.pop("from_", FROM), **facts)

    @property
    def sent(self) -> list[str]:
        """Every request: kind or status, in order."""
        return [told(request) for request in self.server.requests]

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """The requests to a path."""
        found = [request for request in self.server.requests if urlsplit(request.url).path == f"/{path}"]
        return [fields_of(request) for request in found]


def fields_of(request: Request) -> dict[str, Any]:
    """The fields of a request."""
    if request.method == "POST":
        fields: dict[str, Any] = json.loads(request.body)
        return fields
    return dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))


def told(request: Request) -> str:
    path = urlsplit(request.url).path.strip("/")
    status = fields_of(request).get("status")
    return f"{path} {status}" if status else path


def heard(call: Leg) -> list[tuple[float, str, str]]:
    """What the party heard and did."""
    return [(entry.at, entry.kind, entry.text) for entry in call.transcript]


def sounds(call: Leg) -> list[str]:
    """The same in words, without times."""
    return [f"{entry.kind} {entry.text}".strip() for entry in call.transcript]

"""Sends the webhooks of the suite to a server that somebody runs, and judges its replies as the platform would."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from app.simulator.delivery import read_reply
from app.simulator.servers import HttpServer, Method, Request, authorization, in_time, payload_hash
from tests.system.conformance.played import Sent
from tests.system.conformance.suite import BASE

URLS: Final = frozenset({"answer", "event", "fallback"})
"""What an application has; webhooks to any other path of the suite go to the event URL."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server.

    Attributes:
        urls: its answer, event and fallback URL.
        secret: to sign with; "" sends unsigned webhooks. accounts: `api_key` and `application_id`.
    """

    urls: Mapping[str, str]
    secret: str = ""
    accounts: Mapping[str, str] | None = None


async def faults_of(
    target: Target, webhooks: Iterable[Sent], transport: httpx.AsyncBaseTransport | None = None
) -> list[str]:
    """What the platform could not use of the server's replies, one sentence each.

    An answer and its fallback need an NCCO, everything else a status of 200 to 205; if a body comes with it, an NCCO.
    """
    found = []
    async with HttpServer(transport=transport) as server:
        for sent in webhooks:
            request = _request(target, sent)
            begun = time.perf_counter()
            response = await server.deliver(request)
            response = in_time(request, replace(response, seconds=time.perf_counter() - begun))
            verdict = read_reply(response, is_played=True, is_answer=_is_answer(sent))
            if verdict.failure:
                found.append(f"{sent.method} {sent.path} {sent.fields}: {verdict.problem}")
    return found


def _is_answer(sent: Sent) -> bool:
    """Whether nothing runs yet that could go on."""
    original = sent.fields.get("original_request")
    asked = json.loads(original) if isinstance(original, str) else original
    return sent.path == "answer" if asked is None else bool(asked["type"] == "answer")


def _request(target: Target, sent: Sent) -> Request:
    """The same webhook for another server, with a token of its own."""
    url = _with_query(target.urls[sent.path if sent.path in URLS else "event"], sent.url)
    body = sent.body.replace(f'"{BASE}/answer"'.encode(), json.dumps(target.urls["answer"]).encode())
    method: Method = "GET" if sent.method == "GET" else "POST"
    headers = {name: text for name, text in sent.headers.items() if name.lower() != "authorization"}
    hashed = payload_hash(method, url, body)
    signed = authorization(target.secret, datetime.now(UTC), sent.key, hashed, **(target.accounts or {}))
    return Request(method, url, {**headers, **signed}, body)


def _with_query(url: str, sent: str) -> str:
    """The URL with the query that the webhook was sent with."""
    scheme, place, path, query, _ = urlsplit(url)
    return urlunsplit((scheme, place, path, "&".join(part for part in (query, urlsplit(sent).query) if part), ""))

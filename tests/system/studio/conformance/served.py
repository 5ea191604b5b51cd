"""Sends the suite's webhooks to any running server and assesses its replies as the platform would."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from ncco_server.ncco.signing import Method, authorization, payload_hash
from ncco_studio.simulator.assumptions import DEFAULTS
from ncco_studio.simulator.delivery import WebhookDelivery, read_reply
from ncco_studio.simulator.servers import HttpServer, Request, in_time
from tests.system.studio.conformance.played import Sent
from tests.system.studio.conformance.suite import BASE

URLS: Final = frozenset({"answer", "event", "fallback"})
"""The URLs of an application; webhooks to any other path in the suite go to the event URL."""


@dataclass(frozen=True, slots=True)
class Target:
    """The server to test.

    Attributes:
        urls: its answer, event and fallback URLs.
        secret: signs the webhooks; "" sends them unsigned.
        accounts: `api_key` and `application_id`.
    """

    urls: Mapping[str, str]
    secret: str = ""
    accounts: Mapping[str, str] | None = None


async def faults_of(
    target: Target, webhooks: Iterable[Sent], transport: httpx.AsyncBaseTransport | None = None
) -> list[str]:
    """The replies that the platform could not use, one sentence each.

    The reply to an answer webhook, or to its fallback, must be an NCCO. Any other reply needs a status from 200 to 205,
    and its body, if it has one, must be an NCCO.
    """
    found = []
    async with HttpServer(transport=transport) as server:
        for sent in webhooks:
            request = _request(target, sent)
            begun = time.perf_counter()
            response = await server.deliver(request)
            response = in_time(request, replace(response, seconds=time.perf_counter() - begun))
            verdict = read_reply(response, _delivery(sent), DEFAULTS)
            if verdict.failure:
                found.append(f"{sent.method} {sent.path} {sent.fields}: {verdict.problem}")
    return found


def _delivery(sent: Sent) -> WebhookDelivery:
    method: Method = "GET" if sent.method == "GET" else "POST"
    return WebhookDelivery(sent.path, sent.url, method, sent.fields, "", is_played=True, is_answer=_is_answer(sent))


def _is_answer(sent: Sent) -> bool:
    """Whether a webhook is an answer webhook, or the fallback for one."""
    original = sent.fields.get("original_request")
    asked = json.loads(original) if isinstance(original, str) else original
    return sent.path == "answer" if asked is None else bool(asked["type"] == "answer")


def _request(target: Target, sent: Sent) -> Request:
    """The same webhook for the server under test, with a new token."""
    url = _with_query(target.urls[sent.path if sent.path in URLS else "event"], sent.url)
    body = sent.body.replace(f'"{BASE}/answer"'.encode(), json.dumps(target.urls["answer"]).encode())
    method: Method = "GET" if sent.method == "GET" else "POST"
    headers = {name: text for name, text in sent.headers.items() if name.lower() != "authorization"}
    hashed = payload_hash(method, url, body)
    signed = authorization(target.secret, datetime.now(UTC), sent.key, hashed, **(target.accounts or {}))
    return Request(method, url, {**headers, **signed}, body)


def _with_query(url: str, sent: str) -> str:
    """Add the query of a webhook to a URL."""
    scheme, place, path, query, _ = urlsplit(url)
    return urlunsplit((scheme, place, path, "&".join(part for part in (query, urlsplit(sent).query) if part), ""))

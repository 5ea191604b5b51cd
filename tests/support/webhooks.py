"""Webhooks as Vonage sends them: what they contain, where they go, and how they are signed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jwt
from fastapi import FastAPI

from ncco_server.engine import WaitRef
from ncco_server.service.tokens import make_token
from tests.support import loopback


def facts(leg: str = "leg-1", **fields: Any) -> dict[str, Any]:
    """The fields that the webhooks of a call share, and others."""
    call = {"to": "442079460000", "from": "447700900123", "uuid": leg, "conversation_uuid": f"CON-{leg}"}
    return call | fields


def keys(digits: str) -> dict[str, Any]:
    """The fields of an `input` webhook in which the caller pressed these keys; "" for none in time."""
    return {"dtmf": {"digits": digits, "timed_out": not digits}}


def callback(ncco: Sequence[Mapping[str, Any]], name: str = "input") -> str:
    """The last callback URL in an NCCO of an action, such as `connect`, or of a kind, such as `event`."""
    urls = [(action["action"], url) for action in ncco for url in action.get("eventUrl", ())]
    return [str(url) for action, url in urls if name == action or f"/webhooks/{name}/" in url][-1]


def send(server: str, url: str, **fields: Any) -> list[dict[str, Any]]:
    """Send a webhook to the path of `url` at this server. Returns the NCCO in the reply; raises HTTPStatusError."""
    reply = loopback.post(server + httpx.URL(url).path, json=fields).raise_for_status()
    return list(reply.json()) if reply.content else []


@asynccontextmanager
async def running_app(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Run an application in this process. Yields its client; an exception becomes a 500, as with a real server."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")
    async with app.router.lifespan_context(app), client:
        yield client


def signed_post(body: bytes, secret: str, **changes: Any) -> str:
    """The `Authorization` header for a POST, with a token that is issued now and these claims."""
    claims = {"iss": "Vonage", "iat": int(time.time()), "jti": "j", "payload_hash": hashlib.sha256(body).hexdigest()}
    return f"Bearer {jwt.encode(claims | changes, secret, algorithm='HS256')}"


def signed_status(server: str, secret: str, fields: Mapping[str, Any], name: str = "event", **changes: Any) -> int:
    """The status of the reply to a signed webhook; `changes` are claims of its token."""
    body = json.dumps(fields).encode()
    headers = {"Authorization": signed_post(body, secret, **changes), "Content-Type": "application/json"}
    return loopback.post(f"{server}/webhooks/{name}", content=body, headers=headers).status_code


def agent_token(key: bytes, session: str) -> str:
    """The token of a hand-back in the first turn of a call."""
    return make_token(key, WaitRef("agent", session, 1, 0))

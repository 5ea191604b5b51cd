"""Signed webhooks, as Vonage sends them."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import jwt

from tests.support import loopback
from tests.support.server import Server

CALL = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}


def claims_of(payload_hash: str, **changes: Any) -> dict[str, Any]:
    """The claims of a token that is issued now."""
    return {"iss": "Vonage", "iat": int(time.time()), "jti": "j", "payload_hash": payload_hash, **changes}


def signed_post(body: bytes, secret: str, **changes: Any) -> str:
    """The `Authorization` header for a POST."""
    claims = claims_of(hashlib.sha256(body).hexdigest(), **changes)
    return f"Bearer {jwt.encode(claims, secret, algorithm='HS256')}"


def status(server: Server, secret: str) -> int:
    """The status of a server's response to an event webhook signed with a secret."""
    body = json.dumps(CALL).encode()
    headers = {"Authorization": signed_post(body, secret), "Content-Type": "application/json"}
    return loopback.post(f"http://{server.address}/webhooks/event", content=body, headers=headers).status_code

"""Signs webhooks the way the platform does.

Source: webhook signing (signed callbacks); support article 19033783342876.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

import jwt

from app.simulator.requests import Method


def payload_hash(method: Method, url: str, body: bytes) -> str:
    """The claim `payload_hash`: of the raw body of a POST, of the compact JSON of a GET's decoded query in URL order.

    Whether letters beyond ASCII are escaped in that JSON is not documented; here they are not.
    """
    if method == "POST":
        return hashlib.sha256(body).hexdigest()
    fields = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def authorization(secret: str, issued_at: datetime, jti: str, hashed: str, **accounts: str) -> Mapping[str, str]:
    """The `Authorization` header of a signed webhook.

    Args:
        secret: the account's signature secret.
        issued_at: when, by the clock of the server.
        jti: an id of this token.
        hashed: what `payload_hash` gave.
        accounts: `api_key` and `application_id`; blank ones are left out.
    """
    claims: dict[str, object] = {"iat": int(issued_at.timestamp()), "jti": jti, "iss": "Vonage", "payload_hash": hashed}
    claims |= {name: value for name, value in accounts.items() if value}
    return {"authorization": f"Bearer {jwt.encode(claims, secret, algorithm='HS256')}"}

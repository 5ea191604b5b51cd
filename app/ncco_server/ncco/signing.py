"""How Vonage signs webhooks."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import jwt

Method: TypeAlias = Literal["GET", "POST"]


def compact_json(value: object) -> str:
    """Without spaces and escapes of non-ASCII letters, as in webhooks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def payload_hash(method: Method, url: str, body: bytes) -> str:
    """Hash a POST's raw body, or a GET's query as compact JSON in URL order.

    It is unverified that non-ASCII letters are not escaped.
    """
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    return hashlib.sha256(body if method == "POST" else compact_json(query).encode()).hexdigest()


def authorization(secret: str, issued_at: datetime, jti: str, hashed: str, **accounts: str) -> Mapping[str, str]:
    """`accounts` are `api_key` and `application_id`, which may be ""."""
    claims: dict[str, object] = {"iat": int(issued_at.timestamp()), "jti": jti, "iss": "Vonage", "payload_hash": hashed}
    claims |= {name: value for name, value in accounts.items() if value}
    with warnings.catch_warnings(action="ignore"):  # PyJWT warns of a short secret, which may be the account's
        return {"authorization": f"Bearer {jwt.encode(claims, secret, algorithm='HS256')}"}

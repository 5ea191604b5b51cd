"""Signed webhooks, as Vonage sends them."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import jwt


def claims_of(payload_hash: str, **changes: Any) -> dict[str, Any]:
    """The claims of a token of now."""
    return {"iss": "Vonage", "iat": int(time.time()), "jti": "j", "payload_hash": payload_hash, **changes}


def signed_post(body: bytes, secret: str, **changes: Any) -> str:
    """The `Authorization` header of a POST."""
    claims = claims_of(hashlib.sha256(body).hexdigest(), **changes)
    return f"Bearer {jwt.encode(claims, secret, algorithm='HS256')}"

"""Tokens that authenticate an application at Vonage: RS256, signed with its private key.

Source: Voice API specification, security; the claims `application_id`, `iat`, `exp` and `jti`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from secrets import token_hex
from typing import Final

import jwt

from app.vonage.keys import rsa_private_key

VALID_FOR: Final = timedelta(minutes=2)
"""Each request gets its own token, so it can be short-lived. Our choice; Vonage's libraries use 15 minutes."""


class ApplicationTokens:
    """Creates tokens for an application.

    Raises ValueError: the key cannot be used.
    """

    def __init__(self, application_id: str, private_key: str) -> None:
        self._key = rsa_private_key(private_key)
        self._application_id = application_id

    def make(self, now: datetime) -> str:
        """A token for one request; `now` is aware, UTC."""
        times = {"iat": now, "exp": now + VALID_FOR}
        claims = {"application_id": self._application_id, "jti": token_hex(16), **times}
        return jwt.encode(claims, self._key, algorithm="RS256")

"""Tokens that authenticate an application to Vonage: RS256, signed with its private key.

Source: Voice API specification, security; the claims `application_id`, `iat`, `exp` and `jti`.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Final

import httpx
import jwt

from ncco_server.vonage.keys import rsa_private_key

VALID_FOR: Final = timedelta(minutes=2)
"""Our choice, since every request gets its own; Vonage's libraries use 15 minutes."""

_HOSTS: Final = re.compile(r"([a-z0-9-]+\.)+(vonage|nexmo)\.com")
"""As in Vonage's libraries. Source: webhook reference, Record."""


def token_url(url: str, own_url: str) -> httpx.URL | None:
    """None if the host may not get a token.

    `own_url` is the scheme, host and port of a proxy or stand-in that may; "" for none.
    """
    try:
        target = httpx.URL(url)
        host = target.host
    except (httpx.InvalidURL, ValueError):  # invalid Unicode, or a name that IDNA does not allow
        return None
    is_vonage = target.scheme == "https" and target.port is None and _HOSTS.fullmatch(host)
    is_own = own_url != "" and _origin(target) == _origin(httpx.URL(own_url))
    return None if target.userinfo or not (is_vonage or is_own) else target


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


class ApplicationTokens:
    """Raises ValueError if the key cannot be used."""

    def __init__(self, application_id: str, private_key: str) -> None:
        self._key = rsa_private_key(private_key)
        self._application_id = application_id

    def make(self, now: datetime) -> str:
        """`now` is in UTC, with a time zone."""
        times = {"iat": now, "exp": now + VALID_FOR}
        claims = {"application_id": self._application_id, "jti": token_hex(16), **times}
        return jwt.encode(claims, self._key, algorithm="RS256")

"""Checks the signed token in the `Authorization` header, which proves that a webhook comes from Vonage.

It is valid for one request of one account for a few minutes. Source: webhook signing (signed callbacks); support
article 19033783342876.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from ncco_server.errors import MissingSignature, SettingsError, WrongSignature

MAX_AGE_S: Final = 300
"""Our choice: Vonage states no maximum, and five minutes is usual."""
MAX_AHEAD_S: Final = 305
"""A little more than `MAX_AGE_S`, for inaccurate clocks."""
MAX_TOKEN_BYTES: Final = 8192


class Refusal(StrEnum):
    """For `SignatureError.reason` and the metrics."""

    NO_HEADER = "no authorization header"
    NOT_LOCAL = "unsigned, and not from this machine"
    SEVERAL = "several authorization headers"
    NOT_BEARER = "no bearer token"
    MALFORMED = "malformed token"
    ALGORITHM = "algorithm is not HS256"
    SIGNATURE = "signature does not match"
    OWN_SIGNATURE = "signature does not match for this application"
    ISSUER = "issuer is not Vonage"
    API_KEY = "another api key"
    APPLICATION = "another application"
    ISSUED_AT = "no usable iat"
    TOO_OLD = "issued too long ago"
    TOO_NEW = "issued in the future"
    NOT_VALID_NOW = "outside exp and nbf"
    PAYLOAD = "payload hash does not match"


_PLAIN: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_ASCII_ONLY: Final = json.JSONEncoder(separators=(",", ":"))
_SWAP_ALPHABETS: Final = bytes.maketrans(b"+/-_", b"-_+/")
"""The other alphabet's characters become invalid."""
_KEY_FILE: Final = re.compile(r'\s*(?:$|ssh-|ecdsa-sha2-)|.*(?:---- ?BEGIN [A-Z0-9 ]+ ?----|"kty")', re.DOTALL)
"""A key file or an empty text. Anyone could sign with a public key."""


class Verifier:
    """Checks webhooks against the account's signature secret, and the previous one during a rotation.

    A `jti` may occur again, because Vonage repeats a webhook whose reply was lost. With "" for `api_key` or
    `application_id`, that claim may have any value. Raises SettingsError for a private or public key.
    """

    def __init__(self, secrets: Sequence[str], api_key: str = "", application_id: str = "") -> None:
        self._hmacs = tuple(hmac.new(_prepared(secret), digestmod="sha256") for secret in secrets)
        self._api_key = api_key
        self._application_id = application_id

    def token(self, authorization: bytes | None) -> bytes:
        """Raise MissingSignature if there is none."""
        if authorization is None:
            raise MissingSignature(Refusal.NO_HEADER)
        scheme, _, token = authorization.strip().partition(b" ")
        token = token.strip()
        if scheme.lower() != b"bearer" or not token:
            raise MissingSignature(Refusal.NOT_BEARER)
        return token

    def verify(self, token: bytes, method: str, payload: bytes, now_s: float) -> Mapping[str, Any]:
        claims = self.verify_token(token, now_s)
        verify_payload(claims, method, payload)
        return claims

    def verify_token(self, token: bytes, now_s: float) -> Mapping[str, Any]:
        """Check the claims that do not depend on the body. Raises WrongSignature."""
        claims = self._signed_claims(token)
        if claims.get("iss") != "Vonage":
            raise WrongSignature(Refusal.ISSUER)
        if self._api_key and claims.get("api_key") != self._api_key:
            raise WrongSignature(Refusal.API_KEY, _missing_claim(claims, "api_key"))
        if self._application_id and claims.get("application_id") != self._application_id:
            raise WrongSignature(Refusal.APPLICATION, _missing_claim(claims, "application_id"))
        _check_times(claims, now_s)
        return claims

    def _signed_claims(self, token: bytes) -> dict[str, Any]:
        """Raise WrongSignature.

        Base64url text is compared, so that the signature has only one encoding. PyJWT is slower (docs/decisions.md).
        """
        if len(token) > MAX_TOKEN_BYTES or token.count(b".") != 2:
            raise WrongSignature(Refusal.MALFORMED)
        signed, _, signature_part = token.rpartition(b".")
        header_part, _, claims_part = signed.partition(b".")
        if (problem := _header_problem(header_part)) is not None:
            raise WrongSignature(problem)
        document = _decoded(claims_part)
        if True not in [hmac.compare_digest(signature_part, _signature(keyed, signed)) for keyed in self._hmacs]:
            if document is None or not _is_canonical(signature_part):
                raise WrongSignature(Refusal.MALFORMED)
            raise WrongSignature(Refusal.OWN_SIGNATURE if self._is_named_in(document) else Refusal.SIGNATURE)
        claims = None if document is None else _object(document)
        if claims is None:
            raise WrongSignature(Refusal.MALFORMED)
        return claims

    def _is_named_in(self, document: bytes) -> bool:
        """Whether claims name our application or account, which strangers don't know."""
        claims = _object(document) or {}
        own = ((self._application_id, "application_id"), (self._api_key, "api_key"))
        return any(value and claims.get(name) == value for value, name in own)


def verify_payload(claims: Mapping[str, Any], method: str, payload: bytes) -> None:
    """Raise WrongSignature unless a token with these claims was made for this payload.

    `payload` is the raw body of a POST, or the raw query string of a GET.
    """
    if not _is_payload_of(claims.get("payload_hash"), method, payload):
        raise WrongSignature(Refusal.PAYLOAD)


def hashes_of_query(query: bytes) -> tuple[str, ...]:
    """The values that `payload_hash` can have in a GET with this query string.

    Vonage hashes the compact JSON of the decoded parameters in URL order, with blank ones. Non-ASCII letters may be
    escaped or not, which is not documented. Source: support article 19033783342876.
    """
    pairs = parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True, errors="replace")
    fields = dict(pairs)
    text = _PLAIN.encode(fields)
    plain = hashlib.sha256(text.encode()).hexdigest()
    if text.isascii():
        return (plain,)
    return plain, hashlib.sha256(_ASCII_ONLY.encode(fields).encode()).hexdigest()


def _prepared(secret: str) -> bytes:
    if _KEY_FILE.match(secret):
        raise SettingsError(
            "VONAGE_SIGNATURE_SECRET",
            "is a key file or empty, not a signature secret",
            "Copy the signature secret from the API settings of the Vonage dashboard.",
        )
    return secret.encode()


@lru_cache(maxsize=64)
def _header_problem(part: bytes) -> str | None:
    """Nearly all tokens have the same header."""
    document = _decoded(part)
    header = None if document is None else _object(document)
    if header is None:
        return Refusal.MALFORMED
    if header.get("alg") != "HS256":
        return Refusal.ALGORITHM
    return Refusal.MALFORMED if "crit" in header or header.get("b64", True) is not True else None


def _signature(keyed: hmac.HMAC, signed: bytes) -> bytes:
    """Copying a keyed HMAC is faster than keying one."""
    made = keyed.copy()
    made.update(signed)
    return _encoded(made.digest())


def _decoded(part: bytes) -> bytes | None:
    """None unless it is base64url without padding."""
    plain = part.translate(_SWAP_ALPHABETS)
    try:
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        return None


def _encoded(document: bytes) -> bytes:
    return binascii.b2a_base64(document, newline=False).translate(_SWAP_ALPHABETS, b"=")


def _is_canonical(part: bytes) -> bool:
    document = _decoded(part)
    return document is not None and _encoded(document) == part


def _object(document: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(document)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _check_times(claims: Mapping[str, Any], now_s: float) -> None:
    issued_at = _seconds(claims.get("iat"))
    if issued_at is None:
        raise WrongSignature(Refusal.ISSUED_AT)
    age = int(now_s) - issued_at
    if age > MAX_AGE_S:
        raise WrongSignature(Refusal.TOO_OLD, f"{_shown_seconds(age)} s ago by this machine's clock")
    if age < -MAX_AHEAD_S:
        raise WrongSignature(Refusal.TOO_NEW, f"in {_shown_seconds(-age)} s by this machine's clock")
    if "exp" in claims or "nbf" in claims:
        _check_validity(claims, now_s)


def _shown_seconds(seconds: float) -> str:
    return f"{min(seconds, 1e12):,.0f}"


def _missing_claim(claims: Mapping[str, Any], claim: str) -> str:
    return "" if claim in claims else f"the token has no {claim}"


def _check_validity(claims: Mapping[str, Any], now_s: float) -> None:
    """Vonage does not send `exp` and `nbf` today."""
    expires_at = _seconds(claims.get("exp", math.inf))
    valid_from = _seconds(claims.get("nbf", -math.inf))
    if expires_at is None or valid_from is None or not valid_from <= now_s < expires_at:
        raise WrongSignature(Refusal.NOT_VALID_NOW)


def _seconds(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _is_payload_of(claimed: object, method: str, payload: bytes) -> bool:
    if not isinstance(claimed, str) or not claimed.isascii():
        return False
    claimed = claimed.lower()
    if method == "GET":
        return any(hmac.compare_digest(claimed, expected) for expected in hashes_of_query(payload))
    return hmac.compare_digest(claimed, hashlib.sha256(payload).hexdigest())

"""Signed webhooks as Vonage sends them, made in advance: making one costs as much as checking it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import orjson

SECRET: Final = "invented-signature-secret-for-benchmarks"  # noqa: S105 - nobody's secret
API_KEY: Final = "ab12cd34"
APPLICATION: Final = "7d0e1f2a-3333-4444-8555-666677778888"
CREDENTIALS: Final = {
    "VONAGE_SIGNATURE_SECRET": SECRET,
    "VONAGE_API_KEY": API_KEY,
    "VONAGE_APPLICATION_ID": APPLICATION,
}
"""The settings of a server that accepts only these webhooks."""

_HEADER: Final = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")


def answer_request(caller: str = "447700900123") -> bytes:
    """The bytes of a POST of an answer webhook. Its leg is random, like Vonage's."""
    leg = secrets.token_hex(16)
    fields = {
        "to": "442079460000",
        "from": caller,
        "uuid": leg,
        "conversation_uuid": f"CON-{leg[:8]}-{leg[8:12]}-{leg[12:16]}-{leg[16:20]}-{leg[20:]}",
        "region_url": "https://api-eu-3.vonage.com",
        "endpoint_type": "phone",
    }
    return b"POST /webhooks/answer HTTP/1.1\r\n" + _signed(fields)


def input_request() -> bytes:
    """The bytes of a POST of an input webhook that presses 1, starting after its path."""
    leg = secrets.token_hex(16)
    fields = {
        "speech": {"results": []},
        "dtmf": {"digits": "1", "timed_out": False},
        "from": "447700900123",
        "to": "442079460000",
        "uuid": leg,
        "conversation_uuid": f"CON-{leg[:8]}-{leg[8:12]}-{leg[12:16]}-{leg[16:20]}-{leg[20:]}",
        "timestamp": "2026-03-04T09:15:52.004Z",
    }
    return b" HTTP/1.1\r\n" + _signed(fields)


def status_request(status: str, leg: str = "") -> bytes:
    """The bytes of a POST of an event of a leg, or of another one that is dialled; starting after its path."""
    is_caller = bool(leg)
    leg = leg or secrets.token_hex(16)
    fields: dict[str, object] = {
        "status": status,
        "direction": "inbound" if is_caller else "outbound",
        "from": "447700900123",
        "to": "442079460000" if is_caller else "447700900333",
        "uuid": leg,
        "conversation_uuid": f"CON-{leg[:8]}-{leg[8:12]}-{leg[12:16]}-{leg[16:20]}-{leg[20:]}",
        "timestamp": "2026-03-04T09:17:09.214Z",
    }
    if status == "completed":
        fields |= {
            "start_time": "2026-03-04T09:15:38.000Z",
            "end_time": "2026-03-04T09:17:09.000Z",
            "duration": "91",
            "rate": "0.00450000",
            "price": "0.00682500",
            "network": "23410",
        }
    return b" HTTP/1.1\r\n" + _signed(fields)


def _signed(fields: Mapping[str, object]) -> bytes:
    """The headers and the body of a request."""
    body = orjson.dumps(fields)
    head = b"Host: calls.example.com\r\nAccept: */*\r\nUser-Agent: vonage\r\nContent-Type: application/json\r\n"
    return b"%bAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b" % (head, token(body), len(body), body)


def token(body: bytes) -> bytes:
    """The JWT that Vonage sends with a POST of this body. Source: webhook signing (signed callbacks)."""
    jti = secrets.token_hex(16)
    claims = {
        "iat": int(time.time()),
        "jti": f"{jti[:8]}-{jti[8:12]}-{jti[12:16]}-{jti[16:20]}-{jti[20:]}",
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": API_KEY,
        "application_id": APPLICATION,
    }
    signed = _HEADER + b"." + urlsafe_b64encode(orjson.dumps(claims)).rstrip(b"=")
    return signed + b"." + urlsafe_b64encode(hmac.digest(SECRET.encode(), signed, "sha256")).rstrip(b"=")


def write_requests(path: Path, count: int) -> int:
    """Fill a file with answer requests of the same length, and return this length."""
    return _write(path, [answer_request() for _ in range(count)])


def write_inputs(path: Path, count: int) -> int:
    """Fill a file with input requests of the same length, without method and path; return this length."""
    return _write(path, [input_request() for _ in range(count)])


def _write(path: Path, requests: list[bytes]) -> int:
    (length,) = {len(request) for request in requests}
    path.write_bytes(b"".join(requests))
    return length

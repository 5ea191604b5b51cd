"""The clock of the server can be given: what is received, and how old a signature is, follows it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import httpx
import jwt
import pytest

from app.settings import load_settings
from app.web import create_app
from tests.web.fake_calls import FakeCalls

SECRET = "invented-signature-secret-for-tests-only"
LONG_AGO = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
BODY = b'{"to": "442079460000", "uuid": "leg-1"}'


def headers(issued_at: datetime) -> dict[str, str]:
    hashed = hashlib.sha256(BODY).hexdigest()
    claims = {"iss": "Vonage", "iat": int(issued_at.timestamp()), "payload_hash": hashed}
    return {"authorization": f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}"}


@pytest.mark.parametrize(("issued_at", "status"), [(LONG_AGO, 200), (datetime.now(UTC), 401)])
async def test_the_given_clock_decides_what_is_now(issued_at: datetime, status: int) -> None:
    calls = FakeCalls()
    settings = load_settings(None, public_url="https://calls.example.com", signature_secret=SECRET)
    app = create_app(settings, service=calls, clock=lambda: LONG_AGO)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://calls.example.com") as client:
        response = await client.post("/webhooks/answer", content=BODY, headers=headers(issued_at))

    assert status == response.status_code


async def test_webhooks_are_received_at_its_time() -> None:
    calls = FakeCalls()
    settings = load_settings(None, public_url="https://calls.example.com", signature_secret=SECRET)
    app = create_app(settings, service=calls, clock=lambda: LONG_AGO)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://calls.example.com") as client:
        await client.post("/webhooks/answer", content=BODY, headers=headers(LONG_AGO))

    assert LONG_AGO == calls.asked[-1][2].received_at

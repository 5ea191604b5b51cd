"""Signed webhooks over HTTP: which ones are accepted, and the replies to the others."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast
from urllib.parse import parse_qsl

import httpx
import jwt
import pytest
from fastapi.routing import APIRoute

from ncco_server.service.calls import CallService
from ncco_server.vonage.signatures import Refusal
from ncco_server.web import create_app
from ncco_server.web.webhooks import CHECK_PATH, CURES, router
from tests.support.cases import each_case
from tests.unit.server.web.fake_calls import FAILSAFE, NCCO, FakeCalls, client_of, settings_with

SECRET = "invented-signature-secret-for-tests-only"
AGENT_ROUTES = {"/webhooks/agent/{wait}", "/webhooks/agent/{wait}/said"}
ROUTES = {route.path for route in router.routes if isinstance(route, APIRoute)} - {CHECK_PATH, *AGENT_ROUTES}
PATHS = sorted(path.replace("{flow}", "acme").replace("{wait}", "t0ken") for path in ROUTES)
BODY = b'{"to": "442079460000",   "uuid": "leg-1"}'
QUERY = "to=442079460000&from_user=Zo%C3%AB&empty=&uuid=leg-1"


def token(hashed: bytes, secret: str = SECRET, **changes: Any) -> dict[str, str]:
    claims = {"iss": "Vonage", "iat": int(time.time()), "jti": "j-1", "api_key": "ab12cd34", "application_id": "app-1"}
    claims |= {"payload_hash": hashlib.sha256(hashed).hexdigest()} | changes
    return {"authorization": f"Bearer {jwt.encode(claims, secret, algorithm='HS256')}"}


def at(seconds: int, claim: str = "iat") -> dict[str, str]:
    """A token with its own time, this many seconds from now.

    Like every token, it is created when it is sent, because tests are collected long before.
    """
    changes: dict[str, Any] = {claim: int(time.time()) + seconds}
    return token(BODY, **changes)


def query_token(query: str, *, ascii_only: bool = False) -> dict[str, str]:
    fields = dict(parse_qsl(query, keep_blank_values=True))
    return token(json.dumps(fields, separators=(",", ":"), ensure_ascii=ascii_only).encode())


def signed_client(calls: FakeCalls | None = None, **values: Any) -> httpx.AsyncClient:
    secrets = {"signature_secret": SECRET, "api_key": "ab12cd34", "application_id": "app-1"}
    return client_of(calls or FakeCalls(), dev=False, **(secrets | values))


STRANGERS: Final = [
    ({}, 503),
    ({"authorization": "Basic eA=="}, 503),
    (token(BODY, "another-secret-that-is-long-enough"), 401),
]


async def test_only_a_signed_challenge_is_returned() -> None:
    body = b'{"challenge": "4f1d0b7a"}'
    client = signed_client()
    signed = await client.post(CHECK_PATH, content=body, headers=token(body))
    changed = await client.post(CHECK_PATH, content=body + b" ", headers=token(body))
    unsigned = await client.post(CHECK_PATH, content=body)

    assert (200, {"challenge": "4f1d0b7a"}) == (signed.status_code, signed.json())
    assert [401, 503] == [changed.status_code, unsigned.status_code]
    assert b"4f1d0b7a" not in changed.content + unsigned.content


@each_case("path", PATHS)
async def test_a_signed_post_is_accepted(path: str) -> None:
    response = await signed_client().post(path, content=BODY, headers=token(BODY))

    assert (200, NCCO) == (response.status_code, response.content)


@pytest.mark.parametrize("ascii_only", [False, True])
@each_case("path", PATHS)
async def test_a_signed_get_request_is_accepted(path: str, ascii_only: bool) -> None:
    response = await signed_client().get(f"{path}?{QUERY}", headers=query_token(QUERY, ascii_only=ascii_only))

    assert (200, NCCO) == (response.status_code, response.content)


@pytest.mark.parametrize("dev", [False, True])
@each_case("path", PATHS)
async def test_a_webhook_without_a_valid_signature_is_refused_in_every_mode(path: str, dev: bool) -> None:
    calls = FakeCalls()
    for headers, status in [*STRANGERS, (token(b"another body"), 401)]:
        response = await client_of(calls, dev=dev, signature_secret=SECRET).post(path, content=BODY, headers=headers)

        assert (status, {"error", "fix"}, []) == (response.status_code, response.json().keys(), calls.asked)
        assert "connection" not in response.headers


@each_case(
    ("sign", "error", "cure"),
    [
        (
            partial(token, BODY, "another-secret-that-is-long-enough"),
            "signature does not match",
            "VONAGE_SIGNATURE_SEC",
        ),
        (partial(at, -4_000), r"issued too long ago \(4,0\d\d s ago by this machine's clock\)", "NTP"),
        (partial(at, 4_000), r"issued in the future \(in (3,9|4,0)\d\d s by this machine", "NTP"),
        (partial(at, -1, "exp"), "outside exp and nbf", "NTP"),
        (partial(token, b"{}"), "payload hash does not match", "a proxy must forward both unchanged"),
        (partial(token, BODY, api_key="other"), "another api key$", "VONAGE_API_KEY"),
        (partial(token, BODY, application_id="other"), "another application$", "VONAGE_APPLICATION_ID"),
        (partial(token, BODY, application_id=None), "another application$", "VONAGE_APPLICATION_ID"),
    ],
)
async def test_each_problem_of_a_signature_has_its_own_fix(
    sign: Callable[[], dict[str, str]], error: str, cure: str
) -> None:
    response = await signed_client().post("/webhooks/answer", content=BODY, headers=sign())
    told = response.json()

    assert 401 == response.status_code
    assert re.match(f"wrong signature: {error}", told["error"])
    assert cure in told["fix"]


async def test_two_tokens_are_refused_whichever_is_valid() -> None:
    valid, forged = (token(BODY, secret)["authorization"] for secret in (SECRET, "another-secret-that-is-long-enough"))
    for pair in ((valid, forged), (forged, valid), (valid, valid)):
        headers = [("authorization", each) for each in pair]
        response = await signed_client().post("/webhooks/answer", content=BODY, headers=headers)
        assert 401 == response.status_code, pair


@each_case("path", PATHS)
@pytest.mark.parametrize(("headers", "status"), STRANGERS)
async def test_an_unsigned_body_is_not_read(path: str, headers: dict[str, str], status: int) -> None:
    app = create_app(settings_with(signature_secret=SECRET), service=cast(CallService, FakeCalls()), deadline_s=300)
    raw = [(name.encode(), text.encode()) for name, text in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": raw, "scheme": "http"}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(300)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(30):
        await app(scope, receive, send)

    assert status == sent[0]["status"]
    assert (b"connection", b"close") in sent[0]["headers"]


def test_every_refusal_has_a_fix() -> None:
    assert set(Refusal) == set(CURES)


async def test_the_query_of_a_signed_post_is_ignored() -> None:
    calls = FakeCalls()

    await signed_client(calls).post("/webhooks/answer?to=1", content=b"", headers=token(b""))

    assert ({}, "the body is empty") == (calls.delivery.fields, calls.delivery.problem)


async def test_a_body_too_large_to_check_plays_the_failsafe_which_is_not_secret() -> None:
    body = b"x" * 2000

    response = await signed_client(body_limit=1024).post("/webhooks/answer", content=body, headers=token(body))

    assert (200, FAILSAFE) == (response.status_code, response.content)

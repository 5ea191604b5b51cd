"""Signed webhooks over HTTP: which come in, and what the others are told."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any
from urllib.parse import parse_qsl

import httpx
import jwt
import pytest

from app.web.routes import ROUTES
from tests.web.fake_calls import FAILSAFE, NCCO, FakeCalls, client_of

SECRET = "invented-signature-secret-for-tests-only"
PATHS = [route.path.replace("{flow}", "acme").replace("{wait}", "t0ken") for route in ROUTES]
BODY = b'{"to": "442079460000",   "uuid": "leg-1"}'
QUERY = "to=442079460000&from_user=Zo%C3%AB&empty=&uuid=leg-1"


def token(hashed: bytes, secret: str = SECRET, **changes: Any) -> dict[str, str]:
    claims = {"iss": "Vonage", "iat": int(time.time()), "jti": "j-1", "api_key": "ab12cd34", "application_id": "app-1"}
    claims |= {"payload_hash": hashlib.sha256(hashed).hexdigest()} | changes
    return {"authorization": f"Bearer {jwt.encode(claims, secret, algorithm='HS256')}"}


def query_token(query: str, *, ascii_only: bool = False) -> dict[str, str]:
    fields = dict(parse_qsl(query, keep_blank_values=True))
    return token(json.dumps(fields, separators=(",", ":"), ensure_ascii=ascii_only).encode())


def signed_client(calls: FakeCalls | None = None, **values: Any) -> httpx.AsyncClient:
    secrets = {"signature_secret": SECRET, "api_key": "ab12cd34", "application_id": "app-1"}
    return client_of(calls or FakeCalls(), dev=False, **(secrets | values))


@pytest.mark.parametrize("path", PATHS)
async def test_a_signed_post_comes_in(path: str) -> None:
    response = await signed_client().post(path, content=BODY, headers=token(BODY))

    assert (200, NCCO) == (response.status_code, response.content)


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("path", PATHS)
async def test_a_signed_get_comes_in(path: str, ascii_only: bool) -> None:
    response = await signed_client().get(f"{path}?{QUERY}", headers=query_token(QUERY, ascii_only=ascii_only))

    assert (200, NCCO) == (response.status_code, response.content)


@pytest.mark.parametrize("dev", [False, True])
@pytest.mark.parametrize("path", PATHS)
async def test_an_unsigned_webhook_is_asked_for_again_in_every_mode(path: str, dev: bool) -> None:
    calls = FakeCalls()

    response = await client_of(calls, dev=dev, signature_secret=SECRET).post(path, content=BODY)

    assert (503, {"error", "cure"}, []) == (response.status_code, response.json().keys(), calls.asked)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        token(b"another body"),
        token(BODY, "another-secret-that-is-long-enough"),
        token(BODY, iat=int(time.time()) - 600),
        token(BODY, iat=int(time.time()) + 600),
        token(BODY, iss="Somebody"),
        token(BODY, api_key="zz99zz99"),
        token(BODY, application_id="app-2"),
        {"authorization": "Bearer x.y.z"},
    ],
)
async def test_a_wrong_signature_is_refused(path: str, headers: dict[str, str]) -> None:
    calls = FakeCalls()

    response = await signed_client(calls).post(path, content=BODY, headers=headers)

    assert (401, {"error", "cure"}, []) == (response.status_code, response.json().keys(), calls.asked)


@pytest.mark.parametrize("query", [QUERY + "&more=1", QUERY.replace("0000", "0001"), ""])
async def test_an_altered_query_is_refused(query: str) -> None:
    response = await signed_client().get(f"/webhooks/answer?{query}", headers=query_token(QUERY))

    assert 401 == response.status_code


async def test_the_query_of_a_signed_post_does_not_count() -> None:
    calls = FakeCalls()

    await signed_client(calls).post("/webhooks/answer?to=1", content=b"", headers=token(b""))

    assert ({}, "the body is empty") == (calls.delivery.fields, calls.delivery.problem)


async def test_the_same_token_comes_in_twice_since_a_retry_may_carry_it() -> None:
    client, headers = signed_client(), token(BODY)
    responses = [await client.post("/webhooks/answer", content=BODY, headers=headers) for _ in range(2)]

    assert [200, 200] == [response.status_code for response in responses]


async def test_the_secret_before_comes_in_too() -> None:
    client = signed_client(signature_secret="a-new-secret-of-sufficient-length", signature_secret_previous=SECRET)

    assert 200 == (await client.post("/webhooks/answer", content=BODY, headers=token(BODY))).status_code


async def test_nothing_is_checked_without_a_secret() -> None:
    response = await client_of(FakeCalls()).post("/webhooks/answer", content=BODY, headers={"authorization": "Basic x"})

    assert 200 == response.status_code


async def test_a_body_too_large_to_check_plays_the_failsafe_which_is_no_secret() -> None:
    response = await signed_client(body_limit=1024).post("/webhooks/answer", content=b"x" * 2000)

    assert (200, FAILSAFE) == (response.status_code, response.content)

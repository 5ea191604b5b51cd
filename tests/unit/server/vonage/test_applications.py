"""Reading an application, and the errors when it cannot be read."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator

import httpx
import pytest

from ncco_server.errors import VonageApiError
from ncco_server.service.outgoing import trusted_certificates
from ncco_server.vonage.applications import Account, VonageApplication, read_application, read_numbers, with_webhooks
from tests.support.application_api import APPLICATION_ID, ApplicationApi, application, fake_application_api
from tests.support.cases import each_case


@pytest.fixture(scope="module")
def fake() -> Iterator[ApplicationApi]:
    with fake_application_api() as api:
        yield api


@pytest.fixture
def api(fake: ApplicationApi) -> ApplicationApi:
    fake.status, fake.headers, fake.wait_s, fake.requests = 200, {}, 0.0, []
    fake.body = json.dumps(application("https://calls.example.com")).encode()
    return fake


def account(client: httpx.AsyncClient, api: ApplicationApi) -> Account:
    return Account(client, api.url, "k1", "s3cret")


async def read(api: ApplicationApi, timeout_s: float = 30.0) -> VonageApplication:
    async with httpx.AsyncClient(trust_env=False, verify=trusted_certificates(), timeout=timeout_s) as client:
        return await read_application(account(client, api), APPLICATION_ID)


async def test_one_get_with_basic_authentication_reads_the_application(api: ApplicationApi) -> None:
    found = await read(api)

    basic = b64encode(b"k1:s3cret").decode()
    assert [("GET", f"/v2/applications/{APPLICATION_ID}", f"Basic {basic}")] == api.requests
    assert found.capabilities.voice is not None
    assert "https://calls.example.com/webhooks/answer" == found.capabilities.voice.webhooks.answer_url.address
    assert ("eu-west", True) == (found.capabilities.voice.region, found.capabilities.voice.signed_callbacks)
    assert found.date


async def test_null_or_unknown_values_count_as_not_set(api: ApplicationApi) -> None:
    changed = application("https://calls.example.com", fallback_answer_url=None, region=None, answer_url__new_key=1)
    api.body = json.dumps(changed).encode()

    voice = (await read(api)).capabilities.voice

    assert voice is not None
    assert ("", "") == (voice.webhooks.fallback_answer_url.address, voice.region)


@pytest.mark.parametrize(
    ("body", "numbers"),
    [(b'{"count": 1, "numbers": [{"msisdn": "442079460000", "features": ["VOICE"]}]}', ["442079460000"]), (b"{}", [])],
)
async def test_the_numbers_of_an_application_are_read(api: ApplicationApi, body: bytes, numbers: list[str]) -> None:
    api.body = body
    async with httpx.AsyncClient(trust_env=False, verify=trusted_certificates()) as client:
        found = await read_numbers(account(client, api), APPLICATION_ID)

    assert numbers == [number.msisdn for number in found.numbers]
    assert f"/account/numbers?application_id={APPLICATION_ID}&size=100" == api.requests[0][1]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"numbers": [7]}'])
async def test_a_reply_without_numbers_is_an_error(api: ApplicationApi, body: bytes) -> None:
    api.body = body
    async with httpx.AsyncClient(trust_env=False, verify=trusted_certificates()) as client:
        with pytest.raises(VonageApiError, match="does not reply with numbers"):
            await read_numbers(account(client, api), APPLICATION_ID)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "does not accept VONAGE_API_KEY"),
        (404, "has no application"),
        (429, "further requests"),
        (500, "status 500"),
        (302, "status 302"),
    ],
)
async def test_a_refusal_is_an_error_with_a_fix_and_without_the_secret(
    api: ApplicationApi, status: int, says: str
) -> None:
    api.status, api.headers = status, {"Location": f"{api.url}/elsewhere"}

    with pytest.raises(VonageApiError, match=says) as caught:
        await read(api)

    assert status == caught.value.status
    assert caught.value.cure
    assert "s3cret" not in f"{caught.value}{caught.value.cure}"
    assert 1 == len(api.requests)  # a redirect is not followed


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"<html>", b"\xff\xfe", b'{"id": 7}', b'{"id": "a", "capabilities": {"voice": "on"}}',
     b"[" * 100_000, b'{"id": "' + b"a" * 2_000_000],
)  # fmt: skip
async def test_a_reply_that_is_not_an_application_is_an_error(api: ApplicationApi, body: bytes) -> None:
    api.body = body

    with pytest.raises(VonageApiError, match="does not reply with an application"):
        await read(api)


async def test_a_missing_reply_is_an_error(api: ApplicationApi) -> None:
    api.wait_s = 0.6

    with pytest.raises(VonageApiError, match="does not reply in time") as caught:
        await read(api, 0.3)

    assert caught.value.status is None


@each_case("webhooks", [None, {}, {"answer_url": None}])
def test_urls_are_written_where_there_are_none(webhooks: dict[str, object] | None) -> None:
    document = {"name": "shop", "capabilities": {"voice": {"webhooks": webhooks, "signed_callbacks": True}}}

    answer = {"address": "https://x.test/a", "http_method": "POST"}
    changed = with_webhooks(document, {"answer_url": answer})

    assert {"webhooks": {"answer_url": answer}, "signed_callbacks": True} == changed["capabilities"]["voice"]
    assert webhooks == document["capabilities"]["voice"]["webhooks"]  # type: ignore[index]  # a map

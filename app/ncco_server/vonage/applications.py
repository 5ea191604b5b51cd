"""Reads a Vonage application and its numbers, and replaces its webhook URLs.

Source: Application API 2.4.1, `GET` and `PUT /v2/applications/{id}`: Basic authentication with the API key and secret.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable, Mapping
from copy import deepcopy
from typing import Any, Final, NamedTuple, TypeVar

import httpx
from pydantic import BaseModel, Field, ValidationError, model_validator

from ncco_server.errors import VonageApiError

WITHIN_S: Final = 10.0
MAX_REPLY_BYTES: Final = 1_000_000
ACCOUNT_URL: Final = "https://rest.nexmo.com"
_REPLY_ONLY: Final = ("id", "_links")
"""The API refuses these."""
TRY_LATER: Final = "Try again later, or check the application in the Vonage dashboard."


async def beginning_of(body: AsyncIterable[bytes], most: int) -> bytes:
    """Read little more than `most` bytes of a reply."""
    received = bytearray()
    async for part in body:
        received += part
        if len(received) > most:
            break
    return bytes(received)


class ApiDocument(BaseModel):
    """Part of an API reply. Unknown keys are ignored, and null is missing."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, document: Any) -> Any:
        if not isinstance(document, dict):
            return document
        return {name: value for name, value in document.items() if value is not None}


class ConfiguredUrl(ApiDocument):
    """A webhook URL; "" if none is set."""

    address: str = ""
    http_method: str = ""
    socket_timeout: int | None = None
    """Milliseconds."""


class VoiceUrls(ApiDocument):
    """Webhook URLs for calls."""

    answer_url: ConfiguredUrl = ConfiguredUrl()
    fallback_answer_url: ConfiguredUrl = ConfiguredUrl()
    event_url: ConfiguredUrl = ConfiguredUrl()


class VoiceCapability(ApiDocument):
    """What an application has for calls."""

    webhooks: VoiceUrls = VoiceUrls()
    signed_callbacks: bool | None = None
    region: str = ""


class Capabilities(ApiDocument):
    """A capability that is switched off is None."""

    voice: VoiceCapability | None = None


class ApplicationKeys(ApiDocument):
    """The keys of an application."""

    public_key: str = ""


class VonageApplication(ApiDocument):
    """`date` is the `Date` header of the reply, or ""."""

    id: str
    name: str = ""
    capabilities: Capabilities = Capabilities()
    keys: ApplicationKeys = ApplicationKeys()
    date: str = Field(default="", exclude=True)


class OwnedNumber(ApiDocument):
    """A number with its country code; `country` is such as GB, or ""."""

    msisdn: str
    country: str = ""


class OwnedNumbers(ApiDocument):
    """The first page, and the total count."""

    count: int = 0
    numbers: tuple[OwnedNumber, ...] = ()


_Reply = TypeVar("_Reply", bound=ApiDocument)


class Account(NamedTuple):
    """How to reach the APIs of an account.

    `client` must not follow redirects, which could send the secret to another host. `api_url` is
    `https://api.nexmo.com`, or the URL of a stand-in; without a trailing slash.
    """

    client: httpx.AsyncClient
    api_url: str
    api_key: str
    api_secret: str


async def read_application(account: Account, application_id: str) -> VonageApplication:
    """Raises VonageApiError."""
    found, _ = await _read(account, application_id)
    return found


async def read_document(account: Account, application_id: str) -> tuple[VonageApplication, dict[str, Any]]:
    """Return also all that can be written, even unknown keys. Raises VonageApiError."""
    found, document = await _read(account, application_id)
    return found, {name: value for name, value in document.items() if name not in _REPLY_ONLY}


def webhooks_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """By the API's names."""
    voice = (document.get("capabilities") or {}).get("voice") or {}
    return voice.get("webhooks") or {}


def with_webhooks(document: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    """Copy an application's document with other webhook URLs. The application must have Voice.

    Keys of an entry replace those in the document; None removes a key or a URL. Everything else is kept: a `PUT`
    replaces the whole application, and without `signed_callbacks` would disable signatures.
    """
    changed = deepcopy(dict(document))
    webhooks = dict(webhooks_of(changed))
    for name, entry in entries.items():
        found = webhooks.pop(name, None) or {}
        if entry is not None:
            webhooks[name] = {key: value for key, value in {**found, **entry}.items() if value is not None}
    changed["capabilities"]["voice"]["webhooks"] = webhooks
    return changed


async def write_document(account: Account, application_id: str, document: Mapping[str, Any]) -> None:
    """Take what `read_document` returned. Raises VonageApiError."""
    url = f"{account.api_url}/v2/applications/{application_id}"
    await _request(account, "PUT", url, document, application_id=application_id)


async def _read(account: Account, application_id: str) -> tuple[VonageApplication, dict[str, Any]]:
    url = f"{account.api_url}/v2/applications/{application_id}"
    body, date = await _request(account, "GET", url, application_id=application_id)
    found = _parsed(VonageApplication, body, f"{account.api_url} does not reply with an application", date)
    return found.model_copy(update={"date": date}), json.loads(body)


async def read_numbers(account: Account, application_id: str) -> OwnedNumbers:
    """Only the first 100. Raises VonageApiError.

    Source: Numbers API 1.1.0, `GET /account/numbers`: Basic authentication.
    """
    base = ACCOUNT_URL if account.api_url.startswith("https:") else account.api_url
    body, _ = await _request(account, "GET", f"{base}/account/numbers?application_id={application_id}&size=100")
    return _parsed(OwnedNumbers, body, f"{base} does not reply with numbers")


def _parsed(kind: type[_Reply], body: bytes, problem: str, date: str = "") -> _Reply:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise VonageApiError(problem, TRY_LATER, 200, date) from error


async def _request(
    account: Account, method: str, url: str, document: Mapping[str, Any] | None = None, *, application_id: str = ""
) -> tuple[bytes, str]:
    """Return little more than `MAX_REPLY_BYTES` of the body, and the `Date` header. Raises VonageApiError."""
    auth = (account.api_key, account.api_secret)
    base = url.partition("?")[0]
    try:
        async with (
            asyncio.timeout(WITHIN_S),
            account.client.stream(method, url, auth=auth, json=document) as response,
        ):
            body = await beginning_of(response.aiter_bytes(), MAX_REPLY_BYTES)
    except (TimeoutError, httpx.TimeoutException) as error:
        raise VonageApiError(f"{base} does not reply in time", TRY_LATER) from error
    except httpx.HTTPError as error:
        cure = f"Allow this machine to reach {base}, or check the Vonage dashboard."
        raise VonageApiError(f"{base} cannot be reached: {error}", cure) from error
    date = response.headers.get("date", "")
    if response.status_code != httpx.codes.OK:
        raise _refused(response.status_code, application_id, date)
    return body, date


def _refused(status: int, application_id: str, date: str) -> VonageApiError:
    setting = ""
    match status:
        case 401 | 403:
            setting = "VONAGE_API_KEY"
            message = "Vonage does not accept VONAGE_API_KEY with VONAGE_API_SECRET"
            cure = "Copy both from the API settings of the Vonage dashboard."
        case 404:
            setting = "VONAGE_APPLICATION_ID"
            message = f"this account has no application {application_id}"
            cure = (
                "Copy VONAGE_APPLICATION_ID from the Vonage "
                "dashboard, and check which account VONAGE_API_KEY belongs to."
            )
        case 429:
            message = "Vonage refuses further requests for now (429)"
            cure = "Try again in a minute."
        case _:
            message = f"Vonage's API replies with status {status}"
            cure = TRY_LATER
    return VonageApiError(message, cure, status, date, setting)

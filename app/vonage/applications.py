"""Reads how an application is configured at Vonage.

Source: Application API 2.4.1, `GET /v2/applications/{id}`: Basic authentication with API key and API secret.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httpx
from pydantic import BaseModel, Field, ValidationError, model_validator

from app.errors import VonageApiError

WITHIN_S: Final = 10.0
MAX_BYTES: Final = 1_000_000
_LATER: Final = "Try again later, or look at the application in the Vonage dashboard."


class ApiDocument(BaseModel):
    """A part of a reply of the API. Keys that are not listed are ignored, and null counts as not set."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, document: Any) -> Any:
        if not isinstance(document, dict):
            return document
        return {name: value for name, value in document.items() if value is not None}


class ConfiguredUrl(ApiDocument):
    """A webhook URL of an application; "" for what is not set."""

    address: str = ""
    http_method: str = ""
    socket_timeout: int | None = None
    """Milliseconds that Vonage waits for a reply."""


class VoiceUrls(ApiDocument):
    """The three webhook URLs of the Voice capability."""

    answer_url: ConfiguredUrl = ConfiguredUrl()
    fallback_answer_url: ConfiguredUrl = ConfiguredUrl()
    event_url: ConfiguredUrl = ConfiguredUrl()


class VoiceCapability(ApiDocument):
    """The Voice capability of an application."""

    webhooks: VoiceUrls = VoiceUrls()
    signed_callbacks: bool | None = None
    region: str = ""


class Capabilities(ApiDocument):
    """What an application may do; None for a capability that is switched off."""

    voice: VoiceCapability | None = None


class ApplicationKeys(ApiDocument):
    """The keys of an application."""

    public_key: str = ""


class VonageApplication(ApiDocument):
    """How an application is configured.

    Attributes:
        date: the `Date` header of the reply, "" without one.
    """

    id: str
    name: str = ""
    capabilities: Capabilities = Capabilities()
    keys: ApplicationKeys = ApplicationKeys()
    date: str = Field(default="", exclude=True)


async def read_application(
    client: httpx.AsyncClient, api_url: str, application_id: str, api_key: str, api_secret: str
) -> VonageApplication:
    """The configuration of an application. Raises VonageApiError.

    Args:
        client: must follow no redirects, which could lead the secret to another host.
        api_url: `https://api.nexmo.com`, without a trailing slash.
        application_id: a UUID.
        api_key: of the account.
        api_secret: of the account.
    """
    url = f"{api_url}/v2/applications/{application_id}"
    try:
        async with asyncio.timeout(WITHIN_S), client.stream("GET", url, auth=(api_key, api_secret)) as response:
            body = b""
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MAX_BYTES:
                    break
    except (TimeoutError, httpx.TimeoutException) as error:
        raise VonageApiError(f"{api_url} does not reply in time", _LATER) from error
    except httpx.HTTPError as error:
        cure = f"Let this machine reach {api_url}, or look at the application in the Vonage dashboard."
        raise VonageApiError(f"{api_url} cannot be reached: {error}", cure) from error
    date = response.headers.get("date", "")
    if response.status_code != httpx.codes.OK:
        raise _refused(response.status_code, application_id, date)
    try:
        found = VonageApplication.model_validate_json(body)
    except ValidationError as error:
        raise VonageApiError(f"{api_url} does not reply with an application", _LATER, 200, date) from error
    return found.model_copy(update={"date": date})


def _refused(status: int, application_id: str, date: str) -> VonageApiError:
    match status:
        case 401 | 403:
            message = "Vonage does not accept VONAGE_API_KEY with VONAGE_API_SECRET"
            cure = "Copy both from the API settings of the Vonage dashboard."
        case 404:
            message = f"this account has no application {application_id}"
            cure = "Copy VONAGE_APPLICATION_ID from the Vonage dashboard, and look at which account VONAGE_API_KEY is."
        case 429:
            message, cure = "Vonage refuses further requests for now (429)", "Try again in a minute."
        case _:
            message, cure = f"Vonage's API replies with status {status}", _LATER
    return VonageApiError(message, cure, status, date)

"""The APIs of an account: its application, numbers, balance and prices.

Source: Application API 2.4.1; Numbers API 1.1.0; Account API 1.0.4; Pricing API 2.0.0.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Request

from ncco_server.ncco.signing import Method
from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.payloads import RATE_EUR
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.rest.problems import ProblemError

COUNTRY: Final = "GB"
ROUTER = APIRouter()


def _vonage(request: Request) -> Vonage:
    """Any secret is right, and any key unless the application has one."""
    vonage: Vonage = request.app.state.platform.vonage
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        key = base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        key = ""
    if scheme.lower() != "basic" or not key or key != (vonage.application.api_key or key):
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "Send the API key and secret of the account.")
    return vonage


Account = Annotated[Vonage, Depends(_vonage)]


@ROUTER.get("/v2/applications/{application_id}")
async def get_application(vonage: Account, application_id: str) -> dict[str, Any]:
    own = _known(vonage, application_id)
    webhooks = {
        "answer_url": _url(own.answer_url, own.answer_method),
        "fallback_answer_url": _url(own.fallback_url, own.answer_method),
        "event_url": _url(own.event_url, own.event_method),
    }
    voice = {"webhooks": {name: url for name, url in webhooks.items() if url}, "signed_callbacks": True}
    return {"id": application_id, "name": "Virtual Vonage", "capabilities": {"voice": voice}}


@ROUTER.put("/v2/applications/{application_id}")
async def put_application(
    vonage: Account, application_id: str, document: Annotated[dict[str, Any], Body()]
) -> dict[str, Any]:
    webhooks = document.get("capabilities", {}).get("voice", {}).get("webhooks", {})
    answer, event = webhooks.get("answer_url") or {}, webhooks.get("event_url") or {}
    changed = replace(
        _known(vonage, application_id),
        answer_url=answer.get("address", ""),
        answer_method=_method(answer, "GET"),
        fallback_url=(webhooks.get("fallback_answer_url") or {}).get("address", ""),
        event_url=event.get("address", ""),
        event_method=_method(event, "POST"),
    )
    vonage.configure(changed)
    return await get_application(vonage, application_id)


@ROUTER.get("/account/numbers")
async def get_numbers(vonage: Account) -> dict[str, Any]:
    numbers = [{"country": COUNTRY, "msisdn": number} for number in vonage.application.numbers]
    return {"count": len(numbers), "numbers": numbers}


@ROUTER.get("/account/get-balance")
async def get_balance(_: Account, request: Request) -> dict[str, Any]:
    """It does not change."""
    return {"value": request.app.state.platform.balance_eur, "autoReload": False}


@ROUTER.get("/v2/account/pricing/voice-outbound")
async def get_prices(vonage: Account, country: str) -> dict[str, Any]:
    """Per minute, the same everywhere."""
    price = {"country": country, "currency": "EUR", "price": f"{RATE_EUR:.8f}"}
    return {"_embedded": {"countries": [price]}}


def _known(vonage: Vonage, application_id: str) -> Application:
    if application_id != vonage.application.application_id:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no application {application_id}.")
    return vonage.application


def _url(address: str, method: Method) -> dict[str, str]:
    return {"address": address, "http_method": method} if address else {}


def _method(url: Mapping[str, Any], default: Method) -> Method:
    methods: Mapping[Any, Method] = {"GET": "GET", "POST": "POST"}
    return methods.get(url.get("http_method"), default)

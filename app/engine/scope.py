"""What values may look at while a call runs: `call`, `input`, `env`, `now`, `locale` and the variables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.engine.session import Call
from app.flow.hours import hours_view
from app.flow.model import Flow, Outcome

NOTHING_HEARD: Mapping[str, Any] = {"digits": "", "text": "", "confidence": 0.0}
"""`input` before the caller has been asked anything."""


_NUMBER_LENGTHS = range(7, 16)
"""As a number that a flow dials has them. Source: ITU-T E.164 (15 digits at most); the least is our choice."""


def call_record(call: Call) -> dict[str, Any]:
    """`call` as flows see it."""
    return {
        "to": call.to,
        "from": call.from_number,
        "is_hidden": not _is_number(call.from_number),
        "from_user": call.from_user,
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "region_url": call.region_url,
        "endpoint_type": call.endpoint_type,
        "direction": call.direction,
        "sip": call.sip,
        "custom_data": call.custom_data,
    }


def _is_number(text: str) -> bool:
    """Whether a caller can be told and called back by it: no word such as `anonymous`, no SIP address, not ""."""
    digits = text.removeprefix("+")
    return digits.isascii() and digits.isdigit() and len(digits) in _NUMBER_LENGTHS and not digits.startswith("0")


def names_in(
    flow: Flow,
    call: Mapping[str, Any],
    heard: Mapping[str, Any],
    *,
    env: Mapping[str, str],
    now: datetime,
    locale: str,
) -> dict[str, Any]:
    """What every step of a flow may look at; its look-ups as they are before they are asked."""
    names: dict[str, Any] = {
        "call": call,
        "input": heard,
        "env": env,
        "now": now,
        "locale": flow.locale_for(locale) if flow.locales else "",
    }
    if flow.calendars:
        names["hours"] = hours_view(flow.calendars, now)
    if flow.unasked:
        names |= flow.unasked
    return names


def heard_record(outcome: Outcome, *, sensitive: bool) -> dict[str, Any]:
    """`input` as flows see it after an outcome; what is sensitive is only in its variable."""
    confidence = {"confidence": outcome.confidence or 0.0}
    return confidence if sensitive else {"digits": outcome.digits, "text": outcome.text, **confidence}

"""The facts of an answer webhook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.engine.session import NOTHING, Call
from app.ncco.webhooks import as_text, unnested

_SIP_HEADER: Final = "SipHeader_"
"""What Vonage puts before the name of a custom SIP header. Source: webhook reference, Answer."""


def call_of(fields: Mapping[str, object]) -> Call:
    """The facts of an answer webhook, as flows see them: "" or {} for what is missing or cannot be read.

    The route says that it is one, whatever else it holds. Reads what `AnswerWebhook` reads, without making one: a
    caller listens to silence.
    """
    get = fields.get
    leg = get("uuid") if "uuid" in fields else get("call_uuid")
    custom_data = _custom_data(fields) if "custom_data" in fields else NOTHING
    return Call(
        as_text(get("to")),
        as_text(get("from")),
        as_text(get("from_user")),
        as_text(leg),
        as_text(get("conversation_uuid")),
        as_text(get("region_url")),
        as_text(get("endpoint_type")),
        "inbound",
        _sip_headers(fields),
        custom_data,
    )


def _sip_headers(fields: Mapping[str, object]) -> dict[str, str]:
    """Custom SIP headers by their own name (`X-Tenant`, `User-to-User`)."""
    return {
        name.removeprefix(_SIP_HEADER): value
        for name, value in fields.items()
        if name.startswith(_SIP_HEADER) and isinstance(value, str)
    }


def _custom_data(fields: Mapping[str, object]) -> dict[str, Any]:
    """What a Client SDK application sent along; JSON text of it is decoded."""
    found = unnested({"custom_data": fields["custom_data"]})["custom_data"]
    return found if isinstance(found, dict) else {}

"""What values read as `call` and `input`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ncco_server.engine.session import CallData
from ncco_server.flow.runtime import Outcome
from ncco_server.ncco.value_types import is_withheld

NOTHING_HEARD: Mapping[str, Any] = {"digits": "", "text": "", "confidence": 0.0}

_NUMBER = re.compile(r"\+?[1-9][0-9]{6,14}")
"""Source: ITU-T E.164 (15 digits at most); the minimum is our choice."""


def _number(text: str) -> str:
    """A number that can be called back; "" if it is withheld, a SIP address, or another name."""
    return text if _NUMBER.fullmatch(text) and not is_withheld(text) else ""


def person_of(call: CallData) -> str:
    """Return "" if the number is withheld or not a phone number."""
    return _number(call.to if call.direction == "outbound" else call.from_number)


def call_record(call: CallData) -> dict[str, Any]:
    person = person_of(call)
    caller = person if call.direction != "outbound" else _number(call.from_number)
    return {  # written out: `_asdict` takes 6 thousand instructions more of each webhook
        "to": call.to,
        "from": call.from_number,
        "person": person,
        "from_user": call.from_user,
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "region_url": call.region_url,
        "endpoint_type": call.endpoint_type,
        "direction": call.direction,
        "sip": call.sip,
        "custom_data": call.custom_data,
        "request": call.request,
        "is_hidden": not caller,
    }


def heard_record(outcome: Outcome, *, sensitive: bool) -> dict[str, Any]:
    """A sensitive value is only in its variable."""
    confidence = {"confidence": outcome.confidence or 0.0}
    return confidence if sensitive else {"digits": outcome.digits, "text": outcome.text, **confidence}

"""The fields of every webhook, exactly as the platform sends them.

Source: webhook reference; each function names its part.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from app.simulator.legs import Leg

Fields: TypeAlias = dict[str, Any]

RATE_EUR: Final = 0.0039
"""A minute; the price itself means nothing here, its form does."""
NETWORK: Final = "GB-FIXED"
WITHOUT_HEADERS: Final = frozenset({"busy", "cancelled", "unanswered", "timeout", "rejected", "human", "machine"})
"""Statuses whose samples carry no `headers`."""


def stamp(moment: datetime) -> str:
    """ISO 8601 with milliseconds and Z."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def whole_seconds(moment: datetime, zone: str = ".000Z") -> str:
    """A time in seconds, as `start_time` and `end_time` come."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{zone}"


def of_leg(leg: Leg) -> Fields:
    """What most webhooks say of a leg."""
    identity = leg.identity
    return {"from": identity.from_, "to": identity.to, "uuid": leg.uuid, "conversation_uuid": leg.conversation.uuid}


def answer(leg: Leg, region_url: str) -> Fields:
    """Source: webhook reference, Answer; fields in the order of live traffic."""
    identity = leg.identity
    fields: Fields = {"to": identity.to, "endpoint_type": identity.endpoint_type}
    fields |= {"from_user": identity.from_user} if identity.from_user else {"from": identity.from_}
    fields |= {"conversation_uuid": leg.conversation.uuid, "uuid": leg.uuid, "region_url": region_url}
    if identity.custom_data is not None:
        fields["custom_data"] = identity.custom_data
    if identity.endpoint_type != "websocket":
        fields |= {f"SipHeader_{name}": value for name, value in identity.headers.items()}
    return fields


def fallback(fields: Mapping[str, Any], url: str, kind: str, reason: str) -> Fields:
    """Source: webhook reference, Fallback. `kind` is `answer` or `event`."""
    return {"reason": reason, "original_request": {"url": url, "type": kind}, **fields}


def status(leg: Leg, name: str, now: datetime, **extra: Any) -> Fields:
    """Source: webhook reference, Call status events; WebSocket guide for legs of that type (no direction)."""
    is_socket = leg.identity.endpoint_type == "websocket"
    fields: Fields = {}
    if name not in WITHOUT_HEADERS or is_socket:
        fields["headers"] = dict(leg.identity.headers)
    common = of_leg(leg)
    if name in ("human", "machine"):
        common["call_uuid"] = common.pop("uuid")
    fields |= common | {"status": name}
    if not is_socket and name not in ("human", "machine", "disconnected"):
        fields["direction"] = leg.identity.direction
    fields |= {key: value for key, value in extra.items() if value is not None}
    if name == "answered":
        fields |= {"start_time": None, "rate": None, "network": None}
    return fields | {"timestamp": stamp(now)}


def completed(leg: Leg, now: datetime) -> Fields:
    """The last event of a leg. Source: webhook reference, Call status events (completed)."""
    end_ms = leg.clock.ms if leg.ended_ms is None else leg.ended_ms
    start_ms = end_ms if leg.answered_ms is None else leg.answered_ms
    seconds = (end_ms - start_ms) / 1000
    extra: Fields = {
        "start_time": whole_seconds(leg.clock.at(start_ms)),
        "end_time": whole_seconds(leg.clock.at(end_ms)),
        "duration": str(round(seconds)),
        "rate": f"{RATE_EUR:.8f}",
        "price": f"{RATE_EUR * seconds / 60:.8f}",
        "network": NETWORK,
        "disconnected_by": leg.ended_by,
        "sip_code": 200,
    }
    return status(leg, "completed", now, **extra)


def collected(leg: Leg, parts: Mapping[str, Any], now: datetime) -> Fields:
    """What an input has collected: `dtmf` and `speech`; of an asynchronous one only `dtmf`.

    Source: webhook reference, Input.
    """
    return {**parts} | of_leg(leg) | {"timestamp": stamp(now)}


def notify(payload: object, conversation: str, now: datetime) -> Fields:
    """Source: webhook reference, Notify: nested, without a leg."""
    return {"payload": payload, "conversation_uuid": conversation, "timestamp": stamp(now)}


def transfer(leg: Leg, left: str, joined: str, now: datetime) -> Fields:
    """Source: webhook reference, Transfer; `type` as live traffic has it."""
    fields = {"conversation_uuid_from": left, "type": "transfer", "uuid": leg.uuid, "conversation_uuid_to": joined}
    return fields | {"timestamp": stamp(now)}


def error(reason: str, conversation: str, now: datetime) -> Fields:
    """Source: webhook reference, Error."""
    return {"reason": reason, "conversation_uuid": conversation, "timestamp": stamp(now)}


def record(
    ids: tuple[str, str], times: tuple[datetime, datetime], size: int, conversation: str, now: datetime
) -> Fields:
    """Source: webhook reference, Record. `ids` are URL and uuid of the recording; `size` is in bytes."""
    return {
        "start_time": whole_seconds(times[0], "Z"),
        "recording_url": ids[0],
        "size": size,
        "recording_uuid": ids[1],
        "end_time": whole_seconds(times[1], "Z"),
        "conversation_uuid": conversation,
        "timestamp": stamp(now),
    }


def transcription(recording: str, url: str, conversation: str) -> Fields:
    """Source: webhook reference, Transcription: no timestamp."""
    return {
        "conversation_uuid": conversation,
        "type": "record",
        "recording_uuid": recording,
        "status": "transcribed",
        "transcription_url": url,
    }

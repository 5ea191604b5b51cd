"""Builds the fields of webhooks, exactly as the platform sends them.

Source: webhook reference; each function names its section.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from ncco_studio.simulator.legs import Leg, Recording

Fields: TypeAlias = dict[str, Any]

RATE_EUR: Final = 0.0039
"""Per minute. Only its format matters."""
NETWORK: Final = "GB-FIXED"
WITHOUT_HEADERS: Final = frozenset({"busy", "cancelled", "unanswered", "timeout", "rejected", "human", "machine"})
"""Source: the samples of the webhook reference."""


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def whole_seconds(moment: datetime, zone: str = ".000Z") -> str:
    """As in `start_time` and `end_time`."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{zone}"


def of_leg(leg: Leg) -> Fields:
    identity = leg.identity
    return {"from": identity.from_, "to": identity.to, "uuid": leg.uuid, "conversation_uuid": leg.conversation.uuid}


def answer(leg: Leg, region_url: str) -> Fields:
    """In the order of real requests. Source: webhook reference, Answer."""
    identity = leg.identity
    fields: Fields = {"to": identity.to, "endpoint_type": identity.endpoint_type}
    fields |= {"from_user": identity.from_user} if identity.from_user else {"from": identity.from_}
    fields |= {"conversation_uuid": leg.conversation.uuid, "uuid": leg.uuid}
    fields["region_url"] = region_url
    if identity.custom_data is not None:
        fields["custom_data"] = identity.custom_data
    if identity.endpoint_type != "websocket":
        fields |= {f"SipHeader_{name}": value for name, value in identity.headers.items()}
    return fields


def fallback(fields: Mapping[str, Any], url: str, kind: str, reason: str) -> Fields:
    """`kind` is `answer` or `event`. Source: webhook reference, Fallback."""
    return {"reason": reason, "original_request": {"url": url, "type": kind}, **fields}


def status(leg: Leg, name: str, **extra: Any) -> Fields:
    """WebSocket legs have no direction. Source: webhook reference, Call status events; WebSocket guide."""
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
    return fields | {"timestamp": stamp(leg.clock())}


def completed(leg: Leg) -> Fields:
    """Source: webhook reference, Call status events (completed)."""
    end_ms = leg.clock.ms if leg.ended_ms is None else leg.ended_ms
    start_ms = end_ms if leg.answered_ms is None else leg.answered_ms
    seconds = (end_ms - start_ms) / 1000
    return status(
        leg,
        "completed",
        start_time=whole_seconds(leg.clock.at(start_ms)),
        end_time=whole_seconds(leg.clock.at(end_ms)),
        duration=str(round(seconds)),
        rate=f"{RATE_EUR:.8f}",
        price=f"{RATE_EUR * seconds / 60:.8f}",
        network=NETWORK,
        disconnected_by=leg.ended_by,
        sip_code=200,
    )


def collected(leg: Leg, parts: Mapping[str, Any]) -> Fields:
    """`parts` has `dtmf`, and `speech` unless the input is asynchronous. Source: webhook reference, Input."""
    return {**parts} | of_leg(leg) | {"timestamp": stamp(leg.clock())}


def notify(leg: Leg, payload: object) -> Fields:
    """No leg is named. Source: webhook reference, Notify."""
    return {"payload": payload, "conversation_uuid": leg.conversation.uuid, "timestamp": stamp(leg.clock())}


def transfer(leg: Leg, left: str) -> Fields:
    """`left` is the uuid of the former conversation.

    Source: webhook reference, Transfer; `type` as in real requests.
    """
    joined = {"uuid": leg.uuid, "conversation_uuid_to": leg.conversation.uuid, "timestamp": stamp(leg.clock())}
    return {"conversation_uuid_from": left, "type": "transfer"} | joined


def error(leg: Leg, reason: str) -> Fields:
    """Source: webhook reference, Error."""
    return {"reason": reason, "conversation_uuid": leg.conversation.uuid, "timestamp": stamp(leg.clock())}


def record(recording: Recording, url: str, size: int) -> Fields:
    """`size` is in bytes. Source: webhook reference, Record."""
    return {
        "start_time": whole_seconds(recording.begun, "Z"),
        "recording_url": url,
        "size": size,
        "recording_uuid": recording.uuid,
        "end_time": whole_seconds(recording.ended or recording.begun, "Z"),
        "conversation_uuid": recording.conversation.uuid,
        "timestamp": stamp(recording.leg.clock()),
    }


def transcription(recording: Recording, url: str) -> Fields:
    """There is no timestamp. Source: webhook reference, Transcription."""
    return {
        "conversation_uuid": recording.conversation.uuid,
        "type": "record",
        "recording_uuid": recording.uuid,
        "status": "transcribed",
        "transcription_url": url,
    }

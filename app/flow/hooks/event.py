"""`event` in a hook: what Vonage has reported."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from app.flow.scope import Record
from app.flow.types import TYPES
from app.ncco.webhooks import Webhook

_FIELDS: Final = (
    "status",
    "timestamp",
    "start_time",
    "end_time",
    "duration",
    "size",
    "recording_url",
    "recording_uuid",
    "transcription_url",
    "detail",
    "disconnected_by",
    "sip_code",
    "rate",
    "price",
    "network",
)
"""Source: webhook reference, Record, Transcription, Call status events."""

EVENT: Final = Record(dict.fromkeys(("name", *_FIELDS), TYPES["text"]))
"""`event` as expressions see it: texts, "" for what this event does not have."""

NO_EVENT: Final[Mapping[str, str]] = MappingProxyType(dict.fromkeys(EVENT.fields, ""))
"""`event` in a hook that a step sends by itself."""


def event_record(name: str, webhook: Webhook) -> dict[str, str]:
    """`event` of a webhook, e.g. of one that a recording is ready.

    Args:
        name: the word under `events` that names it: `record`, `transcription` or `hangup`.
        webhook: what Vonage sent.
    """
    found = {field: getattr(webhook, field, None) for field in _FIELDS}
    return {"name": name, **{field: "" if value is None else str(value) for field, value in found.items()}}

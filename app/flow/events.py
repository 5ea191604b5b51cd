"""`events`: whom a flow tells of what Vonage reports later.

events: {record: voicemail_saved, hangup: abandoned}      # of a step, or of the whole flow
"""

from __future__ import annotations

from app.flow.fields import read_fields
from app.flow.hooks import SentHook, read_sent
from app.flow.nodes import Node
from app.flow.reader import Reader

EVENTS = (
    "record",
    "transcription",
    "hangup",
    "started",
    "ringing",
    "answered",
    "machine",
    "human",
    "beep",
    "completed",
    "busy",
    "timeout",
    "unanswered",
    "rejected",
    "failed",
    "cancelled",
    "disconnected",
)
"""What can be told of. Source: webhook reference, Call status events, Record, Transcription; `hangup` is ours."""

_HINTS = {
    "recorded": "write `record`",
    "recording": "write `record`",
    "transcribed": "write `transcription`",
    "hang_up": "write `hangup`",
    "error": "write it under `on`: an error leads the call on",
}


def read_events(node: Node, reader: Reader) -> dict[str, tuple[SentHook, ...]]:
    """The map under `events`: event → the hooks that are told; E284 for what is no event."""
    found = reader.map(node, "`events`", "write `events: {record: hook}`")
    if found is None:
        return {}
    fields = read_fields(found, EVENTS, "`events`", reader, hints=_HINTS, code="E284")
    return {
        name: read_sent(value, reader.hooks, reader, f"`{name}` of `events`") for name, value in fields.values.items()
    }

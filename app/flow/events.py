"""`events`: whom a flow tells of what Vonage reports later.

events: {record: voicemail_saved, hangup: abandoned}      # of a step, or of the whole flow
"""

from __future__ import annotations

from app.flow.exits.source import StepSource
from app.flow.fields import read_fields
from app.flow.hooks import SentHook, read_sent
from app.flow.nodes import Map, Node, Seq
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


def check_events(source: StepSource, reader: Reader) -> None:
    """W288 for what nothing in the step brings: a recording, a transcription of one."""
    node = source.fields.get("events")
    kinds = {item.kind for item in source.played}
    if not isinstance(node, Map) or not source.plays_whole or "ncco" in kinds:
        return
    records = "record" in kinds or ("conversation" in kinds and _is_written("record", source))
    for entry in node.entries:
        name = entry.key.value
        if name in ("record", "transcription") and not records:
            reader.report("W288", entry.key.place, f"`{name}` never comes: nothing in this step records")
        elif name == "transcription" and not _is_written(name, source):
            message = "`transcription` never comes: no record of this step asks for one"
            reader.report(
                "W288", entry.key.place, message, "write `transcription: {}` in the record, or delete the line"
            )


def _is_written(option: str, source: StepSource) -> bool:
    """Whether an action of the step, or a default of its actions, has the option."""
    actions = (source.defaults.actions.get(item.kind) for item in source.played)
    return any(action is not None and _holds(action, option) for action in (source.fields.get("do"), *actions))


def _holds(node: Node, key: str) -> bool:
    if isinstance(node, Map):
        return key in node.keys() or any(_holds(entry.value, key) for entry in node.entries)  # noqa: SIM118 - a Map
    return isinstance(node, Seq) and any(_holds(item, key) for item in node.items)

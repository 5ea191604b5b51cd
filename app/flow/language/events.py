"""`events`: which hooks are sent for what Vonage reports later.

events: {record: voicemail_saved, hangup: abandoned}      # of a step, or of the whole flow
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, TypeAlias

from app.flow.language.base import FlowModel, ReadWith
from app.flow.language.exits import StepSource
from app.flow.language.hooks import SentHook, read_sent
from app.flow.language.json_schema import defined
from app.flow.nodes import Map, Node, Seq
from app.flow.reader import Reader

SentHooks: TypeAlias = Annotated[tuple[SentHook, ...], ReadWith(read_sent, defined("sent"))]


class EventWords(FlowModel):
    """Each event with the hooks that are sent; `hangup` is ours.

    Source: webhook reference, Call status events, Record, Transcription.
    """

    aliases: ClassVar = {
        **dict.fromkeys(("recorded", "recording"), "record"),
        "transcribed": "transcription",
        "hang_up": "hangup",
    }
    hints: ClassVar = {"error": "write it under `on`: an error leads the call on"}
    unknown_code: ClassVar = "E284"

    record: SentHooks = ()
    """A recording is ready."""
    transcription: SentHooks = ()
    """A transcription is ready."""
    hangup: SentHooks = ()
    """The call is over."""
    started: SentHooks = ()
    """A call to somebody begins."""
    ringing: SentHooks = ()
    """It rings."""
    answered: SentHooks = ()
    """Somebody, or a machine, has answered."""
    machine: SentHooks = ()
    """A machine answered."""
    human: SentHooks = ()
    """A person answered."""
    beep: SentHooks = ()
    """A machine has played its tone."""
    completed: SentHooks = ()
    """They spoke, and hung up."""
    busy: SentHooks = ()
    """The other party is on the phone."""
    timeout: SentHooks = ()
    """It rang for too long."""
    unanswered: SentHooks = ()
    """Nobody answered, or the call was declined."""
    rejected: SentHooks = ()
    """The call was refused before it rang."""
    failed: SentHooks = ()
    """The call could not be connected."""
    cancelled: SentHooks = ()
    """The caller hung up before somebody answered."""
    disconnected: SentHooks = ()
    """A websocket was closed."""


def read_events(node: Node, what: str, reader: Reader) -> Mapping[str, tuple[SentHook, ...]]:
    """The map under `events`: event → the hooks that are sent."""
    found = reader.map(node, what, "write `events: {record: hook}`")
    events = EventWords.parse(found, what, reader) if found else None
    return {name: getattr(events, name) for name in events.written.values} if events else {}


def check_events(source: StepSource) -> None:
    """W288 for what nothing in the step brings: a recording, a transcription of one."""
    node, reader = source.fields.get("events"), source.reader
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
    actions = (source.reader.inherited.get(item.kind) for item in source.played)
    return any(action is not None and _holds(action, option) for action in (source.fields.get("do"), *actions))


def _holds(node: Node, key: str) -> bool:
    if isinstance(node, Map):
        return key in node.keys() or any(_holds(entry.value, key) for entry in node.entries)  # noqa: SIM118 - a Map
    return isinstance(node, Seq) and any(_holds(item, key) for item in node.items)

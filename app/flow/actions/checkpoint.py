"""`checkpoint`: tells the server that the call has come this far; an NCCO notify.

```yaml
do:
  - talk: "These are our terms."
  - checkpoint: heard_terms
on:
  heard_terms: accept
```

Named in `on`, it decides how the call goes on; else it is only recorded.
"""

from __future__ import annotations

import re

from app.flow.actions.action import Action
from app.flow.actions.item import Item
from app.flow.actions.values import Given, Object, OfCall
from app.flow.model import Callback, Part
from app.flow.nodes import Place, Text
from app.flow.reader import Reader

DIAL_FAILURES = ("busy", "timeout", "unanswered", "rejected", "failed")
"""Ways in which dialling fails whose reply Vonage plays. Source: webhook reference, Call status events."""

DIAL_OUTCOMES = ("completed", *DIAL_FAILURES, "disconnected")
DETECTIONS = ("machine", "human", "beep")
"""What machine detection reports."""

CONNECTED = "connected"
HELD = "held"
_RESERVED = frozenset({*DIAL_OUTCOMES, *DETECTIONS, CONNECTED, HELD, "otherwise", "error", "cancelled", "record"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class CheckpointKind:
    """How a `checkpoint` is read."""

    word = "checkpoint"

    def read(self, item: Item, reader: Reader) -> Part | None:
        """The notify of one checkpoint; None once its faults are reported."""
        name = item.main
        if not isinstance(name, Text):
            reader.report("E404", item.place, "a checkpoint has only a name", "write `checkpoint: heard_terms`")
            return None
        for entry in item.beside:
            reader.report("E202", entry.key.place, f'checkpoint has no "{entry.key.value}"', "it takes a name only")
        if not _NAME.fullmatch(name.value):
            message = f'a checkpoint cannot be named "{name.value}"'
            reader.report("E409", name.place, message, "use letters, digits, _ and -")
            return None
        if name.value in _RESERVED:
            message = f'"{name.value}" is the name of an outcome already'
            reader.report("E409", name.place, message, "give the checkpoint another name")
            return None
        return checkpoint(name.value, item.place, steers=False)


def checkpoint(name: str, place: Place, *, steers: bool) -> Action:
    """The notify of a checkpoint. It carries the leg, since the webhook itself names only the conversation.

    Source: webhook reference, Notify event.
    """
    payload = Object({"checkpoint": Given(name, place), "leg": OfCall("uuid", place)}, place)
    return Action("notify", place, {"payload": payload}, Callback("notify", name, steers), checkpoint=name)

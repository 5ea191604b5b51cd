"""The head of a flow file: its name, its numbers, who may start it, what it takes and gives back."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.flow.fields import Fields
from app.flow.given import read_params, read_typed
from app.flow.nodes import Map, Node, Place, Seq, Text
from app.flow.reader import Reader
from app.flow.signature import Signature
from app.flow.types import TYPES

_FLOW_NAME = re.compile(r"[a-z0-9_-]+")
_OUTCOME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_TAKEN = frozenset({"error", "otherwise", "end"})


@dataclass(frozen=True, slots=True)
class Head:
    """What stands at the top of the file.

    Attributes:
        has_entrance: calls can start here, or were meant to.
        outside: what other flows see of it.
    """

    name: Text | None
    place: Place
    numbers: tuple[tuple[str, Place], ...]
    default: Place | None
    entry: bool
    has_entrance: bool
    outside: Signature


def read_head(fields: Fields, reader: Reader) -> Head:
    """Name, numbers, flags, params, outcomes and returned values."""
    name = _read_name(fields, reader)
    numbers = _read_numbers(fields, reader)
    flags = {word: _read_flag(fields, word, reader) for word in ("default", "entry")}
    written = fields.get("numbers")
    is_listed = written is not None and not (isinstance(written, Seq) and not written.items)
    has_entrance = is_listed or any(flag is not False for flag in flags.values())
    default = fields.at("default") if flags["default"] else None
    outside = _read_outside(name, fields, reader)
    return Head(name, fields.at("flow"), numbers, default, flags["entry"] is True, has_entrance, outside)


def _read_outside(name: Text | None, fields: Fields, reader: Reader) -> Signature:
    before = len(reader.issues)
    params = read_params(fields.values["params"], "`params`", reader) if "params" in fields.values else {}
    returns = read_typed(fields.values["returns"], "`returns`", reader) if "returns" in fields.values else {}
    outcomes = _read_outcomes(fields.values["outcomes"], reader) if "outcomes" in fields.values else {}
    is_whole = fields.is_whole and not any(issue.is_error for issue in reader.issues[before:])
    called = name.value if name else ""
    return Signature(called, fields.at("flow"), params, tuple(outcomes), returns, is_whole, outcomes)


def _read_outcomes(node: Node, reader: Reader) -> dict[str, Place]:
    """The names of what may come of the flow, and where each stands."""
    found = reader.seq(node, "`outcomes`") if not isinstance(node, Text) else Seq((node,), node.place)
    names: dict[str, Place] = {}
    for item in found.items if found else ():
        text = reader.text(item, "an outcome")
        if text is None:
            continue
        if text.value in _TAKEN:
            reader.report("E206", text.place, f'an outcome cannot be named "{text.value}"')
        elif not _OUTCOME.fullmatch(text.value):
            reader.report("E205", text.place, f'an outcome cannot be named "{text.value}"')
        names.setdefault(text.value, text.place)
    return names


def is_flow_name(name: str) -> bool:
    """Whether a flow can be named so."""
    return _FLOW_NAME.fullmatch(name) is not None


def sample_signature(node: Map, reader: Reader) -> Signature:
    """What other flows see of the flow in a file; its name is "" when it has none. Faults are left to `read_head`."""
    keys = {entry.key.value: entry.key for entry in node.entries}
    values = {entry.key.value: entry.value for entry in node.entries}
    fields = Fields("the flow", node.place, keys, values)
    name = values.get("flow")
    return _read_outside(name if isinstance(name, Text) else None, fields, reader)


def _read_name(fields: Fields, reader: Reader) -> Text | None:
    node = fields.need("flow", "begin the file with `flow: name`", reader)
    text = reader.text(node, "`flow`") if node else None
    if text is not None and not is_flow_name(text.value):
        cure = "use a to z, 0 to 9, _ and -"
        reader.report("E205", text.place, f'a flow cannot be named "{text.value}"', cure)
    return text


def _read_numbers(fields: Fields, reader: Reader) -> tuple[tuple[str, Place], ...]:
    """The numbers, tidied; E211 for one that is given twice."""
    node = fields.get("numbers")
    if node is None:
        return ()
    if not isinstance(node, Seq):
        shown = node.value if isinstance(node, Text) else "442079460000"
        reader.report("E201", node.place, "`numbers` is not a list", f'write `numbers: ["{shown}"]`')
        return ()
    found: dict[str, Place] = {}
    for item in node.items:
        number = reader.literal(item, TYPES["phone"], "`numbers`")
        if isinstance(number, str):
            if number in found:
                reader.report("E211", item.place, f"{number} is given twice", "delete one of the two")
            found.setdefault(number, item.place)
    return tuple(found.items())


def _read_flag(fields: Fields, word: str, reader: Reader) -> bool | None:
    """Whether it is true; None for one that is neither true nor false, which is reported."""
    node = fields.get(word)
    return node is not None and reader.flag(node, f"`{word}`")

"""One flow file: what stands at its top, then its steps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from app.flow.checks.graph import check_cycles, check_reachable
from app.flow.defaults import read_defaults
from app.flow.fields import Fields, fallen_out, read_fields
from app.flow.inherited import Defaults
from app.flow.issues import Issue
from app.flow.model import Flow, Target, Variable
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.played import STEP_WORDS
from app.flow.reader import Reader
from app.flow.scope import scope_types
from app.flow.steps import ReadStep, read_step
from app.flow.types import TYPES
from app.flow.variables import Declared, read_variables, with_collected

_WORDS = ("flow", "numbers", "default", "entry", "start", "defaults", "vars", "steps")
_HINTS = {
    "name": "write `flow`",
    "number": "write `numbers`, a list",
    "variables": "write `vars`",
    "on": "write it under `defaults`: `defaults: {on: {error: step}}`",
    "talk": "write it under `defaults`: `defaults: {talk: {..}}`",
    "retry": "write it under `defaults`: `defaults: {retry: {..}}`",
    "choices": "write it under `defaults`, to add it to every menu, or in a step",
    "do": "put it into a step, under `steps`",
    "goto": "put it into a step, under `steps`",
}
_FLOW_NAME = re.compile(r"[a-z0-9_-]+")
_STEP_NAME = re.compile(r"\w[\w-]*")
_RESERVED_STEPS = frozenset({"end", "return"})


@dataclass(frozen=True, slots=True)
class ReadFlow:
    """A flow file as far as it could be read.

    Attributes:
        name: as written; None when the file gives none.
        numbers: each number with its place.
        default: where `default: true` stands.
        flow: None when the file has an error.
    """

    name: Text | None
    numbers: tuple[tuple[str, Place], ...]
    default: Place | None
    flow: Flow | None


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands at the top of the file."""

    name: Text | None
    place: Place
    numbers: tuple[tuple[str, Place], ...]
    default: Place | None
    entry: bool


def read_flow(
    node: Node, templates: Mapping[str, str], env: Iterable[str] | None, issues: list[Issue]
) -> ReadFlow | None:
    """Read one file's nodes; every fault goes to `issues`, which may hold those of its text already.

    Args:
        node: the file's nodes.
        templates: template file name → text.
        env: names of the variables that are set for flows; None when that is not known.
        issues: the faults of this file.
    """
    reader = Reader(scope_types({}, env), templates, frozenset(), issues)
    if not isinstance(node, Map):
        cure = "begin with `flow: name`, `start: step` and `steps:`"
        reader.report("E201", node.place, "a flow file is a map, and this is none", cure)
        return None
    fields = read_fields(node, _WORDS, "the flow", reader, place=_first_line(node), hints=_HINTS)
    fields = _mend_default(fields, reader)
    head = _read_head(fields, reader)
    steps = _read_steps_map(fields, reader)
    vars_node = fields.get("vars")
    declared = with_collected(read_variables(vars_node, reader) if vars_node else Declared({}), steps)
    variables = declared.variables
    reader = Reader(declared.scope(env), templates, frozenset(_step_names(steps)), issues)
    defaults = (
        read_defaults(fields.values["defaults"], variables, reader) if "defaults" in fields.values else Defaults()
    )
    read = _read_steps(steps, variables, defaults, reader)
    start = _read_start(fields, steps, reader)
    issues.extend(check_cycles(read))
    if start is not None and fields.is_whole and defaults.is_whole:
        issues.extend(check_reachable(start, read, defaults.error))
    flow = None
    if head.name is not None and start is not None and not any(issue.is_error for issue in issues):
        flow = _make(head.name, head, start, read, variables, error=defaults.error)
    return ReadFlow(head.name, head.numbers, head.default, flow)


def _mend_default(fields: Fields, reader: Reader) -> Fields:
    """A map under `default` is meant to be `defaults`."""
    node = fields.get("default")
    if not isinstance(node, Map) or "defaults" in fields.values:
        return fields
    reader.report("E201", fields.at("default"), "`default` is a map, and it takes true or false", "write `defaults`")
    values = {"defaults" if word == "default" else word: value for word, value in fields.values.items()}
    return replace(fields, values=values)


def _read_head(fields: Fields, reader: Reader) -> _Head:
    """Name, numbers and flags; W213 when no call can start here."""
    name = _read_name(fields, reader)
    numbers = _read_numbers(fields, reader)
    flags = {word: _read_flag(fields, word, reader) for word in ("default", "entry")}
    written = fields.get("numbers")
    has_entrance = any(flags.values()) or (written is not None and not (isinstance(written, Seq) and not written.items))
    if fields.is_whole and not has_entrance and name is not None:
        reader.report("W213", name.place, f'no call can start in the flow "{name.value}"')
    default = fields.at("default") if flags["default"] else None
    return _Head(name, fields.at("flow"), numbers, default, flags["entry"])


def _make(
    name: Text,
    head: _Head,
    start: str,
    read: Mapping[str, ReadStep],
    variables: Mapping[str, Variable],
    *,
    error: Target | None,
) -> Flow:
    """The flow, all of whose steps could be read."""
    return Flow(
        name=name.value,
        place=head.place,
        start=start,
        steps={step.name: step.step for step in read.values() if step.step is not None},
        variables=variables,
        numbers=tuple(number for number, _ in head.numbers),
        default=head.default is not None,
        entry=head.entry,
        error=error,
    )


def _first_line(node: Map) -> Place:
    """Where to report what a flow lacks: its first line."""
    return node.entries[0].key.place if node.entries else node.place


def _read_name(fields: Fields, reader: Reader) -> Text | None:
    node = fields.need("flow", "begin the file with `flow: name`", reader)
    text = reader.text(node, "`flow`") if node else None
    if text is not None and not _FLOW_NAME.fullmatch(text.value):
        cure = "use a to z, 0 to 9, _ and -"
        reader.report("E205", text.place, f'a flow cannot be named "{text.value}"', cure)
    return text


def _read_steps_map(fields: Fields, reader: Reader) -> Map:
    """The map of steps; an empty one when there is none."""
    cure = "write the steps of the call under `steps:`"
    node = fields.need("steps", cure, reader)
    found = (
        reader.map(node, "`steps`", "write each step below the other, its name in front: `welcome:`") if node else None
    )
    if found is not None and not found.entries:
        reader.report("E204", fields.at("steps"), "`steps` is empty", cure)
    return found or Map((), fields.place)


def _step_names(steps: Map) -> Iterable[str]:
    """What a target may name. A step with a faulty name may be meant by the name without what is faulty in it."""
    for entry in steps.entries:
        name = entry.key.value
        if name not in _RESERVED_STEPS:
            yield name
            if not _STEP_NAME.fullmatch(name):
                yield re.sub(r"[^\w-]+", "", name)


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


def _read_flag(fields: Fields, word: str, reader: Reader) -> bool:
    node = fields.get(word)
    return node is not None and reader.flag(node, f"`{word}`") is True


def _read_start(fields: Fields, steps: Map, reader: Reader) -> str | None:
    """The first step of a call; None when it is missing or no step."""
    first = next(iter(_step_names(steps)), "welcome")
    node = fields.need("start", f"add `start: {first}`", reader)
    target = reader.target(node, "`start`") if node else None
    if target is not None and target.step is None:
        reader.report("E214", target.place, "a call cannot start at its end", f"name a step, e.g. `start: {first}`")
    return target.step if target else None


def _read_steps(
    steps: Map, variables: Mapping[str, Variable], defaults: Defaults, reader: Reader
) -> dict[str, ReadStep]:
    fallen = fallen_out(steps.entries, lambda entry: entry.key.value in STEP_WORDS)
    entries = [entry for entry in steps.entries if entry.key.value not in fallen]
    for entry in entries:
        _check_step_name(entry, reader)
    read = [read_step(entry, variables, defaults, reader) for entry in entries]
    return {step.name: step for step in read if step.name not in _RESERVED_STEPS}


def _check_step_name(entry: Entry, reader: Reader) -> None:
    name = entry.key.value
    if name in _RESERVED_STEPS:
        reader.report(
            "E206", entry.key.place, f'a step cannot be named "{name}": as a target it is the end of the call'
        )
    elif not _STEP_NAME.fullmatch(name):
        reader.report("E205", entry.key.place, f'a step cannot be named "{name}"')

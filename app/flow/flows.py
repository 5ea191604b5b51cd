"""One flow file: what stands at its top, then its steps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from app.flow.checks.graph import check_cycles, check_reachable
from app.flow.constants import constant_types
from app.flow.context import Context
from app.flow.defaults import read_defaults
from app.flow.displaced import put_back
from app.flow.exits import STEP_WORDS
from app.flow.fields import Fields, fallen_out, read_fields
from app.flow.heads import Head, read_head
from app.flow.inherited import Defaults
from app.flow.issues import Issue
from app.flow.language.events import read_events
from app.flow.language.limits import read_limits
from app.flow.model import Flow, Limit, Sending, Target, Variable
from app.flow.nodes import Entry, Map, Node, Place, Text
from app.flow.parts.inheritance import gather
from app.flow.reader import Reader
from app.flow.scope import ScopeTypes, scope_types
from app.flow.sections import SECTIONS, Sections, read_sections
from app.flow.signature import Signature
from app.flow.steps import ReadStep, read_step
from app.flow.targets import read_target
from app.flow.types import CALLER_URL, TYPES
from app.flow.variables import Declared, read_variables, with_collected

WORDS = (
    *("flow", "numbers", "default", "entry", "start", "params", "outcomes", "returns"),
    *("limits", "defaults", "vars", *SECTIONS, "events", "steps"),
)
_HINTS = {
    "name": "write `flow`",
    "number": "write `numbers`, a list",
    "variables": "write `vars`",
    "languages": "write `locales`",
    "on": "write it under `defaults`: `defaults: {on: {error: step}}`",
    "talk": "write it under `defaults`: `defaults: {talk: {..}}`",
    "retry": "write it under `defaults`: `defaults: {retry: {..}}`",
    "choices": "write it under `defaults`, to add it to every menu, or in a step",
    "do": "put it into a step, under `steps`",
    "goto": "put it into a step, under `steps`",
}
_STEP_NAME = re.compile(r"\w[\w-]*")
_RESERVED_STEPS = frozenset({"end", "return"})


@dataclass(frozen=True, slots=True)
class ReadFlow:
    """A flow file as far as it could be read.

    Attributes:
        head: its name, which is None when the file gives none, and its numbers.
        steps: as far as they could be read, by name.
        start: the first of them; None when it is not known.
        runs: the flows that it may lead to.
        is_whole: nothing at the top of the file was dropped as unknown.
        flow: None when the file has an error.
        sections: its parts and the shared ones.
        scope: what its values may use.
    """

    head: Head
    steps: Mapping[str, ReadStep]
    start: str | None
    runs: frozenset[str]
    is_whole: bool
    flow: Flow | None
    sections: Sections
    scope: ScopeTypes

    @property
    def name(self) -> str:
        """Of the flow; empty when the file gives none."""
        return self.head.name.value if self.head.name else ""


def read_flow(node: Node, context: Context, issues: list[Issue]) -> ReadFlow | None:
    """Read one file's nodes; every fault goes to `issues`, which may hold those of its text already."""
    reader = Reader(scope_types({}, context.env), context.templates, frozenset(), issues, flows=context.flows)
    if not isinstance(node, Map):
        cure = "begin with `flow: name`, `start: step` and `steps:`"
        reader.report("E201", node.place, "a flow file is a map, and this is none", cure)
        return None
    fields = read_fields(node, WORDS, "the flow", reader, place=_first_line(node), hints=_HINTS)
    fields = _mend_default(fields, reader)
    head = read_head(fields, reader)
    steps = _read_steps_map(fields, reader)
    declared = _declare(fields, head.outside, steps, reader)
    reader = replace(
        reader,
        scope=_scope(declared, node, head.outside, context),
        steps=frozenset(_step_names(steps)),
        variables=declared.variables,
        own=head.outside,
        step_words=STEP_WORDS,
    )
    sections, reader = read_sections(fields, reader, context.shared, context.dates)
    defaults = _read_defaults(fields, context.defaults, declared.variables, reader)
    reader = replace(reader, language=_language(defaults, sections))
    events = read_events(fields.values["events"], "`events`", reader) if "events" in fields.values else {}
    limits = read_limits(fields.values["limits"], reader) if "limits" in fields.values else {}
    read = _read_steps(steps, declared.variables, defaults, reader)
    start = _read_start(fields, steps, reader)
    issues.extend(check_cycles(read))
    if start is not None and fields.is_whole and defaults.is_whole:
        issues.extend(check_reachable(start, read, defaults.error))
    flow = None
    if head.name is not None and start is not None and not any(issue.is_error for issue in issues):
        own = sections, events, limits
        flow = _make(head.name, head, start, read, declared.variables, error=defaults.error, own=own)
    return ReadFlow(head, read, start, frozenset(reader.runs), fields.is_whole, flow, sections, reader.scope)


def _scope(declared: Declared, flow: Map, outside: Signature, context: Context) -> ScopeTypes:
    """The names that the values of the flow may use."""
    scope = declared.scope(context.env, context.kept.get(outside.name, ()))
    types = constant_types(declared.variables, flow, outside, context.flows.values())
    filled = context.caller_filled.get(outside.name, ())
    texts = {name: CALLER_URL for name in filled if scope.get(name) == TYPES["url"]}
    return replace(scope, shapes={**scope.shapes, **types, **texts})


def _declare(fields: Fields, outside: Signature, steps: Map, reader: Reader) -> Declared:
    """The variables of the flow: its params, those under `vars`, and those that a `collect` fills."""
    node = fields.get("vars")
    declared = read_variables(node, reader) if node else Declared({})
    for name in outside.params.keys() & declared.variables.keys():
        place = declared.variables[name].place
        reader.report("E206", place, f'"{name}" is a param of the flow already', "delete one of the two")
    params = {name: param.variable for name, param in outside.params.items()}
    return with_collected(replace(declared, variables={**declared.variables, **params}), steps)


def _read_defaults(fields: Fields, shared: Map | None, variables: Mapping[str, Variable], reader: Reader) -> Defaults:
    """What every step inherits: the flow's `defaults` over the shared ones."""
    own = fields.get("defaults")
    if own is None or not isinstance(own, Map) or shared is None:
        node = own or shared
        return read_defaults(node, variables, reader) if node else Defaults()
    return read_defaults(gather(own.entries, shared.entries, own.place), variables, reader)


def _language(defaults: Defaults, sections: Sections) -> str:
    """The language that the flow speaks where nothing else says so."""
    talk = defaults.actions.get("talk")
    written = talk.get("language") if talk else None
    first = next(iter(sections.locales.values()), None)
    if first is not None:
        return first.language
    return written.value if isinstance(written, Text) and "{" not in written.value else "en-US"


def _mend_default(fields: Fields, reader: Reader) -> Fields:
    """A map under `default` is meant to be `defaults`."""
    node = fields.get("default")
    if not isinstance(node, Map) or "defaults" in fields.values:
        return fields
    reader.report("E201", fields.at("default"), "`default` is a map, and it takes true or false", "write `defaults`")
    values = {"defaults" if word == "default" else word: value for word, value in fields.values.items()}
    return replace(fields, values=values)


def _make(
    name: Text,
    head: Head,
    start: str,
    read: Mapping[str, ReadStep],
    variables: Mapping[str, Variable],
    *,
    error: Target | None,
    own: tuple[Sections, Mapping[str, tuple[Sending, ...]], Mapping[str, Limit]],
) -> Flow:
    """The flow, all of whose steps could be read; `own` are its parts, its events and its limits."""
    sections, events, limits = own
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
        params={name: param.variable for name, param in head.outside.params.items()},
        outcomes=head.outside.outcomes,
        locales=sections.locales,
        calendars=sections.calendars,
        unasked={name: lookup.unasked for name, lookup in sections.lookups.items()},
        hushed={name: found for name, lookup in sections.lookups.items() if (found := lookup.returns.secrets)},
        events=events,
        limits=limits,
    )


def _first_line(node: Map) -> Place:
    """Where to report what a flow lacks: its first line."""
    return node.entries[0].key.place if node.entries else node.place


def _read_steps_map(fields: Fields, reader: Reader) -> Map:
    """The map of steps; an empty one when there is none."""
    cure = "write the steps of the call under `steps:`"
    node = fields.need("steps", cure, reader)
    found = (
        reader.map(node, "`steps`", "write each step below the other, its name in front: `welcome:`") if node else None
    )
    if found is not None and not found.entries:
        reader.report("E204", fields.at("steps"), "`steps` is empty", cure)
    return put_back(found, reader) if found else Map((), fields.place)


def _step_names(steps: Map) -> Iterable[str]:
    """What a target may name. A step with a faulty name may be meant by the name without what is faulty in it."""
    for entry in steps.entries:
        name = entry.key.value
        if name not in _RESERVED_STEPS:
            yield name
            if not _STEP_NAME.fullmatch(name):
                yield re.sub(r"[^\w-]+", "", name)


def _read_start(fields: Fields, steps: Map, reader: Reader) -> str | None:
    """The first step of a call; None when it is missing or no step."""
    first = next(iter(_step_names(steps)), "welcome")
    node = fields.need("start", f"add `start: {first}`", reader)
    target = read_target(node, "`start`", reader) if node else None
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

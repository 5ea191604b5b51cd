"""Reads a flow file: its top-level words, then its steps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Final

from ncco_server.flow.action import AGENT
from ncco_server.flow.frame import Target
from ncco_server.flow.grammar.forms import TEXT, Notation, Unread, listed, named, offered, ref
from ncco_server.flow.grammar.map_form import written_as
from ncco_server.flow.grammar.reader import Fields, Reader, Resolver, elsewhere
from ncco_server.flow.grammar.targets import RunForm, read_target
from ncco_server.flow.grammar.variables import (
    constant_types,
    read_params,
    read_returned_types,
    read_variables,
    refuse_spoken,
    undeclared_names,
    with_collected,
)
from ncco_server.flow.hours.timezone import zone_written_in
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.language.agents import empty_answer, in_expressions, returned_in
from ncco_server.flow.language.choice import ChoiceDefinition
from ncco_server.flow.language.defaults import Defaults, read_defaults
from ncco_server.flow.language.hooks import EVENTS, Later, read_events
from ncco_server.flow.language.outbound import Outbound, check_outbound
from ncco_server.flow.language.outcomes import read_outcomes
from ncco_server.flow.language.shared import Context, Declarations, Sections, overlay, read_sections
from ncco_server.flow.language.step import STEP_WORDS, ReadStep, StoredSteps, read_step
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text
from ncco_server.flow.scope import ScopeTypes, Signature, Variable, scope_types
from ncco_server.ncco.value_types import NO_BEGINNING, TYPES, Kind
from ncco_server.suggest import nearest

_FLOW_NAME: Final = re.compile(r"[a-z0-9_-]+")
_STEP_NAME: Final = re.compile(r"\w[\w-]*")
_RESERVED_STEPS: Final = frozenset({"end", "return"})


def is_flow_name(name: str) -> bool:
    return _FLOW_NAME.fullmatch(name) is not None


def _read_name(node: Node, what: str, reader: Reader) -> Text | None:
    text = reader.text(node, what)
    if text is not None:
        reader.check_name(text, "a flow", _FLOW_NAME, "use a to z, 0 to 9, _ and -; in a template, before .json.j2")
    return text


def _read_numbers(node: Node, what: str, reader: Reader) -> tuple[tuple[str, Place], ...]:
    if not isinstance(node, Seq):
        reader.report("E201", node.place, "`numbers` is not a list", 'write `numbers: ["442079460000"]`')
        return ()
    found: dict[str, Place] = {}
    for item in node.items:
        number = reader.literal(item, TYPES["phone"], "`numbers`")
        if isinstance(number, str):
            if number in found:
                reader.report("E210", item.place, f"{number} is listed twice", "delete one of the two")
            found.setdefault(number, item.place)
    return tuple(found.items())


class FlowWords(Declarations):
    """A flow file."""

    cures: ClassVar = {
        "flow": "begin the file with `flow: name`",
        "start": "add `start: step`",
        "steps": "write the steps of the call under `steps:`",
    }

    name: Annotated[Text | None, Notation(_read_name, TEXT)] = written_as("flow", default=None)
    """Its name: a to z, digits, - and _."""
    numbers: Annotated[tuple[tuple[str, Place], ...], Notation(_read_numbers, {"type": "array", "items": TEXT})] = ()
    """Calls to these numbers start here; in quotes, with the country code."""
    default: bool | None = None
    """true: calls to any number that no flow lists start here."""
    entry: bool | None = None
    """true: the address /webhooks/answer/NAME starts it."""
    start: Annotated[Node | None, Unread(offered("steps"))] = None
    """The step where the call starts."""
    params: Annotated[Node | None, Unread(ref("params"))] = None
    """The values that it gets from a flow that runs it, each with its type."""
    outcomes: Annotated[Node | None, Unread(listed(TEXT))] = None
    """The outcomes that it may return to a flow that runs it."""
    returns: Annotated[Node | None, Unread(ref("params"))] = None
    """The values that it returns to a flow that runs it, each with its type."""
    outbound: Annotated[Node | None, Unread(ref("outbound"))] = None
    """How calls are placed with the flow."""
    vars: Annotated[Mapping[str, Variable], Notation(read_variables, ref("vars"))] = field(default_factory=dict)
    """The values that the call remembers, each with its type."""
    steps: Annotated[Node | None, Unread(named(ref("step")))] = None
    """The steps of the call, by name."""

    @property
    def has_entrance(self) -> bool:
        return bool(self.numbers or self.default or self.entry or self.outbound)


def _read_signature(name: Text | None, fields: Fields, reader: Reader) -> Signature:
    params = fields.get("params")
    returns = fields.get("returns")
    outcomes = fields.get("outcomes")
    taken = read_params(params, "`params`", reader) if params else {}
    _check_spoken([param.variable for param in taken.values()], fields, reader)
    given = read_returned_types(returns, "`returns`", reader) if returns else {}
    named = read_outcomes(outcomes, reader) if outcomes else {}
    return Signature(
        name.value if name else "",
        fields.at("flow"),
        taken,
        tuple(named),
        given,
        places=named,
        is_placed=fields.get("outbound") is not None,
    )


def _check_spoken(params: Sequence[Variable], fields: Fields, reader: Reader) -> None:
    if fields.get("outbound") is None or any(fields.get(word) is not None for word in ("numbers", "default", "entry")):
        refuse_spoken(params, reader)
        return
    for param in params:
        if param.spoken and not param.sensitive:
            reader.report(
                "E219",
                param.place,
                f'"{param.name}" is not sensitive, so it needs no `spoken`',
                "delete `spoken`: it is for a sensitive param of a flow that only places calls",
            )


@dataclass(frozen=True, slots=True)
class ReadFlow:
    """The parts of a flow file that could be read.

    Attributes:
        flow: None if the file has an error.
        outbound: None if there is none, or it has an error.
        made: the steps of a handler in Python.
        handed_back: the type of what its agents hand back; None without such values.
    """

    words: FlowWords
    outside: Signature
    steps: Mapping[str, ReadStep]
    start: str | None
    flow: Flow | None
    outbound: Outbound | None
    sections: Sections
    defaults: Defaults
    reader: Resolver
    made: Mapping[str, ReadStep] = field(default_factory=dict)
    handed_back: Kind | None = None

    @property
    def name(self) -> str:
        """Return "" if the file does not give one."""
        return self.words.name.value if self.words.name else ""

    @property
    def entry(self) -> str | None:
        """The step of `played` where the flow begins; None if unknown."""
        return self.flow.start if self.flow is not None and self.flow.handler is not None else self.start

    @property
    def played(self) -> Mapping[str, Step]:
        """A handler's steps are in `flow`, not in `steps`."""
        if self.flow is not None and self.flow.handler is not None:
            return self.flow.steps
        return {name: each.step for name, each in self.steps.items()}


_OF_FLOWS: Final = frozenset({"flow", "start", "steps"})
_NO_FLOW_CURE: Final = "write `shared: true` if it contains parts for all flows; a flow begins with `flow: name`"


@dataclass(frozen=True, slots=True)
class FlowHead:
    """A flow file before the names in its values are resolved.

    Attributes:
        node: the file, whose steps are all under `steps`.
        outside: its signature, incomplete if an unknown word may be a misspelt `params`.
        zone: an IANA name, or "".
    """

    node: Map
    words: FlowWords
    outside: Signature
    zone: str


def read_head(node: Node, issues: list[FlowIssue], shared: Iterable[Map] = ()) -> FlowHead | None:
    """Return None if the file is not a map. Errors are added to `issues`.

    Files without a time zone have that of the `shared` files.
    """
    zone = zone_written_in(node, *shared) if isinstance(node, Map) else ""
    reader = Reader(issues, zone)
    if not isinstance(node, Map):
        cure = "begin with `flow: name`, `start: step` and `steps:`"
        reader.report("E201", node.place, "a flow file must be a map, but this is not", cure)
        return None
    is_known = set(node.keys()) <= {*FlowWords.words()}
    node = _restore_top(node, reader)
    first = node.entries[0].key.place if node.entries else node.place
    fields = FlowWords.read_words(node, "the flow", reader, place=first)
    if fields.is_whole and fields.values.keys().isdisjoint(_OF_FLOWS):
        message = "the file is neither a flow nor shared: it has no `flow`, `start` or `steps`"
        reader.report("E204", first, message, _NO_FLOW_CURE)
        fields = replace(fields, is_whole=False)
    words = FlowWords.build(fields, reader)
    if words is None:
        return None
    signature = Reader(zone=zone)
    outside = _read_signature(words.name, fields, signature)
    issues.extend(signature.issues)
    is_whole = is_known and not any(issue.is_error for issue in signature.issues)
    return FlowHead(node, words, replace(outside, is_whole=is_whole), zone)


def read_flow(head: FlowHead, context: Context, issues: list[FlowIssue]) -> ReadFlow:
    """Errors are added to `issues`, after those of the file's YAML and its head."""
    words = head.words
    outside = head.outside
    steps = _read_steps_map(words, Reader(issues), is_stored=context.is_stored)
    declared = _declare(words.vars, outside, steps, Reader(issues))
    reader = Resolver(
        issues=issues,
        zone=head.zone,
        scope=replace(_scope(declared, head.node, outside, context), zone=head.zone),
        templates=context.templates,
        flows=context.flows,
        has_all_flows=context.has_all_flows,
        steps=dict(sorted(_named_steps(steps))),
        variables=declared,
        own=outside,
    )
    sections, reader = read_sections(words, reader, context.shared, context.dates)
    handed_back = returned_in(steps, head.zone)
    if handed_back is not None:
        reader = replace(reader, scope=reader.scope.with_name(AGENT, in_expressions(handed_back)))
    inherited = overlay(words.defaults, context.defaults)
    defaults = read_defaults(inherited, reader) if inherited else Defaults()
    reader = replace(reader, language=_language(defaults, sections), inherited=defaults.actions)
    written = overlay(words.events, context.events)
    events = read_events(written, reader, EVENTS) if written else {}
    read = {} if context.is_stored else _read_steps(steps, defaults, reader)
    start = _read_start(words.start, steps, reader)
    outbound = _read_outbound(words.outbound, start, reader, set(sections.calendars))
    found = ReadFlow(words, outside, read, start, None, outbound, sections, defaults, reader, handed_back=handed_back)
    if words.name is None or start is None or any(issue.is_error for issue in issues):
        return found
    playable = StoredSteps(steps, defaults, reader) if context.is_stored else found.played
    return replace(found, flow=_playable(found, start, playable, events))


def _playable(read: ReadFlow, start: str, steps: Mapping[str, Step], events: Mapping[str, tuple[Later, ...]]) -> Flow:
    words = read.words
    lookups = read.sections.lookups
    declared = read.reader.variables
    types = {name: lookup.type for name, lookup in lookups.items()}
    types |= {name: variable.type for name, variable in declared.items()}
    answers = {name: lookup.default_answer for name, lookup in lookups.items()}
    if read.handed_back is not None:
        types[AGENT] = read.handed_back
        answers[AGENT] = empty_answer(read.handed_back)
    params = read.outside.params.items()
    return Flow(
        name=read.name,
        place=words.at("flow"),
        start=start,
        steps=steps,
        variables=declared,
        numbers=tuple(number for number, _ in words.numbers),
        default=words.default is True,
        entry=words.entry is True,
        error=read.defaults.error,
        params={name: replace(param.variable, has_default=not param.is_required) for name, param in params},
        outcomes=read.outside.outcomes,
        locales=read.sections.locales,
        calendars=read.sections.calendars,
        default_answers=answers,
        sensitive_paths={name: found for name, lookup in lookups.items() if (found := lookup.returns.secrets)},
        events=events,
        results=read.sections.results,
        spoken=frozenset(name for name, variable in declared.items() if variable.spoken),
        timed={name: type_ for name, type_ in types.items() if type_.is_timed},
        zone=read.reader.zone,
        outbound=read.outbound,
    )


def _scope(declared: Mapping[str, Variable], flow: Map, outside: Signature, context: Context) -> ScopeTypes:
    scope = scope_types(declared, context.env, context.kept.get(outside.name, ()))
    types = constant_types(declared, flow, outside, context.flows.values())
    texts = {name: NO_BEGINNING for name in declared if scope.get(name) == TYPES["url"]}
    undeclared = undeclared_names(flow, outside, context.flows)
    return replace(scope, types={**scope.types, **types, **texts}, undeclared=undeclared)


def _declare(declared: Mapping[str, Variable], outside: Signature, steps: Map, reader: Reader) -> dict[str, Variable]:
    for name in outside.params.keys() & declared.keys():
        place = declared[name].place
        reader.report("E205", place, f'"{name}" is already a param of the flow', "delete one of the two")
    params = {name: param.variable for name, param in outside.params.items()}
    return with_collected({**declared, **params}, steps)


def _language(defaults: Defaults, sections: Sections) -> str:
    talk = defaults.actions.get("talk")
    written = talk.get("language") if talk else None
    first = next(iter(sections.locales.values()), None)
    if first is not None:
        return first.language
    return written.value if isinstance(written, Text) and "{" not in written.value else "en-US"


def _read_outbound(node: Node | None, start: str | None, reader: Resolver, hours: Set[str]) -> Outbound | None:
    if node is None:
        return None
    outbound = Outbound.read(node, "`outbound`", reader, start=Target(start, node.place))
    if outbound is None or start is None:
        return None
    before = len(reader.issues)
    check_outbound(outbound, reader, hours)
    return None if any(issue.is_error for issue in reader.issues[before:]) else outbound


_CHOICE_MARKERS: Final = frozenset(ChoiceDefinition.words()).difference(STEP_WORDS)


def _restore_top(node: Map, reader: Reader) -> Map:
    """Move a step that begins in the first column to the others, with those that would be inside it."""
    steps = node.get("steps")
    if not isinstance(steps, Map) or not steps.entries:
        return node
    column = steps.entries[0].key.place.column
    kept: list[Entry] = []
    moved: list[Entry] = []
    for entry in node.entries:
        key, value = entry
        if key.value in FlowWords.words() or not isinstance(value, Map) or nearest(key.value, FlowWords.words()):
            kept.append(entry)
            continue
        inner = [each for each in value.entries if each.key.value not in STEP_WORDS and _is_step(each.value)]
        own = value.without(*(each.key.value for each in inner))
        if not _is_step(own) or not (_has_do(own) or {*own.keys()} <= {*STEP_WORDS}):
            kept.append(entry)
            continue
        cure = f"indent it by {column - 1} spaces: a step's name begins in column {column}"
        reader.report("E202", key.place, f'the flow has no "{key.value}"', cure)
        moved += [Entry(key, own), *inner]
    if not moved:
        return node
    whole = Entry(
        next(key for key, _ in kept if key.value == "steps"), steps._replace(entries=(*steps.entries, *moved))
    )
    return node._replace(entries=tuple(whole if each.key.value == "steps" else each for each in kept))


def _read_steps_map(words: FlowWords, reader: Reader, *, is_stored: bool) -> Map:
    cure = "write the steps below each other, each with its name: `welcome:`"
    found = reader.map(words.steps, "`steps`", cure) if words.steps else None
    if found is not None and not found.entries:
        reader.report("E204", words.at("steps"), "`steps` is empty", words.cures["steps"])
    if found is None or is_stored:
        return found or Map((), words.place)
    return restore_steps(found, reader)


def _named_steps(steps: Map) -> Iterator[tuple[str, Place]]:
    return ((key.value, key.place) for key, _ in steps.entries if key.value not in _RESERVED_STEPS)


def _read_start(node: Node | None, steps: Map, reader: Resolver) -> str | None:
    target = read_target(node, "`start`", reader) if node else None
    if target is not None and target.step is None:
        reader.report("E214", target.place, "a call cannot start at `end`", "name a step")
    return target.step if target else None


def _read_steps(steps: Map, defaults: Defaults, reader: Resolver) -> dict[str, ReadStep]:
    found: dict[str, ReadStep] = {}
    for entry in steps.entries:
        cure = "give the step another name: as a target, `end` means the end of the call"
        reader.check_name(entry.key, "a step", _STEP_NAME, taken=_RESERVED_STEPS, taken_cure=cure)
        if (read := read_step(entry, defaults, reader)) is not None:
            found[read.step.name] = read
    return found


def restore_steps(steps: Map, reader: Reader) -> Map:
    """Move misplaced lines to where they belong, so that a wrong indentation is one issue (E201, E202).

    The name of a step may be a word, such as `collect`: its value decides.
    """
    kept: list[Entry] = []
    for entry in (nested for written in steps.entries for nested in _split_nested_steps(written, reader)):
        word = entry.key
        step = kept[-1].value if kept else None
        is_word = word.value in STEP_WORDS and not _is_step(entry.value)
        if not is_word or not isinstance(step, Map):
            kept.append(entry)
            continue
        name = kept[-1].key
        indent = step.entries[0].key.place.column - 1 if step.entries else name.place.column + 1
        cure = f'indent it by {indent} spaces: it belongs to the step "{name.value}"'
        reader.report("E201", word.place, f"`{word.value}` is among the steps", cure)
        if step.get(word.value) is None:
            kept[-1] = Entry(name, step._replace(entries=(*step.entries, entry)))
    return steps._replace(entries=tuple(kept))


def _split_nested_steps(entry: Entry, reader: Reader) -> Iterator[Entry]:
    key, step = entry
    words = step.entries if isinstance(step, Map) else ()
    inner = [word for word in words if _is_step(word.value) and (_has_do(word.value) or not _is_known(word.key.value))]
    own = step.without(*(each.key.value for each in inner)) if inner and isinstance(step, Map) else step
    yield Entry(key, own)
    for each in inner:
        column = key.place.column
        cure = f"indent it by {column - 1} spaces: a step's name begins in column {column}"
        reader.report("E202", each.key.place, f'step "{key.value}" has no "{each.key.value}"', cure)
        yield each


def _is_known(word: str) -> bool:
    return bool(nearest(word, STEP_WORDS) or elsewhere(word))


def _has_do(node: Node) -> bool:
    return isinstance(node, Map) and node.get("do") is not None


def _is_step(node: Node) -> bool:
    """False for a choice, and for a target, which may have `run` like a step, but no `on`."""
    keys = set(node.keys()) if isinstance(node, Map) else set[str]()
    is_target = keys <= {*RunForm.words()}
    return not is_target and not keys.isdisjoint(STEP_WORDS) and keys.isdisjoint(_CHOICE_MARKERS)

"""Shared files contain what all flows of a project have in common. A flow's own declarations take precedence.

shared: true
hours: {office: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}}
tables: {customers: {key: {number: phone}, columns: {name: text}}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Final
from zoneinfo import ZoneInfo

from ncco_server.flow.actions.item import gather
from ncco_server.flow.grammar.forms import TEXT, Notation, Unread, ref
from ncco_server.flow.grammar.locales import Locale, read_locales
from ncco_server.flow.grammar.map_form import MapForm, written_as
from ncco_server.flow.grammar.reader import Fields, Reader, Resolver
from ncco_server.flow.hours.calendar import Calendar
from ncco_server.flow.hours.declaration import read_hours
from ncco_server.flow.hours.timezone import read_zone
from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.language.hooks import HookDefinition, read_hooks
from ncco_server.flow.language.lookups import LookupDefinition, read_lookups
from ncco_server.flow.language.refusals import CallerRefusal, read_refusals
from ncco_server.flow.language.results import OwnResult, read_results
from ncco_server.flow.language.tables import TableDefinition, read_tables
from ncco_server.flow.nodes import Map, Node, Text
from ncco_server.flow.scope import Signature, scope_types
from ncco_server.flow.templates.parsing import Templates
from ncco_server.ncco.value_types import ANY, Word, record

SECTIONS: Final = ("locales", "hours", "lookups", "hooks", "results", "tables")


@dataclass(frozen=True, slots=True)
class Sections:
    """A flow's parts, by name. Its own take precedence over shared ones."""

    locales: Mapping[str, Locale] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    lookups: Mapping[str, LookupDefinition] = field(default_factory=dict)
    hooks: Mapping[str, HookDefinition] = field(default_factory=dict)
    results: Mapping[str, OwnResult] = field(default_factory=dict)
    tables: Mapping[str, TableDefinition | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """The project around a flow file.

    Attributes:
        env: the names of the variables that flows can read; None if unknown.
        dates: dates of holidays computed before, by path.
        has_all_flows: see `Resolver`.
        is_stored: the files are those of a stored revision, which had no errors when it was stored.
    """

    templates: Templates
    env: Iterable[str] | None = None
    dates: Mapping[str, str] = field(default_factory=dict)
    shared: Sections = field(default_factory=Sections)
    defaults: Map | None = None
    events: Map | None = None
    flows: Mapping[str, Signature] = field(default_factory=dict)
    has_all_flows: bool = True
    is_stored: bool = False
    kept: Mapping[str, frozenset[str]] = field(default_factory=dict)
    zone: str = ""
    refusals: tuple[CallerRefusal, ...] = ()


class Declarations(MapForm):
    """The sections that both flows and shared files may have."""

    defaults: Annotated[Node | None, Unread(ref("defaults"))] = None
    """What every step inherits, unless it overrides it."""
    locales: Annotated[Mapping[str, Locale] | None, Notation(read_locales, ref("locales"))] = None
    """The languages that flows speak. The first one is the default."""
    zone: Annotated[ZoneInfo | None, Notation(read_zone, TEXT)] = written_as("timezone", default=None)
    """The time zone of dates and times without a UTC offset; by default that of the opening hours."""
    hours: Annotated[Node | None, Unread(ref("hours"))] = None
    """Opening hours by name."""
    lookups: Annotated[Node | None, Unread(ref("lookups"))] = None
    """Requests to other servers during a call, by name."""
    hooks: Annotated[Node | None, Unread(ref("hooks"))] = None
    """Webhooks of ours, by name."""
    results: Annotated[Node | None, Unread(ref("results"))] = None
    """The results that steps give calls, by name, each with its text for people."""
    events: Annotated[Node | None, Unread(ref("events"))] = None
    """The hooks to send, and the rows to `save`, for what Vonage reports later, in every step."""


class SharedWords(Declarations):
    """A shared file."""

    cures: ClassVar = {"shared": "write `shared: true`"}

    shared: bool | None = None
    """true: this file contains parts for all flows."""
    tables: Annotated[Node | None, Unread(ref("tables"))] = None
    """The tables of the project by name: rows in the server's own database, which outlive calls."""
    refuse: Annotated[Node | None, Unread(ref("refuse"))] = None
    """Callers whose number a table contains, and the flow that they hear instead of any other."""


def is_shared(node: Node | None) -> bool:
    return isinstance(node, Map) and node.get("shared") is not None


def read_shared(nodes: Iterable[tuple[Map, list[FlowIssue]]], context: Context) -> Context:
    """Errors of each file are added to its own list."""
    owners: dict[tuple[str, str], Text] = {}
    nodes = list(nodes)
    files: list[Fields] = []
    tables: dict[str, TableDefinition | None] = {}
    for node, issues in nodes:  # first the tables of all files: lookups of each file may read them
        reader = Reader(issues, context.zone)
        fields = SharedWords.read_words(node, "the shared file", reader, place=node.entries[0].key.place)
        files.append(fields)
        if (written := fields.get("tables")) is not None:
            tables |= read_tables(written, reader)
    if tables:
        context = replace(context, shared=replace(context.shared, tables=tables))
    for (node, issues), fields in zip(nodes, files, strict=True):
        context = _read_file(fields, context, issues)
        _check_owners(node, owners, issues)
    return context


def _read_file(fields: Fields, context: Context, issues: list[FlowIssue]) -> Context:
    zone = context.zone
    scope = replace(scope_types({}, context.env), zone=zone)
    reader = Resolver(
        issues=issues,
        zone=zone,
        scope=scope,
        templates=context.templates,
        flows=context.flows,
        has_all_flows=context.has_all_flows,
        tables=context.shared.tables,
    )
    words = SharedWords.build(fields, reader)
    if words is None:
        return context
    if words.shared is False:
        place = fields.values["shared"].place
        reader.report("E203", place, "`shared` is false", "write `shared: true`, or begin with `flow: name`")
    refusals = context.refusals
    if words.refuse:
        refusals += read_refusals(words.refuse, reader)
    sections, _ = read_sections(words, reader, context.shared, context.dates)
    return replace(
        context,
        shared=sections,
        refusals=refusals,
        defaults=_joined(words.defaults, "defaults", "talk: {language: en-GB}", context.defaults, reader),
        events=_joined(words.events, "events", "hangup: hook", context.events, reader),
    )


def _joined(node: Node | None, word: str, sample: str, before: Map | None, reader: Reader) -> Map | None:
    joined = overlay(reader.map(node, f"`{word}`", f"write e.g. `{word}: {{{sample}}}`") if node else None, before)
    return joined if isinstance(joined, Map) else None


def overlay(own: Node | None, shared: Map | None) -> Node | None:
    """Merge a map with a shared one: its own entries win. Anything else replaces the shared one."""
    if isinstance(own, Map) and shared is not None:
        return gather(own.entries, shared.entries, own.place)
    return own or shared


def _check_owners(node: Map, owners: dict[tuple[str, str], Text], issues: list[FlowIssue]) -> None:
    """Report E210 for a part that two shared files declare. Locales are one part: the first is the default."""
    maps = [(key.value, value) for key, value in node.entries if key.value in SECTIONS and isinstance(value, Map)]
    for section, key in ((section, entry.key) for section, value in maps for entry in value.entries):
        is_one = section == "locales"
        first = owners.setdefault((section, "" if is_one else key.value), key)
        if first.place.file != key.place.file:
            what = "`locales` are" if is_one else f'"{key.value}" of `{section}` is'
            where = f"{first.place.file}:{first.place.line}"
            issues.append(RULES["E210"].at(key.place, f"{what} already declared in {where}", "keep one of them"))


def read_sections(
    words: Declarations, reader: Resolver, outer: Sections, dates: Mapping[str, str]
) -> tuple[Sections, Resolver]:
    """`outer` are the shared parts."""
    locales = outer.locales if words.locales is None else words.locales
    calendars = dict(outer.calendars)
    if words.hours:
        calendars |= read_hours(words.hours, reader, dates)
    scope = reader.scope.with_name("hours", record({name: calendar.type for name, calendar in calendars.items()}))
    if locales:
        scope = scope.with_name("locale", Word(tuple(locales)))
    reader = replace(reader, scope=scope, locales=locales, tables=outer.tables)
    lookups = {name: lookup for name, lookup in outer.lookups.items() if name not in reader.variables}
    if words.lookups:
        lookups |= read_lookups(words.lookups, reader)
    for name, lookup in lookups.items():  # a flow may mean the lookup, although a variable has its name (E539)
        is_taken = name in reader.variables
        secrets = () if is_taken else lookup.returns.secrets
        scope = scope.with_name(name, ANY if is_taken else lookup.type, secrets=secrets)
    several = {name: each.place for name, each in lookups.items() if each.selection and not each.selection.is_first}
    reader = replace(reader, scope=replace(scope, several=several), lookups=lookups)
    hooks = dict(outer.hooks)
    if words.hooks:
        hooks |= read_hooks(words.hooks, reader)
    own_results = read_results(words.results, reader) if words.results else {}
    results = {**outer.results, **own_results}
    return Sections(locales, calendars, lookups, hooks, results, outer.tables), replace(
        reader, hooks=hooks, results=results
    )

"""Shared files: parts for all flows of a project.

shared: true
hours: {office: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}}
lookups: {customer: {get: "{{ env.CRM_URL }}/callers/{{ call.from }}", returns: {name: text}}}
hooks: {voicemail_saved: {post: "{{ env.CRM_URL }}/voicemails"}}
locales: {en: {language: en-GB}}
defaults: {talk: {style: 2}}          # what every flow inherits

A project may have several; what a flow declares itself wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Final

from app.flow.actions.item import gather
from app.flow.fields import Fields
from app.flow.hours import Calendar, hours_shape, read_hours
from app.flow.issues import Issue
from app.flow.language.base import FlowModel, kept
from app.flow.language.hooks import HookDefinition, read_hooks
from app.flow.language.json_schema import defined
from app.flow.language.locales import Locale, read_locales
from app.flow.language.lookups import LookupDefinition, read_lookups
from app.flow.model import Signature
from app.flow.nodes import Entry, Map, Node, Text
from app.flow.reader import Reader
from app.flow.rules import RULES
from app.flow.scope import ScopeTypes, scope_types
from app.flow.types import ANY, words

SECTIONS: Final = ("locales", "hours", "lookups", "hooks")


@dataclass(frozen=True, slots=True)
class Sections:
    """Each part by its name; those of a flow win over shared ones."""

    locales: Mapping[str, Locale] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    lookups: Mapping[str, LookupDefinition] = field(default_factory=dict)
    hooks: Mapping[str, HookDefinition] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """The project around a flow file.

    Attributes:
        templates: file name → text.
        env: names of the variables that are set for flows; None when that is not known.
        dates: computed dates of holidays, by path; those that are missing are computed.
        shared: parts for all flows. defaults: what every flow inherits.
        flows: what the flows take and give back, by name.
        kept: their variables that may hold a setting of the server, by flow.
        caller_filled: their variables that may begin with a URL of a caller's choice, by flow.
    """

    templates: Mapping[str, str]
    env: Iterable[str] | None = None
    dates: Mapping[str, str] = field(default_factory=dict)
    shared: Sections = field(default_factory=Sections)
    defaults: Map | None = None
    flows: Mapping[str, Signature] = field(default_factory=dict)
    kept: Mapping[str, frozenset[str]] = field(default_factory=dict)
    caller_filled: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Declarations(FlowModel):
    """What a flow and a shared file declare alike; each is read once what it may use is known."""

    defaults: Annotated[Node | None, kept(defined("defaults"))] = None
    """What every step inherits; a step may say otherwise."""
    locales: Annotated[Node | None, kept(defined("locales"))] = None
    """The languages that are spoken; the first is the default."""
    hours: Annotated[Node | None, kept(defined("hours"))] = None
    """Opening hours by name."""
    lookups: Annotated[Node | None, kept(defined("lookups"))] = None
    """What is asked from outside, by name."""
    hooks: Annotated[Node | None, kept(defined("hooks"))] = None
    """Webhooks of ours, by name."""


class SharedWords(Declarations):
    """A shared file."""

    hints: ClassVar = {
        "steps": "a shared file has no steps: move them into a flow, which begins with `flow: name`",
        "start": "a shared file has no steps: move it into a flow, which begins with `flow: name`",
        "flow": "a file is a flow or shared, not both: delete `shared`, or move the parts into a file of their own",
        "vars": "variables belong to one flow: move them there",
    }
    cures: ClassVar = {"shared": "write `shared: true`"}

    shared: bool | None = None
    """true: this file holds parts for all flows."""


def is_shared(node: Node | None) -> bool:
    """Whether a file holds shared parts."""
    return isinstance(node, Map) and node.get("shared") is not None


def read_shared(nodes: Iterable[tuple[Map, list[Issue]]], context: Context) -> Context:
    """The context with all shared parts; the faults of each file go to its own list."""
    owners: dict[tuple[str, str], Text] = {}
    for node, issues in nodes:
        context = _read_file(node, context, issues)
        _check_owners(node, owners, issues)
    return context


def _read_file(node: Map, context: Context, issues: list[Issue]) -> Context:
    reader = Reader(scope_types({}, context.env), context.templates, frozenset(), issues, flows=context.flows)
    fields = SharedWords.read_words(node, "the shared file", reader, place=node.entries[0].key.place)
    words = SharedWords.build(fields, reader)
    if words is not None and words.shared is False:
        place = fields.values["shared"].place
        reader.report("E203", place, "`shared` is false", "write `shared: true`, or begin with `flow: name`")
    sections, _ = read_sections(fields, reader, context.shared, context.dates)
    return replace(context, shared=sections, defaults=_joined(fields.get("defaults"), context.defaults, reader))


def _joined(node: Node | None, before: Map | None, reader: Reader) -> Map | None:
    found = reader.map(node, "`defaults`", "write e.g. `defaults: {talk: {language: en-GB}}`") if node else None
    if found is None or before is None:
        return found or before
    return gather(found.entries, before.entries, found.place)


def _check_owners(node: Map, owners: dict[tuple[str, str], Text], issues: list[Issue]) -> None:
    """E282 for a part that another shared file declares too."""
    for section, entry in _parts(node):
        part = "" if section == "locales" else entry.key.value  # the first of them is the default: they are one part
        first = owners.setdefault((section, part), entry.key)
        if first.place.file != entry.key.place.file:
            where = f"{first.place.file}:{first.place.line}"
            message = f'"{entry.key.value}" of `{section}` is declared in {where} already'
            if not part:
                message = f"`{section}` are declared in {where} already"
            issues.append(RULES["E282"].at(entry.key.place, message))


def _parts(node: Map) -> Iterable[tuple[str, Entry]]:
    for section in node.entries:
        if section.key.value in SECTIONS and isinstance(section.value, Map):
            for entry in section.value.entries:
                yield section.key.value, entry


def read_sections(fields: Fields, reader: Reader, outer: Sections, dates: Mapping[str, str]) -> tuple[Sections, Reader]:
    """The sections, and the reader of what may use them.

    Args:
        fields: of the file.
        reader: knows the variables.
        outer: the shared parts.
        dates: computed dates of holidays, by path.
    """
    locales = read_locales(fields.values["locales"], reader) if "locales" in fields.values else outer.locales
    own = read_hours(fields.values["hours"], reader, dates) if "hours" in fields.values else {}
    calendars = {**outer.calendars, **own}
    scope = reader.scope.having("hours", hours_shape(calendars))
    if locales:
        scope = scope.having("locale", words(*locales))
    reader = replace(reader, scope=scope, locales=locales)
    lookups = {name: lookup for name, lookup in outer.lookups.items() if name not in reader.variables}
    if "lookups" in fields.values:
        lookups |= read_lookups(fields.values["lookups"], reader)
    reader = replace(reader, scope=_with_answers(scope, lookups, reader), lookups=lookups)
    hooks = dict(outer.hooks)
    if "hooks" in fields.values:
        hooks |= read_hooks(fields.values["hooks"], reader)
    return Sections(locales, calendars, lookups, hooks), replace(reader, hooks=hooks)


def _with_answers(scope: ScopeTypes, lookups: Mapping[str, LookupDefinition], reader: Reader) -> ScopeTypes:
    """The scope with the look-ups. One that has the name of a variable (E539) may be meant by either."""
    for name, lookup in lookups.items():
        is_taken = name in reader.variables
        scope = (
            scope.having(name, ANY) if is_taken else scope.having(name, lookup.shape, secrets=lookup.returns.secrets)
        )
    return scope

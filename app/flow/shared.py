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

from collections.abc import Iterable
from dataclasses import replace

from app.flow.context import Context
from app.flow.fields import read_fields
from app.flow.issues import Issue
from app.flow.nodes import Entry, Map, Node, Text
from app.flow.parts.inheritance import gather
from app.flow.reader import Reader
from app.flow.rules import RULES
from app.flow.scope import scope_types
from app.flow.sections import SECTIONS, read_sections

WORDS = ("shared", *SECTIONS, "defaults")
_HINTS = {
    "steps": "a shared file has no steps: move them into a flow, which begins with `flow: name`",
    "start": "a shared file has no steps: move it into a flow, which begins with `flow: name`",
    "flow": "a file is a flow or shared, not both: delete `shared`, or move the parts into a file of their own",
    "vars": "variables belong to one flow: move them there",
}


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
    fields = read_fields(node, WORDS, "the shared file", reader, place=node.entries[0].key.place, hints=_HINTS)
    flag = fields.get("shared")
    if flag is not None and reader.flag(flag, "`shared`") is False:
        reader.report("E203", flag.place, "`shared` is false", "write `shared: true`, or begin with `flow: name`")
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

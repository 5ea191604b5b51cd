"""What a flow and the shared parts of a project declare alike: locales, opening hours, look-ups and hooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from app.flow.fields import Fields
from app.flow.hours import Calendar, hours_shape, read_hours
from app.flow.language.hooks import HookDefinition, read_hooks
from app.flow.language.lookups import LookupDefinition, read_lookups
from app.flow.locales import Locale, read_locales
from app.flow.reader import Reader
from app.flow.scope import ScopeTypes
from app.flow.types import ANY, words

SECTIONS = ("locales", "hours", "lookups", "hooks")

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Sections:
    """Each part by its name; those of a flow win over shared ones."""

    locales: Mapping[str, Locale] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    lookups: Mapping[str, LookupDefinition] = field(default_factory=dict)
    hooks: Mapping[str, HookDefinition] = field(default_factory=dict)


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
    lookups = _inherited(outer.lookups, reader)
    if "lookups" in fields.values:
        lookups |= read_lookups(fields.values["lookups"], reader)
    reader = replace(reader, scope=_with_answers(scope, lookups, reader), lookups=lookups)
    hooks = dict(outer.hooks)
    if "hooks" in fields.values:
        hooks |= read_hooks(fields.values["hooks"], reader)
    return Sections(locales, calendars, lookups, hooks), replace(reader, hooks=hooks)


def _inherited(shared: Mapping[str, Part], reader: Reader) -> dict[str, Part]:
    """The shared parts that no variable of the flow stands before."""
    return {name: part for name, part in shared.items() if name not in reader.variables}


def _with_answers(scope: ScopeTypes, lookups: Mapping[str, LookupDefinition], reader: Reader) -> ScopeTypes:
    """The scope with the look-ups. One that has the name of a variable (E539) may be meant by either."""
    for name, lookup in lookups.items():
        is_taken = name in reader.variables
        scope = (
            scope.having(name, ANY) if is_taken else scope.having(name, lookup.shape, secrets=lookup.returns.secrets)
        )
    return scope

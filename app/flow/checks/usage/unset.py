"""What is read before it is there: look-ups that were not asked (E630, W638), texts that may be empty (W639).

And what is never there: variables that are read and that nothing sets (W646).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.flow.actions.connect import ADDRESS_FIELDS
from app.flow.actions.do import actions_of
from app.flow.actions.values import Object, find
from app.flow.checks.usage.facts import Facts
from app.flow.checks.usage.reading import reads_in
from app.flow.checks.usage.walking import parts_of, used_in
from app.flow.checks.usage.ways import Ways, returned_by, way_to
from app.flow.issues import Issue
from app.flow.model import Part, Step, Value, Variable
from app.flow.rules import RULES
from app.flow.templates import Expression
from app.flow.templates.references import Reference

_SAID = {"talk": "text", "stream": "streamUrl", "transfer": "conversationId", "conversation": "name"}
_EMPTY = frozenset({"text", "phone", "url"})
"""Types whose empty value says nothing and dials nobody."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A read of a name in a step."""

    step: Step
    read: Reference
    is_early: bool = False
    is_guarded: bool = False


def check_unset(facts: Facts, flows: Mapping[str, Facts]) -> Iterator[Issue]:
    """One issue for each name, at the first place where it is read too early."""
    lookups = facts.read & facts.source.sections.lookups.keys()
    texts = {name: variable for name, variable in facts.flow.variables.items() if _begins_empty(variable)}
    asking = _lookup_reads(facts, lookups) if lookups else {}
    saying = _said_reads(facts, texts) if texts.keys() & facts.read else {}
    if not asking and not saying:
        return
    ways = Ways(facts, {name: returned_by(flows[name]) for name in facts.source.runs if name in flows})
    for name, found in asking.items():
        yield from _lookup(name, found, ways)
    for name, found in saying.items():
        yield from _text(texts[name], found, ways)


def check_never_set(facts: Facts) -> Iterator[Issue]:
    """W646 for each variable that is read, that nothing sets, and that is therefore always empty.

    One with another default is a constant, and so is a written `default: false`. Of a text that is said or dialled
    W639 tells.
    """
    filled = facts.written | facts.collected.keys() | facts.flow.params.keys() | facts.meant
    names = [name for name in facts.flow.variables if name in facts.read and name not in filled]
    never = {name: variable for name in names if _is_empty(variable := facts.flow.variables[name])}
    said = _said_reads(facts, {name: variable for name, variable in never.items() if _begins_empty(variable)})
    for name, variable in never.items():
        if name not in said:
            shown = _EMPTIES.get(variable.type_name, '""')
            cure = f"set it where it changes, as in `set: {{{name}: ..}}`, or write the value that it has as `default`"
            yield RULES["W646"].at(variable.place, f'nothing sets "{name}": it is always {shown}', cure)


_EMPTIES = {"int": "0", "number": "0", "bool": "false", "list": "an empty list", "map": "an empty map"}


def _is_empty(variable: Variable) -> bool:
    is_constant = variable.has_default and variable.type_name == "bool"
    return not variable.default and not is_constant


def _begins_empty(variable: Variable) -> bool:
    return not variable.has_default and variable.type_name in _EMPTY and not variable.words


def _lookup_reads(facts: Facts, names: set[str]) -> dict[str, list[_Found]]:
    """The reads of lookups. In a template file, which other flows may use too, only those that nothing guards."""
    found: dict[str, list[_Found]] = {}
    file = facts.flow.place.file
    for step in facts.flow.steps.values():
        for source, is_early, is_told, own in used_in(step):
            for read in _own_reads(source) if not is_told and not names.isdisjoint(source.used_names) else ():
                is_own = read.is_bare or read.place.file == file
                if is_own and read.name in names and read.name not in own:
                    found.setdefault(read.name, []).append(_Found(step, read, is_early, not read.is_bare))
    return found


def _said_reads(facts: Facts, texts: Mapping[str, Variable]) -> dict[str, list[_Found]]:
    found: dict[str, list[_Found]] = {}
    for step in facts.flow.steps.values():
        for value in (value for part in parts_of(step) for value in _said(part)):
            for read in _own_reads(value) if not value.used_names.isdisjoint(texts) else ():
                if read.is_bare and read.name in texts:
                    found.setdefault(read.name, []).append(_Found(step, read))
    return found


def _own_reads(source: Value | Expression) -> Iterator[Reference]:
    """The names that are read as such, not through a name that a template gives."""
    return (read for read in reads_in(source) if not read.is_given)


def _said(part: Part) -> Iterator[Value]:
    """What a caller hears of a part, and whom it dials."""
    for action in actions_of(part):
        if action.word == "connect":
            each = (find(action.fields["endpoint"], ("0", name)) for name in (*ADDRESS_FIELDS, "extension"))
            yield from (value for value in each if not isinstance(value, Object))
        elif (value := action.fields.get(_SAID.get(action.word, ""))) is not None:
            yield value


def _lookup(name: str, found: list[_Found], ways: Ways) -> Iterator[Issue]:
    before, behind = ways.without(name), ways.behind(name)
    answered = {each.read.place for each in found if each.step.name in behind or name in ways.own[each.step.name]}
    for each in sorted(found, key=lambda each: each.read.place):
        step = each.step.name
        if (name in ways.own[step] and not each.is_early) or (each.is_guarded and each.read.place in answered):
            continue  # a guarded text that several steps say has an answer in one of them
        if step not in behind and step in ways.entered:
            yield _never_asked(name, each, ways)
            return
        if step in before and not each.is_guarded:
            message = f'a call may come here without asking the look-up "{name}": {way_to(step, before)}'
            cure = f"ask it in a step that every call passes before: `lookup: {name}`; or test `{name}.ok` first"
            yield RULES["W638"].at(each.read.place, message, cure)
            return


def _never_asked(name: str, each: _Found, ways: Ways) -> Issue:
    if name in ways.own[each.step.name]:
        message = f'"{name}" is read here while it is asked: the look-ups of a step are asked side by side'
        return RULES["E630"].at(each.read.place, message, f"ask `{name}` in a step of its own before this one")
    message = f'the look-up "{name}" is read here, and no step before asks it: it only holds its default'
    return RULES["E630"].at(each.read.place, message, f"add `lookup: {name}` to this step or to one before it")


def _text(variable: Variable, found: list[_Found], ways: Ways) -> Iterator[Issue]:
    name = variable.name
    before, behind = ways.without(name), ways.behind(name)
    for each in sorted(found, key=lambda each: each.read.place):
        step = each.step.name
        if name in ways.own[step] or step not in before:
            continue
        message = f'"{name}" may still be empty here: nothing sets it on the way {way_to(step, before)}'
        if step not in behind:
            message = f'"{name}" is empty here: nothing before sets it'
        cure = f'write `{{% if {name} %}}` around it, `{name} | default("..", true)`, or a `default` under `vars`'
        yield RULES["W639"].at(each.read.place, message, cure)
        return

"""Checks fields of records and entries of lists and maps."""

from __future__ import annotations

from functools import reduce
from typing import Final

from jinja2 import nodes

from ncco_server.flow.issues import RULES, did_you_mean, meant_word, unset_variable
from ncco_server.flow.nodes import Place
from ncco_server.flow.templates.expression_check import ZONE, ExpressionCheck
from ncco_server.flow.templates.foreign import FOREIGN
from ncco_server.flow.templates.tree import Token
from ncco_server.ncco.value_types import ANY, SENT, TYPES, Kind, common_type

FORM_OF_UNIT: Final = {"day": "day", "hour": "time", "minute": "time"}


def field_type(check: ExpressionCheck, node: nodes.Getattr | nodes.Getitem, key: str | int, of: Kind) -> Kind | None:
    if of.family == "any" or of is SENT:
        return SENT if of is SENT else ANY
    if isinstance(key, int) and of.family == "list":
        return of.entry
    found = of.at(key) if isinstance(key, str) else None
    shown = check.shown(node.node)
    token = check.template.key(node)
    if found is not None:
        if shown == "env":
            _check_env(check, token, str(key))
        return _sent(check, node, str(key), of) if found is SENT and key not in of.fields else found
    if (place := check.scope.several.get(shown)) is not None and key in of.fields["rows"].entry.fields:
        return _column_of_rows(check, shown, place)
    cure = _field_cure(check, node, str(key), of)
    message = f'{shown} has no "{key}"' if of.is_record else f'{shown} is {of.described} and has no "{key}"'
    check.report("E304", check.template.whole_key(node), message, cure)
    return None


def _column_of_rows(check: ExpressionCheck, lookup: str, place: Place) -> Kind:
    """Report E304 at the declaration: all its users mean one row."""
    message = f'steps read columns of "{lookup}", but the lookup gives a list of rows'
    one = "for one row, add `first: true`, and a `default` for each column with a list of words"
    words = f"{one}; for several, read `{lookup}.rows[0]`, or `{{% for row in {lookup}.rows %}}`"
    check.issues.append(RULES["E304"].at(place, message, words))
    return ANY


def _field_cure(check: ExpressionCheck, node: nodes.Getattr | nodes.Getitem, key: str, of: Kind) -> str:
    shown = check.shown(node.node)
    owner, _, meant = FOREIGN.names.get(key.lower(), "").rpartition(".")
    alias = FOREIGN.fields.get(key.lower(), "")
    if meant and owner == shown:
        return did_you_mean(meant)
    if alias in of.fields:
        return did_you_mean(alias)
    if key == "rows" and "ok" in of.fields:
        return f"leave out `.{key}` and its number: {shown} is one row, whose fields are: {', '.join(of.fields)}"
    if FOREIGN.calls.get(key) == "length" and (length := length_of(check, node.node, of)):
        return length
    if of.fields:
        return meant_word(key, of.fields, f"its fields are: {', '.join(of.fields)}")
    if of.is_record and shown == "hours":
        return f"declare it, in this flow or in a shared file, as `{key}` under `hours`"
    if of.family == "map":
        return f'map keys are text: write {shown}["{key}"]'
    if key in FOREIGN.calls:
        return f"write {shown} | {FOREIGN.calls[key]}"
    if of.is_timed:
        return part_cure(check, node, key, of)
    return f"{of.described} does not have fields; write {shown}{'[0]' if of.family == 'list' else ' alone'}"


def length_of(check: ExpressionCheck, node: nodes.Expr, of: Kind) -> str | None:
    """How to write the length of the list in a record."""
    written = next((f".{name}" for name, each in of.fields.items() if each.family == "list"), "")
    return f"write {check.shown(node)}{written} | length" if written else None


def part_cure(check: ExpressionCheck, node: nodes.Getattr | nodes.Getitem, part: str, of: Kind) -> str:
    """How to use the day or the hour of a point in time, which has no fields."""
    shown = check.shown(node.node)
    if check.is_bare:
        zone = f" | in_zone('{check.scope.zone or ZONE}')" if of.family == "datetime" else ""
        form, sample = ("time", "09:00") if FORM_OF_UNIT.get(part) == "time" else ("date", "2026-03-05")
        converted = f"{shown}{zone} | {form}" if zone else shown
        return f'compare it as a whole: ({converted}) < "{sample}"'
    form = FORM_OF_UNIT.get(part) or (part if part in ("date", "time", "weekday") else "date")
    form = "time" if of.family == "time" else "date" if of.family == "date" and form == "time" else form
    return f'write {shown} | spoken("{form}")'


def _sent(check: ExpressionCheck, node: nodes.Getattr | nodes.Getitem, key: str, of: Kind) -> Kind | None:
    """A field that Vonage does not document; in brackets, it may resemble one that it does."""
    is_dotted = check.template.token(node.lineno).text == "."
    cure = meant_word(key, of.fields, "") if is_dotted else ""
    if cure:
        message = f'Vonage documents no "{key}" of {check.shown(node.node)}'
        check.report("E304", check.template.whole_key(node), message, cure)
    return None if cure else SENT


def _check_env(check: ExpressionCheck, key: Token, name: str) -> None:
    known = check.scope.env
    if known is not None and name not in known:
        check.issues.append(unset_variable(check.template.place(key), name, known))


def entry_type(check: ExpressionCheck, node: nodes.Getitem, of: Kind, key: Kind) -> Kind | None:
    shown = check.shown(node.node)
    arg = node.arg
    if shown == "env":
        cure = f'write the name of the setting: {shown}["NAME"]'
        check.report("E343", arg, "the name of a setting cannot be computed", cure)
    elif of.family == "list" and key.family != "any" and key.name != "int":
        message = f"a list index must be a whole number; {check.described(arg)}"
        check.report("E343", arg, message, f"write {shown}[{check.shown(arg)} | int]")
    elif of.family not in ("list", "map", "any"):
        where = check.template.whole_key(node)
        check.report("E304", where, f"{check.described(node.node)} and has no entries", f"write {shown} alone")
    elif of.family != "map" or check.require(arg, ("text",), "the name of an entry", "E343"):
        return of.item or reduce(common_type, of.fields.values(), next(iter(of.fields.values()), ANY))
    return None


def slice_type(check: ExpressionCheck, node: nodes.Getitem, part: nodes.Slice, of: Kind) -> Kind | None:
    for bound in (part.start, part.stop, part.step):
        is_fixed = isinstance(bound, nodes.Const) and type(bound.value) is int and bound is not part.step
        if bound is not None and not is_fixed:
            check.report("E301", bound, "a slice needs two fixed whole numbers", "such as [0:3] or [-4:]")
            return None
    if of.family not in ("list", "text", "any"):
        check.report("E308", node, f"only text or a list can be sliced; {check.described(node.node)}")
        return None
    return TYPES["text"] if of.family == "text" else of

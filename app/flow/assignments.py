"""`set`: variables get new values."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.flow.locales import report_unknown
from app.flow.model import Assignment, Value, Variable
from app.flow.nodes import Entry, Map, Node, Seq, Text
from app.flow.parts.local import in_each_locale
from app.flow.parts.shapes import Json
from app.flow.paths import is_inner
from app.flow.reader import Reader
from app.flow.scope import RESERVED, variable_type
from app.flow.signature import Signature
from app.flow.variables import warn_of_flags
from app.ncco.suggest import nearest

_WRITTEN: Mapping[str, type[Node]] = {"list": Seq, "map": Map}
_SUM = re.compile(r"[+-] *[0-9]+ *\}\}$")
_OF_TEXTS = Json("kept", texts_only=True)


def read_sets(node: Node, variables: Mapping[str, Variable], reader: Reader) -> tuple[Assignment, ...]:
    """The map under `set`: variable → its new value, in the order of the file."""
    found = reader.map(node, "`set`", "write `set: {variable: value}`")
    read = [_read_assignment(entry, variables, reader) for entry in found.entries] if found else []
    return tuple(assignment for assignment in read if assignment is not None)


def _read_assignment(entry: Entry, variables: Mapping[str, Variable], reader: Reader) -> Assignment | None:
    name = entry.key.value
    if name == "locale":
        return _read_locale(entry, variables, reader)
    if name in RESERVED:
        reader.report("E206", entry.key.place, f'"{name}" belongs to the call and cannot be set')
        return None
    variable = variables.get(name)
    if variable is None:
        _report_undeclared(entry, variables, reader)
        return None
    value = read_value(entry.value, variable, reader)
    if value is None:
        return None
    check_secrecy(value, variable, variables, reader, where=declared_under(name, reader))
    return Assignment(name, value, entry.key.place)


def declared_under(name: str, reader: Reader) -> str:
    """The word under which this flow declares a variable, in backticks."""
    return "`params`" if reader.own is not None and name in reader.own.params else "`vars`"


def _read_locale(entry: Entry, variables: Mapping[str, Variable], reader: Reader) -> Assignment | None:
    """`locale: fr`: the call goes on in another locale; E562 in a flow without any, E561 when there is no such one."""
    if not reader.locales:
        reader.report("E562", entry.key.place, "`locale` is set, and this flow has no `locales`")
        return None
    node = entry.value
    if isinstance(node, Text) and "{" not in node.value and node.value not in reader.locales:
        report_unknown(node, f'this flow has no locale "{node.value}"', reader)
        return None
    names = tuple(reader.locales)
    variable = Variable("locale", "text", names[0], entry.key.place, words=names)
    value = read_value(node, variable, reader)
    if value is None:
        return None
    check_secrecy(value, variable, variables, reader)
    return Assignment("locale", value, entry.key.place)


def read_value(node: Node, variable: Variable, reader: Reader) -> Value | None:
    """What a variable becomes; a list or a map may be written as one, of texts with or without braces."""
    if isinstance(node, _WRITTEN.get(variable.type_name, ())):
        warn_of_flags(node, reader)
        return in_each_locale(node, reader, lambda local: _OF_TEXTS.read(node, local, f"`{variable.name}`"))
    type_, what = variable_type(variable), f"`{variable.name}`"
    return in_each_locale(node, reader, lambda local: local.value(node, type_, "kept", what))


def _report_undeclared(entry: Entry, variables: Mapping[str, Variable], reader: Reader) -> None:
    name = entry.key.value
    near = nearest(name, variables)
    line = f"{name}: {{type: {_guess(entry.value)}}}"
    cure = f'did you mean "{near}"?' if near else f"add `vars: {{{line}}}` to the flow"
    if variables and not near:
        cure = f"add `{line}` to `vars`; known are: {', '.join(variables)}"
    reader.report("E225", entry.key.place, f'the variable "{name}" is not declared', cure)


def _guess(value: Node) -> str:
    """The type that a value seems to have: a number, or something counted on, is an int."""
    if not isinstance(value, Text):
        return "map" if isinstance(value, Map) else "list"
    is_number = not value.quoted and value.value.isdecimal()
    return "int" if is_number or _SUM.search(value.value) else "text"


def check_secrecy(
    value: Value, variable: Variable, variables: Mapping[str, Variable], reader: Reader, *, where: str = "`vars`"
) -> None:
    """E226 when a sensitive value would be kept where everybody may read it; `where` the keeper is declared."""
    named = (name for name in value.used_names if name in variables and variables[name].sensitive)
    secrets = sorted([*named, *filter(is_inner, value.used_names)])
    if secrets and not variable.sensitive:
        message = f'"{variable.name}" would keep the sensitive "{secrets[0]}" in the open'
        cure = f"declare `{variable.name}` with `sensitive: true` under {where}"
        if variable.name == "locale":
            cure = "choose the locale by something that is no secret"
        reader.report("E226", value.place, message, cure)


def read_returned(node: Node, reader: Reader) -> tuple[Assignment, ...]:
    """The `set` of a return: what the flow declares under `returns`, E274 for anything else."""
    own = reader.own
    found = reader.map(node, "`set` of a return", "write `set: {name: value}`")
    if found is None or own is None or not own.is_whole:
        return ()
    read = [_read_handed_back(entry, own, reader) for entry in found.entries]
    return tuple(assignment for assignment in read if assignment is not None)


def _read_handed_back(entry: Entry, own: Signature, reader: Reader) -> Assignment | None:
    name = entry.key.value
    variable = own.returns.get(name)
    if variable is None:
        message = f'this flow gives back no "{name}"'
        if own.returns:
            reader.unknown("E274", entry.key, own.returns, message)
        else:
            reader.report("E274", entry.key.place, message, f"add `returns: {{{name}: text}}` to the flow")
        return None
    value = read_value(entry.value, variable, reader)
    if value is None:
        return None
    check_secrecy(value, variable, reader.variables, reader, where="`returns`")
    return Assignment(name, value, entry.key.place)

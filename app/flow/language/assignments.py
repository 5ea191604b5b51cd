"""New values of variables: `set`, what a flow gives back, and the `with` that gives params their values.

set: {tries: "{{ tries + 1 }}", locale: fr}
with: {team: sales}
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.flow.actions.fields import JsonField, in_each_locale
from app.flow.language.locales import report_unknown
from app.flow.language.variables import warn_of_flags
from app.flow.model import Assignment, Param, Signature, Value, Variable
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.paths import is_inner
from app.flow.reader import Reader
from app.flow.scope import RESERVED, variable_type
from app.ncco.suggest import nearest

_WRITTEN: Mapping[str, type[Node]] = {"list": Seq, "map": Map}
_SUM = re.compile(r"[+-] *[0-9]+ *\}\}$")
_OF_TEXTS = JsonField("kept", texts_only=True)


def read_sets(node: Node, what: str, reader: Reader) -> tuple[Assignment, ...]:
    """The map under `set`: variable → its new value, in the order of the file."""
    found = reader.map(node, what, "write `set: {variable: value}`")
    read = [_read_assignment(entry, reader) for entry in found.entries] if found else []
    return tuple(assignment for assignment in read if assignment is not None)


def _read_assignment(entry: Entry, reader: Reader) -> Assignment | None:
    name = entry.key.value
    if name == "locale":
        return _read_locale(entry, reader)
    if name in RESERVED:
        reader.report("E206", entry.key.place, f'"{name}" belongs to the call and cannot be set')
        return None
    variable = reader.variables.get(name)
    if variable is None:
        _report_undeclared(entry, reader)
        return None
    value = read_value(entry.value, variable, reader)
    if value is None:
        return None
    _check_secrecy(value, variable, reader, where=declared_under(name, reader))
    return Assignment(name, value, entry.key.place)


def declared_under(name: str, reader: Reader) -> str:
    """The word under which this flow declares a variable, in backticks."""
    return "`params`" if reader.own is not None and name in reader.own.params else "`vars`"


def _read_locale(entry: Entry, reader: Reader) -> Assignment | None:
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
    _check_secrecy(value, variable, reader)
    return Assignment("locale", value, entry.key.place)


def read_value(node: Node, variable: Variable, reader: Reader) -> Value | None:
    """What a variable becomes; a list or a map may be written as one, of texts with or without braces."""
    if isinstance(node, _WRITTEN.get(variable.type_name, ())):
        warn_of_flags(node, reader)
        return in_each_locale(node, reader, lambda local: _OF_TEXTS.read(node, local, f"`{variable.name}`"))
    type_, what = variable_type(variable), f"`{variable.name}`"
    return in_each_locale(node, reader, lambda local: local.value(node, type_, "kept", what))


def _report_undeclared(entry: Entry, reader: Reader) -> None:
    name, variables = entry.key.value, reader.variables
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


def _check_secrecy(value: Value, variable: Variable, reader: Reader, *, where: str = "`vars`") -> None:
    """E226 when a sensitive value would be kept where everybody may read it; `where` the keeper is declared."""
    named = (name for name in value.used_names if name in reader.variables and reader.variables[name].sensitive)
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
    _check_secrecy(value, variable, reader, where="`returns`")
    return Assignment(name, value, entry.key.place)


def read_given(
    node: Node | None,
    params: Mapping[str, Param],
    what: str,
    place: Place,
    reader: Reader,
    *,
    form: str = "with: {{{}}}",
) -> tuple[Assignment, ...]:
    """What a `with` gives to `params`; E270 for what they do not have, E271 for what they lack.

    Args:
        node: the map under `with`, None without one.
        params: what is taken.
        what: what takes them, for messages: `the flow "voicemail"`.
        place: where to report what is missing.
        reader: what values are compiled with.
        form: how they are given, `{}` for what is missing.
    """
    found = reader.map(node, f"`with` of {what}", "write `with: {name: value}`") if node is not None else None
    if node is not None and found is None:
        return ()
    entries = found.entries if found else ()
    given = [assignment for entry in entries if (assignment := _read_one(entry, params, what, reader)) is not None]
    written = {entry.key.value for entry in entries}
    missing = [name for name, param in params.items() if param.is_required and name not in written]
    if missing and all(name in params for name in written):
        shown = ", ".join(f"{name}: .." for name in missing)
        reader.report("E271", place, f"{what} needs {_listed(missing)}", f"write `{form.format(shown)}`")
    return tuple(given)


def _listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _read_one(entry: Entry, params: Mapping[str, Param], what: str, reader: Reader) -> Assignment | None:
    param = params.get(entry.key.value)
    if param is None:
        message = f'{what} takes no "{entry.key.value}"'
        if params:
            reader.unknown("E270", entry.key, params, message)
        else:
            reader.report("E270", entry.key.place, message, "delete it, or declare it there under `params`")
        return None
    value = read_value(entry.value, param.variable, reader)
    if value is None:
        return None
    _check_secrecy(value, param.variable, reader, where=f"`params` of {what}")
    return Assignment(param.variable.name, value, entry.key.place)

"""`params` of a flow, a look-up or a hook, and the `with` that gives them their values.

params: {team: text, tries: {type: int, default: 3}}      # one without a default has to be given
with: {team: sales}
"""

from __future__ import annotations

from collections.abc import Mapping

from app.flow.assignments import check_secrecy, read_value
from app.flow.model import Assignment, Variable
from app.flow.nodes import Entry, Map, Node, Place
from app.flow.reader import Reader
from app.flow.signature import Param
from app.flow.variables import is_variable_name, read_type, read_variable


def read_params(node: Node, what: str, reader: Reader) -> dict[str, Param]:
    """The map under `params`: name → a type, a list of words, or a map as under `vars`."""
    found = reader.map(node, what, "write `params: {name: text}`")
    read = [_read_param(entry, reader) for entry in found.entries] if found else []
    return {param.variable.name: param for param in read if param is not None}


def _read_param(entry: Entry, reader: Reader) -> Param | None:
    if not is_variable_name(entry.key, "a param", reader):
        return None
    if isinstance(entry.value, Map):
        variable, _ = read_variable(entry, reader, needs_default=False)
        return Param(variable, entry.value.get("default") is None)
    return Param(_typed(entry, reader), is_required=True)


def read_typed(node: Node, what: str, reader: Reader) -> dict[str, Variable]:
    """A map of name → type, such as `returns` of a flow."""
    found = reader.map(node, what, "write `name: text`")
    entries = found.entries if found else ()
    return {
        entry.key.value: _typed(entry, reader) for entry in entries if is_variable_name(entry.key, "a value", reader)
    }


def _typed(entry: Entry, reader: Reader) -> Variable:
    name = entry.key.value
    if isinstance(entry.value, Map):
        variable, _ = read_variable(entry, reader, needs_default=False)
        return variable
    type_name, allowed = read_type(entry.value, f'"{name}"', reader) or ("text", ())
    return Variable(name, type_name, "", entry.key.place, words=allowed)


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
    check_secrecy(value, param.variable, reader.variables, reader, where=f"`params` of {what}")
    return Assignment(param.variable.name, value, entry.key.place)


def defaults_of(params: Mapping[str, Param]) -> dict[str, object]:
    """What the params are that nobody gives."""
    return {name: param.variable.default for name, param in params.items()}

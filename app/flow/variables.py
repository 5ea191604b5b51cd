"""Variables of a flow: `vars`, what `collect` declares by itself, and `set`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.flow.fields import read_fields
from app.flow.model import Assignment, Value, Variable
from app.flow.nodes import Entry, Map, Node, Seq, Text
from app.flow.reader import Reader
from app.flow.scope import RESERVED, variable_type

DECLARABLE = ("text", "int", "number", "bool", "phone", "url", "list", "map")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EMPTY: Mapping[str, object] = {"int": 0, "number": 0.0, "bool": False, "list": [], "map": {}}


def is_variable_name(text: Text, what: str, reader: Reader) -> bool:
    """Whether a variable may have this name; E205 or E206 otherwise."""
    if not _NAME.fullmatch(text.value):
        reader.report("E205", text.place, f'{what} cannot be named "{text.value}"', "use letters, digits and _")
        return False
    if text.value in RESERVED:
        reader.report("E206", text.place, f'"{text.value}" is a name that every call has already')
        return False
    return True


def read_variables(node: Node, reader: Reader) -> dict[str, Variable]:
    """The map under `vars`, e.g. `ticket: {type: text, default: ""}`.

    Without a `default` a variable begins empty (`""`, 0, false, an empty list or map); one with a list of allowed
    words needs one.
    """
    found = reader.map(node, "`vars`")
    read = [_read_variable(entry, reader) for entry in found.entries] if found else []
    return {variable.name: variable for variable in read if variable is not None}


def _read_variable(entry: Entry, reader: Reader) -> Variable | None:
    name = entry.key.value
    if not is_variable_name(entry.key, "a variable", reader):
        return None
    if not isinstance(entry.value, Map):
        cure = _shape_cure(name, entry.value)
        reader.report("E201", entry.value.place, f"the variable {name} is not described by a map", cure)
        return Variable(name, "text", "", entry.key.place)
    what = f'the variable "{name}"'
    fields = read_fields(entry.value, ("type", "default", "sensitive"), what, reader, place=entry.key.place)
    type_node = fields.need("type", f"write `{name}: {{type: text}}`", reader)
    type_name, allowed = _read_type(type_node, what, reader) if type_node else ("text", ())
    draft = Variable(name, type_name, _EMPTY.get(type_name, ""), entry.key.place, words=allowed)
    default_node = fields.get("default")
    default = draft.default if default_node is None else _read_default(default_node, draft, reader)
    if allowed and default_node is None:
        fields.need("default", f"write `default: {allowed[0]}`", reader)
    flag = fields.get("sensitive")
    is_sensitive = bool(flag and reader.flag(flag, f"`sensitive` of {what}"))
    return Variable(name, type_name, default, entry.key.place, is_sensitive, allowed)


def _shape_cure(name: str, node: Node) -> str:
    if isinstance(node, Text) and node.value in DECLARABLE:
        return f"write `{name}: {{type: {node.value}}}`"
    return f'write `{name}: {{type: text, default: ""}}`'


def _read_type(node: Node, what: str, reader: Reader) -> tuple[str, tuple[str, ...]]:
    """The type's name, and the allowed words when it is a list of them."""
    if isinstance(node, Seq):
        allowed = tuple(text.value for item in node.items if (text := reader.text(item, f"a word of {what}")))
        if not node.items:
            reader.report("E203", node.place, f"{what} allows no word", "list the allowed words")
        return "text", allowed
    text = reader.text(node, f"`type` of {what}")
    if text is None:
        return "text", ()
    if text.value not in DECLARABLE:
        reader.unknown("E203", text, DECLARABLE, f'{what} has the unknown type "{text.value}"')
        return "text", ()
    return text.value, ()


def _read_default(node: Node, variable: Variable, reader: Reader) -> object:
    """The default, cast; E203 when it does not fit. An empty text fits phone and url: nothing is known yet."""
    value = plain(node)
    if value == "" and variable.type_name in {"phone", "url"}:
        return value
    try:
        return variable_type(variable).cast(value)
    except ValueError as error:
        reader.report("E203", node.place, f'`default` of the variable "{variable.name}": {error}')
        return variable.default


def plain(node: Node) -> object:
    """A node as text, lists and dicts."""
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Seq):
        return [plain(item) for item in node.items]
    return {entry.key.value: plain(entry.value) for entry in node.entries}


def collected_variables(steps: Map, declared: Mapping[str, Variable]) -> dict[str, Variable]:
    """`declared`, and each variable that a `collect` of `steps` fills.

    One that is not declared is a text that begins empty. `sensitive: true` of any `collect` that fills it makes it
    sensitive. Nothing is reported here: the `collect` does when it is read.
    """
    found = dict(declared)
    for entry in steps.entries:
        collect = entry.value.get("collect") if isinstance(entry.value, Map) else None
        into = collect.get("into") if isinstance(collect, Map) else None
        if isinstance(collect, Map) and isinstance(into, Text) and _NAME.fullmatch(into.value):
            flag = collect.get("sensitive")
            is_sensitive = isinstance(flag, Text) and flag.value == "true"
            known = found.get(into.value, Variable(into.value, "text", "", into.place))
            found[into.value] = _with_secrecy(known, is_sensitive=is_sensitive or known.sensitive)
    return {name: variable for name, variable in found.items() if name not in RESERVED}


def _with_secrecy(variable: Variable, *, is_sensitive: bool) -> Variable:
    return Variable(variable.name, variable.type_name, variable.default, variable.place, is_sensitive, variable.words)


def read_sets(node: Node, variables: Mapping[str, Variable], reader: Reader) -> tuple[Assignment, ...]:
    """The map under `set`: variable → its new value, in the order of the file."""
    found = reader.map(node, "`set`")
    read = [_read_assignment(entry, variables, reader) for entry in found.entries] if found else []
    return tuple(assignment for assignment in read if assignment is not None)


def _read_assignment(entry: Entry, variables: Mapping[str, Variable], reader: Reader) -> Assignment | None:
    name = entry.key.value
    if name in RESERVED:
        reader.report("E206", entry.key.place, f'"{name}" belongs to the call and cannot be set')
        return None
    variable = variables.get(name)
    if variable is None:
        _report_undeclared(entry.key, variables, reader)
        return None
    value = reader.value(entry.value, variable_type(variable), "text", f"`{name}`")
    if value is None:
        return None
    _check_secrecy(value, variable, variables, reader)
    return Assignment(name, value, entry.key.place)


def _report_undeclared(key: Text, variables: Mapping[str, Variable], reader: Reader) -> None:
    message = f'the variable "{key.value}" is not declared'
    if variables:
        reader.unknown("E225", key, variables, message)
    else:
        reader.report("E225", key.place, message, f"add `vars: {{{key.value}: {{type: text}}}}` to the flow")


def _check_secrecy(value: Value, variable: Variable, variables: Mapping[str, Variable], reader: Reader) -> None:
    secrets = sorted(name for name in value.used_names if name in variables and variables[name].sensitive)
    if secrets and not variable.sensitive:
        message = f'"{variable.name}" would keep the sensitive "{secrets[0]}" in the open'
        reader.report("E226", value.place, message, f"declare `{variable.name}` with `sensitive: true` under `vars`")

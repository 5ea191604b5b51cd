"""Variables of a flow: `vars`, and what `collect` declares by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from app.flow.fields import fallen_out, read_fields
from app.flow.model import Variable
from app.flow.nodes import Entry, Map, Node, Seq, Text
from app.flow.reader import Reader
from app.flow.scope import RESERVED, ScopeTypes, scope_types, variable_type
from app.flow.types import ANY
from app.ncco.suggest import nearest

DECLARABLE = ("text", "int", "number", "bool", "phone", "url", "list", "map")
WORDS = ("type", "default", "sensitive")
_FOREIGN = {
    "string": "text",
    "str": "text",
    "integer": "int",
    "float": "number",
    "decimal": "number",
    "boolean": "bool",
    "array": "list",
    "dict": "map",
    "object": "map",
    "enum": "[first, second]",
}
_FAMILIAR = frozenset({"set", "do", "choices", "branch", "goto", "on", "retry", "digits", "speech", "check"})
"""Words that are no misspelling of another one."""

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EMPTY: Mapping[str, object] = {"int": 0, "number": 0.0, "bool": False, "list": [], "map": {}}


def is_variable_name(text: Text, what: str, reader: Reader) -> bool:
    """Whether a variable may have this name; E205 or E206 otherwise."""
    if not _NAME.fullmatch(text.value):
        reader.report("E205", text.place, f'{what} cannot be named "{text.value}"', _name_cure(text.value))
        return False
    if text.value in RESERVED:
        reader.report("E206", text.place, f'"{text.value}" is a name that every call has already')
        return False
    return True


def _meant_names(name: str) -> set[str]:
    """What a variable with a faulty name is probably called elsewhere."""
    return {name, *(re.sub(r"[^A-Za-z0-9_]+", filling, name) for filling in ("", "_"))}


def _name_cure(name: str) -> str:
    cleaned = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    near = cleaned if _NAME.fullmatch(cleaned) and cleaned not in RESERVED else ""
    return "use letters, digits and _" + (f", e.g. {near}" if near else "")


@dataclass(frozen=True, slots=True)
class Declared:
    """What `vars` declares. `unsure` are the names whose type could not be read: they may be of any type."""

    variables: Mapping[str, Variable]
    unsure: frozenset[str] = frozenset()

    def scope(self, env: Iterable[str] | None, kept: Iterable[str] = ()) -> ScopeTypes:
        """The names that the values of the flow may use; `kept` may hold a setting of the server."""
        scope = scope_types(self.variables, env, kept)
        for name in sorted(self.unsure):
            scope = scope.having(name, ANY)
        return scope


def read_variables(node: Node, reader: Reader) -> Declared:
    """The map under `vars`, e.g. `ticket: {type: text, default: ""}`.

    Without a `default` a variable begins empty (`""`, 0, false, an empty list or map); one with a list of allowed
    words needs one. What is faulty is declared all the same.
    """
    found = reader.map(node, "`vars`", "write `vars: {name: {type: text}}`")
    variables: dict[str, Variable] = {}
    unsure: set[str] = set()
    entries = found.entries if found else ()
    fallen = fallen_out(entries, lambda entry: entry.key.value in WORDS)
    for entry in entries:
        if entry.key.value in fallen:
            continue
        is_named = is_variable_name(entry.key, "a variable", reader)
        variable, is_sure = read_variable(entry, reader)
        for name in (variable.name,) if is_named else _meant_names(variable.name):
            variables[name] = replace(variable, name=name)
        if is_named and not is_sure:
            unsure.add(variable.name)
    return Declared(variables, frozenset(unsure))


def read_variable(entry: Entry, reader: Reader, *, needs_default: bool = True) -> tuple[Variable, bool]:
    """The variable that a map describes, and whether its type is known."""
    name = entry.key.value
    if not isinstance(entry.value, Map):
        cure = _shape_cure(name, entry.value)
        reader.report("E201", entry.value.place, f"the variable {name} is not described by a map", cure)
        return Variable(name, "text", "", entry.key.place), False
    what = f'the variable "{name}"'
    fields = read_fields(entry.value, WORDS, what, reader, place=entry.key.place)
    default_node = fields.get("default")
    type_node = fields.need("type", f"write `type: {_guess(default_node)}`", reader)
    read = read_type(type_node, what, reader) if type_node else None
    type_name, allowed = read or ("text", ())
    flag = fields.get("sensitive")
    is_sensitive = bool(flag and reader.flag(flag, f"`sensitive` of {what}"))
    place, empty = entry.key.place, _EMPTY.get(type_name, "")
    draft = Variable(name, type_name, empty, place, is_sensitive, allowed, has_default=default_node is not None)
    if default_node is None and allowed and needs_default:
        fields.need("default", f"write `default: {allowed[0]}`", reader)
    if default_node is None or read is None:
        return draft, read is not None
    return replace(draft, default=_read_default(default_node, draft, reader)), True


def _shape_cure(name: str, node: Node) -> str:
    if isinstance(node, Text) and node.value in DECLARABLE:
        return f"write `{name}: {{type: {node.value}}}`"
    if isinstance(node, Text):
        default = f'"{node.value}"' if _guess(node) == "text" else node.value
        return f"write `{name}: {{type: {_guess(node)}, default: {default}}}`"
    if isinstance(node, Seq) and node.items and isinstance(first := node.items[0], Text):
        word = f"`{{type: [..], default: {first.value}}}`"
        return f"write `{name}: {{type: list, default: [..]}}`; for one of these words, {word}"
    return f'write `{name}: {{type: text, default: ""}}`'


def _guess(default: Node | None) -> str:
    """The type that a default looks like."""
    if isinstance(default, (Seq, Map)):
        return "list" if isinstance(default, Seq) else "map"
    text = default.value if default and not default.quoted else ""
    if text in {"true", "false"}:
        return "bool"
    return "int" if _WHOLE.fullmatch(text) else "text"


def read_type(node: Node, what: str, reader: Reader) -> tuple[str, tuple[str, ...]] | None:
    """The type's name, and the allowed words when it is a list of them; None when there is no such type."""
    if isinstance(node, Seq):
        allowed = tuple(text.value for item in node.items if (text := reader.text(item, f"a word of {what}")))
        if not node.items:
            reader.report("E203", node.place, f"{what} allows no word", "list the allowed words")
        return ("text", allowed) if allowed else None
    text = reader.text(node, f"`type` of {what}")
    if text is None or text.value in DECLARABLE:
        return (text.value, ()) if text else None
    message = f'{what} has the unknown type "{text.value}"'
    if text.value.lower() in _FOREIGN:
        reader.report("E203", text.place, message, f"write `{_FOREIGN[text.value.lower()]}`")
    else:
        reader.unknown("E203", text, DECLARABLE, message)
    return None


def _read_default(node: Node, variable: Variable, reader: Reader) -> object:
    """The default, cast; E203 when it does not fit. An empty text fits phone and url: nothing is known yet."""
    if computed := [text for text in _texts(node) if "{{" in text.value or "{%" in text.value]:
        cure = f"write the value itself; a step computes one: `set: {{{variable.name}: ..}}`"
        for text in computed:
            reader.report("E203", text.place, f'`default` of the variable "{variable.name}" has braces', cure)
        return variable.default
    warn_of_flags(node, reader)
    value = plain(node)
    if value == "" and variable.type_name in {"phone", "url"}:
        return value
    try:
        return variable_type(variable).cast(value)
    except ValueError as error:
        shown = f'"{value}"' if isinstance(value, str) else "a list" if isinstance(value, list) else "a map"
        message = f'`default` of the variable "{variable.name}" cannot be {shown}'
        reader.report("E203", node.place, message, str(error))
        return variable.default


def _texts(node: Node) -> Iterator[Text]:
    if isinstance(node, Text):
        yield node
    for inner in node.items if isinstance(node, Seq) else ():
        yield from _texts(inner)
    for entry in node.entries if isinstance(node, Map) else ():
        yield from _texts(entry.value)


def warn_of_flags(node: Node, reader: Reader) -> None:
    """W265 for each bare true and false within a list or a map: there it is a text, and "false" counts as true."""
    if isinstance(node, Text):
        return
    for text in _texts(node):
        if not text.quoted and text.value in ("true", "false"):
            message = f"what is written in a list or a map is text, {text.value} too"
            cure = f'write "{text.value}" in quotes, and ask for the text: == "{text.value}"'
            reader.report("W265", text.place, message, cure)


def plain(node: Node) -> object:
    """A node as text, lists and dicts."""
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Seq):
        return [plain(item) for item in node.items]
    return {entry.key.value: plain(entry.value) for entry in node.entries}


def with_collected(declared: Declared, steps: Map) -> Declared:
    """What is declared, and each variable that a `collect` of `steps` fills.

    One that is not declared is a text that begins empty. `sensitive: true` of any `collect` that fills it makes it
    sensitive. Nothing is reported here: the `collect` does when it is read.
    """
    found = dict(declared.variables)
    for entry in steps.entries:
        collect = _meant(entry.value, "collect") if isinstance(entry.value, Map) else None
        into = _meant(collect, "into") if isinstance(collect, Map) else None
        if isinstance(collect, Map) and isinstance(into, Text) and _NAME.fullmatch(into.value):
            flag = _meant(collect, "sensitive")
            is_sensitive = isinstance(flag, Text) and flag.value == "true"
            bare = Variable(into.value, "text", "", into.place, is_declared=False, has_default=False)
            known = found.get(into.value, bare)
            found[into.value] = replace(known, sensitive=is_sensitive or known.sensitive)
    return replace(declared, variables=found)


def _meant(node: Map, word: str) -> Node | None:
    """The value of `word`, or of a key that is `word` misspelt."""
    strange = (entry for entry in node.entries if entry.key.value not in _FAMILIAR)
    misspelt = (entry.value for entry in strange if nearest(entry.key.value, (word,)))
    return node.get(word) or next(misspelt, None)

"""Reads typed declarations: `vars`, `params`, `returns`, and variables that a `collect` fills.

vars: {ticket: {type: text, default: ""}}
params: {team: text, tries: {type: int, default: 3}}      # one without a default has to be given
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Final

from ncco_server.flow.grammar.forms import ANYTHING, Notation, Unread, one_of
from ncco_server.flow.grammar.map_form import MapForm
from ncco_server.flow.grammar.reader import Reader, has_braces
from ncco_server.flow.nodes import Entry, Map, Node, Seq, Text, texts_in, walk
from ncco_server.flow.scope import NAME, RESERVED, Param, Signature, Variable
from ncco_server.ncco.value_types import ANY, TYPES, JsonSchema, Kind, ListOf, MapOf, Word

TYPE: Final[JsonSchema] = {"anyOf": [one_of(TYPES), {"type": ["array", "object"]}]}


def read_type(node: Node, what: str, reader: Reader, types: Collection[str] = TYPES) -> Kind | None:
    """`types` are those of the place; where they are fewer, a value may be empty."""
    if isinstance(node, Seq):
        allowed = [text.value for item in node.items if (text := reader.text(item, f"a word of {what}"))]
        if not node.items:
            reader.report("E203", node.place, f"{what} does not allow any words", "list the allowed words")
        return Word(tuple(allowed)) if allowed else None
    text = reader.text(node, what)
    if text is None or text.value in TYPES:
        return TYPES[text.value].with_zone(reader.zone) if text else None
    message = f'there is no type "{text.value}"'
    reader.unknown("E203", text, [each for each in types if each in TYPES], message)
    return None


class Declaration(MapForm):
    """A variable or a param that is described by a map."""

    is_named: ClassVar = True
    cures: ClassVar = {"type": "write `type: text`"}

    type: Annotated[Kind | None, Notation(read_type, TYPE)] = None
    """text, int, number, bool, phone, url, date, time, datetime, list, map, or a list of allowed words."""
    default: Annotated[Node | None, Unread(ANYTHING)] = None
    """Its value until the call assigns another one."""
    sensitive: bool = False
    """true: the value is never written anywhere, and is forgotten after the turn that received it."""
    spoken: bool = False
    """true: prompts may speak this sensitive param, which a placed call keeps, encrypted, until its last attempt."""


def is_variable_name(text: Text, what: str, reader: Reader) -> bool:
    taken_cure = f"choose another name, such as {text.value}_value: expressions already give this one a meaning"
    return reader.check_name(text, what, NAME, "use letters, digits and _", taken=RESERVED, taken_cure=taken_cure)


def read_variables(node: Node, what: str, reader: Reader) -> Mapping[str, Variable]:
    """Variables without a `default` start empty (`""`, 0, false, an empty list or map); a list of words needs one."""
    entries = reader.entries(node, what, "write `vars: {name: {type: text}}`")
    named = [entry for entry in entries if is_variable_name(entry.key, "a variable", reader)]
    read = [_read_variable(entry, reader, needs_default=True) or unreadable(entry) for entry in named]
    found = {variable.name: variable for variable in read}
    refuse_spoken(found.values(), reader)
    return found


def refuse_spoken(variables: Iterable[Variable], reader: Reader) -> None:
    """Report E219 for each variable with `spoken`: it is no param of a placed call."""
    for variable in variables:
        if variable.spoken:
            message = f'"{variable.name}" is not a param of a flow that only places calls, so it cannot be `spoken`'
            reader.report(
                "E219",
                variable.place,
                message,
                "delete `spoken`: it is for a sensitive param of a flow that only places calls",
            )


def read_params(
    node: Node, what: str, reader: Reader, *, noun: str = "a param", types: Collection[str] = TYPES
) -> dict[str, Param]:
    entries = [
        entry
        for entry in reader.entries(node, what, "write `params: {name: text}`")
        if is_variable_name(entry.key, noun, reader)
    ]
    has_default = {e.key.value for e in entries if isinstance(e.value, Map) and e.value.get("default") is not None}
    typed = {entry.key.value: _read_typed(entry, reader, noun.removeprefix("a "), types) for entry in entries}
    return {name: Param(each, each.type != ANY and name not in has_default) for name, each in typed.items()}


def read_returned_types(node: Node, what: str, reader: Reader) -> dict[str, Variable]:
    entries = reader.entries(node, what, "write each value with its type: `{name: text}`")
    found = {e.key.value: _read_typed(e, reader) for e in entries if is_variable_name(e.key, "a value", reader)}
    refuse_spoken(found.values(), reader)
    return found


def unreadable(entry: Entry) -> Variable:
    """Its type is reported already, so that it fits everywhere."""
    return Variable(entry.key.value, ANY, "", entry.key.place)


def _read_typed(entry: Entry, reader: Reader, noun: str = "variable", types: Collection[str] = TYPES) -> Variable:
    name = entry.key.value
    unknown = unreadable(entry)
    if isinstance(entry.value, Map):
        return _read_variable(entry, reader, needs_default=False, noun=noun) or unknown
    type_ = read_type(entry.value, f'"{name}"', reader, types)
    return replace(unknown, type=type_, default=empty_of(type_)) if type_ else unknown


def empty_of(type_: Kind) -> object:
    """A list of words begins as "", which is none of them."""
    return "" if type_.words else type_.empty


def _read_variable(entry: Entry, reader: Reader, *, needs_default: bool, noun: str = "variable") -> Variable | None:
    name = entry.key.value
    place = entry.key.place
    node = entry.value
    if isinstance(node, Text) and node.value in TYPES:
        type_ = TYPES[node.value].with_zone(reader.zone)
        return Variable(name, type_, type_.empty, place, has_default=False)
    if not isinstance(node, Map):
        cure = f"write `{name}: {{type: text}}`"
        reader.report("E201", node.place, f"the variable {name} must be described by a map", cure)
        return None
    fields = Declaration.read_words(node, f'the {noun} "{name}"', reader, place=place)
    found = Declaration.build(fields, reader)
    if found is None or found.type is None:
        return None
    type_ = found.type
    default = found.default
    draft = Variable(
        name, type_, empty_of(type_), place, found.sensitive, found.spoken, has_default=default is not None
    )
    if default is None and type_.words and needs_default:
        fields.need("default", f"write `default: {type_.words[0]}`", reader)
    return draft if default is None else replace(draft, default=_read_default(default, draft, noun, reader))


def _read_default(node: Node, variable: Variable, noun: str, reader: Reader) -> object:
    """Report E203 if the default cannot be cast. It may be "", for a value not known yet."""
    if computed := [text for text in texts_in(node) if has_braces(text)]:
        cure = f"write the value itself; a step computes one: `set: {{{variable.name}: ..}}`"
        for text in computed:
            reader.report("E203", text.place, f'the `default` of the {noun} "{variable.name}" has braces', cure)
        return variable.default
    value = plain(node)
    if value == "" and variable.type.begins_unknown:
        return value
    try:
        return variable.type.cast(value)
    except ValueError as error:
        message = f'the `default` of the {noun} "{variable.name}" does not fit its type'
        reader.report("E203", node.place, message, str(error))
        return next(iter(variable.type.words), variable.default)


def plain(node: Node) -> object:
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Seq):
        return [plain(item) for item in node.items]
    return {entry.key.value: plain(entry.value) for entry in node.entries}


def with_collected(declared: Mapping[str, Variable], steps: Map) -> dict[str, Variable]:
    """Add the variables that a `collect` in `steps` fills.

    An undeclared one is text, and sensitive if any `collect` that fills it is. Issues are reported when the `collect`
    is read.
    """
    found = dict(declared)
    for entry in steps.entries:
        collect = entry.value.get("collect") if isinstance(entry.value, Map) else None
        into = collect.get("into") if isinstance(collect, Map) else None
        if isinstance(collect, Map) and isinstance(into, Text) and NAME.fullmatch(into.value):
            flag = collect.get("sensitive")
            is_sensitive = isinstance(flag, Text) and flag.value == "true"
            bare = Variable(into.value, TYPES["text"], "", into.place, is_declared=False, has_default=False)
            known = found.get(into.value, bare)
            found[into.value] = replace(known, sensitive=is_sensitive or known.sensitive)
    return found


def constant_types(
    variables: Mapping[str, Variable], flow: Map, own: Signature, flows: Iterable[Signature]
) -> Mapping[str, Kind]:
    """Types of lists and maps that never change, with their entries'.

    Empty lists and lists of different types are left out. `flow` is the whole file: `set` and `into` may be anywhere.
    """
    types = {name: _type_of(each.default) for name, each in variables.items() if name not in own.params}
    found = {name: type_ for name, type_ in types.items() if type_ is not None and type_.item is not None}
    changed = {*_changed(flow, found), *(name for each in flows for name in each.returns)} if found else ()
    return {name: type_ for name, type_ in found.items() if name not in changed}


def _changed(flow: Map, names: Collection[str]) -> Iterator[str]:
    for key, value in _entries_in(flow, names):
        if isinstance(value, Text) and key.value == "into":
            yield value.value
        elif isinstance(value, Map) and key.value == "set":
            yield from value.keys()


def undeclared_names(flow: Map, own: Signature, flows: Mapping[str, Signature]) -> Mapping[str, str]:
    """Each value that this flow, or one it runs, returns, with the declaration of a variable for it."""
    found = {name: f"to read it here too, {_declaring(each)}" for name, each in own.returns.items()}
    returning = {name for name, each in flows.items() if each.returns}
    entries = _entries_in(flow, returning) if returning else ()
    run = {value.value for key, value in entries if key.value == "run" and isinstance(value, Text)}
    for callee in sorted(run & returning):
        kept = {
            name: f"to keep what {callee} returns, {_declaring(each)}" for name, each in flows[callee].returns.items()
        }
        found |= kept
    return found


def _declaring(returned: Variable) -> str:
    words = returned.type.words
    type_ = f"[{', '.join(words)}], default: {words[0]}" if words else returned.type.name
    secret = ", sensitive: true" if returned.sensitive else ""
    return f"add `{returned.name}: {{type: {type_}{secret}}}` to `vars`"


def _entries_in(flow: Map, among: Collection[str]) -> Iterator[Entry]:
    return (entry for node in walk(flow, among) if isinstance(node, Map) for entry in node.entries)


def _type_of(default: object) -> Kind | None:
    if isinstance(default, str):
        return TYPES["text"]
    if not isinstance(default, list | dict):
        return None
    entries = default if isinstance(default, list) else default.values()
    types = [_type_of(entry) for entry in entries]
    is_one = bool(types) and all(type_ == types[0] for type_ in types)
    return (ListOf if isinstance(default, list) else MapOf)(item=types[0] if is_one else None)

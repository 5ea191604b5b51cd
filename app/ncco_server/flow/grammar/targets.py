"""Reads where a flow continues, and which variables change on the way.

menu                                       # a step of this flow; or: end, return
{goto: menu, set: {tries: "{{ tries + 1 }}", locale: fr}}
{run: voicemail, with: {team: sales}}      # another flow, without coming back
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, TypeAlias

from ncco_server.flow.frame import Assignment, Runs, Target
from ncco_server.flow.grammar.fields import JsonField, in_each_locale
from ncco_server.flow.grammar.forms import ANYTHING, Notation, Unread, named, offered, ref
from ncco_server.flow.grammar.locales import report_unknown
from ncco_server.flow.grammar.map_form import MapForm, written_as
from ncco_server.flow.grammar.reader import Resolver, elsewhere
from ncco_server.flow.issues import did_you_mean
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text, text_of
from ncco_server.flow.scope import RESERVED, Param, Signature, Variable, has_path
from ncco_server.flow.templates.tree import shorten
from ncco_server.flow.templates.values import Value
from ncco_server.ncco.value_types import ANY, Word
from ncco_server.suggest import nearest

_NODE_TYPES: Mapping[str, type[Node]] = {"list": Seq, "map": Map}
_TEXTS_ONLY = JsonField("kept", texts_only=True)


def read_sets(node: Node, what: str, reader: Resolver) -> tuple[Assignment, ...]:
    """Report E562 if a flow without locales sets `locale`, E561 if the flow lacks the locale."""
    locales = tuple(reader.locales)
    known = {name: variable for name, variable in reader.variables.items() if name not in RESERVED}
    entries: list[Entry] = []
    for entry in reader.entries(node, what, "write `set: {variable: value}`"):
        name = entry.key.value
        value = entry.value
        if name == "locale" and locales:
            known[name] = Variable(name, Word(locales), locales[0], entry.key.place)
            if isinstance(value, Text) and "{" not in value.value and value.value not in locales:
                report_unknown(value, f'this flow does not have a locale "{value.value}"', reader)
                continue
        if name not in known:
            _report_undeclared(entry, known, reader)
        entries.append(entry)
    return assigned(entries, known, "", reader)


def _report_undeclared(entry: Entry, known: Mapping[str, Variable], reader: Resolver) -> None:
    name = entry.key.value
    place = entry.key.place
    if name == "locale":
        reader.report("E562", place, "`locale` is set, but this flow has no `locales`")
    elif name in RESERVED:
        reader.report("E205", place, f'"{name}" belongs to the call and cannot be set', "choose another name")
    else:
        line = f"{name}: {{type: ..}}"
        added = f"add `{line}` to `vars`" if known else f"add `vars: {{{line}}}` to the flow"
        if home := elsewhere(name):
            added = f"as a word of the language, {home}; for a variable, {added}"
        cure = None if nearest(name, known) else added
        reader.unknown("E225", entry.key, known, f'the variable "{name}" is not declared', cure)


def assigned(
    entries: Iterable[Entry], known: Mapping[str, Variable], where: str, reader: Resolver, *, is_added: bool = False
) -> tuple[Assignment, ...]:
    """`where` is the word under which `known` variables are declared; "" for this flow's."""
    found: list[Assignment] = []
    for entry in entries:
        variable = known.get(entry.key.value)
        value = read_value(entry.value, variable, reader) if variable else None
        if variable is not None and value is not None:
            reader.warn_of_own_name(entry)
            if not is_added:
                _warn_of_sign(entry, variable, reader)
            _check_secrecy(value, variable, reader, where or declared_under(variable.name, reader))
            found.append(Assignment(variable.name, value, entry.key.place))
    return tuple(found)


def _warn_of_sign(entry: Entry, variable: Variable, reader: Resolver) -> None:
    """Report W305 for a number with a plus sign, which adds nothing."""
    found = _SIGNED.fullmatch(text_of(entry.value)) if variable.type.family == "number" else None
    if found is not None:
        added = f"{{{{ {variable.name} + {found[1]} }}}}"
        message = f'"{found[0]}" is the number {found[1]} here, and is not added'
        reader.report("W305", entry.value.place, message, f'write "{added}"', [variable.name])


def declared_under(name: str, reader: Resolver) -> str:
    return "`params`" if reader.own is not None and name in reader.own.params else "`vars`"


def read_value(node: Node, variable: Variable, reader: Resolver) -> Value | None:
    if isinstance(node, _NODE_TYPES.get(variable.type.name, ())):
        return in_each_locale(node, reader, lambda local: _TEXTS_ONLY.read(node, f"`{variable.name}`", local))
    return in_each_locale(node, reader, lambda local: local.value(node, variable.type, "kept", f"`{variable.name}`"))


def _check_secrecy(value: Value, variable: Variable, reader: Resolver, where: str) -> None:
    named = (name for name in value.used_names if name in reader.variables and reader.variables[name].sensitive)
    secrets = sorted([*named, *filter(has_path, value.used_names)])
    if secrets and not variable.sensitive:
        message = f'"{variable.name}" would store the sensitive "{shorten(secrets[0])}" unmasked'
        cure = f"declare `{variable.name}` with `sensitive: true` under {where}"
        cure = "choose the locale by a value that is not sensitive" if variable.name == "locale" else cure
        reader.report("E226", value.place, message, cure)


def read_returned(node: Node, what: str, reader: Resolver) -> tuple[Assignment, ...]:
    """Read the `set` of a return: values declared under `returns`; E273 for anything else."""
    own = reader.own
    entries = reader.entries(node, f"{what} of a return", "write `set: {name: value}`")
    if own is None:
        return ()
    for key in (entry.key for entry in entries if entry.key.value not in own.returns):
        cure = None if own.returns else f"add `returns: {{{key.value}: text}}` to the flow"
        reader.unknown("E273", key, own.returns, f'this flow does not return "{key.value}"', cure)
    return assigned(entries, own.returns, "`returns`", reader)


def read_given(
    node: Node | None,
    params: Mapping[str, Param],
    owner: tuple[str, str],
    place: Place,
    reader: Resolver,
    *,
    form: str = "with: {..}",
) -> tuple[Assignment, ...]:
    """Report E270 for unknown names, E271 (at `place`) for missing ones.

    `owner` is the kind and the name of what declares them, such as flow and voicemail. `form` is how fixes write the
    params; `..` stands for the missing ones.
    """
    what = f'the {owner[0]} "{owner[1]}"'
    shown = ", ".join(f"{name}: .." for name in params)
    whole = f"write `{form.replace('..', shown, 1)}`" if params else "delete it: there are no params"
    if node is not None and reader.map(node, f"the input of {what}", whole) is None:
        return ()
    entries = node.entries if isinstance(node, Map) else ()
    for key in (entry.key for entry in entries if entry.key.value not in params):
        cure = None if params else "delete it, or declare it there under `params`"
        reader.unknown("E270", key, params, f'{what} takes no "{key.value}"', cure, names=owner[1:])
    known = {name: param.variable for name, param in params.items()}
    given = assigned(entries, known, f"`params` of {what}", reader)
    written = {entry.key.value for entry in entries}
    missing = [name for name, param in params.items() if param.is_required and name not in written]
    if missing and written <= params.keys():
        needed, shown = (", ".join(each.format(name) for name in missing) for each in ('"{}"', "{}: .."))
        cure = f"add `{shown}`" if entries else f"write `{form.replace('..', shown, 1)}`"
        if place.is_in_python:
            shown = ", ".join(f"`{name}=..`" for name in missing)
            cure = f"write {shown} as well; if it may be None, which leaves it out, handle that before"
        reader.report("E271", place, f"{what} needs {needed}", cure, owner[1:])
    return given


RETURNED: Final = "return"


class _Form(MapForm):
    """A target that is written as a map with `goto`, `run` or `return`."""


def _read_step(node: Node, what: str, reader: Resolver) -> Target | None:
    text = reader.text(node, what)
    return _read_word(text, reader) if text else None


def _read_outcome(node: Node, what: str, reader: Resolver) -> Text | None:
    text = reader.text(node, what)
    if text is not None:
        _check_outcome(text, reader)
    return text


def read_flow_name(node: Node, what: str, reader: Resolver) -> Text | None:
    """The flow need not exist."""
    return reader.text(node, what, "write the name of a flow")


FlowName: TypeAlias = Annotated[Text, Notation(read_flow_name, offered("flows"))]
GivenParams: TypeAlias = Annotated[Node, Unread(named(ANYTHING))]
"""Read later, by the types of the params, which only the other flow knows."""


class GotoForm(_Form):
    """A step, with `set` on the way."""

    goto: Annotated[Target, Notation(_read_step, offered("steps", "end", "return"))]
    """A step, with `set` on the way."""
    sets: Annotated[Node | None, Unread(ref("sets"))] = written_as("set", default=None)
    """Variables that change on the way."""


class RunForm(_Form):
    """Another flow, without coming back."""

    run: FlowName
    """Another flow, without coming back."""
    given: GivenParams | None = written_as("with", default=None)
    """The params of the other flow."""


class ReturnForm(_Form):
    """Back to the flow that ran this one."""

    outcome: Annotated[Text, Notation(_read_outcome, offered("outcomes"))] = written_as("return")
    """Back to the flow that ran this one, with this outcome."""
    sets: Annotated[tuple[Assignment, ...], Notation(read_returned, named(ANYTHING))] = written_as("set", default=())
    """The values that the flow returns."""


_SIGNED: Final = re.compile(r"\+ *([0-9.]+)")
FORMS: Final[dict[str, type[_Form]]] = {"goto": GotoForm, "run": RunForm, "return": ReturnForm}


def read_target(node: Node, what: str, reader: Resolver) -> Target | None:
    """None, after reporting E201, if `node` cannot be a target.

    An unknown step is reported (E214) but returned, so that this way out is not lost. Without `reader.steps`, names of
    steps are not checked.
    """
    if isinstance(node, Text):
        return _read_word(node, reader)
    form = next((form for form in FORMS if isinstance(node, Map) and node.get(form) is not None), None)
    if form is None or not isinstance(node, Map):
        found = "a list" if isinstance(node, Seq) else "a map"
        for entry in node.entries if isinstance(node, Map) else ():
            if near := nearest(entry.key.value, FORMS):
                reader.report("E202", entry.key.place, f'{what} has no "{entry.key.value}"', did_you_mean(near))
                return None
        reader.report("E201", node.place, f"{what} is {found}", 'write the name of a step, or "end"')
        return None
    match FORMS[form].read(node, f"{what} with `{form}`", reader):
        case GotoForm(goto=target, sets=sets):
            read = read_returned if target.returns else read_sets
            return target if sets is None else target._replace(sets=read(sets, "`set`", reader))
        case RunForm(run=flow, given=given):
            runs = read_run(flow, given, reader)
            return Target(None, flow.place, runs=runs) if runs else None
        case ReturnForm(outcome=outcome, sets=returned):
            return Target(None, outcome.place, returns=outcome.value, sets=returned)
    return None


Destination: TypeAlias = Annotated[Target, Notation(read_target, ref("goto"))]
NewValues: TypeAlias = Annotated[tuple[Assignment, ...], Notation(read_sets, ref("sets"))]


def is_target(node: Map) -> bool:
    return any(node.get(form) is not None for form in FORMS)


def _read_word(node: Text, reader: Resolver) -> Target:
    if node.value == "end":
        return Target(None, node.place)
    if node.value == RETURNED:
        _check_outcome(node, reader)
        return Target(None, node.place, returns=RETURNED)
    if reader.steps and node.value not in reader.steps:
        _report_step(node, reader)
    return Target(node.value, node.place)


def _report_step(text: Text, reader: Resolver) -> None:
    name = text.value
    own = reader.own
    cure: str | None = None
    if name in reader.flows:
        cure = f"to continue in the flow with this name, write `{{run: {name}}}`"
    elif own is not None and name in own.outcomes:
        cure = f"to return the outcome with this name, write `{{return: {name}}}`"
    known = (*reader.steps, "end")
    if text.place.is_in_python:
        flow = f"{{run: {name}}}" if name in reader.flows else "{run: FLOW}"
        cure = f"a handler's call goes on in a flow: name one as `on_error`, or in `outbound` write `{flow}`"
    reader.unknown("E214", text, known, f'unknown step "{name}"', cure)


def read_run(name: Text, given: Node | None, reader: Resolver, *, comes_back: bool = False) -> Runs | None:
    """Report E272 for an unknown flow, which is still returned."""
    signature = reader.flows.get(name.value)
    if signature is None:
        message = f'there is no flow "{name.value}"'
        reader.unknown("E272", name, sorted(reader.flows), message, reader.use_of(name))
    if signature is None:
        return Runs(name.value, (), comes_back)
    if not signature.is_whole:
        signature = any_flow(name.value, given, name.place)
    owner = ("flow", name.value)
    return Runs(name.value, read_given(given, signature.params, owner, name.place, reader), comes_back)


def any_flow(name: str, given: Node | None, place: Place) -> Signature:
    """A flow that takes whatever it is given, in place of one that could not be read."""
    names = [entry.key.value for entry in given.entries] if isinstance(given, Map) else []
    params = {each: Param(Variable(each, ANY, None, place), is_required=False) for each in names}
    return Signature(name, place, params, is_placed=True)


def _check_outcome(name: Text, reader: Resolver) -> None:
    own = reader.own
    if own is None or name.value in own.outcomes or (name.value == RETURNED and not own.outcomes):
        return
    message = f'this flow has no outcome "{name.value}"'
    cure = None
    if name.value == RETURNED:
        message = "this flow declares outcomes, but `return` does not name one of them"
        cure = f"write `{{return: {own.outcomes[0]}}}`, or another of its outcomes"
    elif not own.outcomes:
        if any(issue.code == "E273" for issue in reader.issues):
            return
        otherwise = f"add `outcomes: [{name.value}]` to the flow, with all the other outcomes that it returns"
        cure = reader.use_of(name) or otherwise
    reader.unknown("E273", name, own.outcomes, message, cure)

"""Where a flow goes next, and which variables get new values on the way.

menu                                       # a step of this flow; or: end
return                                     # back to the flow that ran this one
{goto: menu, set: {tries: "{{ tries + 1 }}", locale: fr}}
{run: voicemail, with: {team: sales}}      # another flow, without coming back
{return: verified, set: {account: "{{ account }}"}}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Final

from pydantic import Field

from app.flow.actions.fields import JsonField, in_each_locale
from app.flow.language.base import FlowModel, kept
from app.flow.language.json_schema import ANYTHING, defined, named, offered
from app.flow.language.locales import report_unknown
from app.flow.language.reader import Reader
from app.flow.language.variables import warn_of_flags
from app.flow.model import Assignment, Param, Runs, Signature, Target, Value, Variable
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.paths import is_inner
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


RETURNED: Final = "return"
"""The outcome of a flow that comes back without naming one."""

_ENDINGS: Final = frozenset({"hangup", "stop", "exit", "quit", "finish", "none", "null"})
"""Other words for the end of a call."""


class _Form(FlowModel):
    """A target that is written as a map; each form is known by its first word."""

    aliases: ClassVar = {
        **dict.fromkeys(("params", "args"), "with"),
        "step": "goto",
        "flow": "run",
        "outcome": "return",
    }
    hints: ClassVar = {"on": "only a step comes back from a flow: give the step `run` with `with` and `on`"}


class GotoForm(_Form):
    """A step, with `set` on the way."""

    goto: Annotated[Node, kept(offered("steps", "end", "return"))]
    """A step, with `set` on the way."""
    sets: Annotated[Node | None, kept(defined("sets"))] = Field(None, alias="set")
    """Variables that change on the way."""


class RunForm(_Form):
    """Another flow, for good."""

    run: Annotated[Node, kept(offered("flows"))]
    """Another flow, for good."""
    given: Annotated[Node | None, kept(named(ANYTHING))] = Field(None, alias="with")
    """What the flow is given."""


class ReturnForm(_Form):
    """Back to the flow that ran this one."""

    outcome: Annotated[Node, kept(offered("outcomes"))] = Field(alias="return")
    """Back to the flow that ran this one, with this outcome."""
    sets: Annotated[Node | None, kept(named(ANYTHING))] = Field(None, alias="set")
    """What is given back."""


FORMS: Final[dict[str, type[_Form]]] = {"goto": GotoForm, "run": RunForm, "return": ReturnForm}


def read_target(node: Node, what: str, reader: Reader) -> Target | None:
    """The target that `node` names; None when it is none at all, once that is reported (E201).

    An unknown step (E214) is given all the same, so that its step still has this way out. Of a flow without steps no
    target is known.
    """
    if isinstance(node, Text):
        return _read_word(node, reader)
    form = next((form for form in FORMS if isinstance(node, Map) and node.get(form) is not None), None)
    if form is None or not isinstance(node, Map):
        found = "a list" if isinstance(node, Seq) else "a map"
        reader.report("E201", node.place, f"{what} is {found}", 'write the name of a step, or "end"')
        return None
    match FORMS[form].parse(node, f"{what} with `{form}`", reader):
        case GotoForm() as goto:
            return _read_goto(goto, reader)
        case RunForm() as run:
            runs = read_run(run.run, run.given, reader)
            return Target(None, run.run.place, runs=runs) if runs else None
        case ReturnForm() as back:
            return _read_return(back, reader)
    return None


def is_target(node: Map) -> bool:
    """Whether a map is meant to be a target."""
    return any(node.get(form) is not None for form in FORMS)


def _read_word(node: Text, reader: Reader) -> Target:
    if node.value == "end":
        return Target(None, node.place)
    if node.value == RETURNED:
        _check_outcome(node, reader)
        return Target(None, node.place, returns=RETURNED)
    if reader.steps and node.value not in reader.steps:
        _report_step(node, reader)
    return Target(node.value, node.place)


def _report_step(name: Text, reader: Reader) -> None:
    message = f'unknown step "{name.value}"'
    if name.value.lower().replace("_", "") in _ENDINGS and not nearest(name.value, reader.steps):
        reader.report("E214", name.place, message, 'to end the call write "end"')
    elif name.value in reader.flows:
        reader.report("E214", name.place, message, f"to go on in the flow of this name write `{{run: {name.value}}}`")
    elif reader.own is not None and name.value in reader.own.outcomes:
        cure = f"to come back with the outcome of this name write `{{return: {name.value}}}`"
        reader.report("E214", name.place, message, cure)
    elif (form := name.value.partition(" ")[0].rstrip(":")) in FORMS:
        rest = name.value.partition(" ")[2].strip()
        reader.report("E214", name.place, message, f"write `{{{form}: {rest}}}`" if form != "goto" else f"write {rest}")
    else:
        reader.unknown("E214", name, (*sorted(reader.steps), "end"), message)


def _read_goto(form: GotoForm, reader: Reader) -> Target | None:
    text = reader.text(form.goto, "`goto`")
    target = _read_word(text, reader) if text else None
    if target is None or form.sets is None:
        return target
    sets = read_returned(form.sets, reader) if target.returns else read_sets(form.sets, "`set`", reader)
    return replace(target, sets=sets)


def read_run(name: Node, given: Node | None, reader: Reader, *, comes_back: bool = False) -> Runs | None:
    """The flow that is named with what it is given; E272 when there is no such flow."""
    if isinstance(name, Map) and len(name.entries) == 1:
        key, inner = name.entries[0]
        has_values = isinstance(inner, Map) and inner.entries
        cure = f"write `run: {key.value}`" + (" with `with: {..}` below" if has_values else "")
        reader.report("E201", name.place, "`run` is a map", cure)
        reader.runs.update({key.value} & reader.flows.keys())
        return Runs(key.value, (), comes_back)
    text = reader.text(name, "`run`")
    if text is None:
        return None
    signature = reader.flows.get(text.value)
    if signature is None:
        message = f'there is no flow "{text.value}"'
        reader.runs.update(filter(None, (nearest(text.value, reader.flows),)))  # that one is meant, so it has a use
        if text.value in reader.steps:
            cure = f"to go on at the step of this name write `goto: {text.value}`"
            reader.report("E272", text.place, message, cure)
        else:
            reader.unknown("E272", text, sorted(reader.flows), message)
        return Runs(text.value, (), comes_back)
    reader.runs.add(text.value)
    params = signature.params if signature.is_whole else {}
    if not signature.is_whole:
        return Runs(text.value, (), comes_back)
    return Runs(text.value, read_given(given, params, f'the flow "{text.value}"', text.place, reader), comes_back)


def _read_return(form: ReturnForm, reader: Reader) -> Target | None:
    text = reader.text(form.outcome, "`return`")
    if text is None:
        return None
    _check_outcome(text, reader)
    sets = read_returned(form.sets, reader) if form.sets else ()
    return Target(None, text.place, returns=text.value, sets=sets)


def _check_outcome(name: Text, reader: Reader) -> None:
    """E273 for a return with an outcome that the flow does not declare."""
    own = reader.own
    if own is None or not own.is_whole or name.value in own.outcomes or (name.value == RETURNED and not own.outcomes):
        return
    if name.value == RETURNED:
        cure = f"write `{{return: {own.outcomes[0]}}}`, or another of its outcomes"
        reader.report("E273", name.place, "this flow declares outcomes, and `return` names none of them", cure)
    elif own.outcomes:
        reader.unknown("E273", name, own.outcomes, f'this flow has no outcome "{name.value}"')
    else:
        cure = f"add `outcomes: [{name.value}]` to the flow"
        reader.report("E273", name.place, f'this flow has no outcome "{name.value}"', cure)

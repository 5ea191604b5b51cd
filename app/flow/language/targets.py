"""Where a flow goes next, in each of its spellings.

menu                                       # a step of this flow; or: end
return                                     # back to the flow that ran this one
{goto: menu, set: {tries: 0}}
{run: voicemail, with: {team: sales}}      # another flow, for good
{return: verified, set: {account: "{{ account }}"}}
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Final

from pydantic import Field

from app.flow.language.assignments import read_given, read_returned, read_sets
from app.flow.language.base import FlowModel, kept
from app.flow.language.json_schema import ANYTHING, defined, named, offered
from app.flow.model import Runs, Target
from app.flow.nodes import Map, Node, Seq, Text
from app.flow.reader import Reader
from app.ncco.suggest import nearest

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

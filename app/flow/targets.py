"""Where a flow goes next, in each of its spellings.

menu                                       # a step of this flow; or: end
return                                     # back to the flow that ran this one
{goto: menu, set: {tries: 0}}
{run: voicemail, with: {team: sales}}      # another flow, for good
{return: verified, set: {account: "{{ account }}"}}
"""

from __future__ import annotations

from app.flow.fields import Fields, read_fields
from app.flow.language.assignments import read_given, read_returned, read_sets
from app.flow.model import Assignment, Runs, Target
from app.flow.nodes import Map, Node, Seq, Text
from app.flow.reader import Reader
from app.ncco.suggest import nearest

RETURNED = "return"
"""The outcome of a flow that comes back without naming one."""

_ENDINGS = frozenset({"hangup", "stop", "exit", "quit", "finish", "none", "null"})
"""Other words for the end of a call."""

_FORMS = {"goto": ("goto", "set"), "run": ("run", "with"), "return": ("return", "set")}
_HINTS = {
    "params": "write `with`",
    "args": "write `with`",
    "step": "write `goto`",
    "flow": "write `run`",
    "outcome": "write `return`",
    "on": "only a step comes back from a flow: give the step `run` with `with` and `on`",
}


def read_target(node: Node, what: str, reader: Reader) -> Target | None:
    """The target that `node` names; None when it is none at all, once that is reported (E201).

    An unknown step (E214) is given all the same, so that its step still has this way out. Of a flow without steps no
    target is known.
    """
    if isinstance(node, Text):
        return _read_word(node, reader)
    form = next((form for form in _FORMS if isinstance(node, Map) and node.get(form) is not None), None)
    if form is None or not isinstance(node, Map):
        found = "a list" if isinstance(node, Seq) else "a map"
        reader.report("E201", node.place, f"{what} is {found}", 'write the name of a step, or "end"')
        return None
    fields = read_fields(node, _FORMS[form], f"{what} with `{form}`", reader, hints=_HINTS)
    readers = {"goto": _read_goto, "run": _read_hand_over, "return": _read_return}
    return readers[form](fields, reader)


def is_target(node: Map) -> bool:
    """Whether a map is meant to be a target."""
    return any(node.get(form) is not None for form in _FORMS)


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
    elif (form := name.value.partition(" ")[0].rstrip(":")) in _FORMS:
        rest = name.value.partition(" ")[2].strip()
        reader.report("E214", name.place, message, f"write `{{{form}: {rest}}}`" if form != "goto" else f"write {rest}")
    else:
        reader.unknown("E214", name, (*sorted(reader.steps), "end"), message)


def _read_goto(fields: Fields, reader: Reader) -> Target | None:
    text = reader.text(fields.values["goto"], "`goto`")
    target = _read_word(text, reader) if text else None
    if target is None:
        return None
    return Target(target.step, target.place, returns=target.returns, sets=_read_sets(fields, target, reader))


def _read_sets(fields: Fields, target: Target, reader: Reader) -> tuple[Assignment, ...]:
    if "set" not in fields.values:
        return ()
    node = fields.values["set"]
    return read_returned(node, reader) if target.returns else read_sets(node, "`set`", reader)


def _read_hand_over(fields: Fields, reader: Reader) -> Target | None:
    runs = read_run(fields.values["run"], fields.get("with"), reader)
    return Target(None, fields.values["run"].place, runs=runs) if runs else None


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


def _read_return(fields: Fields, reader: Reader) -> Target | None:
    text = reader.text(fields.values["return"], "`return`")
    if text is None:
        return None
    _check_outcome(text, reader)
    sets = read_returned(fields.values["set"], reader) if "set" in fields.values else ()
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

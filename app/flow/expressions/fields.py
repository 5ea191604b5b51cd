"""Checks names and fields: E303, E304, W302."""

from __future__ import annotations

from app.flow.expressions.check import Check, described, kind_of
from app.flow.expressions.foreign import CALLS, NAMES
from app.flow.expressions.kinds import item_of, record_of
from app.flow.expressions.syntax import Field, Name, Node, Sum
from app.flow.expressions.touching import touched_names
from app.flow.paths import is_inner
from app.flow.scope import HEADERS, Record, ScopeTypes, Shape
from app.flow.types import ANY, ValueType
from app.ncco.suggest import nearest

_PREFIX = "FLOW_"


def name_type(check: Check, node: Name, beside: Shape | None) -> Shape | None:
    """The type of a name; `beside` is the type of what it is compared with."""
    shape = check.scope.get(node.name)
    if shape is None:
        check.report("E303", node, f'unknown name "{node.name}"', _name_cure(check, node.name, beside))
    return shape


def _name_cure(check: Check, name: str, beside: Shape | None) -> str | None:
    if name == "vars":
        return "variables are written by their name alone"
    is_text = beside is not None and kind_of(beside) == "text"
    quoted = f'put quotes around it: "{name}"'
    if isinstance(beside, ValueType) and name in beside.words:
        return quoted
    if near := _owner(check, name) or nearest(name, check.scope):
        return f'did you mean "{near}"?' + (f" If it is a text, {quoted}" if is_text else "")
    return f"if it is a text, {quoted}" if is_text else f"known are: {', '.join(sorted(check.scope))}"


def _owner(check: Check, name: str) -> str | None:
    """The field of this name, of whatever has it: of the call, of a setting, of a calendar, of a look-up."""
    bare = name.removeprefix(_PREFIX)
    if bare in (check.scope.env or ()):
        return f"env.{bare}"
    for root in ("input", "call", *sorted(check.scope)):
        shape = check.scope.get(root)
        if isinstance(shape, Record) and name in shape.fields:
            return f"{root}.{name}"
    return NAMES.get(name)


def field_type(check: Check, node: Field, of: Shape) -> Shape | None:
    """The type of a field or an entry of something of type `of`."""
    record = record_of(of)
    if record is not None:
        return _record_field(check, node, record)
    if kind_of(of) == "any":
        return ANY
    if (kind_of(of), type(node.key)) in (("map", str), ("list", int)):
        return item_of(of)
    _report_no_field(check, node, of)
    return None


def _record_field(check: Check, node: Field, of: Record) -> Shape | None:
    if isinstance(node.key, str):
        shape = of.fields.get(node.key, of.rest)
        if shape is None:
            _report_unknown(check, node, tuple(of.fields))
        elif isinstance(node.of, Name) and node.of.name == "env":
            _check_env(check, node, node.key)
        return shape
    known = f"; its fields are: {', '.join(of.fields)}" if of.fields else ""
    cure = f'write the name of a field: {check.shown(node.of)}["name"]{known}'
    _report(check, node, f"{check.shown(node.of)} is not a list", cure)
    return None


def _report_unknown(check: Check, node: Field, known: tuple[str, ...]) -> None:
    _report(check, node, f'{check.shown(node.of)} has no "{node.key}"', _field_cure(check, node, known))


def _field_cure(check: Check, node: Field, known: tuple[str, ...]) -> str:
    if near := nearest(str(node.key), known):
        return f'did you mean "{near}"?'
    if isinstance(node.of, Name) and node.of.name == "hours" and not known:
        week = "timezone: Europe/London, week: {mon-fri: 09:00-17:30}"
        return f"declare it, in this flow or in a shared file: `hours: {{{node.key}: {{{week}}}}}`"
    return f"its fields are: {', '.join(known)}" if known else f"{check.shown(node.of)} has no fields: leave it out"


def _report_no_field(check: Check, node: Field, of: Shape) -> None:
    subject = check.shown(node.of)
    cure = f"{described(of)} has no fields; write {subject} alone"
    if node.key in CALLS:
        cure = f"write {subject} | {CALLS[str(node.key)]}"
    elif isinstance(node.key, int) and kind_of(of) == "text":
        cure = f"write {subject}[{node.key}:{node.key + 1 or ''}]"
    elif kind_of(of) == "map":
        cure = f'the keys of a map are texts: write {subject}["{node.key}"]'
    elif kind_of(of) == "list":
        cure = f"write the number of an entry, from 0: {subject}[0]"
    _report(check, node, f'{subject} is {described(of)} and has no "{node.key}"', cure)


def _report(check: Check, node: Field, message: str, cure: str) -> None:
    length = node.end - node.key_start - (check.text.value[node.end - 1] == "]")
    check.report_at("E304", node.key_start, length, message, cure)


def _check_env(check: Check, node: Field, name: str) -> None:
    known = check.scope.env
    if known is None or name in known:
        return
    bare = name.removeprefix(_PREFIX)
    if bare != name:
        cure = f"the prefix is left out here: write env.{bare}"
    elif near := nearest(name, known):
        cure = f'did you mean "{near}"?'
    else:
        cure = f"set {_PREFIX}{name} in the environment of the server"
    check.report_at("W302", node.key_start, len(name), f"{_PREFIX}{name} is not set", cure)


def hyphenated(check: Check, node: Sum) -> tuple[Field, str] | None:
    """The field and the key that `call.sip.X-Tenant` was meant to name, when `node` is such a mistake."""
    left: Node = node
    while isinstance(left, Sum) and left.op == "-" and isinstance(left.right, Name) and _touches(left):
        left = left.left
    if isinstance(left, Field) and isinstance(left.key, str) and _is_open(_shape_of_path(check.scope, left.of)):
        return left, check.text.value[left.key_start : node.end]
    return None


def _is_open(shape: Shape | None) -> bool:
    """Whether it may have a field of any name; None is a shape that is not known."""
    record = record_of(shape)
    return shape is None or (record.rest is not None if record else kind_of(shape) in ("map", "any"))


def _touches(node: Sum) -> bool:
    return node.left.end == node.op_start == node.right.start - 1


def is_always_there(scope: ScopeTypes, node: Node) -> bool:
    """Whether every call has what `node` names: a name, one of its known fields, a SIP header ("" if not sent).

    What is sensitive is gone in a later turn, out of `input` too.
    """
    if isinstance(node, Name):
        secrets = scope.secrets
        return node.name not in secrets and (node.name != "input" or not secrets)
    if any(is_inner(name) for name in touched_names(node, scope.unspoken, is_passed=True)):
        return False
    shape = record_of(_shape_of_path(scope, node.of)) if isinstance(node, Field) else None
    if shape is None or not isinstance(node, Field):
        return False
    return is_always_there(scope, node.of) and (node.key in shape.fields or shape is HEADERS)


def _shape_of_path(scope: ScopeTypes, node: Node) -> Shape | None:
    if isinstance(node, Name):
        return scope.get(node.name)
    of = record_of(_shape_of_path(scope, node.of)) if isinstance(node, Field) else None
    return of.fields.get(str(node.key), of.rest) if of is not None and isinstance(node, Field) else None

"""Checks operators: E307, E308, E309, E314, W301."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, TypeAlias

from jinja2 import nodes

from app.flow.scope import Record, Shape, common, described, item_of, kind_of, record_of
from app.flow.templates.check import Check
from app.flow.templates.environment import SIGNS
from app.flow.templates.filters import FILTERS
from app.flow.types import ANY, TYPES, ValueType
from app.ncco.suggest import nearest

_ORDER = ("lt", "lteq", "gt", "gteq")
_ORDERED = ("number", "datetime", "any")
_NUMERIC = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


class Comparison(NamedTuple):
    """A comparison of two operands; `op` is what Jinja2 calls it (`eq`, `in`, ...)."""

    left: nodes.Expr
    op: str
    right: nodes.Expr


def comparison(node: nodes.Compare) -> Comparison:
    """The one comparison that it is."""
    (operand,) = node.ops
    return Comparison(node.expr, operand.op, operand.expr)


def literal_type(value: Any) -> ValueType:
    """The type of a literal."""
    if isinstance(value, bool):
        return TYPES["bool"]
    if isinstance(value, str):
        return TYPES["text"]
    return TYPES["int" if isinstance(value, int) else "number"]


def check_comparison(check: Check, node: Comparison, left: Shape, right: Shape) -> None:
    """Check a comparison of two types."""
    if node.op in ("in", "notin"):
        _contained(check, node, left, right)
        return
    if not _comparable(check, node, (node.left, left), (node.right, right)):
        return
    _known_word(check, node.left, (node.right, right))
    _known_word(check, node.right, (node.left, left))
    if node.op in _ORDER:
        _ordered(check, node, left, right)


Typed: TypeAlias = tuple[nodes.Expr, Shape]


def _comparable(check: Check, node: Comparison, left: Typed, right: Typed) -> bool:
    kinds = {kind_of(left[1]), kind_of(right[1])}
    if len(kinds) == 1 or "any" in kinds:
        return True
    (const, const_shape), (other, shape) = (right, left) if isinstance(right[0], nodes.Const) else (left, right)
    if isinstance(const, nodes.Const):
        message = f"{check.shown(other)} is {described(shape)}, {check.shown(const)} is {described(const_shape)}"
        cure = _number_of(check, node, other) if node.op in _ORDER and kind_of(shape) == "text" else None
        check.report("E307", const, message, cure or _rewrite(check, const, other, shape))
    else:
        message = f"{check.shown(left[0])} is {described(left[1])}, {check.shown(right[0])} is {described(right[1])}"
        sign = check.template.operator(left[0])
        length = len(SIGNS[node.op])
        check.report_at("E307", sign.start, length, message, _convert(check, left, right))
    return False


def _convert(check: Check, left: Typed, right: Typed) -> str | None:
    """How one of two names is turned into the type of the other."""
    for (text, a), (_, b) in ((left, right), (right, left)):
        if (kind_of(a), kind_of(b)) == ("text", "number"):
            return f"write {check.shown(text)} | number"
    return None


def _rewrite(check: Check, const: nodes.Const, other: nodes.Expr, shape: Shape) -> str | None:
    """How the literal is written to fit what it is compared with."""
    wanted, value = kind_of(shape), const.value
    if wanted == "text":
        return f'write "{check.shown(const)}" in quotes'
    if wanted == "number" and isinstance(value, str) and _NUMERIC.fullmatch(value):
        return f"write {value} without quotes"
    if wanted == "bool" and str(value).lower() in ("true", "false", "yes", "no", "1", "0"):
        word = "true" if str(value).lower() in ("true", "yes", "1") else "false"
        return f"write {word} without quotes"
    if (record := record_of(shape)) and record.fields:
        return _name_a_field(check.shown(other), record)
    if wanted in ("list", "map") and isinstance(value, int) and not isinstance(value, bool):
        return f"write {check.shown(other)} | length"
    return f"compare {check.shown(other)} with {described(shape)}"


def _name_a_field(shown: str, shape: Record) -> str:
    return f"name a field of it: {', '.join(f'{shown}.{field}' for field in shape.fields)}"


def _known_word(check: Check, node: nodes.Expr, beside: Typed) -> None:
    """Check a literal that stands beside a type with allowed words, or beside a phone number."""
    other, shape = beside
    if not isinstance(shape, ValueType) or not isinstance(node, nodes.Const) or not isinstance(node.value, str):
        return
    if shape.words and node.value not in shape.words:
        near = nearest(node.value, shape.words)
        cure = f'did you mean "{near}"?' if near else f"it is one of: {', '.join(shape.words)}"
        check.report("E314", node, f'{check.shown(other)} is never "{node.value}"', cure)
    if shape.name == "phone":
        _digits_only(check, node, node.value)


def _digits_only(check: Check, node: nodes.Expr, written: str) -> None:
    try:
        digits = TYPES["phone"].cast(written)
    except ValueError:
        return
    if digits != written:
        check.report("W301", node, f'a number in a call is never written "{written}"', f'write "{digits}"')


def _ordered(check: Check, node: Comparison, left: Shape, right: Shape) -> None:
    for side, shape in ((node.left, left), (node.right, right)):
        if kind_of(shape) in _ORDERED:
            continue
        message = f'"{SIGNS[node.op]}" compares numbers; {check.shown(side)} is {described(shape)}'
        check.report("E308", side, message, _number_of(check, node, side))
        return


def _number_of(check: Check, node: Comparison, side: nodes.Expr) -> str | None:
    """How the comparison is written with the text on `side` as a number."""
    written = {
        id(part): part.value
        if isinstance(part, nodes.Const) and _NUMERIC.fullmatch(str(part.value))
        else f"{check.shown(part)} | {_number_filter(part)}"
        if part is side
        else check.shown(part)
        for part in (node.left, node.right)
    }
    if isinstance(side, nodes.Const) and not _NUMERIC.fullmatch(str(side.value)):
        return None
    return f"write {written[id(node.left)]} {SIGNS[node.op]} {written[id(node.right)]}"


def _number_filter(side: nodes.Expr) -> str:
    """What makes a number of a text: keys that were pressed are whole, an entry of a list or a map may be a price."""
    match side:
        case nodes.Getattr(node=nodes.Name(name=name)) | nodes.Getitem(node=nodes.Name(name=name)):
            is_part = isinstance(side, nodes.Getitem) and isinstance(side.arg, nodes.Slice)
            return "int" if is_part or name in ("call", "input") else "number"
    return "int"


def _contained(check: Check, node: Comparison, left: Shape, right: Shape) -> None:
    if isinstance(node.right, nodes.List):
        _each_item(check, node, left, node.right)
        return
    if kind_of(right) == "map" and kind_of(left) in ("text", "any"):
        return
    if kind_of(right) == "list":
        _an_entry(check, node, left, item_of(right))
        return
    if kind_of(right) == "any":
        return
    if kind_of(right) == "map":
        message = f"the keys of a map are texts; {check.shown(node.left)} is {described(left)}"
        check.report("E308", node.left, message, "write the key as a text, in quotes")
        return
    message = f'"{SIGNS[node.op]}" needs a list; {check.shown(node.right)} is {described(right)}'
    cure = f"write the list in brackets: [{check.shown(node.right)}]"
    if kind_of(right) == "text" and not isinstance(node.right, nodes.Const):
        cure = f"write {check.shown(node.right)} | contains({check.shown(node.left)})"
    check.report("E308", node.right, message, cure)


def _an_entry(check: Check, node: Comparison, left: Shape, item: Shape) -> None:
    """Check what is looked for in a list whose entries are of the type `item`."""
    if "any" in (kind_of(left), kind_of(item)) or kind_of(left) == kind_of(item):
        return
    shown = check.shown(node.left)
    message = f"{shown} is {described(left)}; every entry of {check.shown(node.right)} is {described(item)}"
    through = {("number", "text"): "text", ("text", "number"): "number"}.get((kind_of(left), kind_of(item)))
    check.report("E307", node.left, message, f"write {shown} | {through}" if through else None)


def _each_item(check: Check, node: Comparison, left: Shape, items: nodes.List) -> None:
    for item in items.items:
        if not isinstance(item, nodes.Const):
            continue
        shape = literal_type(item.value)
        if _comparable(check, node, (node.left, left), (item, shape)):
            _known_word(check, item, (node.left, left))


def sum_type(check: Check, node: nodes.Add | nodes.Sub, left: Shape, right: Shape) -> Shape | None:
    """The type of a sum or a difference."""
    kinds, is_sum = {kind_of(left), kind_of(right)} - {"any"}, isinstance(node, nodes.Add)
    if not kinds:
        return ANY
    if kinds == {"number"}:
        both_int = all(isinstance(shape, ValueType) and shape.name == "int" for shape in (left, right))
        return TYPES["int" if both_int else "number"]
    if kinds == {"text"} and is_sum:
        return TYPES["text"]
    if kinds == {"list"} and is_sum:
        return common(left, right) if kind_of(left) == kind_of(right) else TYPES["list"]
    _report_sum(check, node, left, right)
    return None


def _report_sum(check: Check, node: nodes.Add | nodes.Sub, left: Shape, right: Shape) -> None:
    is_sum = isinstance(node, nodes.Add)
    is_list = is_sum and "list" in (kind_of(left), kind_of(right))
    word = "joins lists" if is_list else "adds numbers or joins texts" if is_sum else "subtracts numbers"
    message = f'"{node.operator}" {word}; {check.shown(node.left)} is {described(left)}'
    message += f", {check.shown(node.right)} is {described(right)}"
    cure = _bracket_cure(check, node, left)
    if is_list and cure is None:
        cure = _list_cure(check, node, left)
    sign = check.template.operator(node.left)
    check.report_at("E308", sign.start, 1, message, cure or _sum_cure(check, node, left, right))


def _sum_cure(check: Check, node: nodes.Add | nodes.Sub, left: Shape, right: Shape) -> str | None:
    for side, other, shape, other_shape in ((node.left, node.right, left, right), (node.right, node.left, right, left)):
        if kind_of(shape) != "text" or kind_of(other_shape) != "number":
            continue
        if isinstance(side, nodes.Const) and _NUMERIC.fullmatch(str(side.value)):
            return f"write {side.value} without quotes"
        if isinstance(side, nodes.Const):
            if isinstance(node, nodes.Sub):
                return None
            return f"to join them, write {check.shown(other)} | text; to say both, put braces side by side"
        joined = f"; to join them, write {check.shown(other)} | text" if isinstance(node, nodes.Add) else ""
        return f"to compute with it, write {check.shown(side)} | {_number_filter(side)}{joined}"
    if kind_of(left) == kind_of(right) == "text":
        return f"to subtract, write {check.shown(node.left)} | int - {check.shown(node.right)} | int"
    return None


def _bracket_cure(check: Check, node: nodes.Add | nodes.Sub, left: Shape) -> str | None:
    """How a filter is given the whole sum, where it was probably meant to: one that speaks, or one of lists."""
    right = node.right
    if not isinstance(right, nodes.Filter) or check.template.source[check.template.start(right) - 1] == "(":
        return None
    known = FILTERS[right.name]
    if kind_of(left) not in known.takes or not (known.speaks or kind_of(left) == "list"):
        return None
    whole = f"({check.shown(node.left)} {node.operator} {check.shown(right.node or right)})"
    return f"a filter takes what stands right before it: write {whole} | {right.name}"


def _list_cure(check: Check, node: nodes.Add | nodes.Sub, left: Shape) -> str:
    """How an entry is added to a list: as a list of one."""
    first, second = check.shown(node.left), check.shown(node.right)
    return f"write {first} + [{second}]" if kind_of(left) == "list" else f"write [{first}] + {second}"


def need_bool(check: Check, node: nodes.Node, shape: Shape) -> None:
    """Report a test that is neither true nor false."""
    if kind_of(shape) in ("bool", "any"):
        return
    shown = check.shown(node)
    word = shape.words[0] if isinstance(shape, ValueType) and shape.words else ""
    cure = {
        "text": f'write {shown} == "{word}"' if word else f'write {shown} != ""',
        "number": f"write {shown} != 0",
        "list": f"write {shown} | length > 0",
        "map": f"write {shown} | length > 0",
    }.get(kind_of(shape))
    if isinstance(node, nodes.Const):
        cure = "write true or false, or a comparison"
    elif (record := record_of(shape)) and record.fields:
        cure = _name_a_field(shown, record)
    check.report("E309", node, f"{shown} is {described(shape)}, neither true nor false", cure)


def is_half(node: nodes.And | nodes.Or, right: Shape) -> bool:
    """Whether `node` is `name == a or b`, with a `b` that is meant to be compared with `name` as well."""
    last = _last_comparison(node)
    if (
        last is None
        or not isinstance(node.right, nodes.Name | nodes.Getattr)
        or (isinstance(right, ValueType) and right.words)
    ):
        return False
    other = last.right.value if isinstance(last.right, nodes.Const) else None
    is_alike = other is None or isinstance(other, str) == (kind_of(right) == "text")
    return last.op == "eq" and kind_of(right) in ("text", "number") and is_alike


def half_comparison(check: Check, node: nodes.And | nodes.Or) -> None:
    """Report `name == "1" or "2"`: what stands behind `or` is compared with nothing."""
    last, shown = _last_comparison(node), check.shown(node.right)
    cure = "write a comparison on both sides"
    if last is not None:
        cure = f"write {check.shown(last.left)} {SIGNS[last.op]} {shown}"
        if isinstance(node, nodes.Or) and last.op == "eq":
            cure += f", or a list: {check.shown(last.left)} in [{check.shown(last.right)}, {shown}]"
    check.report("E309", node.right, f"{shown} is compared with nothing", cure)


def _last_comparison(node: nodes.And | nodes.Or) -> Comparison | None:
    """The comparison with == or != that stands last in front of the right side; None without one."""
    last = node.left
    while isinstance(last, nodes.And | nodes.Or):
        last = last.right if isinstance(last.right, nodes.Compare) else last.left
    found = comparison(last) if isinstance(last, nodes.Compare) else None
    return found if found is not None and found.op in ("eq", "ne") else None

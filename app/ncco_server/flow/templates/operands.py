"""Checks the values on both sides of an operator."""

from __future__ import annotations

import re
from typing import Final

from jinja2 import nodes

from ncco_server.flow.issues import meant_word
from ncco_server.flow.scope import CALL_WORDS
from ncco_server.flow.templates.expression_check import ExpressionCheck, known_type
from ncco_server.flow.templates.filters import Filter
from ncco_server.flow.templates.operators import COMPARISONS
from ncco_server.flow.templates.tree import Token
from ncco_server.ncco.value_types import ANY, POINTS, TYPES, Kind, common_type, digits_in

_NUMBER = re.compile(r"\+?[0-9][0-9\s.()\-\u2010-\u2015]*|\([0-9\s.()\-]*|\+")
_MIN_DIGITS: Final = 7
"""Shorter numbers may be extensions."""


def are_comparable(check: ExpressionCheck, left: nodes.Expr, op: str, right: nodes.Expr) -> bool:
    """Report operands that are not."""
    kinds = {node: (check.types[node] or ANY).family for node in (left, right)}
    if len(set(kinds.values())) == 1 or "any" in kinds.values():
        return True
    const, other = (right, left) if isinstance(right, nodes.Const) else (left, right)
    if isinstance(const, nodes.Const) and kinds[const] == "text" and kinds[other] in POINTS:
        return _check_point(check, const, op, other)
    where: nodes.Node | Token = const
    field = str(getattr(const, "value", ""))
    fields = getattr(check.types[other], "fields", ())
    meant = f"write `{check.template.written_as(other).text}.{field}`" if field in fields else None
    meant = meant or (f"compare one of its fields: {', '.join(fields)}" if fields else None)
    cure = meant or _unquoted(check, const, kinds[other]) or check.converted(const, [kinds[other]])
    if not isinstance(const, nodes.Const):
        text, number = (left, right) if kinds[left] == "text" else (right, left)
        where = check.template.operator(left)
        cure = check.converted(text, [kinds[number]])
        if cure is None and kinds[number] == "datetime":
            cure = check.converted(number, [kinds[text]])
    elif (allowed := (check.types[other] or ANY).words) and str(const.value) not in allowed:
        cure = f"compare with one of: {', '.join(allowed)}"
    elif COMPARISONS[op].needs_order and kinds[other] == "text":
        cure = check.converted(other, ["number"])
    elif kinds[other] == "bool" and str(const.value).lower() in ("true", "false"):
        word = str(const.value).lower()
        cure = f"write {word} without quotes"
    elif kinds[other] == "list" and kinds[const] == "number":
        cure = f"write {check.shown(other)} | length"
    elif "bool" in kinds.values():
        cure = _beside_bool(const.value == (op == "eq"), kinds[other])
    check.report("E307", where, check.described(left, right), cure)
    return False


def _beside_bool(is_meant: bool, family: str) -> str:
    if family == "bool":
        return "compare it with true or false, or write it on its own"
    nothing = "0" if family == "number" else '""'
    return f"write {'!=' if is_meant else '=='} {nothing}"


def _check_point(check: ExpressionCheck, node: nodes.Const, op: str, beside: nodes.Expr) -> bool:
    """Report E307 for a literal that cannot be compared with a date or time. "" is a value not known yet."""
    type_ = (check.types[beside] or ANY).with_zone(check.scope.zone)
    if node.value == "" and not COMPARISONS[op].needs_order:
        return True
    try:
        type_.cast(node.value)
    except ValueError as error:
        message = f'"{node.value}" is not {type_.described}, but {check.described(beside)}'
        part = check.converted(beside, [kind for kind in POINTS if not TYPES[kind].check(node.value)])
        check.report("E307", node, message, _unquoted(check, node, type_.family) or part or str(error))
        return False
    return True


def check_literal(check: ExpressionCheck, node: nodes.Expr, beside: nodes.Expr) -> None:
    type_ = check.types[beside]
    if type_ is None or not isinstance(node, nodes.Const) or not isinstance(node.value, str):
        return
    match beside:
        case nodes.Getattr(node=nodes.Name(name="call"), attr=attr) if attr in CALL_WORDS and node.value:
            _check_known(check, "W306", node, CALL_WORDS[attr], f"Vonage never sends this as {check.shown(beside)}")
    _check_known(check, "E314", node, type_.words, f"{check.shown(beside)} is never this")
    if type_.name == "phone":
        check_phone_number(check, node, node.value)


def _check_known(check: ExpressionCheck, code: str, node: nodes.Const, known: tuple[str, ...], message: str) -> None:
    if known and node.value not in known:
        cure = meant_word(node.value, known, f"it is one of: {', '.join(known)}")
        if isinstance(cure, str):
            cure = _unquoted(check, node, "text") or cure
        check.report(code, node, f'"{node.value}": {message}', cure)


def _unquoted(check: ExpressionCheck, node: nodes.Expr, family: str) -> str | None:
    """For a literal that is the name of a value of this family."""
    name = str(getattr(node, "value", ""))
    is_name = getattr(check.scope.get(name), "family", "") == family
    return f"write {name} without quotes" if is_name else None


def check_phone_number(check: ExpressionCheck, node: nodes.Expr, written: str, *, is_beginning: bool = False) -> None:
    digits = digits_in(written)
    least = 1 if is_beginning else _MIN_DIGITS
    is_local = not digits or digits.startswith("0")
    if (is_local or digits != written) and _NUMBER.fullmatch(written) and sum(map(str.isdigit, written)) >= least:
        cure = "write the country code in place of the leading 0: 447700900123 for 07700 900123"
        cure = cure if is_local else f'write "{digits}"'
        check.report("W301", node, f'Vonage never writes a number as "{written}"', cure)


def check_contained(check: ExpressionCheck, left: nodes.Expr, op: str, right: nodes.Expr) -> None:
    type_ = check.types[right] or ANY
    sought = check.types[left] or ANY
    if isinstance(right, nodes.List):
        _check_listed(check, left, op, right)
    elif type_.family == "list" and not {sought.family, type_.entry.family} & {"any"}:
        if sought.family != type_.entry.family:
            message = f"{check.described(left)}; every entry of {check.shown(right)} is {type_.entry.described}"
            check.report("E307", left, message, check.converted(left, [type_.entry.family]))
    elif type_.family == "map":
        check.require(left, ("text",), "the name of an entry")
    elif type_.family not in ("list", "any"):
        cure = f"write the list in brackets: [{check.shown(right)}]"
        if type_.family == "text" and not isinstance(right, nodes.Const):
            cure = f"write {check.shown(right)} | contains({check.shown(left)})"
        check.report("E308", right, f'"{COMPARISONS[op].sign}" needs a list; {check.described(right)}', cure)


def _check_listed(check: ExpressionCheck, left: nodes.Expr, op: str, right: nodes.List) -> None:
    literals = [item for item in right.items if isinstance(item, nodes.Const)]
    numbers = [item for item in literals if (check.types[item] or ANY).family == "number"]
    if len(numbers) > 1 and len(numbers) == len(right.items) and (check.types[left] or ANY).family == "text":
        written = ", ".join(f"'{check.shown(item)}'" for item in numbers)
        fix = f"write [{written}]"
        message = f"{check.described(left)}; every entry of {check.shown(right)} is a number"
        check.report("E307", numbers[0], message, fix)
        return
    for item in literals:
        if are_comparable(check, left, op, item):
            check_literal(check, item, left)


def check_phone_part(check: ExpressionCheck, node: nodes.Filter, known: Filter) -> None:
    part = node.args[0]
    if not isinstance(part, nodes.Const) or not isinstance(part.value, str):
        return
    if known.part == "begins":
        check_phone_number(check, part, part.value, is_beginning=True)
    elif _NUMBER.fullmatch(part.value) and not part.value.isdigit():
        check.report("W301", part, f'a number from Vonage never contains "{part.value}"', "write digits only")


def hyphenated(check: ExpressionCheck, node: nodes.Add | nodes.Sub) -> nodes.Getattr | None:
    """`call.sip.X` of a mistake like `call.sip.X-Tenant`."""
    left: nodes.Node = node
    while isinstance(left, nodes.Sub) and isinstance(left.right, nodes.Name):
        if check.template.end(left.left) + 1 != check.template.start(left.right):
            break
        left = left.left
    if left is node or not isinstance(left, nodes.Getattr):
        return None
    of = known_type(check.scope, left.node)
    return left if of is None or of.family == "any" or of.at("") is not None else None


def sum_type(check: ExpressionCheck, node: nodes.Add | nodes.Sub, left: Kind, right: Kind) -> Kind | None:
    kinds = {left.family, right.family} - {"any"}
    is_sum = isinstance(node, nodes.Add)
    if not kinds:
        return ANY
    if kinds == {"number"}:
        return TYPES["int" if left.name == right.name == "int" else "number"]
    if is_sum and kinds in ({"text"}, {"list"}):
        return common_type(left, right) if left.family == right.family else TYPES[kinds.pop()]
    work = "adds numbers, or joins text or lists" if is_sum else "subtracts numbers"
    wanted = ("number", "text") if is_sum else ("number",)
    casts = [cast for kind in wanted for side in (node.left, node.right) if (cast := check.converted(side, [kind]))]
    cure = next(iter(casts), None) if kinds <= {"text", "number"} else None
    if is_sum and "list" in kinds:
        cure = f"write [{check.shown(node.left if right.family == 'list' else node.right)}]"
    message = f'"{node.operator}" {work}; {check.described(node.left, node.right)}'
    check.report("E308", check.template.operator(node.left), message, cure)
    return None

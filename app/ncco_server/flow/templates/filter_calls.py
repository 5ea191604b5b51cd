"""Checks a filter, its operand and its arguments."""

from __future__ import annotations

from typing import Any, Final

from jinja2 import nodes

from ncco_server.flow.issues import meant_word
from ncco_server.flow.scope import HEADERS
from ncco_server.flow.templates.entries import FORM_OF_UNIT, length_of
from ncco_server.flow.templates.expression_check import ExpressionCheck, known_type, literal_type
from ncco_server.flow.templates.filters import FILTERS, LANGUAGE, ArgumentCheck, Filter, Unfit
from ncco_server.flow.templates.foreign import FOREIGN
from ncco_server.flow.templates.references import Occurrence, operand_of, touched_names
from ncco_server.flow.templates.tree import Token
from ncco_server.flow.zones import zone_cure
from ncco_server.ncco.value_types import SENT, TYPES, Kind, common_type
from ncco_server.suggest import nearest

_POINT_FILTERS: Final = frozenset({"date", "time", "in_zone"})


def takes_operand(check: ExpressionCheck, node: nodes.Filter, of: nodes.Expr, type_: Kind, known: Filter) -> bool:
    is_word = node.name == "lower" and type_.family == "bool"
    if is_word or (node.name in _POINT_FILTERS and type_.family in {"date", "time"} - {*known.takes}):
        message = f"{node.name} takes {TYPES['text' if is_word else 'datetime'].described}; {check.described(of)}"
        kept = check.template.written_as(of).text
        check.report("E306", of, message, f"leave out `| {node.name}`: write {kept}")
        return False
    if known.takes and not check.require(of, known.takes, node.name, "E306"):
        return False
    if known.reads == "length" and type_.is_record and "ok" in type_.fields:
        cure = length_of(check, of, type_) or f"to ask whether there is a row, write {check.shown(of)}.ok"
        check.report("E306", of, f"{check.shown(of)} has fields, and no length", cure)
        return False
    return True


def known_filter(check: ExpressionCheck, node: nodes.Filter, of: nodes.Expr) -> Filter | None:
    """None after reporting an unknown filter, or one that is written in a wrong way."""
    known = FILTERS.get(node.name)
    name = Token(node.lineno, "name", node.name)
    if node.kwargs:
        sign = check.template.before(node.kwargs[0].value)
        check.report("E302", sign, "a filter takes values without names", "write only the value")
    elif known is None:
        cure = meant_word(node.name, FILTERS, f"write one of: {', '.join(FILTERS)}")
        if node.name in check.scope:
            cure = 'write "or" instead of "|"'
        foreign = FOREIGN.filters.get(node.name, cure)
        if node.name == "format" and (timed := check.types.get(of)) is not None and timed.is_timed:
            foreign = FOREIGN.filters["strftime"]
        match node.args, foreign:
            case [nodes.Const(value=str(currency))], str() if len(currency) == len("GBP"):
                foreign = foreign.replace("GBP", currency)
        check.report("E305", name, f'unknown filter "{node.name}"', foreign)
    elif not known.needed <= len(node.args) <= len(known.args):
        most = f"{known.needed} to {len(known.args)}" if known.needed < len(known.args) else len(known.args)
        message = f"{node.name} takes {most or 'no'} value{'s' * (most != 1)} in brackets"
        cure = f"write {known.usage}"
        kind = check.types.get(of)
        if node.name in (*_POINT_FILTERS, "text") and kind is not None and kind.is_timed:
            form = "time" if kind.family == "time" else "day"
            computed = "" if kind.family in ("date", "time") else f"; to compute with it, {cure}"
            cure = f'to speak it, write `{check.shown(of)} | spoken("{form}")`{computed}'
        check.report("E306", name, message, cure)
    elif node.name == "default" and not may_be_missing(of):
        cure = f"write {known.usage} after the name inside it"
        check.report("E306", of, f"default needs a name; {check.shown(of)} is computed", cure)
    else:
        return known
    return None


def default_type(check: ExpressionCheck, node: nodes.Filter, type_: Kind, args: list[Kind | None]) -> Kind:
    of = operand_of(node)
    if len(args) < 2 and _is_always_there(check, of):
        cure = f"to replace an empty value, write | default({check.shown(node.args[0])}, true)" if args else None
        name = Token(node.lineno, "name", node.name)
        check.report("W304", name, f"{check.shown(of)} may be empty, but is never missing", cure)
    return common_type(type_, args[0] if args else TYPES["text"])


def _is_always_there(check: ExpressionCheck, node: nodes.Node) -> bool:
    """True for a name, a known field, and a SIP header ("" if it was not sent).

    A sensitive value, even in `input`, is gone in a later turn.
    """
    secrets = check.scope.secrets
    touched = touched_names(Occurrence(check.template, node, "set", locals=check.locals), secrets)
    if touched & secrets or (secrets and "input" in touched):
        return False
    while isinstance(node, nodes.Getattr):
        of = known_type(check.scope, node.node)
        if of is None or not (node.attr in of.fields or of is HEADERS or SENT in (of, of.item)):
            return False
        node = node.node
    return isinstance(node, nodes.Name)


def takes_argument(
    check: ExpressionCheck, node: nodes.Filter, known: Filter, argument: ArgumentCheck, type_: Kind
) -> bool:
    arg = node.args[0] if node.args else None
    if not isinstance(arg, nodes.Const) or literal_type(arg.value).family not in known.args:
        return True
    code = argument.code
    reasons = {kind: _refusal(known, value, arg.value) for kind, value in argument.tried.items()}
    reason = reasons.get(type_.family) or next(iter(reasons.values()))
    if not all(reasons.values()):
        code = "E341"
        reason = reasons.get(type_.family, "")
    if reason:
        message = f"{node.name} cannot take {check.shown(arg)}: {reason}"
        cure = _argument_cure(check, arg, known, argument, type_) or argument.cure or zone_cure(str(arg.value))
        check.report(code, arg, message, cure)
    return not reason


def _argument_cure(
    check: ExpressionCheck, arg: nodes.Const, known: Filter, argument: ArgumentCheck, type_: Kind
) -> str:
    """Return "" if the check's own cure is right."""
    written = str(arg.value).lower()
    if type_.family in argument.tried and type_.family != "number":
        sample = argument.tried[type_.family]
        forms = [form for form in argument.forms if not _refusal(known, sample, form)]
        own = FORM_OF_UNIT.get(written) or nearest(written, argument.forms)
        meant = own if own in forms else forms[0] if len(forms) == 1 else ""
        written_forms = " or ".join(f'"{form}"' for form in forms)
        return f'write "{meant}"' if meant else f"write {written_forms}" if forms else ""
    currency = FOREIGN.currencies.get(written) if known.name == "spoken" else None
    return f'write "{currency}"' if currency else ""


def _refusal(known: Filter, value: Any, arg: Any) -> str:
    try:
        known.apply(value, *([LANGUAGE] if known.is_localised else []), arg)
    except Unfit as error:
        return str(error)
    return ""


def may_be_missing(node: nodes.Node | None) -> bool:
    """Whether `default` or `is defined` may follow a value.

    They may follow names, entries and slices, and filters and choices (`a if test else b`) of them.
    """
    if isinstance(node, nodes.CondExpr):
        return may_be_missing(node.expr1) or may_be_missing(node.expr2)
    if isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Filter):
        return may_be_missing(node.node)
    return isinstance(node, nodes.Name)

"""Checks what stands behind `|`: E305, E306, W304."""

from __future__ import annotations

from app.flow.expressions.check import Check, described, kind_of
from app.flow.expressions.fields import is_always_there
from app.flow.expressions.filters import FILTERS
from app.flow.expressions.foreign import FILTERS as FOREIGN_FILTERS
from app.flow.expressions.kinds import common, item_of
from app.flow.expressions.speech import check_speech
from app.flow.expressions.syntax import Cut, Field, Filtered, Name, Node, Picked
from app.flow.scope import Shape
from app.flow.types import DATETIME, TYPES
from app.ncco.suggest import nearest


def filtered_type(check: Check, node: Filtered, shape: Shape | None, args: list[Shape | None]) -> Shape | None:
    """The type of a filter's result; `shape` is that of its operand, `args` those of its arguments."""
    known = FILTERS.get(node.name)
    if known is None:
        _report_unknown(check, node)
        return None
    if not known.needed <= len(args) <= len(known.args):
        message = f"{node.name} takes {_count(known.needed, len(known.args))}"
        check.report_at("E306", node.name_start, len(node.name), message, f"write {known.example}")
        return None
    if node.name == "default" and not may_be_missing(node.of):
        message = f"default stands behind a name; {check.shown(node.of)} is computed"
        check.report("E306", node.of, message, f"write {known.example} behind the name within it")
        return None
    _check_args(check, node, args)
    if shape is None or not _takes(check, node, shape):
        return None
    if known.speaks and not check_speech(check, node, shape):
        return None
    return _result(check, node, shape, args)


def may_be_missing(node: Node) -> bool:
    """Whether `default` and `is defined` may stand behind it: a name, an entry, a part, or a filter of one."""
    return isinstance(node, Name) or (isinstance(node, Field | Picked | Cut | Filtered) and may_be_missing(node.of))


def _report_unknown(check: Check, node: Filtered) -> None:
    near = nearest(node.name, FILTERS)
    cure = f'did you mean "{near}"?' if near else f"filters are: {', '.join(FILTERS)}"
    check.report_at(
        "E305", node.name_start, len(node.name), f'unknown filter "{node.name}"', FOREIGN_FILTERS.get(node.name, cure)
    )


def _count(needed: int, most: int) -> str:
    if most == 0:
        return "nothing in brackets"
    unit = "value" if most == 1 else "values"
    return f"{needed} {unit} in brackets" if needed == most else f"{needed} to {most} {unit} in brackets"


def _check_args(check: Check, node: Filtered, args: list[Shape | None]) -> None:
    for arg, shape, wanted in zip(node.args, args, FILTERS[node.name].args, strict=False):
        if shape is None or wanted in ("", kind_of(shape)) or kind_of(shape) == "any":
            continue
        message = f"{node.name} takes {TYPES[wanted].described} here; {check.shown(arg)} is {described(shape)}"
        check.report("E306", arg, message, f"write {FILTERS[node.name].example}")


_KINDS = {"datetime": DATETIME.described} | {kind: type_.described for kind, type_ in TYPES.items()}


def _takes(check: Check, node: Filtered, shape: Shape) -> bool:
    takes = FILTERS[node.name].takes
    if not takes or kind_of(shape) in (*takes, "any"):
        return True
    *others, last = (_KINDS[kind] for kind in takes)
    wanted = f"{', '.join(others)} or {last}" if others else last
    message = f"{node.name} takes {wanted}; {check.shown(node.of)} is {described(shape)}"
    through = {"number": "text", "text": "number"}.get(kind_of(shape), "")
    cure = f"write {check.shown(node.of)} | {through} | {node.name}" if through in takes else None
    if FILTERS[node.name].speaks:
        cure = f"write {check.shown(node.of)} | list" if kind_of(shape) == "list" else None
    check.report("E306", node.of, message, cure)
    return False


def _result(check: Check, node: Filtered, shape: Shape, args: list[Shape | None]) -> Shape | None:
    gives = FILTERS[node.name].gives
    if node.name in ("first", "last") and kind_of(shape) == "text":
        return TYPES["text"]
    if node.name in ("first", "last"):
        return item_of(shape)
    if gives is not None:
        return gives
    return _defaulted(check, node, shape, args)


def _defaulted(check: Check, node: Filtered, shape: Shape, args: list[Shape | None]) -> Shape:
    if len(args) < 2 and is_always_there(check.scope, node.of):
        message = f"{check.shown(node.of)} is never missing, at most empty"
        cure = f"to replace what is empty, write | default({check.shown(node.args[0])}, true)" if args else None
        check.report_at("W304", node.name_start, len(node.name), message, cure)
    return common(shape, args[0] if args else TYPES["text"])

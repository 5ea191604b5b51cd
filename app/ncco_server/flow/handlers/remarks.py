"""Mistakes that the code of a function shows by itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from itertools import pairwise
from typing import Final, NamedTuple

from ncco_server.flow.handlers.signatures import (
    Function,
    arguments_of,
)
from ncco_server.flow.handlers.written import Written, bound_by, nodes_in

_TAG: Final = re.compile(r"<speak\b|</(?:emphasis|lang|phoneme|prosody|say-as)\b")
"""Tags that only SSML has: a handler may also make HTML for a mail."""
_LEAVING: Final = (ast.Return, ast.Raise, ast.Break, ast.Continue)


class Remark(NamedTuple):
    """A mistake, by the code of its rule."""

    code: str
    node: Written
    message: str
    cure: str | None = None


def computed_ssml(function: Function) -> Iterator[Remark]:
    """Texts with tags of SSML that values are put into, which are spoken as words."""
    for node in nodes_in(function):
        match node:
            case ast.JoinedStr(values=parts) if any(isinstance(each, ast.FormattedValue) for each in parts):
                pass
            case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
                parts = [left, right]
            case ast.Call(func=ast.Attribute(value=text, attr="format")):
                parts = [text]
            case ast.Call(func=ast.Attribute(attr="join"), args=[ast.List(elts=parts) | ast.Tuple(elts=parts)]):
                pass
            case _:
                continue
        written = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        if any(map(_TAG.search, written)):
            cure = 'write `Ssml("<speak>..{}..</speak>").format(..)`'
            yield Remark("E703", node, "the tags of this text are spoken as words", cure)


def revealed(function: Function) -> Iterator[Remark]:
    """Secrets that are read by code which runs again, when they are gone."""
    for node in run_again(function):
        match node:
            case ast.Call(func=ast.Attribute(attr="reveal"), args=[]):
                yield depends(node, "a secret, which is gone then")


def secrets_as_texts(
    nodes: Iterable[ast.AST], is_secret: Callable[[ast.expr], object], cure: str = "write `NAME.reveal()`"
) -> Iterator[Remark]:
    """Secrets that code uses as if they were their values. NAME in the cure is the secret."""
    for node in nodes:
        match node:
            case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq()], comparators=[right]):
                both = [each.elts if isinstance(each, ast.Tuple) else [each] for each in (left, right)]
                pairs = [pair for ones, others in (both, both[::-1]) for pair in zip(ones, others, strict=False)]
                used = [one for one, other in pairs if _is_text(other)]
            case ast.Call(func=ast.Name(id="len" | "str" | "int"), args=[each]):
                used = [each]
            case ast.FormattedValue(value=each, conversion=-1) | ast.Subscript(value=each):
                used = [each]
            case ast.Attribute(value=each, attr=attr) if hasattr(str, attr):
                used = [each]
            case _:
                continue
        for each in filter(is_secret, used):
            name = ast.unparse(each)
            yield Remark("E703", each, f"`{name}` is a Secret, which has no text", cure.replace("NAME", name))


def secret_arguments(function: Function) -> Set[str]:
    return {
        each.arg for each, *_ in arguments_of(function) if each.annotation and is_secret(ast.unparse(each.annotation))
    }


def no_type(function: Function) -> Iterator[Remark]:
    """A list or several types in brackets as the type of a result, which is then not restored."""
    match function.returns:
        case ast.List(elts=[item]):
            meant = f"list[{ast.unparse(item)}]"
        case ast.Tuple(elts=items) if items:
            meant = " | ".join(map(ast.unparse, items))
        case _:
            return
    yield Remark("W703", function.returns, f"`{ast.unparse(function.returns)}` is not a type", f"write `{meant}`")


def without_return(function: Function, *, is_used: bool) -> Iterator[Remark]:
    """A function whose annotation, or a use of it, promises a result that it never gives."""
    *_, last = function.body
    results = (getattr(node, "value", None) for node in run_again(function) if isinstance(node, ast.Return))
    yields = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in run_again(function))
    is_stub = isinstance(last, ast.Pass) or (isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant))
    goes_on = not isinstance(last, ast.While) and not any(isinstance(node, ast.Raise) for node in ast.walk(last))
    if any(results) or yields or is_stub or not goes_on or function.decorator_list:
        return
    promised = ast.unparse(function.returns) if function.returns else "None"
    if is_used or not re.search("None|NoReturn|Never|Any|object", promised):
        message = f"`{function.name}` never returns {'a result' if is_used else f'a {promised}'}"
        place = last if isinstance(last, ast.Expr) or function.returns is None else function.returns
        yield Remark("W703", place, message, "write `return` before its result")


def behind(function: Function, constants: Mapping[str, ast.expr]) -> Iterator[Remark]:
    """The first statement after one that never goes on, or the loop that never ends."""
    for node in nodes_in(function):
        for body in (getattr(node, name, ()) for name in ("body", "orelse", "finalbody")):
            for before, statement in pairwise(body if isinstance(body, list) else ()):
                if isinstance(before, _LEAVING):
                    yield Remark("W704", statement, "no call gets to this line", "move it up, or delete it")
                elif isinstance(before, ast.While) and _is_true(before.test, constants) and not _has_break(before.body):
                    message = f"this is always true, so no call gets behind the loop, to line {statement.lineno}"
                    yield Remark("W704", before.test, message, "write a condition that becomes false, or a `break`")


def depends(node: Written, what: str, cure: str | None = None) -> Remark:
    return Remark("W705", node, f"the handler depends on {what}, and runs again at each webhook", cure)


def run_again(function: Function) -> Iterator[ast.AST]:
    """Leave out nested functions, and what `run` calls."""
    waiting: list[ast.AST] = [*reversed(function.body)]
    while waiting:
        node = waiting.pop()
        yield node
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                continue
            case ast.Call(func=ast.Attribute(attr="run") as function_, args=[_, *others], keywords=keywords):
                waiting += reversed([function_, *others, *keywords])
            case _:
                waiting += reversed([*ast.iter_child_nodes(node)])


def bound_in(function: Function) -> set[str]:
    nodes = nodes_in(function)[1:]
    found = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    return {name for node in nodes for name in bound_by(node)} - found


def is_secret(annotation: str) -> bool:
    return annotation.partition(" |")[0] == "Secret"


def _is_text(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=value):
            return value is not None
        case ast.Subscript(slice=ast.Slice()) | ast.JoinedStr():
            return True
        case _:
            return False


def _is_true(test: ast.expr, constants: Mapping[str, ast.expr]) -> bool:
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.NamedExpr(value=value):
            return _is_true(value, constants)
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=int(at))):
            entries = getattr(constants.get(name), "elts", ())
            return -len(entries) <= at < len(entries) and _is_true(entries[at], {})
        case _:
            return False


def _has_break(statements: Iterable[ast.AST]) -> bool:
    """Whether these end the loop around them; those of an inner loop end that."""
    for each in statements:
        inner = each.orelse if isinstance(each, ast.For | ast.AsyncFor | ast.While) else ast.iter_child_nodes(each)
        if isinstance(each, ast.Break) or (
            not isinstance(each, Function | ast.ClassDef | ast.expr) and _has_break(inner)
        ):
            return True
    return False

"""What the code of a handler shows together with its runs: which errors every call raises, and what never ran."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from itertools import islice
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

from ncco_server.errors import RenderError
from ncco_server.flow.handlers.api import Call
from ncco_server.flow.handlers.cures import cure_of
from ncco_server.flow.handlers.dependencies import BUILT_IN, imports_in
from ncco_server.flow.handlers.effects import RunFailed
from ncco_server.flow.handlers.inspection import HandlerCode
from ncco_server.flow.handlers.signatures import WrongArgument, are_written
from ncco_server.flow.handlers.value_kinds import call_methods
from ncco_server.flow.handlers.written import bound_by, nodes_in

_CONTAINERS: Final = (ast.JoinedStr, ast.FormattedValue, ast.Dict, ast.List, ast.Tuple, ast.keyword)
_CONVERSIONS: Final = frozenset({"date", "isoformat", "timestamp"})
"""Methods whose results decide no more than their values do."""
_PLACED: Final = (ast.stmt, ast.expr, ast.pattern, ast.excepthandler)
"""They have lines."""
_DATA: Final = frozenset({"str", "int", "float", "bool", "None", "list", "dict", "list[str]", "dict[str, str]"})
"""Annotations of values that cannot be called."""


class RaisedAt(NamedTuple):
    """Where the file's code has raised an error.

    Attributes:
        is_own: whether that code itself has raised it, not what it called.
    """

    frame: FrameType
    line: int
    node: ast.expr | None
    is_own: bool


class StatementsRun(NamedTuple):
    """How many statements of a handler have run, and the first and last line of each row of others."""

    run: int = 0
    all: int = 0
    never: tuple[tuple[int, int], ...] = ()

    @property
    def shown(self) -> list[str]:
        """The lines that never ran."""
        return [f"line {first}" if first == last else f"lines {first}-{last}" for first, last in self.never]


def run_by(code: HandlerCode, lines: Set[int]) -> StatementsRun:
    statements = _statements(code)
    found: list[tuple[int, int]] = []
    first = last = 0
    for line, end in [*statements.items(), (0, 0)]:
        if line and line not in lines:
            first = first or line
            last = end
        elif first:
            found.append((first, last))
            first = 0
    return StatementsRun(len(statements.keys() & lines), len(statements), tuple(found))


def _statements(code: HandlerCode) -> Mapping[int, int]:
    """The statements that calls run again: first line → last line, without those inside it."""
    found = {
        node.lineno: node.lineno if hasattr(node, "body") else node.end_lineno or node.lineno
        for function in code.replayed
        for node in nodes_in(function)
        if isinstance(node, ast.stmt) and node is not function
    }
    run = _lines_of(compile(code.tree, code.file, "exec"))
    return {line: found[line] for line in sorted(found.keys() & run)}


def _lines_of(code: CodeType) -> frozenset[int]:
    inner = [_lines_of(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return frozenset(line for *_, line in code.co_lines() if line is not None).union(*inner)


def passed_on(code: HandlerCode) -> Set[str]:
    """The attributes of the call that are read only as arguments of the call's methods, or texts in them.

    None of them if code of another file gets the call. What another flow gets, it may compare.
    """
    parents = {child: node for node in nodes_in(code.tree) for child in ast.iter_child_nodes(node)}
    calls = {function.args.args[0].arg for function in code.functions.get(code.handler, ()) if function.args.args}
    own = {*code.functions, *code.classes}
    found: set[str] = set()
    compared: set[str] = set()
    for node, parent in parents.items():
        match node:
            case ast.Name(id=name) if name in calls and not _is_own(parent, node, own):
                return frozenset()
            case ast.Attribute(attr=name):
                (found if _is_passed_on(node, parents) else compared).add(name)
    return found - compared


def counted_only(code: HandlerCode) -> Set[str]:
    """The variables that are only counted and given to functions, such as the number of a page."""
    nodes = [node for function in code.replayed for node in nodes_in(function)]
    parents = {child: node for node in nodes for child in ast.iter_child_nodes(node)}
    found: set[str] = set()
    others = {name for node in nodes if not isinstance(node, ast.Name) for name in bound_by(node)}
    others.update(name for node in nodes if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names)
    for node, parent in parents.items():
        match node, parent:
            case ast.Name(id=name), ast.Assign(targets=[target], value=ast.Constant(value=int())) if target is node:
                found.add(name)
            case ast.Name(), ast.AugAssign(target=target, value=ast.Constant()) if target is node:
                pass
            case ast.Name(), ast.Call(func=ast.Attribute(value=ast.Name(id=call), attr="run"), args=[_, *given]) if (
                call in code.calls and node in given
            ):
                pass
            case ast.Name(id=name), _:
                others.add(name)
            case _:
                pass
    return found - others


def _is_own(parent: ast.AST, call: ast.Name, own: Set[str]) -> bool:
    """Whether a name of the call is used in the file itself: for an attribute, or as an argument of own code."""
    match parent:
        case ast.Attribute():
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args):
            return name in own and call in args
        case _:
            return False


def _is_passed_on(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> bool:
    parent = parents[node]
    while isinstance(parent, _CONTAINERS) or _converts(node, parent):
        node, parent = parent, parents[parent]
    match parent:
        case ast.Call(func=ast.Attribute(attr=method) as function) if function is not node:
            return method in call_methods() and "flow" not in call_methods()[method].parameters
        case _:
            return False


def _converts(node: ast.AST, parent: ast.AST) -> bool:
    """Whether `parent` is one of `_CONVERSIONS` of a value, or `node` is, and `parent` calls it."""
    method = parent if isinstance(parent, ast.Attribute) else node
    is_called = parent is method or (isinstance(parent, ast.Call) and parent.func is method)
    return is_called and isinstance(method, ast.Attribute) and method.attr in _CONVERSIONS


def always_raises(code: HandlerCode, error: BaseException) -> bool:
    """Whether every call fails that gets to the line which raised this.

    So it is for names and methods that do not exist, and for values that are the same in every call, but not for
    others.
    """
    raised = raised_at(code, error)
    if raised is None:
        return False
    if isinstance(error, WrongArgument):
        return not error.argument or _is_fixed_argument(code, raised.node, error.argument)
    if not raised.is_own:
        return False
    frame = raised.frame
    match error:
        case TypeError() if _is_method(code, raised.node):
            return True  # what it returns cannot be awaited
        case UnboundLocalError():
            unbound = frozenset(frame.f_code.co_varnames).difference(frame.f_locals)
            return _are_bound_later(code, unbound, raised.line)
        case NameError(name=str(name)):
            return name not in frame.f_code.co_freevars and not code.may_be_global(name)
        case _:
            has_type_only = isinstance(error, TypeError | AttributeError)
            return raised.node is not None and _is_fixed(code, raised.node, has_type_only=has_type_only)


def _is_method(code: HandlerCode, node: ast.expr | None) -> bool:
    """Whether this awaits a method of the call."""
    match node:
        case ast.Await(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method))):
            return name in code.calls and method in call_methods()
        case _:
            return False


def hidden_errors(code: HandlerCode, raised: Mapping[int, BaseException]) -> Iterator[tuple[ast.expr, str, str | None]]:
    """The expression, message and cure of what every call raises there, even if `except Exception` hides it."""
    for line, error in raised.items():
        found = raised_at(code, error)
        is_wrong = isinstance(error, NameError | WrongArgument)
        if is_wrong and found and found.node and found.line == line and always_raises(code, error):
            cure = cure_of(error)
            yield blamed(code, found.node, error), str(error).removesuffix(f": {cure}"), cure


def raised_at(code: HandlerCode, error: BaseException) -> RaisedAt | None:
    """Where code of the file has raised this, or has called what did."""
    found = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == code.file:
            found = trace
        trace = trace.tb_next
    if found is None:
        return None
    *_, (line, end_line, column, end_column) = islice(found.tb_frame.f_code.co_positions(), found.tb_lasti // 2 + 1)
    place = (line, end_line, column, end_column)
    nodes = (
        _raising(node)
        for node in nodes_in(code.tree)
        if isinstance(node, ast.expr | ast.For)
        and place == (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)
    )
    return RaisedAt(found.tb_frame, found.tb_lineno, next(nodes, None), found.tb_next is None)


def _raising(node: ast.expr | ast.For) -> ast.expr:
    """What Python means by the place of the whole; its versions differ."""
    match node:
        case ast.For(iter=part) | ast.FormattedValue(value=part):
            return part
        case ast.JoinedStr(values=parts):
            filled = [each.value for each in parts if isinstance(each, ast.FormattedValue)]
            return filled[0] if len(filled) == 1 else node
        case _:
            return node


def blamed(code: HandlerCode, call: ast.expr, error: BaseException | None) -> ast.expr:
    """The argument that is wrong, what the `except` around it catches instead, or the whole expression."""
    match call, error:
        case ast.Await(value=ast.Call() as awaited), WrongArgument():
            return blamed(code, awaited, error)
        case ast.Await(), RunFailed():
            tries = (each for each in nodes_in(code.tree) if isinstance(each, ast.Try) and each.handlers)
            around = [each for each in tries if any(call in ast.walk(part) for part in each.body)]
            return (around and around[-1].handlers[-1].type) or call
        case ast.Call(), WrongArgument(argument=str(name)) if name in (given := _given_to(call)):
            return given[name]
        case ast.Subscript(slice=key), KeyError(args=[str() | int()]):
            return key
        case ast.Call(args=[only], keywords=[]), RenderError():
            return only
        case _:
            return call


def _given_to(call: ast.Call) -> Mapping[str, ast.expr]:
    """The arguments of a call by their names, and the entries of dicts in them."""
    named = {str(each.arg): each.value for each in call.keywords}
    given: Mapping[str, Any] = {}
    with suppress(TypeError, KeyError):
        given = call_methods()[getattr(call.func, "attr", "")].bind(*call.args, **named).arguments
    dicts = [each for each in named.values() if isinstance(each, ast.Dict)]
    pairs = (pair for each in dicts for pair in zip(each.keys, each.values, strict=True))
    return {**{str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)}, **named, **given}


def _is_fixed_argument(code: HandlerCode, call: ast.expr | None, name: str) -> bool:
    match call:
        case ast.Call(func=ast.Attribute()) if are_written(call):
            given = _given_to(call)
            return name in given and (_is_fixed(code, given[name]) or _is_data(code, given[name]))
        case ast.Subscript(slice=column):
            return _is_fixed(code, column)
        case _:
            return False


def _is_data(code: HandlerCode, value: ast.expr) -> bool:
    """Whether it is a text, or a call of a function of the file that returns no function, by its annotation."""
    match value:
        case ast.JoinedStr():
            return True
        case ast.Call(func=ast.Name(id=name)):
            found = code.functions.get(name, ())
            plain = (each for each in found if isinstance(each, ast.FunctionDef) and not each.decorator_list)
            return (
                0 < len(found) == sum(each.returns is not None and ast.unparse(each.returns) in _DATA for each in plain)
            )
        case _:
            return False


def _is_fixed(
    code: HandlerCode, expression: ast.expr, *, has_type_only: bool = False, seen: Set[str] = frozenset()
) -> bool:
    """Whether it has the same value in every call; or always the same type."""
    for node in ast.walk(expression):
        match node:
            case ast.Attribute(value=ast.Name(id=name)) if name in code.calls:
                if not has_type_only or node.attr == "custom_data" or hasattr(Call, node.attr):
                    return False
            case ast.Name(id=name) if name in code.calls:
                pass  # one of its attributes, as above
            case ast.Name(id=name):
                if name not in seen and not _is_fixed_name(code, name, has_type_only, {*seen, name}):
                    return False
            case ast.Await() | ast.Yield() | ast.YieldFrom() | ast.Lambda() | ast.comprehension():
                return False
    return True


def _is_fixed_name(code: HandlerCode, name: str, has_type_only: bool, seen: Set[str]) -> bool:
    values = code.written.given.get(name, ())
    if not values:
        imported = imports_in(code.tree).get(name, "")
        is_stored = any(name in bound_by(node) for node in nodes_in(code.tree))
        is_known = hasattr(builtins, name) and name not in BUILT_IN and not is_stored
        return imported.startswith("ncco_server.") or is_known
    is_changed = name in code.changed
    return len(values) == 1 and not is_changed and _is_fixed(code, values[0], has_type_only=has_type_only, seen=seen)


def _are_bound_later(code: HandlerCode, unbound: Set[str], line: int) -> bool:
    """Whether no loop is around the line, and its function binds the names that the line reads only after it."""
    around = [
        function
        for functions in code.functions.values()
        for function in functions
        if function.lineno <= line <= (function.end_lineno or line)
    ]
    if not around:
        return False
    nodes = list(ast.walk(max(around, key=lambda each: each.lineno)))
    loops = (node for node in nodes if isinstance(node, ast.For | ast.AsyncFor | ast.While))
    read = {node.id for node in nodes if isinstance(node, ast.Name) and node.lineno == line and node.id in unbound}
    bound = [node.lineno for node in nodes if isinstance(node, _PLACED) and not read.isdisjoint(bound_by(node))]
    is_in_loop = any(loop.lineno <= line <= (loop.end_lineno or line) for loop in loops)
    return bool(read) and not is_in_loop and all(each >= line for each in bound)

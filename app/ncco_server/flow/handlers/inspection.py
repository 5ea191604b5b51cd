"""Reads the code of a handler without running it, and finds mistakes that no run shows."""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from functools import cached_property, partial
from inspect import Parameter, Signature
from types import MappingProxyType
from typing import Any, Final

from ncco_server.flow.digraph import reachable
from ncco_server.flow.grammar.reader import HINTS, meaning_of
from ncco_server.flow.handlers import api
from ncco_server.flow.handlers.api import Call, Choice, call_flow
from ncco_server.flow.handlers.comparisons import Comparisons
from ncco_server.flow.handlers.dependencies import Dependencies, changed_by, dotted_name
from ncco_server.flow.handlers.failures import Failures
from ncco_server.flow.handlers.remarks import (
    Remark,
    behind,
    bound_in,
    computed_ssml,
    is_secret,
    no_type,
    revealed,
    run_again,
    secrets_as_texts,
    without_return,
)
from ncco_server.flow.handlers.signatures import (
    RANGES,
    Function,
    arguments_of,
    misfit_of,
    near_name,
    signature_of,
    written_signature,
)
from ncco_server.flow.handlers.value_kinds import ANNOTATED, ValueKinds, call_methods
from ncco_server.flow.handlers.written import Written, WrittenCode, bound_by, nodes_in
from ncco_server.flow.language.tables import TableDefinition
from ncco_server.suggest import nearest

_BRACED: Final = re.compile(r"\{([^\W\d]\w*)\b[^{}]*\}")
_NUMBERS: Final = ("int", "float")
_APART: Final = [{timed, other} for timed in ("date", "time", "datetime") for other in ("number", "text", "bool")]
"""Families of types of which none is part of the other."""
_OURS: Final[Mapping[str, Any]] = {"ncco_server.Choice": Choice, "ncco_server.call_flow": call_flow}
"""What a handler's file calls besides the methods of its call."""
_USES: Final = (
    *(ast.Expr, ast.If, ast.IfExp, ast.While, ast.Match),
    *(ast.Compare, ast.BoolOp, ast.FormattedValue, ast.UnaryOp),
    *(ast.For, ast.AsyncFor, ast.comprehension, ast.Subscript, ast.Attribute),
)
"""What uses a value at once: as a condition, in a text, in a loop, or a part of it."""
_NONE: Final[Mapping[int, str]] = {}
_UNTIL_HOST: Final = re.compile(r"(?:https?|wss?)://[^/?#]*")
_HEARD: Final = ("talk", "stream", "choose", "collect", "connect")
"""Methods of a call whose first argument callers hear, or that ring it."""
WITHOUT_AWAIT: Final = ("E706", "W706")


def _is_awaited(method: str, parent: ast.AST) -> bool:
    returned = vars(api).get(str(call_methods()[method].return_annotation).partition("[")[0])
    is_meant = isinstance(parent, ast.Attribute) and parent.attr == "or_raise" and hasattr(returned, "or_raise")
    return isinstance(returned, type) and issubclass(returned, Coroutine) and not is_meant


class HandlerCode:
    """The code of a file with a handler."""

    def __init__(
        self,
        written: WrittenCode,
        file: str,
        handler: str,
        tables: Mapping[str, TableDefinition | None] = MappingProxyType({}),
    ) -> None:
        self._tables = tables
        self.written = written
        self.file = file
        self.tree = written.tree
        self.functions: dict[str, list[Function]] = {}
        for node in nodes_in(self.tree):
            if isinstance(node, Function):
                self.functions.setdefault(node.name, []).append(node)
        self.handler = handler

    @cached_property
    def calls(self) -> frozenset[str]:
        return frozenset(map(self._call_in, self.replayed)) - {""}

    def _call_in(self, function: Function) -> str:
        """The argument that is the call: the first one of the handler. "" if a function does not get it."""
        args = [each for each, *_ in arguments_of(function)]
        names = [each.arg for each in args]
        if function.name == self.handler:
            return next(iter(names), "")
        typed = (each.arg for each in args if each.annotation and "Call" in ast.unparse(each.annotation))
        handlers = map(self._call_in, self.functions.get(self.handler, ()))
        return next(typed, "") or next((name for name in handlers if name in names), "")

    @cached_property
    def kinds(self) -> ValueKinds:
        given = {"calls": self.calls, "changed": self.changed}
        return ValueKinds(self.written, self.replayed, self.handler, tables=self._tables, **given)

    @cached_property
    def _failures(self) -> Failures:
        return Failures(self.functions, self.calls)

    @cached_property
    def _comparisons(self) -> Comparisons:
        return Comparisons(self.written, self.kinds, self._failures, self.calls)

    @cached_property
    def _dependencies(self) -> Dependencies:
        return Dependencies(self.written, self.kinds, self.classes.keys(), self._call_in)

    @cached_property
    def words(self) -> frozenset[str]:
        """Its attributes, the names of its arguments, and its texts."""
        found = set[str]()
        for node in nodes_in(self.tree):
            match node:
                case ast.Attribute(attr=str(word)) | ast.keyword(arg=str(word)) | ast.Constant(value=str(word)):
                    found.add(word)
        return frozenset(found)

    @cached_property
    def texts(self) -> frozenset[str]:
        """Those in the code of calls, also where none gets to."""
        nodes = (node for function in self.replayed for statement in function.body for node in ast.walk(statement))
        return frozenset(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))

    @cached_property
    def env(self) -> Mapping[str, ast.expr]:
        """The variables that the file reads with `call.env["NAME"]`, and where it first writes each name."""
        found: dict[str, ast.expr] = {}
        for node in nodes_in(self.tree):
            match node:
                case ast.Subscript(
                    value=ast.Attribute(attr="env"), slice=ast.Constant(value=str(name)) as key, ctx=ast.Load()
                ):
                    found[name] = min(found.get(name, key), key, key=lambda each: each.lineno)
        return found

    def above(self, budget_ms: int) -> Iterator[Remark]:
        """Each `limit_ms` of `run` or `hold` above the budget that is a number or a constant of the file."""
        calls = (node for node in nodes_in(self.tree) if isinstance(node, ast.Call))
        of_run = (node for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr in ("run", "hold"))
        for value in (each.value for node in of_run for each in node.keywords if each.arg == "limit_ms"):
            match self.written.constants.get(ast.unparse(value), value):
                case ast.Constant(value=int(limit_ms)) if limit_ms > budget_ms and limit_ms in RANGES["limit_ms"]:
                    message = f"`limit_ms` is {limit_ms}, and all functions of a turn together have {budget_ms} ms"
                    cure = f"write at most {budget_ms}, or set NCCO_LOOKUP_BUDGET_MS"
                    yield Remark("E703", value, message, cure)

    @cached_property
    def computed_dials(self) -> Sequence[str]:
        """The lines that dial a number which no code of the file has, such as `line 8`; not all that may do it."""
        found = []
        for function in self.replayed:
            for node in run_again(function):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="connect"), args=[dialled, *_]) if (
                        name == self._call_in(function)
                    ):
                        numbers = dialled.elts if isinstance(dialled, ast.List | ast.Tuple) else [dialled]
                        if any(
                            isinstance(each, ast.JoinedStr) or self.kinds.kind_of(each, function) for each in numbers
                        ):
                            found.append(node.lineno)
        return [f"line {line}" for line in sorted(found)]

    @cached_property
    def attributes(self) -> Set[str]:
        return {node.attr for node in nodes_in(self.tree) if isinstance(node, ast.Attribute)}

    @cached_property
    def replayed(self) -> tuple[Function, ...]:
        """The handler, and the functions of its file that it calls itself, not by `call.run`.

        Functions are found by their names alone: of two methods with one name, both.
        """

        def called(function: Function) -> Iterator[Function]:
            return (each for name in self._called_in(function) for each in self.functions.get(name, ()))

        return tuple(reachable(self.functions.get(self.handler, ()), called))

    def _called_in(self, function: Function) -> Iterator[str]:
        for node in run_again(function):
            match node:
                case ast.Call(func=ast.Name(id="map" | "filter"), args=[ast.Name(id=called), *_]):
                    yield called
                case ast.Call(func=ast.Name(id=called)) if called in self.classes:
                    yield from self.classes[called]
                case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)):
                    yield called
                case ast.keyword(arg="key", value=ast.Name(id=called)):
                    yield called
                case ast.Attribute(attr=name) if name in self._properties:
                    yield name

    @cached_property
    def _properties(self) -> frozenset[str]:
        return frozenset(
            name
            for name, functions in self.functions.items()
            for function in functions
            for each in function.decorator_list
            if ast.unparse(each).endswith("property")
        )

    @cached_property
    def classes(self) -> Mapping[str, Sequence[str]]:
        """The special methods of each class: an object may call them."""
        return {
            node.name: [each.name for each in node.body if isinstance(each, Function) and each.name.startswith("__")]
            for node in nodes_in(self.tree)
            if isinstance(node, ast.ClassDef)
        }

    def remarks(
        self, forgotten: Set[int] = frozenset(), dropped: Mapping[int, str] = _NONE, unawaited: Set[int] = frozenset()
    ) -> Iterator[Remark]:
        """Report each kind of mistake once per line; once per function if that belongs into `call.run`.

        On the lines `forgotten`, some run has called a method of its call and gone on without awaiting it; on the lines
        `dropped`, it has used a coroutine, of the function with this name, as if it were its result; on the lines
        `unawaited`, it has called a method and then failed, so that an `await` may have been to come.
        """
        seen: set[tuple[str, object]] = set()
        has_kept = False
        for function in self.replayed:
            for remark in (
                *self._dependencies.outside(function),
                *self._dependencies.changes(function),
                *self._not_awaited(function),
                *_without_f(function, self._dependencies.module_names),
                *self._comparisons.remarks(function),
                *self._misfits(function),
                *computed_ssml(function),
                *revealed(function),
                *self._told_secrets(function),
                *self._computed_hosts(function),
                *behind(function, self.written.constants),
                *(remark for _, remark in self._failures.never_raised(function)),
            ):
                is_apart = remark.code == "W705" and not self._call_in(function)
                told = self._apart(remark, function) if is_apart and remark.cure is None else remark
                line = told.node.lineno
                is_certain = line in forgotten or line in unawaited or dropped
                code = "E706" if remark.code == "W706" and is_certain else remark.code
                has_kept = has_kept or remark.code == "W706"
                if (code, function if is_apart else line) not in seen:
                    seen.add((code, function if is_apart else line))
                    yield told._replace(code=code)
        yield from self._unknown_names()
        for function in (each for named in self.functions.values() for each in named if each not in self.replayed):
            yield from secrets_as_texts(nodes_in(function), partial(self.kinds.is_secret, function=function))
            yield from self._dependencies.blocking(function)
        for function in (each for named in self.functions.values() for each in named):
            is_used = function.name in self._used and function.name in self._own
            yield from without_return(function, is_used=is_used)
            yield from no_type(function)
        reported = {line for code, line in seen if code in (*WITHOUT_AWAIT, "E703") and isinstance(line, int)}
        for node in (self.written.on_line(line) for line in sorted(forgotten - reported)):
            if node.lineno not in reported:
                yield Remark("W706", node, "a method of the call may never be awaited, or too late")
        for line in sorted(dropped.keys() - reported) if not has_kept else ():  # the line that keeps it is reported
            node = self.written.on_line(line)
            if node.lineno not in reported:
                inner = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
                made = next((each for each in inner if ast.unparse(each.func) == dropped[line]), node)
                yield _without_await(made, dropped[line], next((each for each in inner if made in each.args), None))

    def _apart(self, remark: Remark, function: Function) -> Remark:
        """Where a function that has the call awaits this one, which belongs into `call.run`."""
        node = self._called_at.get(function.name)
        if node is None:
            return remark._replace(cure=f"write `await call.run({function.name}, ..)` where the handler calls it")
        shown = ", ".join(map(ast.unparse, [node.func, *node.args]))
        return remark._replace(node=node, cure=f"write `await call.run({shown})`")

    @cached_property
    def _called_at(self) -> Mapping[str, ast.Call]:
        nodes = (node for function in self.replayed if self._call_in(function) for node in run_again(function))
        called = [node for node in nodes if isinstance(node, ast.Call) and not node.keywords]
        named = {node.func.id: node for node in reversed(called) if isinstance(node.func, ast.Name)}
        return {name: node for name, node in named.items() if self._is_async(name)}

    def told_by(self, line: int) -> Iterable[int]:
        """Where an issue at this line says all: in its whole function if that belongs into `call.run`."""
        for each in self.replayed:
            called = self._called_at.get(each.name, each).lineno
            if not self._call_in(each) and (called == line or each.lineno <= line <= (each.end_lineno or line)):
                return range(each.lineno, (each.end_lineno or line) + 1)
        return (line,)

    @cached_property
    def changed(self) -> Set[str]:
        """Names of objects that the file changes in place."""
        nodes = nodes_in(self.tree)
        added = {name for node in nodes if isinstance(node, ast.AugAssign) for name in bound_by(node.target)}
        return added | {changed_by(node) for node in nodes}

    @cached_property
    def _used(self) -> Set[str]:
        found = set[str]()
        nodes = nodes_in(self.tree)
        unused = {node.value for node in nodes if isinstance(node, ast.Expr | ast.Return)}
        for node in nodes:
            match node:
                case (
                    ast.Await(value=ast.Call(func=ast.Name(id=name)))
                    | ast.Await(value=ast.Call(func=ast.Attribute(attr="run"), args=[ast.Name(id=name), *_]))
                ) if node not in unused:
                    found.add(name)
        return found

    def _unknown_names(self) -> Iterator[Remark]:
        """Names that nothing in the file makes, in functions that only calls run."""
        replayed = {node for function in self.replayed for node in nodes_in(function)}
        functions = [each for named in self.functions.values() for each in named]
        inner = {node for function in functions for node in nodes_in(function)} - replayed
        made = {name for node in nodes_in(self.tree) for name in bound_by(node)}
        known = made | {*vars(builtins), "__file__"}
        names = sorted((node for node in inner if isinstance(node, ast.Name)), key=lambda node: -node.lineno)
        read = {node.id: node for node in names}
        for name in sorted(each for each in read.keys() - known if not self.may_be_global(each)):
            near = nearest(name, made)
            cure = f"write `{near}`" if near else f"define or import `{name}`"
            yield Remark("E703", read[name], f"the name `{name}` is not defined", cure)

    def _misfits(self, function: Function) -> Iterator[Remark]:
        """Attributes that a call does not have, and calls that do not fit what they call."""
        call = self._call_in(function)
        known = {*call_methods(), *Call.__annotations__}
        bound, given = bound_in(function), self.kinds.given_in(function)
        for node in nodes_in(function):
            match node:
                case ast.Attribute(value=ast.Name(id=name), attr=attr, ctx=ast.Load()) if (
                    name == call and attr not in known | self._stored_attributes
                ):
                    near = near_name(attr, known)
                    cure = f"write `.{near}`" if near else f"it has: {', '.join(sorted(known))}"
                    cure = meaning_of(attr, HINTS["call"]) or cure
                    yield Remark("E703", node, f"a call has no `{attr}`", cure)
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id=name), attr="run" | "hold" as runs),
                    args=[ast.Call(func=made, args=args) | ast.Lambda(body=ast.Call(func=made, args=args)) as code, *_],
                ) if (
                    name == call
                    and ast.unparse(made) in self._own
                    and (runs == "hold" or isinstance(code, ast.Lambda))  # `run` may get a function that makes another
                ):
                    parts = map(ast.unparse, [made, *args])
                    message = f"`{name}.{runs}` calls the function itself"
                    yield Remark("E703", code, message, f"write `{name}.{runs}({', '.join(parts)})`")
                case ast.Assign(
                    targets=[ast.Tuple()],
                    value=ast.Await(ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="run_flow")) as asked),
                ) if name == call and not {"returns", None} & {each.arg for each in asked.keywords}:
                    yield Remark("E703", asked, "`run_flow` gives only the outcome", "add `returns=True`")
                case ast.Subscript(value=ast.Name() as used) | ast.Attribute(value=ast.Name() as used) if (
                    method := _without_result(given.get(used.id, ()), call)
                ):
                    hook = ': a hook gets the recording, by `events={"record": ..}`' * (method == "record")
                    yield Remark("E703", used, f"`{call}.{method}` gives no result", f"leave it out{hook}")
                case ast.Call():
                    called = [*self._signatures_of(node, call, bound)]
                    if any(first for *_, first in called) and call in (texts := [*map(ast.unparse, node.args)]):
                        own, *values = texts
                        is_part = any("Call" in each.annotation for each in called[-1][1].parameters.values())
                        part = f"write `await {own}({', '.join(values)})`: it is a part of the handler"
                        cure = part if is_part else f"give it the values that it needs, such as `{call}.uuid`"
                        message = f"what `{call}.run` calls cannot get the call itself"
                        yield Remark("E703", node.args[texts.index(call)], message, cure)
                        continue
                    found = (misfit_of(*each[:2], node, self.written.constants, each[2]) for each in called)
                    yield from (Remark("E703", *each) for each in found if each is not None)
                    yield from self._wrong_texts(given, node, called, function)

    def _told_secrets(self, function: Function) -> Iterator[Remark]:
        """Secrets that the handler itself uses as texts, or that callers would hear or ring."""
        is_secret = partial(self.kinds.is_secret, function=function)
        nodes = [*run_again(function)]
        yield from secrets_as_texts(
            nodes, is_secret, "leave it out, or give it to a function: `await call.run(function, NAME)`"
        )
        for node in nodes:
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method), args=[first, *_]) if (
                    name == self._call_in(function) and method in _HEARD
                ):
                    for each in filter(is_secret, first.elts if isinstance(first, ast.List | ast.Tuple) else [first]):
                        message = f"`{ast.unparse(each)}` is a Secret, which can be neither spoken nor dialled"
                        yield Remark("E703", each, message, "leave `sensitive` out where it comes from")

    def _computed_hosts(self, function: Function) -> Iterator[Remark]:
        """URLs of actions with a value of the call before their first slash."""
        methods = [f"{self._call_in(function)}.{each}" for each in ("connect", "notify", "stream")]
        calls = (node for node in run_again(function) if isinstance(node, ast.Call))
        actions = (node for node in calls if ast.unparse(node.func) in methods)
        for node in (inner for each in actions for inner in ast.walk(each)):
            match node:
                case ast.JoinedStr(values=[ast.Constant(value=str(begun)), ast.FormattedValue(value=host), *_]) if (
                    _UNTIL_HOST.fullmatch(begun) and (kind := self.kinds.kind_of(host, function)) and not kind.words
                ):
                    message = f"`{ast.unparse(host)}` determines the URL's host"
                    yield Remark("E332", host, message, "write the whole host, or take it from `call.env`")

    def _wrong_texts(
        self,
        values: Mapping[str, Sequence[ast.expr]],
        node: ast.Call,
        called: Iterable[tuple[str, Signature, int]],
        function: Function,
    ) -> Iterator[Remark]:
        """Values of other types than a function of the file wants: what callers enter, arguments in another order."""
        for _, signature, first in called:
            keywords = {str(each.arg): each.value for each in node.keywords if not first}
            given: Mapping[str, Any] = {}
            with suppress(TypeError):
                given = signature.bind_partial(*node.args[first:], **keywords).arguments
            for name, value in given.items():
                wanted = signature.parameters[name].annotation
                kind = self.kinds.kind_of(value, function) if isinstance(value, ast.Name) else None
                if not isinstance(value, ast.Name) or value.id not in values or kind is None:
                    continue
                known = ANNOTATED.get(wanted)
                message = f"`{name}` is of type {wanted}, and `{value.id}` is {kind.described}"
                if known is not None and {known.family, kind.family} in _APART:
                    names = ", ".join(signature.parameters)
                    yield Remark("W703", value, message, f"give it {known.described}: the arguments are {names}")
                elif kind.family != "text":
                    continue
                elif wanted in _NUMBERS:
                    yield Remark("W703", value, message, f"write `{wanted}({value.id})`")
                elif is_secret(wanted):
                    yield Remark("E703", values[value.id][0], message, "ask for it with `sensitive=True`")

    def _signatures_of(self, node: ast.Call, call: str, bound: Set[str]) -> Iterator[tuple[str, Signature, int]]:
        """How each call begins, the signature, and its first argument there: also of what `run` and `hold` call."""
        own = {name: each for name, each in self._own.items() if name not in bound}
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if (
                name == call and method in call_methods()
            ):
                signature = call_methods()[method]
                yield f"{name}.{method}(", signature, 0
                if any(each.kind is Parameter.VAR_POSITIONAL for each in signature.parameters.values()):
                    for each in node.args[:1]:
                        if isinstance(each, ast.Name) and each.id in own:
                            yield f"{name}.{method}({each.id}", written_signature(own[each.id]), 1
            case ast.Call(func=ast.Name(id=name)) if name in own:
                yield f"{name}(", written_signature(own[name]), 0
            case ast.Call(func=function):
                if ours := _OURS.get(dotted_name(function, self._dependencies.imported)):
                    yield f"{ours.__name__}(", signature_of(ours), 0

    @cached_property
    def _own(self) -> Mapping[str, Function]:
        """The functions of the file whose names stand for nothing else in it."""
        found = (each for each in self.tree.body if isinstance(each, Function) and not each.decorator_list)
        return {each.name: each for each in found if self._made[each.name] == 1}

    @cached_property
    def _made(self) -> Counter[str]:
        """How often the file makes each name when it is loaded, or by `global`."""
        at_once = (name for each in self.tree.body for node in _at_once(each) for name in bound_by(node))
        later = (name for node in nodes_in(self.tree) if isinstance(node, ast.Global) for name in node.names)
        return Counter([*at_once, *later])

    @cached_property
    def _stored_attributes(self) -> Set[str]:
        nodes = (node for node in nodes_in(self.tree) if isinstance(node, ast.Attribute))
        return {node.attr for node in nodes if isinstance(node.ctx, ast.Store)}

    def may_be_global(self, name: str) -> bool:
        """Whether some code of the file makes this name, even if it was not run."""
        if name in self._made:
            return True
        for node in nodes_in(self.tree):
            match node:
                case ast.ImportFrom(names=[ast.alias(name="*")]) | ast.Name(id="globals" | "exec"):
                    return True
        return False

    def _not_awaited(self, function: Function) -> Iterator[Remark]:
        if function.name == self.handler and isinstance(function, ast.FunctionDef):
            return  # its run fails
        call = self._call_in(function)
        plain = function.name if isinstance(function, ast.FunctionDef) else ""
        nodes = list(run_again(function))
        awaited = {name for node in nodes if isinstance(node, ast.Await) for name in _awaited_names(node.value)}
        for parent in nodes:
            is_outcome = isinstance(parent, ast.Return) and function.name == self.handler
            is_kept = isinstance(parent, ast.Assign) and ast.unparse(parent.targets[0]) not in awaited
            if not (isinstance(parent, _USES) or is_outcome or is_kept):
                continue
            for made in map(_without_or_raise, ast.iter_child_nodes(parent)):
                match made:
                    case ast.Call() if isinstance(parent, ast.IfExp) and made is not parent.test:
                        pass
                    case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if (
                        name == call and method in call_methods() and _is_awaited(method, parent)
                    ):
                        yield _without_await(made, f"{name}.{method}", parent, is_certain=not is_kept, plain=plain)
                    case ast.Call(func=ast.Name(id=name)) if self._is_async(name):
                        yield _without_await(made, name, parent, is_certain=not is_kept, plain=plain)

    def _is_async(self, name: str) -> bool:
        found = self.functions.get(name, ())
        generators = (node for each in found for node in ast.walk(each) if isinstance(node, ast.Yield))
        return bool(found) and all(isinstance(each, ast.AsyncFunctionDef) for each in found) and not any(generators)


def _awaited_names(value: ast.expr) -> Iterator[str]:
    """The names that are awaited, alone or together by `gather`; not what a function gets."""
    match value:
        case ast.Name() | ast.Attribute():
            yield ast.unparse(value)
            inner: Sequence[ast.expr] = ()
        case ast.Call(func=ast.Name(id="gather") | ast.Attribute(attr="gather"), args=inner):
            pass
        case ast.Call(func=ast.Attribute(value=asked, attr="or_raise")):
            inner = [asked]
        case ast.Call():
            inner = []
        case _:
            inner = [each for each in ast.iter_child_nodes(value) if isinstance(each, ast.expr)]
    for each in inner:
        yield from _awaited_names(each)


def _without_result(values: Sequence[ast.expr], call: str) -> str:
    """The method of the call that gives no result, if that is the only value of a name."""
    match values:
        case [ast.Await(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)))] if name == call:
            known = call_methods().get(method)
            return method if known is not None and str(known.return_annotation).endswith(", None]") else ""
        case _:
            return ""


def _without_or_raise(node: ast.AST) -> ast.AST:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Call() as asked, attr="or_raise")):
            return asked
        case _:
            return node


def _without_f(function: Function, names: Set[str]) -> Iterator[Remark]:
    """Texts with the name of a variable in braces, which only an f-string fills in."""
    known = bound_in(function) | names
    for node in nodes_in(function):
        match node:
            case ast.Call(func=ast.Attribute(attr=attr), args=[ast.Constant() | ast.JoinedStr() as written, *_]) if (
                attr in call_methods() and "text" in call_methods()[attr].parameters
            ):
                parts = written.values if isinstance(written, ast.JoinedStr) else [written]
                texts = [each.value for each in parts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
                braced = (each for text in texts for each in _BRACED.finditer(text) if each[1] in known)
                if (found := next(braced, None)) is not None:
                    cure = (
                        'write f before the quotes: f".."'
                        if parts == [written]
                        else f"write one pair of braces: {found[0]}"
                    )
                    yield Remark("W303", node.args[0], f'"{found[0]}" stays as it is written', cure)


def _at_once(statement: ast.stmt) -> Iterable[ast.AST]:
    return (statement,) if isinstance(statement, Function | ast.ClassDef) else ast.walk(statement)


def _without_await(
    node: Written, name: str, parent: ast.AST | None = None, *, is_certain: bool = True, plain: str = ""
) -> Remark:
    """`parent` is what uses it, and `plain` the name of a function around it that is not `async`, or ""."""
    code = "E706" if is_certain else "W706"
    awaited, message = f"await {name}(..)", f"nothing of `{name}(..)` can be read before its own `await`"
    match parent:
        case ast.Attribute(attr="or_raise"):
            return Remark(code, node, f"`{name}(..)` has no `or_raise`", "leave `.or_raise()` out")
        case ast.Call(func=ast.Attribute(value=call, attr="run_all")) if isinstance(node, ast.Call):
            run = ", ".join([name, *map(ast.unparse, node.args)])
            return Remark(code, node, f"`{name}(..)` would not run in here", f"write `{ast.unparse(call)}.run({run})`")
        case ast.Attribute(attr=attr):
            awaited = f"({awaited}).{attr}"
        case ast.Subscript(slice=key):
            awaited = f"({awaited})[{ast.unparse(key)}]"
        case _:
            message = f"`{name}(..)` does nothing without `await`"
    there = f" in `async def {plain}(..)`, and `await {plain}(..)`" if plain else ""
    return Remark(code, node, message, f"write `{awaited}`{there}")

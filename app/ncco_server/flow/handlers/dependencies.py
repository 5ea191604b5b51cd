"""Finds what the code of a handler depends on that differs when it runs again, and what holds up other calls."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from typing import Final

from ncco_server.flow.grammar.reader import HINTS, meaning_of
from ncco_server.flow.handlers.remarks import Remark, bound_in, depends, run_again
from ncco_server.flow.handlers.signatures import Function, arguments_of
from ncco_server.flow.handlers.value_kinds import ValueKinds
from ncco_server.flow.handlers.written import WrittenCode, nodes_in

BUILT_IN: Final = ("open", "input", "id", "hash", "globals")
_OUTSIDE: Final = (
    *("asyncio", "aiohttp", "http.client", "httpx", "random", "requests", "secrets", "select", "socket", "sqlite3"),
    *("ssl", "subprocess", "threading", "time", "urllib.request", "uuid", "glob", "shutil", "tempfile"),
    *("numpy.random", "psycopg", "psycopg2", "asyncpg", "sqlalchemy", "redis", "smtplib", "ftplib", "boto3"),
    *("aiofiles", "aiosqlite", "grpc", "pika", "pymongo", "pymysql", "shelve", "urllib3", "websockets"),
    *("concurrent.futures", "multiprocessing", "platform", "getpass"),
    *("os.environ", "os.getenv", "os.urandom", "os.getpid", "os.listdir", "os.scandir", "os.stat", "os.path.exists"),
    *("os.system", "os.popen", "os.getcwd", "os.cpu_count", "os.getloadavg", "os.walk", "os.path.getmtime"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
    *BUILT_IN,
)
"""Whole modules and single names that differ between runs, block, or have an effect outside."""
_FILES: Final = frozenset({"read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "unlink", "mkdir"})
_FILES_IF_CALLED: Final = frozenset({"open", "exists", "is_file", "is_dir", "stat", "rglob"})
"""Attributes have these names, too."""
_SAME: Final = ("uuid.UUID", "uuid.uuid3", "uuid.uuid5", "time.strptime", "asyncio.CancelledError", "time.struct_time")
"""Their results are always the same."""
_CHANGES: Final = frozenset(
    {
        *("append", "appendleft", "extend", "insert", "add", "put", "put_nowait"),
        *("update", "setdefault", "sort"),
        *("pop", "popitem", "popleft", "remove", "discard", "clear"),
    }
)
_KEPT: Final = "keep it in a table, with `call.row` and `call.save`, or change it in a function for `call.run`"
_BLOCKING: Final = frozenset(
    {
        *("time.sleep", "urllib.request.urlopen", "socket.create_connection"),
        *(f"requests.{name}" for name in ("get", "post", "put", "patch", "delete", "head", "request")),
        *(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output")),
    }
)
_IN_ORDER: Final = ("list", "tuple", "enumerate", "iter", "map", "filter", "zip", "reversed")
"""Their result has the order of what they are given."""


class Dependencies:
    """What functions of a file with a handler use besides their arguments.

    `call_in` gives the argument that is the call, or ""; `classes` are those of the file.
    """

    def __init__(
        self, written: WrittenCode, kinds: ValueKinds, classes: Set[str], call_in: Callable[[Function], str]
    ) -> None:
        self._written = written
        self._kinds = kinds
        self._classes = classes
        self._call_in = call_in

    def outside(self, function: Function) -> Iterator[Remark]:
        """What may differ when the function runs again."""
        own = bound_in(function)
        given = {
            **{name: each for name, each in self._written.given.items() if name not in own},
            **self._kinds.given_in(function),
        }
        known = {
            name: dotted for name, dotted in self.imported.items() if name not in own or name in imports_in(function)
        }
        defaults = (each for *_, value in arguments_of(function) if value is not None for each in ast.walk(value))
        nodes = [*run_again(function)]
        waits = (node.value for node in nodes if isinstance(node, ast.Await))
        awaited = {each.func for each in waits if isinstance(each, ast.Call)}
        caught = (each.type for each in nodes if isinstance(each, ast.ExceptHandler) and each.type is not None)
        told = {each for type_ in caught for each in ast.walk(type_)}
        for node in (*defaults, *nodes):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Attribute(attr="hours")), attr="open")):
                    pass
                case ast.Call(func=ast.Attribute(attr=attr) as called) if attr in _FILES_IF_CALLED:
                    yield depends(called, "a file")
                case ast.Attribute(attr=attr) if attr in _FILES:
                    yield depends(node, "a file")
                case ast.Attribute() | ast.Name(ctx=ast.Load()) if node not in told:
                    dotted = dotted_name(node, known)
                    if _starts_with(dotted, _OUTSIDE) and not _starts_with(dotted, _SAME):
                        what = f"`{ast.unparse(node)}`"
                        has_call = self._call_in(function)
                        instead = meaning_of(dotted, HINTS["outside"]) if has_call else None
                        remark = depends(node, what, instead)
                        if has_call and node in awaited and dotted.startswith("asyncio."):
                            told.update(ast.walk(node))
                            message = f"{what} waits for the event loop, which a handler cannot"
                            remark = Remark("E703", node, message, instead or "put it into a function for `call.run`")
                        yield remark
            for iterated in _iterated(node):
                if _is_set(iterated, given):
                    yield depends(iterated, "the order of a set", "write `sorted(..)` around it")

    def changes(self, function: Function) -> Iterator[Remark]:
        """What other calls see: names of the module, classes, defaults of arguments."""
        own = bound_in(function)
        classes = (self._classes - own) | {"cls"}
        shared = (self.module_names - own) | _mutable(function)
        given = self._kinds.given_in(function).items()
        shared |= {
            name for name, values in given if any(isinstance(each, ast.Name) and each.id in shared for each in values)
        }
        for node in run_again(function):
            match node:
                case ast.Global(names=[name, *_] as names):
                    yield depends(_stored_in(function, names) or node, _shared(name), _KEPT)
                case ast.expr() if (name := changed_by(node)) in shared or (
                    name in classes and not isinstance(node, ast.Call)
                ):
                    yield depends(node, _shared(name), _KEPT)

    def blocking(self, function: Function) -> Iterator[Remark]:
        """What holds up all calls in an asynchronous function."""
        if not isinstance(function, ast.AsyncFunctionDef):
            return
        known = self.imported | imports_in(function)
        elsewhere = {node for each in nodes_in(function) if isinstance(each, ast.Lambda) for node in ast.walk(each)}
        for node in run_again(function):
            if (
                isinstance(node, ast.Call)
                and node not in elsewhere
                and (dotted := dotted_name(node.func, known)) in _BLOCKING
            ):
                sleeps = "`await asyncio.sleep(..)`, or " if dotted == "time.sleep" else ""
                message = f"`{dotted}` holds up all calls in an asynchronous function"
                yield Remark("W703", node, message, f"write {sleeps}`def` instead of `async def`")

    @cached_property
    def module_names(self) -> set[str]:
        return {
            each.id
            for node in self._written.tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign)
            for each in ast.walk(node)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        }

    @cached_property
    def imported(self) -> dict[str, str]:
        """What a name stands for: a module, something of a module, or what is made with that."""
        found = {name: name for name in BUILT_IN} | imports_in(self._written.tree)
        for node in self._written.tree.body:
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            parts = (dotted_name(each, found) for each in ast.walk(node.value))
            made = [part for part in parts if _starts_with(part, _OUTSIDE) and not _starts_with(part, _SAME)]
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if made and not isinstance(node.value, ast.Lambda):
                found |= {target.id: made[0] for target in targets if isinstance(target, ast.Name)}
        return found


def imports_in(tree: ast.AST) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in nodes_in(tree):
        match node:
            case ast.Import(names=aliases):
                found |= {
                    alias.asname or alias.name.partition(".")[0]: alias.name
                    if alias.asname
                    else alias.name.partition(".")[0]
                    for alias in aliases
                }
            case ast.ImportFrom(module=str(module), names=aliases, level=0):
                found |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in aliases}
    return found


def dotted_name(node: ast.AST, known: dict[str, str]) -> str:
    """Such as `datetime.datetime.now`; "" if unknown."""
    match node:
        case ast.Name(id=name):
            return known.get(name, "")
        case ast.Attribute(value=value, attr=attr):
            before = dotted_name(value, known)
            return f"{before}.{attr}" if before else ""
        case _:
            return ""


def _starts_with(dotted: str, names: Iterable[str]) -> bool:
    return any(dotted == name or dotted.startswith(f"{name}.") for name in names)


def _iterated(node: ast.AST) -> Sequence[ast.expr]:
    match node:
        case ast.For(iter=iterated) | ast.comprehension(iter=iterated) | ast.Starred(value=iterated):
            return (iterated,)
        case ast.Assign(targets=[ast.Tuple() | ast.List()], value=iterated):
            return (iterated,)
        case ast.Call(func=ast.Name(id=name), args=args) if name in _IN_ORDER:
            return args
        case ast.Call(func=ast.Attribute(attr="join" | "fromkeys"), args=[iterated, *_]):
            return (iterated,)
        case ast.Call(func=ast.Attribute(value=iterated, attr="pop"), args=[]):
            return (iterated,)
        case _:
            return ()


def _is_set(node: ast.AST, given: Mapping[str, Sequence[ast.expr]]) -> bool:
    match node:
        case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.Name(id=name) if given.get(name):
            return all(_is_set(each, {**given, name: ()}) for each in given[name])
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor(), right=right):
            return _is_set(left, given) or _is_set(right, given)
        case _:
            return False


def _mutable(function: Function) -> set[str]:
    """All calls share the default of these arguments."""
    made = (ast.List, ast.Dict, ast.Set, ast.Call)
    return {each.arg for each, _, default in arguments_of(function) if isinstance(default, made)}


def changed_by(node: ast.AST) -> str:
    """The name of an object that this changes in place, or ""."""
    match node:
        case (
            ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr))
            | ast.Call(func=ast.Attribute(value=ast.Subscript(value=ast.Name(id=name)), attr=attr))
        ) if attr in _CHANGES:
            return name
        case (
            ast.Call(func=ast.Name(id="next" | "setattr" | "delattr"), args=[ast.Name(id=name), *_])
            | ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del())
            | ast.Attribute(value=ast.Name(id=name), ctx=ast.Store() | ast.Del())
        ):
            return name
        case _:
            return ""


def _stored_in(function: Function, names: list[str]) -> ast.Name | None:
    """Where it gives the first of these names a value."""
    found = (each for each in nodes_in(function) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store))
    return min((each for each in found if each.id in names), key=lambda each: each.lineno, default=None)


def _shared(name: str) -> str:
    return f"`{name}`, which other calls change too"

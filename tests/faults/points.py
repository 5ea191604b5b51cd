"""Every place in a module that waits, or that speaks to something outside: found in its source, and made breakable.

What speaks to the outside is told by two lists: modules whose every call does (OUTSIDE), and names of methods that do
whatever they belong to (METHODS). A module is on one of the lists OUTSIDE and PURE, or a test fails: who imports
something new says which it is.
"""

from __future__ import annotations

import ast
from collections import Counter
from typing import Final, Literal, NamedTuple, TypeAlias, TypeVar

Kind: TypeAlias = Literal["await", "call", "data", "enter", "exit", "next"]
"""A `call` whose answer is used is one for `data`: that may be garbage too. What the language's own machinery of tasks,
threads and locks gives is taken for what it is."""
Function = TypeVar("Function", ast.FunctionDef, ast.AsyncFunctionDef)

OUTSIDE: Final = frozenset(
    {
        *(
            "asyncio",
            "asyncpg",
            "gc",
            "httpcore",
            "httpx",
            "importlib",
            "logging",
            "multiprocessing",
            "os",
        ),
        *(
            "prometheus_client",
            "purgatory",
            "queue",
            "random",
            "secrets",
            "select",
            "signal",
            "socket",
            "sqlite3",
        ),
        *(
            "atexit",
            "httptools",
            "opentelemetry",
            "select",
            "ssl",
            "structlog",
            "sys",
            "tempfile",
            "threading",
            "uvicorn",
            "watchfiles",
        ),
    }
)
PURE: Final = frozenset(
    {
        *(
            "__future__",
            "abc",
            "app",
            "base64",
            "binascii",
            "bisect",
            "collections",
            "contextlib",
            "contextvars",
            "dataclasses",
            "datetime",
        ),
        *(
            "email",
            "enum",
            "errno",
            "fastapi",
            "functools",
            "h11",
            "hashlib",
            "hmac",
            "html",
            "http",
            "inspect",
            "ipaddress",
            "itertools",
            "json",
            "jwt",
        ),
        *(
            "math",
            "orjson",
            "pathlib",
            "re",
            "standardwebhooks",
            "starlette",
            "stat",
            "string",
            "time",
            "traceback",
            "types",
        ),
        *("stat", "typing", "urllib", "zlib"),
    }
)
"""Those of a web framework and of clocks are here too: what of them speaks to the outside is a method of METHODS."""
READERS: Final = frozenset({"load", "load_files"})
"""Functions of the project's own pure rooms that read files."""
METHODS: Final = frozenset(
    {
        *("absolute", "acquire", "aclose", "add_done_callback", "bind", "call_later", "call_soon_threadsafe", "cancel"),
        *("close", "commit", "connect", "cursor", "debug", "error", "exception", "execute", "executemany", "exists"),
        *("fetch", "fetchall", "fetchone", "fetchrow", "fetchval", "flush", "getpid", "inc", "info", "is_dir"),
        *("is_file", "iterdir", "join", "kill", "labels", "mkdir", "msg", "observe", "open", "put", "qsize"),
        *("read_bytes", "read_text", "release", "resolve", "rollback", "run_coroutine_threadsafe", "set_exception"),
        *("set_result", "start", "stat", "unlink", "warning", "write", "write_text", "_clock", "_flush", "_write"),
        *("_connect", "_read"),
    }
)
DATA: Final = frozenset(
    {
        *("execute", "fetch", "fetchall", "fetchone", "fetchrow", "fetchval", "load", "load_files", "read_bytes"),
        *("read_text", "stat", "system_addresses", "_clock"),
    }
)
"""What gives something that somebody else has written."""
NOT_OUTSIDE: Final = frozenset({"TypeVar", "Semaphore", "Lock", "Event", "OrderedDict", "getLogger", "Fault"})
TEXT_LIMIT: Final = 60


class Point(NamedTuple):
    """One place.

    Attributes:
        file: from the repository's root. function: its dotted name in the file, "" outside of any.
        text: the expression, cut; with a number behind it when the function has several.
    """

    file: str
    function: str
    kind: Kind
    text: str

    @property
    def name(self) -> str:
        """How it is called in data and reports."""
        return f"{self.file}:{self.function}: {self.kind} {self.text}"


def imported(tree: ast.Module) -> dict[str, str]:
    """What a name stands for in a module, as far as it was imported: its top module."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(name.asname or name.name.partition(".")[0]): name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {(name.asname or name.name): node.module.partition(".")[0] for name in node.names}
    return found


class Breakable(ast.NodeTransformer):
    """Rewrites a module so that each of its points passes through `__faults__`; `points` are those that it found."""

    def __init__(self, file: str, tree: ast.Module) -> None:
        self.points: list[Point] = []
        self._file = file
        self._imported = imported(tree)
        self._within: list[str] = []
        self._seen: Counter[tuple[str, str]] = Counter()
        self._awaited: set[int] = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Await)}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A function: what is in its body is named by it; its head is left alone."""
        return self._inside(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """The same."""
        return self._inside(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """A class: what is in its methods is named by it."""
        self._within.append(node.name)
        node.body = [self.visit(statement) for statement in node.body]
        self._within.pop()
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Annotations are left alone."""
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_Await(self, node: ast.Await) -> ast.AST:
        """Something is waited for."""
        text = ast.unparse(node.value)
        self.generic_visit(node)
        node.value = self._through("awaited", self._point("await", text), node.value)
        return node

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        """Something is entered, and left."""
        texts = [ast.unparse(item.context_expr) for item in node.items]
        self.generic_visit(node)
        for item, text in zip(node.items, texts, strict=True):
            names = self._point("enter", text), self._point("exit", text)
            item.context_expr = self._through("entered", *names, item.context_expr)
        return node

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        """One thing after another is waited for."""
        text = ast.unparse(node.iter)
        self.generic_visit(node)
        node.iter = self._through("iterated", self._point("next", text), node.iter)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        """The same, in a comprehension."""
        text = ast.unparse(node.iter)
        self.generic_visit(node)
        if node.is_async:
            node.iter = self._through("iterated", self._point("next", text), node.iter)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Something outside is asked; where the answer is awaited, it is asked by that."""
        text, is_outside = ast.unparse(node), self._within and self._is_outside(node.func)
        self.generic_visit(node)
        if not is_outside or id(node) in self._awaited:
            return node
        last = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        called = self._through("called", self._point("data" if last in DATA else "call", text), node.func)
        called.args += node.args
        called.keywords = node.keywords
        return called

    def _is_outside(self, function: ast.expr) -> bool:
        names: list[str] = []
        while isinstance(function, ast.Attribute):
            names.append(function.attr)
            function = function.value
        root = function.id if isinstance(function, ast.Name) else ""
        last = names[0] if names else root
        if last in NOT_OUTSIDE:
            return False
        is_text = isinstance(function, ast.Constant | ast.JoinedStr) and last in ("join", "encode")
        is_of_list = bool(names) and last in METHODS and not is_text
        return self._imported.get(root) in OUTSIDE or is_of_list or (root == last and root in READERS)

    def _inside(self, node: Function) -> Function:
        self._within.append(node.name)
        node.body = [self.visit(statement) for statement in node.body]
        self._within.pop()
        return node

    def _point(self, kind: Kind, text: str) -> str:
        function = ".".join(self._within)
        text = " ".join(text.split())[:TEXT_LIMIT]
        self._seen[function, kind + text] += 1
        count = self._seen[function, kind + text]
        point = Point(self._file, function, kind, f"{text} #{count}" if count > 1 else text)
        self.points.append(point)
        return point.name

    @staticmethod
    def _through(how: str, *parts: str | ast.expr) -> ast.Call:
        function = ast.Attribute(ast.Name("__faults__", ast.Load()), how, ast.Load())
        return ast.Call(function, [ast.Constant(part) if isinstance(part, str) else part for part in parts], [])


def breakable(file: str, source: str) -> tuple[ast.Module, list[Point]]:
    """A module that can be broken, and its points."""
    tree = ast.parse(source)
    breaking = Breakable(file, tree)
    broken = ast.fix_missing_locations(breaking.visit(tree))
    return broken, breaking.points

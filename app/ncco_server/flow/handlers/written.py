"""Finds the place of what a handler does, and of each value that it gives, in the code of its file."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache, partial
from itertools import zip_longest
from typing import Final, TypeAlias

from ncco_server.flow.handlers.signatures import Function, arguments_of
from ncco_server.flow.nodes import LINE_BREAK, Entry, Map, Node, Place, Seq, Text
from ncco_server.syntax_trees import syntax_tree

Written: TypeAlias = ast.expr | ast.stmt | ast.keyword | ast.pattern | ast.ExceptHandler | ast.arg
_Names: TypeAlias = dict[str, tuple[Written, ast.expr]]
_Texts: TypeAlias = dict[str, ast.expr]
MOST_NAMES: Final = 30
"""A value is looked for behind no more names: each call of a long handler would search the whole file."""
_HOLE: Final = re.compile(r"\{\{ \w+ \}\}")
_FIELD: Final = re.compile(r"\{[^{}]*\}")
"""Where `Ssml.format` puts a value, and how that is written."""
_WORDS: Final = {"name": "flow"}
"""The arguments that have another name in a flow file."""


class WrittenCode:
    """The code of a file. A constant of it, such as `hours=HOURS`, is found where its value is written."""

    def __init__(self, text: str, path: str) -> None:
        self.tree = syntax_tree(text)
        self._path = path
        self._lines = LINE_BREAK.split(text)
        self._found: dict[ast.expr, tuple[_Names, _Texts]] = {}

    def place(self, code: Written) -> Place:
        return self.between(*_span(code))

    def between(self, line: int, end_line: int, start: int, end: int) -> Place:
        """As Python counts: the columns are bytes of UTF-8, from 0."""
        written = self._lines[line - 1].encode()
        column = len(written[:start].decode(errors="ignore"))
        length = len((written[:end] if line == end_line else written.rstrip()).decode(errors="ignore")) - column
        return Place(self._path, line, column + 1, max(1, length))

    def on_line(self, line: int) -> Written:
        """The first call that begins on a line, an awaited one if possible; else what begins there, or before it."""
        return self._first[next(each for each in range(line, 0, -1) if each in self._first)]

    def exact(self, place: Place) -> Place:
        """The place of the whole expression that begins there; of the line's first call if only the line is known."""
        before = len(self._lines[place.line - 1][: place.column - 1].encode())
        code = self._first.get(place.line) if place.column == 1 else self._expressions.get((place.line, before))
        return place if code is None else self.place(code)

    @cached_property
    def _expressions(self) -> Mapping[tuple[int, int], Written]:
        """By line and column."""
        nodes = [node for node in nodes_in(self.tree) if isinstance(node, ast.expr | ast.keyword)]
        return {_span(node)[::2]: node for node in reversed(nodes)}

    @cached_property
    def given(self) -> Mapping[str, Sequence[ast.expr]]:
        return given_in(self.tree)

    @cached_property
    def constants(self) -> Mapping[str, ast.expr]:
        """The literals that the file names once."""
        literal = ast.Constant | ast.Dict | ast.List | ast.Tuple
        return {name: each[0] for name, each in self.given.items() if len(each) == 1 and isinstance(each[0], literal)}

    @cached_property
    def _functions(self) -> Mapping[str, Function]:
        return {each.name: each for each in nodes_in(self.tree) if isinstance(each, Function)}

    @cached_property
    def _given_in(self) -> Mapping[Function, Mapping[str, Sequence[ast.expr]]]:
        return {each: given_in(each) for each in self._functions.values()}

    @cached_property
    def _first(self) -> Mapping[int, Written]:
        nodes = [node for node in nodes_in(self.tree) if isinstance(node, Written)]
        awaited = [node.value for node in nodes if isinstance(node, ast.Await) and isinstance(node.value, ast.Call)]
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        return {node.lineno: node for node in reversed([*awaited, *calls, *nodes])}

    def with_arguments(self, node: Map, function: str) -> Map:
        """The node of a flow, with the place of each argument of `call_flow`. What is no argument keeps its place."""
        found: dict[str, ast.keyword] = {}
        for code in (code for code in nodes_in(self.tree) if isinstance(code, Function) and code.name == function):
            written = [each for call in code.decorator_list if isinstance(call, ast.Call) for each in call.keywords]
            for each in sorted(written, key=lambda each: each.arg not in _WORDS):  # what adds to others comes first
                found[_WORDS.get(str(each.arg), str(each.arg))] = each
            found["params"] = _written_params(code)
        if defaults := [found[each] for each in ("defaults", "on_error") if each in found]:
            parts = ast.copy_location(ast.Tuple([each.value for each in defaults]), defaults[0].value)
            found["defaults"] = ast.copy_location(ast.keyword("defaults", parts), defaults[0])
        pairs = ((entry, found.get(entry.key.value)) for entry in node.entries)
        entries = (
            Entry(self._text(entry.key, code), self._at(entry.value, code.value)) if code else entry
            for entry, code in pairs
        )
        return Map(tuple(entries), node.place)

    def placed(self, node: Map, line: int) -> Map:
        """The node, with the places of the arguments of the first call on this line."""
        code = self._first.get(line)
        return self._map(node, code) if isinstance(code, ast.expr) else node

    def _map(self, node: Map, code: ast.expr) -> Map:
        entries = []
        for entry in node.entries:
            names, texts = self._inside(code)
            key, value = names.get(_plain(entry.key.value), (code, None))
            is_other = isinstance(key, ast.keyword) and isinstance(value, ast.Constant)  # `Choice(dtmf=1)`
            if value is None or (is_other and isinstance(entry.value, Map)):
                key, value = texts.get(entry.key.value, code), code
            entries.append(Entry(self._text(entry.key, key), self._at(entry.value, value)))
        return Map(tuple(entries), self.place(code))

    def _at(self, node: Node, code: ast.expr) -> Node:
        """The node, with its places. A value that is not found in the code is at the code as a whole."""
        if isinstance(code, ast.Name) and code.id in self.constants:
            code = self.constants[code.id]
        if isinstance(node, Map):
            return self._map(node, code)
        if isinstance(node, Seq):
            lists = (each for each in (code, *getattr(code, "args", ())) if isinstance(each, ast.List | ast.Tuple))
            items = next((each.elts for each in lists if len(each.elts) == len(node.items)), [code] * len(node.items))
            return Seq(tuple(map(self._at, node.items, items)), self.place(code))
        texts = self._inside(code)[1]
        if node.value not in texts and node.value.startswith("<"):
            return next(
                (each for each in map(partial(self._formatted, node), texts.items()) if each), self._text(node, code)
            )
        return self._text(node, texts.get(node.value, code))

    def _formatted(self, node: Text, written: tuple[str, ast.expr]) -> Text | None:
        """SSML, whose values are put into this text of the file; None if it comes from another one."""
        text, code = written
        place = self.place(code)
        if _HOLE.split(node.value) != _FIELD.split(text) or not self._is_literal(text, place):
            return None
        columns: list[int] = []
        fields = iter([*_FIELD.findall(text), ""])
        at = place.column + 1
        for part, hole in zip_longest(_HOLE.split(node.value), _HOLE.findall(node.value), fillvalue=""):
            columns += [*range(at, at + len(part)), *[at + len(part)] * len(hole)]
            at += len(part) + len(next(fields))
        return node._replace(place=place, origins=tuple((place.line, each) for each in columns))

    def _is_literal(self, text: str, place: Place) -> bool:
        """Whether a text is written in one line, without escapes, and with one quote before it."""
        return self._lines[place.line - 1][place.column : place.column + len(text)] == text

    def _inside(self, code: ast.expr) -> tuple[_Names, _Texts]:
        """In some code and the values that it names, nearest first: arguments and entries by name, texts by value."""
        if code in self._found:
            return self._found[code]
        names, texts = self._found[code] = {}, {}
        seen = set[str]()
        waiting: list[ast.AST] = [code]
        around = [each for each in self._given_in if each.lineno <= code.lineno <= (each.end_lineno or 0)]
        given = {**self.given, **(self._given_in[around[-1]] if around else {})}
        for node in (node for each in waiting for node in ast.walk(each)):
            match node:
                case ast.keyword(arg=str(name), value=value):
                    names.setdefault(_plain(name), (node, value))
                case ast.Dict(keys=keys, values=values):
                    for key, value in zip(keys, values, strict=True):
                        if isinstance(key, ast.Constant):
                            names.setdefault(_plain(str(key.value)), (key, value))
                case ast.Constant(value=text):
                    texts.setdefault(str(text), node)
                case ast.Call(func=ast.Name(id=name)) if name in self._functions and name not in seen:
                    seen.add(name)
                    waiting.append(self._functions[name])
                case ast.Name(id=name) if name in given and name not in seen and len(seen) < MOST_NAMES:
                    seen.add(name)
                    waiting += given[name]
        return names, texts

    def _text(self, text: Text, code: Written) -> Text:
        """All characters are at the beginning of the value, unless it is written as one literal without escapes."""
        place = self.place(code)
        origins = () if text.quoted and self._is_literal(text.value, place) else ((place.line, place.column),)
        return text._replace(place=place, origins=origins)


def _span(code: Written) -> tuple[int, int, int, int]:
    """First and last line, first and last column: of an attribute or an argument, those of its name."""
    line, end_line = code.lineno, code.end_lineno or code.lineno
    start, end = code.col_offset, code.end_col_offset or 0
    match code:
        case ast.Attribute(attr=name):
            return end_line, end_line, end - len(name.encode()), end
        case ast.keyword(arg=str(name)):
            return line, line, start, start + len(name.encode())
        case _:
            return line, end_line, start, end


def _written_params(function: Function) -> ast.keyword:
    """The arguments after the call, each with its default."""
    pairs = [(arg, default or arg.annotation) for arg, _, default in arguments_of(function)[1:]]
    keys: list[ast.expr | None] = [ast.copy_location(ast.Constant(arg.arg), arg) for arg, _ in pairs]
    values = [value or ast.copy_location(ast.Constant(""), arg) for arg, value in pairs]
    params = ast.copy_location(ast.Dict(keys, values), function)
    return ast.copy_location(ast.keyword("params", params), function)


def _plain(name: str) -> str:
    """Equal in camel and snake case."""
    return name.replace("_", "").lower()


@lru_cache
def nodes_in(code: ast.AST) -> Sequence[ast.AST]:
    """As `ast.walk`, for code that many rules look at."""
    return tuple(ast.walk(code))


def given_in(tree: ast.AST) -> Mapping[str, Sequence[ast.expr]]:
    """What the file or function gives each name, if nothing else in it can give it a value; `*` before a list of it."""
    found: dict[str, list[ast.expr]] = {}
    stored = Counter[str]()
    for node in nodes_in(tree):
        stored.update(bound_by(node))
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                | ast.AugAssign(target=ast.Name(id=name), value=value)
                | ast.NamedExpr(target=ast.Name(id=name), value=value)
            ):
                found.setdefault(name, []).append(value)
            case (
                ast.For(target=ast.Name(id=name), iter=value) | ast.comprehension(target=ast.Name(id=name), iter=value)
            ):
                found.setdefault(name, []).append(ast.Starred(value))
            case ast.AnnAssign(target=ast.Name(id=name), value=None):  # such as a field of a class
                stored[name] -= 1
    return {name: values for name, values in found.items() if stored[name] == len(values)}


def bound_by(node: ast.AST) -> Sequence[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            return (name,)
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [each.asname or each.name.partition(".")[0] for each in names]
        case (
            ast.FunctionDef(name=str(name))
            | ast.AsyncFunctionDef(name=str(name))
            | ast.ClassDef(name=str(name))
            | ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
            | ast.MatchMapping(rest=str(name))
            | ast.ExceptHandler(name=str(name))
        ):
            return (name,)
        case _:
            return ()

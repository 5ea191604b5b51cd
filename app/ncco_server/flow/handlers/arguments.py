"""Finds where the words of a handler's flow are written: among the arguments of `call_flow`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ncco_server.flow.nodes import LINE_BREAK, Entry, Map, Node, Place, Seq, Text

_WORDS: Final = {"name": "flow"}
"""The arguments that have another name in a flow file."""


class WrittenArguments:
    """The arguments of `call_flow` in a file, for the function with this name.

    A constant of the file, such as `hours=HOURS`, is found where its value is written.
    """

    def __init__(self, text: str, path: str, function: str) -> None:
        self._path = path
        self._lines = LINE_BREAK.split(text)
        tree = ast.parse(text)
        self._constants = dict(_constants(tree))
        self._found = dict(_arguments(tree, function))
        self._found |= dict(_params(tree, function))

    def placed(self, node: Map) -> Map:
        """The node of a flow, with the place of each argument. What is no argument keeps its place."""
        entries = (
            Entry(entry.key._replace(place=self._place(keyword)), self._at(entry.value, keyword.value))
            if (keyword := self._found.get(entry.key.value)) is not None
            else entry
            for entry in node.entries
        )
        return self._with_error_flow(node._replace(entries=tuple(entries)))

    def _with_error_flow(self, node: Map) -> Map:
        """`on_error` is written as `on` under `defaults`."""
        code = self._found.get("on_error")
        defaults = node.get("defaults")
        if code is None or not isinstance(defaults, Map):
            return node
        on = [
            entry._replace(value=self._at(entry.value, code.value)) if entry.key.value == "on" else entry
            for entry in defaults.entries
        ]
        placed = defaults._replace(entries=tuple(on))
        entries = [entry._replace(value=placed) if entry.value is defaults else entry for entry in node.entries]
        return node._replace(entries=tuple(entries))

    def _at(self, node: Node, code: ast.expr) -> Node:
        if isinstance(code, ast.Name) and code.id in self._constants:
            code = self._constants[code.id]
        place = self._place(code)
        if isinstance(node, Map):
            pairs = zip(code.keys, code.values, strict=True) if isinstance(code, ast.Dict) else ()
            written = {str(key.value): (key, value) for key, value in pairs if isinstance(key, ast.Constant)}
            entries = []
            for entry in node.entries:
                key, value = written.get(entry.key.value, (code, code))
                entries.append(Entry(self._text(entry.key, key), self._at(entry.value, value)))
            return Map(tuple(entries), place)
        if isinstance(node, Seq):
            items = code.elts if isinstance(code, ast.List | ast.Tuple) else []
            each_code = items if len(items) == len(node.items) else [code] * len(node.items)
            return Seq(tuple(map(self._at, node.items, each_code)), place)
        return self._text(node, code)

    def _text(self, text: Text, code: ast.expr) -> Text:
        """All characters are at the beginning of the value, unless it is written as one literal without escapes."""
        place = self._place(code)
        start = place.column
        is_literal = self._lines[place.line - 1][start : start + len(text.value)] == text.value
        origins = () if is_literal and text.quoted else ((place.line, place.column),)
        return text._replace(place=place, origins=origins)

    def _place(self, code: ast.expr | ast.keyword) -> Place:
        line = self._lines[code.lineno - 1].encode()
        column = len(line[: code.col_offset].decode())
        end = code.end_col_offset if code.end_lineno == code.lineno else None
        return Place(self._path, code.lineno, column + 1, max(1, len(line[:end].decode()) - column))


def _params(tree: ast.Module, function: str) -> Iterator[tuple[str, ast.keyword]]:
    """The arguments after the call, each with its default."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function:
            each = [*node.args.posonlyargs, *node.args.args]
            given = [*[None] * (len(each) - len(node.args.defaults)), *node.args.defaults]
            pairs = [*zip(each, given, strict=True), *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)][1:]
            keys: list[ast.expr | None] = [ast.copy_location(ast.Constant(arg.arg), arg) for arg, _ in pairs]
            values = [default or arg.annotation or ast.copy_location(ast.Constant(""), arg) for arg, default in pairs]
            yield (
                "params",
                ast.copy_location(ast.keyword("params", ast.copy_location(ast.Dict(keys, values), node)), node),
            )


def _constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
            case _:
                pass


def _arguments(tree: ast.Module, function: str) -> Iterator[tuple[str, ast.keyword]]:
    """Those that are added to others come first."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name != function:
            continue
        keywords = [each for call in node.decorator_list if isinstance(call, ast.Call) for each in call.keywords]
        for keyword in sorted(keywords, key=lambda each: each.arg not in _WORDS):
            if keyword.arg is not None:
                yield _WORDS.get(keyword.arg, keyword.arg), keyword

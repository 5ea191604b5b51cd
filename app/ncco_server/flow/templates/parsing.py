"""Parses the texts of a project, each once, with the files of templates/ that they include."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.nodes import Place
from ncco_server.flow.templates.syntax import SyntaxFault, read_template
from ncco_server.flow.templates.tree import FOLDER, MAX_FILE, Located, Template, TemplateFile, Token, missing_file

MAX_INCLUDES: Final = 50
"""The limit of a value; our choice."""


class ParsedText(NamedTuple):
    """A text with everything that it includes. `files` are all files that were read for it, even those with errors."""

    template: Template
    issues: tuple[FlowIssue, ...]
    files: frozenset[str]


class Templates(UserDict[str, str]):
    """The files of templates/ by name, and the parsed texts that may include them.

    Records which files are read, since these are part of a flow's revision. `parsed` does not count as reading.
    """

    def __init__(self, files: Mapping[str, str] | None = None) -> None:
        super().__init__(files)
        self._used: dict[str, str] = {}
        self._unused = dict.fromkeys(self.data)
        self._parsed: dict[tuple[str, Place, str], ParsedText] = {}

    def read(self, text: Located, zone: str) -> ParsedText:
        """Like `parsed`, but the files that the text includes count as read."""
        parsed = self.parsed(text, zone)
        self._record(parsed.files)
        return parsed

    def parsed(self, text: Located, zone: str) -> ParsedText:
        """Do not change the tree: every later call returns it too."""
        key = text.value, text.at(0), zone
        if key not in self._parsed:
            self._parsed[key] = _parse(text, zone, self.data)
        return self._parsed[key]

    def unused(self) -> tuple[str, ...]:
        return tuple(self._unused)

    def pop_used(self) -> dict[str, str]:
        """Path → text of the files read since the last call of this method."""
        used = self._used
        self._used = {}
        return dict(sorted(used.items()))

    def _record(self, names: Iterable[str]) -> None:
        for name in names:
            self._used[f"{FOLDER}{name}"] = self.data[name]
            self._unused.pop(name, None)

    def __getitem__(self, name: str) -> str:
        text = self.data[name]
        self._record([name])
        return text


def _parse(text: Located, zone: str, files: Mapping[str, str]) -> ParsedText:
    template = Template(text, zone)
    includes = _Includes(template, files, (text.name,) if isinstance(text, TemplateFile) else ())
    template.body = includes.read(text)
    return ParsedText(template, tuple(includes.issues), frozenset(includes.asked))


class _Includes(NodeTransformer):
    """Replaces every `include` with the tree of the included file.

    `inside` are the files that are being read, outermost first: none must include itself (E323).
    """

    def __init__(self, template: Template, files: Mapping[str, str], inside: tuple[str, ...]) -> None:
        self.template = template
        self.template.files.update(inside)
        self.files = files
        self.inside = inside
        self.asked: set[str] = set()
        self.issues: list[FlowIssue] = []
        self.count = 0

    def read(self, text: Located) -> list[nodes.Node]:
        try:
            tree = nodes.Template(read_template(self.template, text))
        except SyntaxFault as error:
            self._report(error.code, error.at, error.message, error.cure)
            return []
        if "include" in text.value:
            self.generic_visit(tree)
        return tree.body

    def visit_Include(self, node: nodes.Include) -> nodes.Node | None:
        """Names that the file sets exist only in the nodes' own scope."""
        name = node.template.value if isinstance(node.template, nodes.Const) else ""
        where = self.template.written_as(node.template)
        if name not in self.files:
            self._report("E323", where, *missing_file(name, self.files))
            return None
        self.count += 1
        if name in self.inside:
            circle = " → ".join((*self.inside[self.inside.index(name) :], name))
            self._report("E323", where, f"includes itself: {circle}")
        elif self.count > MAX_INCLUDES:
            self._report("E311", where, f"more than {MAX_INCLUDES} includes")
        else:
            self.asked.add(name)
            return self._included(node, name, where)
        return None

    def _included(self, node: nodes.Include, name: str, where: Token) -> nodes.Node | None:
        text = self.files[name]
        if len(text) > MAX_FILE:
            self._report("E311", where, f"{name} has more than {MAX_FILE:,} characters")
            return None
        self.template.files.add(name)
        inside = self.inside
        self.inside = (*inside, name)
        body = self.read(TemplateFile(name, text))
        self.inside = inside
        return nodes.Scope(body, lineno=node.lineno)

    def _report(self, code: str, where: Token, message: str, cure: str | None = None) -> None:
        self.issues.append(RULES[code].at(self.template.place(where), message, cure))

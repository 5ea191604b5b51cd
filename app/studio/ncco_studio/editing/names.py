"""The names in a project, with their definitions and uses: for completion, definitions, renaming and symbols."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from ncco_server.flow.files import is_flow_file
from ncco_server.flow.grammar.reader import items
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.nodes import LINE_BREAK, Map, Node, Place, Text, text_of
from ncco_server.flow.source import read_yaml
from ncco_server.flow.source.source_file import EXPRESSION_KEYS, SourceFile
from ncco_studio.editing.words import words_of

NameKind: TypeAlias = Literal[
    "flows", "steps", "variables", "lookups", "hooks", "results", "hours", "locales", "outcomes", "templates"
]
NAME_KINDS: Final[tuple[NameKind, ...]] = get_args(NameKind)
NOUNS: Final[Mapping[str, str]] = {
    "flows": "flow",
    "steps": "step",
    "variables": "variable",
    "lookups": "lookup",
    "hooks": "hook",
    "results": "result",
    "hours": "opening hours",
    "locales": "locale",
    "outcomes": "outcome",
    "templates": "template",
}

_SECTIONS: Final[Mapping[str, NameKind]] = {
    "steps": "steps",
    "vars": "variables",
    "params": "variables",
    "lookups": "lookups",
    "hooks": "hooks",
    "results": "results",
    "hours": "hours",
    "locales": "locales",
}
_TEMPLATES: Final = "templates/"
_OF_A_FLOW: Final = frozenset({"steps", "variables", "outcomes"})
_IN_BRACES: Final = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
_IDENTIFIER: Final = re.compile(r"\"[^\"]*\"|'[^']*'|[|.]\s*\w+|(?<!\w)(hours\.)?([A-Za-z_]\w*)")
_TOP: Final = re.compile(r"([A-Za-z_]\w*)[ \t]*:[ \t]*[\"']?([\w-]*)")
_BELOW: Final = re.compile(r"([ ]+)[\"']?([\w-]+)[\"']?[ \t]*:")


class Name(NamedTuple):
    """One occurrence of a name. `node` is the definition; None for a use."""

    kind: NameKind
    name: str
    place: Place
    is_definition: bool
    node: Node | None = None


class FileNames(NamedTuple):
    """The names of one file; `flow` is "" for a shared file and for a template.

    `problem` says why the file, which may have more names, could not be read.
    """

    path: str
    flow: str
    names: tuple[Name, ...]
    problem: FlowIssue | None = None


class ProjectNames:
    """The names of a project. Unchanged files are not read again."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.files = {path: names_in_file(path, text) for path, text in texts.items() if is_flow_file(path)}
        self.templates = {
            path: names_in_template(path, text) for path, text in sorted(texts.items()) if path.startswith(_TEMPLATES)
        }
        self.definitions = cache(self._definitions_for)

    def _definitions_for(self, kind: NameKind, file: str) -> dict[str, Name]:
        """Its own definitions win over those of shared files."""
        found: dict[str, Name] = {}
        if kind == "templates":
            for path in self.templates:
                file_name = path.removeprefix(_TEMPLATES)
                found[file_name] = Name(kind, file_name, Place(path, 1, 1), is_definition=True)
        for each in sorted(self.files.values(), key=lambda each: each.path != file):
            is_visible = each.path == file or kind == "flows" or (not each.flow and kind not in _OF_A_FLOW)
            for name in each.names if is_visible else ():
                if name.kind == kind and name.is_definition:
                    found.setdefault(name.name, name)
        return found

    def all_of(self, kind: NameKind) -> dict[str, Name]:
        if kind == "templates":
            return self.definitions(kind, "")
        return {
            name.name: name
            for file in self.files.values()
            for name in file.names
            if name.is_definition and name.kind == kind
        }

    def offered(self) -> dict[str, list[str]]:
        return {kind: sorted(self.all_of(kind)) for kind in NAME_KINDS}

    def users_of(self, template: str) -> list[str]:
        files = self.files.values()
        return sorted(file.path for file in files if any(name[:2] == ("templates", template) for name in file.names))

    def definition_at(self, file: str, line: int, column: int) -> Name | None:
        """Return None if there is no name."""
        named = [name for name in self._names_in(file) if name.place.covers(line, column)]
        found = (self.definitions(name.kind, user).get(name.name) for user in self._readers_of(file) for name in named)
        return next(filter(None, found), None)

    def occurrences(self, definition: Name) -> list[Name]:
        """Include the definition; sorted by place."""
        kind = definition.kind
        written = definition.name
        place = definition.place
        found: dict[Place, Name] = {}
        for file in (*self.files, *self.templates):
            names = [name for name in self._names_in(file) if name[:2] == (kind, written)]
            defined = [self.definitions(kind, user).get(written) for user in self._readers_of(file)] if names else []
            if any(each is not None and each.place == place for each in defined):
                found |= {name.place: name for name in names if name.place not in found}
        return [found[place] for place in sorted(found)]

    def _names_in(self, file: str) -> tuple[Name, ...]:
        known = self.files.get(file) or self.templates.get(file)
        return known.names if known else ()

    def _readers_of(self, file: str) -> list[str]:
        """The file itself; for a template, the files that use it, or else all."""
        if file not in self.templates:
            return [file]
        return self.users_of(file.removeprefix(_TEMPLATES)) or list(self.files)


@lru_cache(maxsize=1024)
def names_in_file(path: str, text: str) -> FileNames:
    """If the file is not YAML, only the definitions that its indentation shows."""
    node, issues = read_yaml(path, text)
    if not isinstance(node, Map):
        return _scanned(path, text)._replace(problem=issues[0] if node is None and issues else None)
    names = (*_defined(node), *_used(node))
    return FileNames(path, text_of(node.get("flow")), names)


@lru_cache(maxsize=1024)
def names_in_template(path: str, text: str) -> FileNames:
    source = SourceFile(path, text)
    found = (
        Name(kind, name, source.place(at, at + len(name)), is_definition=False)
        for at, name, kind in _identifiers(_in_braces(source.text))
    )
    return FileNames(path, "", tuple(found))


def _defined(root: Map) -> Iterator[Name]:
    flow = root.get("flow")
    if isinstance(flow, Text):
        yield Name("flows", flow.value, flow.at(0, len(flow.value)), is_definition=True, node=root)
    for section, kind in _SECTIONS.items():
        declared = root.get(section)
        for key, value in declared.entries if isinstance(declared, Map) else ():
            yield Name(kind, key.value, key.at(0, len(key.value)), is_definition=True, node=value)
    for item in items(root.get("outcomes")):
        if isinstance(item, Text):
            yield Name("outcomes", item.value, item.at(0, len(item.value)), is_definition=True, node=item)


def _used(root: Map) -> Iterator[Name]:
    for word in words_of(root):
        text = word.text
        place = word.text.at(0, len(word.text.value))
        offered = "offered_words" if word.is_key else "offered"
        kinds = {schema[offered] for schema in word.schemas if offered in schema}
        for kind in (kind for kind in NAME_KINDS if kind in kinds and text.value):
            yield Name(kind, text.value, place, is_definition=word.path[-2:] == ("collect", "into"))
        if not word.is_key:
            expressions = [(0, text.value)] if word.key in EXPRESSION_KEYS else _in_braces(text.value)
            for at, name, kind in _identifiers(expressions):
                yield Name(kind, name, text.at(at, len(name)), is_definition=False)


def _identifiers(expressions: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, NameKind]]:
    for start, expression in expressions:
        for found in _IDENTIFIER.finditer(expression):
            kinds: tuple[NameKind, ...] = ("hours",) if found[1] else ("variables", "lookups")
            yield from ((start + found.start(2), found[2], kind) for kind in kinds if found[2])


def _in_braces(text: str) -> Iterator[tuple[int, str]]:
    return ((found.start(found.lastindex or 0), found[found.lastindex or 0]) for found in _IN_BRACES.finditer(text))


def _scanned(path: str, text: str) -> FileNames:
    """Definitions in a file that is not YAML: keys of one indentation below a section."""
    names: list[Name] = []
    flow = ""
    kind = None
    indent = 0
    for number, line in enumerate(LINE_BREAK.split(text), 1):
        if top := _TOP.match(line):
            kind = _SECTIONS.get(top[1])
            indent = 0
            if top[1] == "flow" and top[2]:
                flow = top[2]
                names.append(Name("flows", flow, Place(path, number, top.start(2) + 1, len(flow)), is_definition=True))
        elif kind and (below := _BELOW.match(line)):
            indent = indent or len(below[1])
            if len(below[1]) == indent:
                place = Place(path, number, below.start(2) + 1, len(below[2]))
                names.append(Name(kind, below[2], place, is_definition=True))
    return FileNames(path, flow, tuple(names))

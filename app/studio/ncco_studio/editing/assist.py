"""Completions, hover texts and definitions in flow files, for editors and language servers.

Lines and columns count from 1, in characters. `texts` are all files of a project. No function raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final, NamedTuple

from ncco_server.flow.grammar.forms import BRACES
from ncco_server.flow.language.flow import read_flow, read_head
from ncco_server.flow.language.outcomes import ERROR
from ncco_server.flow.language.shared import Context, is_shared, read_shared
from ncco_server.flow.language.step import EXITS
from ncco_server.flow.nodes import LINE_BREAK, Map, Node, Place, Seq, Text, text_of
from ncco_server.flow.scope import ScopeTypes, scope_types
from ncco_server.flow.source import read_yaml
from ncco_server.flow.source.source_file import EXPRESSION_KEYS
from ncco_server.flow.templates.filters import FILTERS, Filter
from ncco_server.flow.templates.parsing import Templates
from ncco_server.ncco.languages import LANGUAGE_NAMES, RECOGNISED, VOICES
from ncco_server.ncco.value_types import JsonSchema, record
from ncco_studio.editing.names import NAME_KINDS, NOUNS, Name, NameKind, ProjectNames
from ncco_studio.editing.words import MARK, Cursor, WrittenWord, alternatives, cursors, member_schemas, words_of

LONGEST_EXCERPT: Final = 80
"""Characters of a prompt in a hover text."""

_ANYTHING: Final = Text(MARK, Place("", 1, 1))
_EXITS: Final = frozenset(kind.word for kind in EXITS)
_LIKELY_EXITS: Final = tuple(dict.fromkeys(("goto", "choices", "on", "branch", *(kind.word for kind in EXITS))))
_LIKELY_IN_DO: Final = ("talk", "connect", "stream", "record", "text", "number", "timeout")
_OPERATORS: Final = ("and", "or", "not", "in", "is defined", "true", "false")
_BRACES: Final = re.compile(r"\{\{|\{%")
_FILTER: Final = re.compile(r"\|\s*(\w*)$")
_MEMBER: Final = re.compile(r"((?:[A-Za-z_]\w*\.)+)(\w*)$")
_COMPARED: Final = re.compile(r"([\w.]+)\s*(?:==|!=)\s*[\"'](\w*)$")
_NAME: Final = re.compile(r"(\w*)$")
_CHILD: Final = re.compile(r"([ ]+)([\w\"'-]+)[ \t]*:")
_PATH: Final = re.compile(r"(\|\s*)?([A-Za-z_]\w*(?:\.\w+)*)")


class Completion(NamedTuple):
    """One possible completion.

    Attributes:
        kind: `key`, `value`, `name`, `field`, `filter`, or the noun of a definition: `step`, `lookup`, ...
        insert: the text that replaces the text from `Completions.column` to the cursor.
    """

    label: str
    kind: str
    detail: str
    insert: str


class Completions(NamedTuple):
    """The completions at the cursor; each replaces the text from `column` on."""

    column: int
    options: tuple[Completion, ...]


def completions(texts: Mapping[str, str], file: str, line: int, column: int, env: Iterable[str] = ()) -> Completions:
    """All that can be written at a place; the editor picks what matches. `env` has the flows' settings."""
    text = texts.get(file, "")
    project = _Project(texts, file, line, env)
    if file.startswith("templates/"):
        expression = _open_expression(_before(text, line, column))
        start, options = (column, []) if expression is None else _in_expression(expression, column, project.scope)
        return Completions(start, tuple(options))
    found: dict[str, Completion] = {}
    start = column
    for cursor in cursors(text, line, column):
        start, options = _at_cursor(cursor, column, project)
        if file.endswith(".json"):
            options = [_as_json(option, cursor.word.text) for option in options]
        found |= {option.label: option for option in options if option.label not in found}
    return Completions(start, tuple(found.values()))


def _as_json(option: Completion, word: Text) -> Completion:
    """Leave out quotes if the cursor is inside quotes."""
    text = option.insert.removesuffix(": ")
    if word.quoted or text in ("true", "false") or text.lstrip("-").isdigit():
        return option._replace(insert=text)
    return option._replace(insert=f'"{text}"{": " if text != option.insert else ""}')


class _Project:
    """A project with a line being edited, and the names that its file can use."""

    def __init__(self, texts: Mapping[str, str], file: str, line: int, env: Iterable[str] = ()) -> None:
        self.texts = {**texts, file: _readable(file, texts.get(file, ""), line)}
        self.file = file
        self.env = frozenset(env)
        self.names = ProjectNames(self.texts)

    @property
    def scope(self) -> ScopeTypes:
        """That of a template has the names of all flows that use it."""
        shared = tuple((path, self.texts[path]) for path, names in sorted(self.names.files.items()) if not names.flow)
        users = self.names.users_of(self.file.removeprefix("templates/")) or [self.file]
        scopes = [_scope(user, self.texts[user], shared) for user in users]
        return ScopeTypes({name: kind for scope in scopes for name, kind in scope.types.items()}, env=self.env)

    def lines_of(self, step: str | int) -> tuple[str, ...]:
        """Return () for a step that cannot be read."""
        found = self.names.definitions("steps", self.file).get(str(step))
        if found is None or not isinstance(found.node, Map) or not found.node.entries:
            return ()
        words = found.node.keys()
        kind = next((kind for kind in EXITS if kind.word in words), EXITS[-1])
        return (*kind.lines_beside(found.node, self.outcomes_of), ERROR)

    def outcomes_of(self, flow: str) -> list[str]:
        files = (file for file in self.names.files.values() if file.flow == flow)
        return [name.name for file in files for name in file.names if name.kind == "outcomes" and name.is_definition]

    def named(self, kind: NameKind) -> Iterator[Completion]:
        for name in self.names.definitions(kind, self.file).values():
            yield Completion(name.name, NOUNS[kind], described(name), name.name)
        if kind == "outcomes":
            for name in self.names.all_of(kind).values():
                yield Completion(name.name, NOUNS[kind], f"an outcome declared in {name.place.file}", name.name)


def _at_cursor(cursor: Cursor, column: int, project: _Project) -> tuple[int, list[Completion]]:
    word = cursor.word
    start = column - len(cursor.before.rpartition("\n")[2])
    if word.is_key:
        return start, [*_keys(word, cursor, project)]
    is_bare = word.key in EXPRESSION_KEYS
    expression = cursor.before if is_bare else _open_expression(cursor.before)
    if expression is not None:
        return _in_expression(expression, column, project.scope)
    return start, [*_values(word, project), *_spoken(word, project)]


def _keys(word: WrittenWord, cursor: Cursor, project: _Project) -> Iterator[Completion]:
    written = set(word.map.keys()) if word.map else set()
    ending = "" if word.text.quoted or cursor.after else ": "
    lines = project.lines_of(word.path[1]) if word.path[:1] == ("steps",) and word.path[2:3] == ("on",) else ()
    known = dict.fromkeys(key for schema in word.schemas for key in schema.get("properties", {}))
    for key in lines or sorted(known, key=_likely(word, written)):
        if key not in written:
            about = about_key([*member_schemas(word.schemas, key)])
            yield Completion(key, "key" if key in known else "outcome", about, f"{key}{ending}")
    for schema in word.schemas:
        if not lines and (kind := schema.get("offered_words")) in NAME_KINDS:
            for option in project.named(kind):
                if option.label not in written:
                    yield option._replace(insert=f"{option.label}: ")


def _likely(word: WrittenWord, written: Collection[str]) -> Callable[[str], int]:
    """The most useful keys first; the others in the order of the reference."""
    first: Sequence[str] = ()
    if word.path[:1] == ("steps",) and len(word.path) == len(("steps", "name", "key")):
        exit_ = next((kind for kind in EXITS if kind.word in written), None)
        first = ("do", *(exit_.form.words() if exit_ else _LIKELY_EXITS))
    elif word.path[2:3] == ("do",):
        first = _LIKELY_IN_DO
    return lambda key: first.index(key) if key in first else len(first)


def _values(word: WrittenWord, project: _Project) -> Iterator[Completion]:
    for schema in word.schemas:
        default = schema.get("default")
        if (kind := schema.get("offered")) in NAME_KINDS:
            yield from project.named(kind)
            for more in schema["more"]:
                yield Completion(more, "value", _MORE.get(more, ""), more)
        for value in [schema["const"]] if "const" in schema else filter(None, schema.get("enum", ())):
            yield Completion(str(value), "value", "the default" if value == default else "", str(value))
        if "boolean" in (types := schema.get("type", ())) and "number" not in types:
            for flag in (True, False):
                shown = str(flag).lower()
                yield Completion(shown, "value", "the default" if flag is default else "", shown)


def _spoken(word: WrittenWord, project: _Project) -> Iterator[Completion]:
    match word.path:
        case ("locales", _, "speech") | (*_, "speech" | "transcription", "language"):
            codes: Iterable[str] = RECOGNISED
        case (*_, "language"):
            codes = VOICES
        case (*_, "set", "locale"):
            yield from project.named("locales")
            return
        case (*_, "style"):
            voice = VOICES.get(text_of(word.map.get("language"))) if word.map else None
            codes = map(str, sorted(voice.styles)) if voice else ()
        case _:
            return
    yield from (Completion(code, "value", _LANGUAGES.get(code, ""), code) for code in codes)


_LANGUAGES: Final = {code: name.title() for name, code in LANGUAGE_NAMES.items()}
_MORE: Final = {"end": "the call ends", "return": "back to the flow that ran this one"}


def _in_expression(before: str, column: int, scope: ScopeTypes) -> tuple[int, list[Completion]]:
    if found := _FILTER.search(before):
        return column - len(found[1]), [Completion(name, "filter", signature(name), name) for name in FILTERS]
    if found := _COMPARED.search(before):
        kind = scope.type_at(found[1].split("."))
        return column - len(found[2]), [Completion(each, "value", "", each) for each in (kind.words if kind else ())]
    if found := _MEMBER.search(before):
        if found[1] == "env.":
            settings = [Completion(name, "field", f"FLOW_{name}", name) for name in sorted(scope.env or ())]
            return column - len(found[2]), settings
        kind = scope.type_at(found[1][:-1].split("."))
        fields = kind.fields.items() if kind else ()
        return column - len(found[2]), [Completion(name, "field", type_.described, name) for name, type_ in fields]
    found = _NAME.search(before)
    names = [Completion(name, "name", kind.described, name) for name, kind in scope.types.items()]
    operators = [Completion(word, "value", "", word) for word in _OPERATORS]
    return column - len(found[1] if found else ""), [*names, *operators]


def _before(text: str, line: int, column: int) -> str:
    lines = LINE_BREAK.split(text)[:line]
    return "\n".join([*lines[:-1], lines[-1][: column - 1]])


def _open_expression(before: str) -> str | None:
    """Return None outside braces."""
    starts = [found.end() for found in _BRACES.finditer(before)]
    inside = before[starts[-1] :] if starts else "}}"
    return None if "}}" in inside or "%}" in inside else inside.removeprefix("-")


def signature(name: str) -> str:
    """Such as `text or number → text, written | digits(2)`."""
    known: Filter = FILTERS[name]
    takes = " or ".join(known.takes) or "anything"
    return f"{takes} → {known.gives.described if known.gives else 'the same'}, written {known.usage}"


def about_key(members: Iterable[JsonSchema]) -> str:
    """Such as `Text or list. Phrases that the caller may say.`."""
    described_by = next((schema["description"] for schema in members if "description" in schema), "")
    types: dict[str, None] = {}
    default = None
    for member in members:
        for schema in alternatives(member, _ANYTHING):
            types |= dict.fromkeys(_types_in(schema))
            default = schema.get("default", default)
            described_by = described_by or schema.get("description", "")
    shown = " or ".join(types)
    ending = "" if default is None else f"Default: {str(default).lower() if isinstance(default, bool) else default}."
    return " ".join(filter(None, (f"{shown}." if shown else "", described_by, ending)))


def _types_in(schema: JsonSchema) -> Iterator[str]:
    if schema.get("pattern") == BRACES or schema.get("offered_words") == "locales":
        return  # not worth showing: computed values and values by locale are allowed almost everywhere
    types = schema.get("type", ())
    first = types if isinstance(types, str) else next(iter(types), "")
    if kind := schema.get("offered"):
        yield f"name of {'an' if NOUNS[kind].startswith('o') else 'a'} {NOUNS[kind]}"
    elif words := schema.get("enum"):
        yield "true or false" if "true" in words else ", ".join(map(str, filter(None, words)))
    elif {"minimum", "maximum"} <= schema.keys():
        yield f"number from {schema['minimum']} to {schema['maximum']}"
    elif first:
        yield _TYPES.get(first, first)


_TYPES: Final = {"object": "map", "array": "list", "string": "text", "boolean": "true or false", "integer": "number"}


def described(name: Name) -> str:
    match name.kind, name.node:
        case "steps", Map() as step:
            return _played(step)
        case "lookups", Map() as lookup:
            returns = lookup.get("returns")
            return f"returns {_written(returns)}" if returns else "a lookup"
        case "variables", Map() as declared:
            return _written(declared.get("type"))
        case "variables" | "results", Text() as text:
            return text.value
        case "hooks" | "hours" | "locales", Map() as declared:
            return _cut(", ".join(f"{key.value}: {_written(value)}" for key, value in declared.entries))
    return f"a {NOUNS[name.kind]}" if name.node else ""


def _played(step: Map) -> str:
    do = step.get("do")
    item = do.items[0] if isinstance(do, Seq) and do.items else None
    heard = ""
    if isinstance(item, Map) and item.entries:
        heard = _cut(f"{item.entries[0].key.value} {_written(item.entries[0].value)}")
    ends = [f"{key.value} {_written(value)}" for key, value in step.entries if key.value in _EXITS]
    return ", then ".join(filter(None, (heard, *map(_cut, ends[:1]))))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_EXCERPT else f"{text[: LONGEST_EXCERPT - 1]}…"


def _written(node: Node | None) -> str:
    match node:
        case Text():
            return f'"{node.value}"' if node.quoted else node.value
        case Seq():
            return f"[{', '.join(map(_written, node.items))}]"
        case Map():
            return f"{{{', '.join(f'{key.value}: {_written(value)}' for key, value in node.entries)}}}"
    return ""


def hover(texts: Mapping[str, str], file: str, line: int, column: int) -> str | None:
    """Return None if there is nothing to say."""
    text = texts.get(file, "")
    project = _Project(texts, file, line)
    node, _ = read_yaml(file, project.texts[file])
    words = words_of(node) if node is not None and not file.startswith("templates/") else ()
    word = next((word for word in words if word.text.place.covers(line, column)), None)
    defined = project.names.definition_at(file, line, column)
    if defined is not None:
        return ": ".join(filter(None, (f"{NOUNS[defined.kind]} {defined.name}", described(defined))))
    if word is None:
        is_computed = file.startswith("templates/") and _open_expression(_before(text, line, column)) is not None
        return _about_expression(text, line, column, project.scope) if is_computed else None
    if word.is_key:
        return about_key([*member_schemas(word.schemas, word.text.value)]) or None
    return _about_expression(text, line, column, project.scope)


def _about_expression(text: str, line: int, column: int, scope: ScopeTypes) -> str | None:
    lines = LINE_BREAK.split(text)
    for found in _PATH.finditer(lines[line - 1]) if line <= len(lines) else ():
        if found.start(2) < column <= found.end(2) + 1:
            if found[1] and found[2] in FILTERS:
                return f"filter {found[2]}: {signature(found[2])}"
            path = found[2][: column - 1 - found.start(2)] + found[2][column - 1 - found.start(2) :].partition(".")[0]
            kind = scope.type_at(path.split("."))
            return f"{path}: {kind.described}" if kind else None
    return None


def definition(texts: Mapping[str, str], file: str, line: int, column: int) -> Place | None:
    """Return None if there is no name."""
    defined = _Project(texts, file, line).names.definition_at(file, line, column)
    return defined.place if defined else None


def _readable(file: str, text: str, line: int) -> str:
    """Leave out the cursor's line or its step if the text is not YAML otherwise."""
    if file.startswith("templates/"):
        return text
    lines = LINE_BREAK.split(text)
    for tried in (lines, [*lines[: line - 1], "", *lines[line:]], _without_block(lines, line - 1)):
        joined = "\n".join(tried)
        if read_yaml(file, joined)[0] is not None:
            return joined
    return text


def _without_block(lines: list[str], at: int) -> list[str]:
    """`at` counts from 0."""
    heads = [(number, found) for number, each in enumerate(lines) if (found := _CHILD.match(each))]
    inner = min((len(found[1]) for _, found in heads), default=0)
    numbers = [number for number, found in heads if len(found[1]) == inner]
    first = max((number for number in numbers if number <= at), default=None)
    if first is None:
        return lines
    begins = (
        number for number, each in enumerate(lines) if number > first and (number in numbers or re.match(r"\w", each))
    )
    last = next(begins, len(lines))
    head = lines[first].partition(":")[0]
    return [*lines[:first], f"{head}: {{}}", *[""] * (last - first - 1), *lines[last:]]


@lru_cache(maxsize=64)
def _scope(file: str, text: str, shared: tuple[tuple[str, str], ...]) -> ScopeTypes:
    context = _context(shared)
    node, _ = read_yaml(file, text)
    head = read_head(node, []) if isinstance(node, Map) and not is_shared(node) else None
    if head is not None:
        return read_flow(head, replace(context, templates=Templates()), []).reader.scope
    scope = scope_types({}).with_name(
        "hours", record({name: each.type for name, each in context.shared.calendars.items()})
    )
    for name, lookup in context.shared.lookups.items():
        scope = scope.with_name(name, lookup.type)
    return scope


@lru_cache(maxsize=8)
def _context(shared: tuple[tuple[str, str], ...]) -> Context:
    nodes = (read_yaml(path, text)[0] for path, text in shared)
    return read_shared([(node, []) for node in nodes if isinstance(node, Map)], Context(Templates()))

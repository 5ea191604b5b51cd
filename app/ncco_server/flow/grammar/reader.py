"""Reads the nodes of a flow file; checks required and unknown keys, types and references to names.

Nothing here raises, so that one load finds all errors: methods add them to `issues` and return None.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from ncco_server.flow.issues import RULES, FlowIssue, did_you_mean, meant_word, write_one_of
from ncco_server.flow.nodes import NOWHERE, Entry, Map, Node, Place, Seq, Text
from ncco_server.flow.scope import ScopeTypes, Signature, Variable
from ncco_server.flow.templates.compiler import compile_expression, compile_value
from ncco_server.flow.templates.parsing import Templates
from ncco_server.flow.templates.values import Expression, Value
from ncco_server.flow.values import leaves
from ncco_server.issue import listed as phrase
from ncco_server.ncco.actions import SHAPES
from ncco_server.ncco.value_types import Escape, Kind
from ncco_server.suggest import is_same, nearest

N = TypeVar("N", Text, Map, Seq)

_ELSEWHERE: Final[Mapping[str, str]] = {
    word: home
    for words, home in yaml.load(Path(__file__).with_name("elsewhere.yaml").read_bytes(), yaml.CSafeLoader).items()
    for word in words.split()
}
"""Words of the language, in lower case, with where they belong."""

OPTION_OWNERS: Final[Mapping[str, list[str]]] = {
    name.lower(): [f"`{title}`" for title, shape in SHAPES.items() if name in shape.options]
    for name in dict.fromkeys(name for shape in SHAPES.values() for name in shape.options)
}
"""The options of actions, in lower case, with the actions that have them."""

_USES: Final = {
    "flows": ("flow", "{{run: {0}}}", 'await call.goto("{0}")'),
    "hooks": ("hook", "send: {0}", 'await call.send("{0}")'),
    "lookups": ("lookup", "lookup: {0}", ""),
    "results": ("result", "result: {0}", 'await call.result("{0}")'),
    "steps": ("step", "goto: {0}", ""),
    "tables": ("table", "save: {{table: {0}, ..}}", 'await call.save("{0}", ..)'),
}
"""How a name of each kind is used in a flow file and in Python."""

_NODE_TYPES = {Text: "a text", Map: "a map", Seq: "a list"}


@dataclass(slots=True)
class Reader:
    """Reads nodes and reports their errors. It knows no names; `zone` is an IANA name, or ""."""

    issues: list[FlowIssue] = field(default_factory=list)
    zone: str = ""

    def report(self, code: str, place: Place, message: str, cure: str | None = None, names: Iterable[str] = ()) -> None:
        """By default the issue has the fix of its rule."""
        self.issues.append(RULES[code].at(place, message, cure, names))

    def map(self, node: Node, what: str, cure: str | None = None) -> Map | None:
        return self._of_type(node, Map, what, cure)

    def seq(self, node: Node, what: str) -> Seq | None:
        return self._of_type(node, Seq, what, None)

    def text(self, node: Node, what: str, cure: str | None = None) -> Text | None:
        return self._of_type(node, Text, what, cure)

    def _of_type(self, node: Node, wanted: type[N], what: str, cure: str | None) -> N | None:
        if isinstance(node, wanted):
            return node
        cure = cure or f"write {_NODE_TYPES[wanted]} here"
        self.report("E201", node.place, f"{what} is {_NODE_TYPES[type(node)]}", cure)
        return None

    def entries(self, node: Node | None, what: str, cure: str | None = None) -> tuple[Entry, ...]:
        """Return () if the node is missing, or is not a map (E201)."""
        found = None if node is None else self.map(node, what, cure)
        return found.entries if found else ()

    def unknown(
        self,
        code: str,
        text: Text,
        known: Iterable[str],
        message: str,
        cure: str | None = None,
        *,
        names: Iterable[str] = (),
    ) -> None:
        """The default fix is the nearest known word, or else the whole list; `names` are as in `FlowIssue`."""
        known = tuple(known)
        if has_braces(text):
            chosen = "to choose one, write `branch: [{if: .., goto: ..}, {else: ..}]`"
            cure = f"a name cannot be computed: {write_one_of(known)}; {chosen}"
        cure = cure or meant_word(text.value, known, write_one_of(known))
        self.report(code, text.place, message, cure, names)

    def home_of(self, word: str) -> str | None:
        return elsewhere(word)

    def check_name(
        self,
        name: Text,
        what: str,
        pattern: re.Pattern[str],
        cure: str | None = None,
        *,
        taken: Collection[str] = (),
        taken_cure: str | None = None,
    ) -> bool:
        """Report E205 if the name is taken or has invalid characters."""
        if name.value in taken:
            self.report("E205", name.place, f'{what} cannot be named "{name.value}"', taken_cure)
        elif not pattern.fullmatch(name.value):
            self.report("E205", name.place, f'{what} cannot be named "{name.value}"', cure)
        else:
            return True
        return False

    def literal(self, node: Node, kind: Kind, what: str, *, fix: str | None = None) -> Any:
        """Report E203 if the text is not valid for the type."""
        text = self.text(node, what, kind.cure or f"write {kind.described}")
        if text is None:
            return None
        try:
            return kind.literal(text.value)
        except ValueError as error:
            cure = kind.cure or str(error)
            self.report(
                "E203",
                text.place,
                f'{what} cannot be "{text.value}"',
                fix or cure,
            )
            return None


@dataclass(slots=True, kw_only=True)
class Resolver(Reader):
    """A reader that knows the names that its nodes may use, from this flow and other files.

    Attributes:
        steps: all steps of the flow, sorted; empty outside of a flow.
        has_all_flows: `flows` is complete. In a stored revision, it lacks flows that hooks place calls with.
        locales: empty if the flow speaks one language.
        language: that of spoken values (BCP 47).
    """

    scope: ScopeTypes
    templates: Templates = field(default_factory=Templates)
    steps: Mapping[str, Place] = field(default_factory=dict)
    variables: Mapping[str, Variable] = field(default_factory=dict)
    flows: Mapping[str, Signature] = field(default_factory=dict)
    has_all_flows: bool = True
    locales: Mapping[str, Any] = field(default_factory=dict)
    lookups: Mapping[str, Any] = field(default_factory=dict)
    hooks: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Any] = field(default_factory=dict)
    language: str = "en-US"
    own: Signature | None = None
    inherited: Mapping[str, Map] = field(default_factory=dict)

    def use_of(self, name: Text) -> str | None:
        for names, (noun, *forms) in _USES.items():
            if name.value in getattr(self, names) and (form := forms[name.place.is_in_python]):
                return f'"{name.value}" is a {noun}: write `{form.format(name.value)}`'
        return None

    def value(self, node: Node, type_: Kind, escape: Escape, what: str) -> Value | None:
        text = self.text(node, what)
        if text is None:
            return None
        value, issues = compile_value(
            text, type_, escape, self.scope, self.templates, what=what, language=self.language
        )
        self.issues.extend(issues)
        return value

    def refuse_secrets(self, value: Value, fate: str) -> None:
        """Report E331 for callers' secrets, which would be sent or stored. `fate` names that."""
        for leaf in leaves(value):
            for name in sorted(leaf.used_names & self.scope.secrets):
                self.report("E331", leaf.place, f"{name} would be {fate}; it is {self.scope.unspoken[name]}")

    def warn_of_own_name(self, entry: Entry) -> None:
        """Report W305 for text that only repeats its key, as in `reason: reason`, if a variable has that name."""
        if isinstance(entry.value, Text) and entry.value.value == entry.key.value:
            self.warn_of_name(entry.value)

    def warn_of_name(self, node: Node) -> None:
        """Report W305 for text without quotes that is only the name of a variable."""
        if isinstance(node, Text) and not node.quoted and node.value in self.variables:
            message = f'"{node.value}" is plain text here, not the value of {node.value}'
            braces = f"{{{{ {node.value} }}}}"
            self.report("W305", node.place, message, f'write "{braces}"', [node.value])

    def expression(self, node: Node, what: str) -> Expression | None:
        text = self.text(node, what)
        if text is None:
            return None
        expression, issues = compile_expression(text, self.scope, language=self.language)
        self.issues.extend(issues)
        return expression


@dataclass(frozen=True, slots=True)
class Fields:
    """The known words of one map.

    Attributes:
        what: its name in messages, e.g. `step "menu"`.
        is_whole: no entry was left out as unknown, so missing words are really missing.
    """

    what: str
    place: Place
    keys: Mapping[str, Text]
    values: Mapping[str, Node]
    is_whole: bool = True

    def get(self, word: str) -> Node | None:
        return self.values.get(word)

    def at(self, word: str) -> Place:
        """The place of a word's key; of the map if the word is missing."""
        key = self.keys.get(word)
        return key.place if key else self.place

    def without(self, *words: str) -> Fields:
        return replace(self, values={word: node for word, node in self.values.items() if word not in words})

    def need(self, word: str, cure: str, reader: Reader) -> Node | None:
        """Report E204 if `word` is missing, unless an omitted entry may have been meant for it."""
        node = self.values.get(word)
        if node is None and self.is_whole:
            reader.report("E204", self.place, f"{self.what} has no `{word}`", cure, [word])
        return node


UNWRITTEN: Final = Fields("", NOWHERE, {}, {})


def read_fields(
    node: Map,
    known: Collection[str],
    what: str,
    reader: Reader,
    *,
    place: Place | None = None,
    hints: Mapping[str, str] | None = None,
    code: str = "E202",
) -> Fields:
    """Report any other key once, as `code`, then treat it as the intended known word. Of two for the same, the first.

    `what` names the map in messages; missing words are reported at `place`, by default the map's; `hints` are cures of
    unknown words, in lower case.
    """
    entries = {entry.key.value: entry for entry in node.entries if entry.key.value in known}
    is_whole = True
    for entry in node.entries:
        word = entry.key.value
        if word in known:
            continue
        home = reader.home_of(word)
        meant = nearest(word, known)
        if home and meant and not is_same(word, meant):
            meant = None
        hint = (hints or {}).get(word.lower())
        cure = hint or (did_you_mean(meant) if meant else home or write_one_of([*known]))
        reader.report(code, entry.key.place, f'{what} has no "{word}"', cure)
        is_whole = is_whole and meant is not None
        if meant is not None:
            entries.setdefault(meant, entry)
    keys = {word: entry.key for word, entry in entries.items()}
    values = {word: entry.value for word, entry in entries.items()}
    return Fields(what, place or node.place, keys, values, is_whole)


def elsewhere(word: str) -> str | None:
    """Where a word of the language belongs; None for other words."""
    owners = OPTION_OWNERS.get(word.lower())
    return _ELSEWHERE.get(word.lower()) or (f"it is an option of {phrase(owners)}" if owners else None)


def items(node: Node | None) -> tuple[Node, ...]:
    """A node that is not a list counts as a list of one."""
    if node is None:
        return ()
    return node.items if isinstance(node, Seq) else (node,)


def has_braces(text: Text) -> bool:
    return "{{" in text.value or "{%" in text.value

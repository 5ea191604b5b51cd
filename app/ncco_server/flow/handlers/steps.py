"""Makes the steps of a handler's flow, by reading what the handler says like a flow file.

A text in the handler's file is a literal. A computed text is a hole: the step is read once and filled in for each call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import CodeType
from typing import Any, Final, NamedTuple, Self

import orjson
from jinja2 import StrictUndefined

from ncco_server.errors import RenderError
from ncco_server.flow.grammar.reader import Fields, Resolver, read_fields
from ncco_server.flow.handlers.effects import (
    HEARD,
    READY,
    SECRET,
    ColumnUrl,
    HandlerEffect,
    HeldFunction,
    TimeText,
    WrittenText,
)
from ncco_server.flow.handlers.secret import Secret, SecretGone
from ncco_server.flow.handlers.ssml import Ssml, SsmlPiece
from ncco_server.flow.language.defaults import Defaults
from ncco_server.flow.language.lookups import Answer, AskedLookup, LookupDefinition, LookupRequest
from ncco_server.flow.language.returns import OK, Returned
from ncco_server.flow.language.saves import RowOfTable, Save, asked_row, read_saves
from ncco_server.flow.language.selection import ROWS, WORDS, Selection, read_selection
from ncco_server.flow.language.step import read_step
from ncco_server.flow.language.tables import read_key, read_key_values, read_table_name
from ncco_server.flow.model import Step
from ncco_server.flow.nodes import NOWHERE, Entry, Map, Node, Place, Seq, Text
from ncco_server.flow.scope import Variable
from ncco_server.flow.templates.tree import HOLE
from ncco_server.ncco.statuses import DIAL_FAILURES
from ncco_server.ncco.value_types import ANY, E164, TYPES, Kind, record

MOST_KEPT_STEPS: Final = 1000
"""Steps of one handler that are kept; our choice. A handler that offers computed menus makes more."""

_SECRET: Final = "secret"  # noqa: S105 - a name
_PARAMS: Final = "with"
"""The only word that takes secrets."""
_TYPES: Final[Mapping[str, Kind]] = {"p": TYPES["phone"], "u": TYPES["url"], "t": TYPES["text"], "s": TYPES["text"]}
_KINDS: Final = re.compile(rf"(?P<p>\+?{E164.pattern}\Z)|(?P<u>(?:https?|wss?)://|sips?:)")
_FIRST: Final = "+0123456789hws"
"""The characters that a text of one of these kinds begins with."""
LITERAL: Final = frozenset({"choices", "collect", "on", "lookup", "hold", "result"})
"""Their texts are always literal."""
_CURES: Final = {
    "E332": 'begin it with the scheme and the host, such as f"https://example.com/{name}.mp3"',
}
"""In Python, where the cure of a flow file does not help."""
_BRACES: Final = re.compile(r"\{[{%#]")
_CONSTANT: Final = frozenset({WrittenText, int, float, bool, type(None)})


_HELD: Final = "held function"
"""The name of the request of a `hold`; with a space, so that no text can use it."""


class HeldLookup(LookupDefinition):
    """The lookup that a `hold` makes: it calls a function of the handler."""

    @classmethod
    def of(cls, held: HeldFunction, place: Place) -> Self:
        written = Fields(held.name, place, {}, {})
        return cls(written=written, name=held.name, method="PYTHON", returns=Returned(ANY), timeout_ms=held.limit_ms)

    @property
    def type(self) -> Kind:
        return record(dict.fromkeys((READY, OK), TYPES["bool"]))

    @property
    def default_answer(self) -> Answer:
        return {READY: False, OK: False}

    def render(self, names: Mapping[str, Any]) -> LookupRequest:
        request: LookupRequest = names[_HELD]
        return request

    def cast_answer(self, value: object, problem: str = "") -> tuple[Answer, str]:
        """Any result that is true counts as true. `value` may also be a stored answer."""
        found = value[READY] if isinstance(value, Mapping) and value.keys() == {READY} else value
        return (self.default_answer, problem) if problem else ({READY: bool(found), OK: True}, "")


class EffectAt(NamedTuple):
    """An effect of a handler, and where the handler has it."""

    effect: HandlerEffect[Any]
    place: Place


class Made(NamedTuple):
    """What a handler does up to its next wait.

    Attributes:
        steps: one step; or several, so that a question is asked again without what was said before it.
        values: by name, the computed texts, the secrets for another flow, and the request of a `hold`.
    """

    steps: tuple[Step, ...]
    values: Mapping[str, Any]
    said: Sequence[EffectAt]


class GoneSecret(StrictUndefined):
    """Stands for the value of a secret after its turn."""

    __slots__ = ("error",)

    def __init__(self, error: SecretGone) -> None:
        super().__init__(f"{error}: {error.cure}")
        self.error = error


def _refuse_gone(values: Iterable[Any], place: Place) -> None:
    """Raises RenderError."""
    for value in values:
        if isinstance(value, GoneSecret):
            raise gone_secret(value.error, place)


def gone_secret(error: SecretGone, place: Place) -> RenderError:
    return RenderError("R110", str(error), str(place), frozenset(), error.cure)


def constants(code: CodeType) -> Mapping[int, str]:
    """Every text of some code and the functions in it, by its `id`: an equal text may have been computed."""
    return {id(text): text for text in _texts(code.co_consts)}


def _texts(found: Sequence[Any]) -> Iterator[str]:
    for each in found:
        if isinstance(each, Ssml):
            yield from (piece.text for piece in each.pieces if piece.source is None)
        elif isinstance(each, str):
            yield each
        elif isinstance(each, Mapping):
            yield from _texts(tuple(each.values()))
        elif isinstance(each, (tuple, list, frozenset)):
            yield from _texts(tuple(each))
        elif isinstance(each, CodeType):
            yield from _texts(each.co_consts)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, (list, tuple)) else value


@dataclass(slots=True)
class EffectTemplate:
    """What a handler says, with holes for computed texts.

    Attributes:
        literal: see `constants`; None if every text is literal.
        values: the value of each hole. The first letter of a hole's name is that of its type.
    """

    literal: Mapping[int, str] | None
    place: Place
    values: dict[str, Any] = field(default_factory=dict)
    has_expressions: bool = False

    def add_to(self, key: list[Any], values: Iterable[Any]) -> None:
        """Append what is hashable and equal for values with equal nodes. Fill the holes."""
        for value in values:
            kind = type(value)
            if kind is str:
                key.append(value if self.is_literal(value) else (str, self._hole(value)))
            elif kind is dict:
                key.append((dict, *value))
                self.add_to(key, value.values())
            elif kind is list or kind is tuple:
                key.append((list, len(value)))
                self.add_to(key, value)
            elif kind in _CONSTANT:
                key += (kind, value)  # True equals 1, and sounds different
            elif kind is Ssml:
                key += (Ssml, len(value.pieces))
                key += [
                    piece.text if self._is_written(piece) else (str, self._hole(piece.text)) for piece in value.pieces
                ]
            elif kind is Secret:
                key.append((Secret, self._secret_hole(value)))
            elif isinstance(value, str):
                key.append((str, self._hole(value)))
            elif (plain := _plain(value)) is not value:
                self.add_to(key, (plain,))
            else:
                key.append(repr(value))

    def add_words(self, key: list[Any], words: Mapping[str, Any]) -> None:
        for word, value in words.items():
            key.append(word)
            if word in LITERAL:
                key.append(as_bytes(value))
            else:
                self.add_to(key, (value,))

    def node(self, value: Any, word: str = "") -> Node:
        place = self.place
        if isinstance(value, Secret) and word == _PARAMS and self.literal is not None:
            return Text(f"{{{{ {self._secret_hole(value)} }}}}", place, quoted=True)
        if isinstance(value, Secret):
            message = (
                "give a Secret to a function, in `await call.run(function, secret)`, or to a param of another flow"
            )
            raise RenderError("R110", message, str(place), frozenset())
        if isinstance(value, Ssml):
            return self._text("".join(map(self._ssml, value.pieces)))
        if isinstance(value, str):
            if isinstance(value, WrittenText) or self.is_literal(value):
                return self._text(value)
            return self._text(f"{{{{ {self._hole(value)} }}}}")
        if isinstance(value, Mapping):
            entries = [
                (str(key), self.node(each, word if word == _PARAMS else str(key))) for key, each in value.items()
            ]
            return Map(tuple(Entry(Text(key, place), node) for key, node in entries), place)
        if isinstance(value, (list, tuple)):
            return Seq(tuple(map(self.node, value)), place)
        if isinstance(value, Iterable):
            message = f"the handler gives a {type(value).__name__} in place of a text, a number, a list or a dict"
            raise RenderError("R110", message, str(place), frozenset())
        return Text(str(value).lower() if isinstance(value, bool) else str(value), place)

    def _text(self, value: str) -> Text:
        """Every character of the text is at the effect's place."""
        return Text(value, self.place, quoted=True, origins=((self.place.line, self.place.column),))

    def _ssml(self, piece: SsmlPiece) -> str:
        if not self._is_written(piece):
            return f"{{{{ {self._hole(piece.text)} }}}}"
        return piece.text.replace("{", "{{ '{' }}")

    def _is_written(self, piece: SsmlPiece) -> bool:
        """Whether a part of an `Ssml` has tags, not a value. Raises RenderError if the tags were computed."""
        if piece.source is None or self.literal is None or id(piece.source) in self.literal:
            return piece.source is not None
        message = "`Ssml` has got a computed text; write its tags here, and put values in with `.format(..)`"
        raise RenderError("R110", message, str(self.place), frozenset())

    def is_literal(self, text: str) -> bool:
        is_written = self.literal is None or id(text) in self.literal
        return is_written and ("{" not in text or self.has_expressions or not _BRACES.search(text))

    def _hole(self, text: str) -> str:
        found = text[:1] in _FIRST and _KINDS.match(text)
        kind = "u" if isinstance(text, ColumnUrl) else found.lastgroup if found else "t"
        name = f"{kind}{HOLE}{len(self.values)}"
        self.values[name] = str.__str__(text)  # not one of the author's code, which would run outside of its time limit
        return name

    def _secret_hole(self, secret: Secret) -> str:
        """A secret has no value after its turn: then the other flow has begun already."""
        name = f"{_SECRET}{HOLE}{len(self.values)}"
        try:
            self.values[name] = secret.reveal()
        except SecretGone as error:
            self.values[name] = GoneSecret(error)
        return name


def _check_item(item: Mapping[str, Any], place: Place) -> None:
    """Raises RenderError for what callers would hear as "None" or "true", and for no number."""
    text = item.get("talk", "")
    for name in (name for word, name in (("talk", "text"), ("connect", "number")) if item.get(word, "") is None):
        raise RenderError("R110", f"the {name} is None", str(place), frozenset(), f"check it first: `if {name}:`")
    if isinstance(text, bool | list | tuple):
        cure = 'write one text, such as `" ".join(texts)`'
        raise RenderError("E404", f"the text is a {type(text).__name__}", str(place), frozenset(), cure)


def _parts(said: Sequence[EffectAt]) -> list[list[EffectAt]]:
    """A question, and a hook after an action, have a step of their own."""
    parts: list[list[EffectAt]] = [[]]
    for each in said:
        has_played = any(before.effect.do for before in parts[-1])
        if parts[-1] and (each.effect.asks or (each.effect.first and has_played)):
            parts.append([])
        parts[-1].append(each)
    return parts


def _raise_first(reader: Resolver) -> None:
    """Raise RenderError for the first error that was reported."""
    issue = next((issue for issue in reader.issues if issue.is_error), None)
    if issue is not None:
        cure = _CURES.get(issue.code, issue.cure)
        raise RenderError(issue.code, issue.message, str(issue.place), frozenset(), cure)


def as_bytes(said: Any) -> bytes:
    try:
        return orjson.dumps(said, default=repr)
    except TypeError:  # a key that is not text: with the option, everything takes longer
        return orjson.dumps(said, default=repr, option=orjson.OPT_NON_STR_KEYS)


def results_of(step: Step, way: str) -> Sequence[str | None]:
    """What a handler may get if the call leaves its step by this way. Of a data entry, the name of the way."""
    match way:
        case "noinput" | "nomatch" if step.exit.asked is not None:
            return (None,)
        case "otherwise":
            return DIAL_FAILURES
    return (way,)


class StepMaker:
    """Makes the steps of a handler.

    Attributes:
        rows: the rows that were read last, by the names of their effects.
        returns: the values that other flows return, by their names.
    """

    def __init__(self, reader: Resolver, defaults: Defaults, literal: Mapping[int, str]) -> None:
        self.latest: dict[str, Step] = {}
        self.language = reader.language
        self.tables = reader.tables
        self.returns = {name: each.returns for name, each in reader.flows.items() if each.returns}
        self.rows: dict[str, AskedLookup] = {}
        self._reader = reader
        self._defaults = defaults
        self._literal = literal
        self._not_empty = {id_: text for id_, text in literal.items() if text}  # an empty text may be computed
        self._flows = frozenset(reader.flows.keys() & {*literal.values()})
        self._made: dict[Any, tuple[Step, ...]] = {}
        self._rows: dict[Any, AskedLookup | Save] = {}

    @property
    def named_hooks(self) -> Sequence[Any]:
        names = self._reader.hooks.keys() & {*self._literal.values()}
        return [self._reader.hooks[name] for name in sorted(names)]

    def make(self, name: str, said: Sequence[EffectAt]) -> Made:
        """The last effect waits or leaves. Raises RenderError."""
        values: dict[str, Any] = {}
        key = self._key(name, said, values)
        steps = self._made.get(key)
        if steps is None:
            if len(self._made) >= MOST_KEPT_STEPS:
                self._made.clear()
                self.latest.clear()
            steps = self._made[key] = tuple(self._steps(name, said))
        for step in steps:
            self.latest[step.name] = step
        last, place = said[-1]
        if last.held is None:
            return Made(steps, values, said)
        held = last.held
        request = LookupRequest(
            "PYTHON", function=f"{place.file}:{held.name}", code=held.called, timeout_ms=held.limit_ms
        )
        return Made(steps, {**values, _HELD: request}, said)

    def row(self, effect: EffectAt) -> RowOfTable:
        """Raises RenderError."""
        values: dict[str, Any] = {}
        key: list[Any] = [effect.place.line]
        EffectTemplate(self._not_empty, effect.place, values).add_words(key, effect.effect.words)
        _refuse_gone(values.values(), effect.place)
        found = self._rows.get(tuple(key))
        if found is None:
            if len(self._rows) >= MOST_KEPT_STEPS:
                self._rows.clear()
            found = self._rows[tuple(key)] = self._read_row(effect)
        asks = found.asks if isinstance(found, Save) else found
        if asks is not None:
            self.rows[asks.name] = asks
        return RowOfTable(None, found, values) if isinstance(found, Save) else RowOfTable(found, None, values)

    def _read_row(self, effect: EffectAt) -> AskedLookup | Save:
        name, place = effect.effect.name, effect.place
        ((word, written),) = effect.effect.words.items()
        template = EffectTemplate(self._not_empty, place)
        most = written.get("first", 0)
        for part in ("where", "order"):
            if part in written and not template.is_literal(written[part]):
                message = f"the text of `{part}` is computed"
                kept = self.tables.get(written["table"])
                names = ", ".join(f"`{each}=..`" for each in (kept.key if kept is not None else ("number",)))
                cure = f"write it here as a text in quotes, without f and braces; an argument can give the key: {names}"
                raise RenderError("R110", message, str(place), frozenset(), cure)
        parts = {
            part: template.node(value, _PARAMS if part == "set" else "")
            for part, value in written.items()
            if part != "first"
        }
        entries = tuple(Entry(Text(part, place), value) for part, value in parts.items())
        node = Map(entries, place)
        reader = self._reader_with(template.values, self._reader.variables)
        saves: Sequence[Save] = read_saves(node, reader) if word == "save" else ()
        table = read_table_name(node.get("table") or node, f"`{word}`", reader) if word != "save" else None
        known = ("table", *(WORDS if word == "rows" else ()), *(table.key if table is not None else ()))
        hints = {"key": next(iter(table.key))} if table is not None else {}
        if word == "row":
            hints[" ".join(WORDS)] = "write `call.rows(..)`, which finds rows by a condition"
        fields = read_fields(node, known, f"`{word}`", reader, hints=hints) if table is not None else None
        if table is not None and fields is not None and word == "rows":
            selection = read_selection(table, fields, reader) or Selection(table)
            selection = replace(selection, key=read_key_values(table, fields, reader), most=most)
            _raise_first(reader)
            returns = selection.returned
            return asked_row(
                table, selection.key, place, name, returns=returns, default={ROWS: []}, selection=selection
            )
        key = read_key(table, fields, reader) if table is not None and fields is not None else None
        _raise_first(reader)
        if table is not None and key is not None:
            returns = Returned(record(table.column_types), table.returned.secrets)
            return asked_row(table, key, place, name, returns=returns, default=table.row_defaults)
        (save,) = saves
        return save if save.asks is None else replace(save, asks=asked_row(save.table, save.key, place, name))

    def _reader_with(self, holes: Iterable[str], variables: Mapping[str, Variable]) -> Resolver:
        scope = self._reader.scope
        known = dict(variables)
        for hole in holes:
            is_secret = hole.startswith(_SECRET)
            scope = scope.with_name(hole, _TYPES[hole[0]], "a Secret" if is_secret else "")
            if is_secret:
                known[hole] = Variable(hole, _TYPES["s"], "", NOWHERE, sensitive=True, is_declared=False)
        return replace(self._reader, issues=[], scope=scope, steps={}, variables=known)

    def computed(self, said: Sequence[EffectAt]) -> Iterator[str]:
        for effect, _ in said:
            for text in _texts([effect.name, effect.first, effect.do, effect.words]):
                if id(text) not in self._literal and not isinstance(text, TimeText):
                    yield text

    def _key(self, name: str, said: Sequence[EffectAt], values: dict[str, Any]) -> tuple[Any, ...]:
        """Equal for effects with equal steps. The holes are filled in the order of `_entries`."""
        key: list[Any] = [name]
        template = EffectTemplate(self._literal, said[0].place, values)
        for effect, place in said:
            template.place = place
            template.literal = self._literal_in(effect)
            key.append(place.line)
            if effect.first:
                template.add_words(key, effect.first)
            template.add_to(key, effect.do)
            template.add_words(key, effect.words)
        return tuple(key)

    def _steps(self, name: str, said: Sequence[EffectAt]) -> Iterator[Step]:
        ending, place = said[-1]
        flow = ending.flow
        is_written = bool(flow) and id(flow) in self._literal
        if flow is not None and flow not in self._flows and not is_written:
            message = f'the handler goes to the flow "{flow}", whose name is not written in this file'
            cure = "write the names that it may choose from, as in a dict"
            raise RenderError("R110", message, str(place), frozenset(), cure)
        values: dict[str, Any] = {}
        *before, last = _parts(said)
        names: list[str] = []
        for part in before:
            line = f"line {part[0].place.line}"
            names.append(f"{line} ({len(names) + 1})" if line in [*names, name] else line)
        nodes = [self._node(part, to, values) for part, to in zip(before, [*names, name][1:], strict=True)]
        for each, part, node in zip(names, before, nodes, strict=True):
            yield self._read(each, part[0].place, node, values, None)
        yield self._read(name, place, self._node(last, name, values), values, ending.held)

    def _node(self, said: Sequence[EffectAt], following: str, values: dict[str, Any]) -> Map:
        """`following` is next if the last effect neither waits nor leaves."""
        place = said[-1].place
        found: dict[str, Entry] = {}
        for effect, at in said:
            for entry in self._entries(effect, at, values):
                before = found.get(entry.key.value, entry)
                if before is not entry and isinstance(before.value, Seq) and isinstance(entry.value, Seq):
                    items = (*before.value.items, *entry.value.items)
                    found[entry.key.value] = before._replace(value=before.value._replace(items=items))
                else:
                    found[entry.key.value] = entry
        if not said[-1].effect.words:
            found["goto"] = Entry(Text("goto", place), Text(following, place))
        return Map(tuple(found.values()), place)

    def _literal_in(self, effect: HandlerEffect[Any]) -> Mapping[int, str]:
        return self._not_empty if any("connect" in item for item in effect.do) else self._literal

    def _entries(self, effect: HandlerEffect[Any], at: Place, values: dict[str, Any]) -> Sequence[Entry]:
        template, literal = EffectTemplate(self._literal_in(effect), at, values), EffectTemplate(None, at)
        for item in effect.do:
            if isinstance(item, Mapping):
                _check_item(item, at)
        words = {**effect.first, **({"do": effect.do} if effect.do else {}), **effect.words}
        entries = (
            Entry(Text(word, at), (literal if word in LITERAL else template).node(value, word))
            for word, value in words.items()
        )
        return tuple(entries)

    def _read(self, name: str, place: Place, node: Map, values: Mapping[str, str], held: HeldFunction | None) -> Step:
        variables = dict(self._reader.variables)
        if node.get("collect") is None:
            del variables[HEARD], variables[SECRET]  # hooks send the variables
        reader = self._reader_with(values, variables)
        if held is not None:
            lookup = HeldLookup.of(held, place)
            scope = reader.scope.with_name(held.name, lookup.type)
            reader = replace(reader, scope=scope, lookups={held.name: lookup})
        read = read_step(Entry(Text(name, place), node), self._defaults, reader)
        _raise_first(reader)
        if read is None:
            raise RenderError("E201", "no step", str(place), frozenset())
        return read.step

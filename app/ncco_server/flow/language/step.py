"""A step of a flow: what the caller hears, and then where the call goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final, NamedTuple

from ncco_server.flow.actions.check import check_step
from ncco_server.flow.actions.do import read_items, read_parts
from ncco_server.flow.actions.item import Item, restore_items
from ncco_server.flow.actions.waits import connect_of
from ncco_server.flow.grammar.forms import Notation, Unread, listed, mapped, ref
from ncco_server.flow.grammar.map_form import MapForm, written_as
from ncco_server.flow.grammar.reader import Resolver
from ncco_server.flow.grammar.targets import NewValues, read_target
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.language.agents import Agent
from ncco_server.flow.language.collect import Collect
from ncco_server.flow.language.defaults import Defaults
from ncco_server.flow.language.exits import AskingWords, Branch, Goto, Hold, StepExit, StepSource, Unreadable
from ncco_server.flow.language.hooks import STEP_EVENTS, read_events, read_sent
from ncco_server.flow.language.lookups import read_asked
from ncco_server.flow.language.menu import Choices, restore_menu
from ncco_server.flow.language.outcomes import On, RunFlow, steers
from ncco_server.flow.language.results import OwnResultName
from ncco_server.flow.language.saves import read_saves
from ncco_server.flow.model import Step
from ncco_server.flow.nodes import Entry, Map, Node, Text
from ncco_server.flow.runtime import Exit
from ncco_server.flow.source import LateMap
from ncco_server.ncco.value_types import JsonSchema

EXITS: Final[tuple[type[StepExit[Any]], ...]] = (Choices, Collect, Hold, Agent, RunFlow, Branch, Goto, On)
"""Of two exits of a step, the first in this order is read."""


def _read_do(node: Node, what: str, reader: Resolver) -> tuple[Item, ...]:
    return read_items(restore_items(node, STEP_WORDS, reader), reader)


class StepWords(MapForm):
    """The words that every step may have, except those of its exit."""

    others: ClassVar = tuple(dict.fromkeys(word for kind in EXITS for word in kind.form.words()))

    asks: Annotated[Node | None, Unread(ref("asked"))] = written_as("lookup", default=None)
    """Lookups to make when the step is entered: their names, or `- name: {param: value}`."""
    sets: NewValues = written_as("set", default=())
    """Variables that change when the step is entered, line by line."""
    saves: Annotated[Node | None, Unread(listed(ref("save")))] = written_as("save", default=None)
    """Rows of tables to change when the step is entered, after `set`: one, or a list."""
    sends: Annotated[Node | None, Unread(ref("sent"))] = written_as("send", default=None)
    """Hooks to send when the step is entered: their names, or `- name: {param: value}`."""
    result: OwnResultName = ""
    """The result of the call when the step is entered, declared under `results`. The last one counts."""
    do: Annotated[tuple[Item, ...], Notation(_read_do, {"type": "array", "items": ref("item")})] = ()
    """What the caller hears: a list of NCCO actions."""
    events: Annotated[Node | None, Unread(ref("step_events"))] = None
    """Hooks to send, or rows to `save`, for what Vonage reports later: a recording, a transcription, a hang-up."""

    @classmethod
    def json_schema(cls) -> JsonSchema:
        schemas = cls.schemas()
        for kind in EXITS:
            schemas |= {word: schema for word, schema in kind.form.schemas().items() if word not in schemas}
        return mapped(schemas)


STEP_WORDS: Final = (*StepWords.words(), *StepWords.others)
_BESIDE_EXITS: Final = frozenset(StepWords.others).difference(kind.word for kind in EXITS)


class ReadStep(NamedTuple):
    """A step and its source. `lacks_exit`: nothing says where the call goes (W217)."""

    step: Step
    source: StepSource
    lacks_exit: bool


def read_step(entry: Entry, defaults: Defaults, reader: Resolver) -> ReadStep | None:
    name = entry.key.value
    place = entry.key.place
    found = reader.map(entry.value, f'step "{name}"', f"write `{name}: {{do: [..], goto: step}}`")
    if found is None:
        return None
    fields = restore_menu(StepWords.read_words(found, f'step "{name}"', reader, place=place), reader)
    words = StepWords.build(fields, reader)
    if words is None:
        return None
    source = StepSource(name, fields, read_parts(words.do, reader), words.do, defaults, reader)
    on = fields.get("on")
    error_node = on.get("error") if isinstance(on, Map) else None
    error = read_target(error_node, "`error`", reader) if error_node else None
    kind = _choose_exit(source)
    read_as: type[StepExit[Any]] = kind or Goto
    written = read_as.form.build(fields, reader)
    step_exit = read_as.of_words(written, source) if written is not None else None
    tail = not isinstance(written, AskingWords) or written.tail
    _check_words(kind, source)
    asks = read_asked(words.asks, reader) if words.asks else ()
    saves = read_saves(words.saves, reader) if words.saves else ()
    sends = read_sent(words.sends, "`send`", reader) if words.sends else ()
    events = read_events(words.events, reader, STEP_EVENTS) if words.events else {}
    if step_exit is None:
        return None
    exit_place = fields.at(kind.word) if kind else place
    needs = step_exit.needs()
    parts = source.parts if needs is None else needs.complete(source.parts, exit_place, reader)
    reader.issues.extend(check_step(parts, reader.scope, goes_on=_goes_on(step_exit)))
    step = Step(
        name,
        place,
        sets=words.sets,
        parts=parts,
        exit=step_exit,
        exit_place=exit_place,
        error=error,
        tail=tail,
        asks=asks,
        saves=saves,
        sends=sends,
        events=events,
        result=words.result,
    )
    return ReadStep(step, source, _lacks_exit(kind, source))


class StoredSteps(Mapping[str, Step]):
    """The steps of a stored revision, each read when a call gets there: of thousands, calls need a few.

    A step that this version can no longer read takes the `error` exit.
    """

    def __init__(self, written: Map, defaults: Defaults, reader: Resolver) -> None:
        self._steps: dict[str, Step | Entry] = {entry.key.value: entry for entry in written.entries}
        self._defaults = defaults
        self._reader = reader

    def __getitem__(self, name: str) -> Step:
        step = self._steps[name]
        if isinstance(step, Entry):
            step = self._steps[name] = self._read(*step)
        return step

    def __iter__(self) -> Iterator[str]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)

    def _read(self, key: Text, node: Node) -> Step:
        issues: list[FlowIssue] = []
        entry = Entry(key, node.built(issues) if isinstance(node, LateMap) else node)
        read = read_step(entry, self._defaults, replace(self._reader, issues=issues))
        errors = [issue for issue in issues if issue.is_error]
        if read is None or errors:
            return Step(key.value, key.place, (), (), Unreadable(errors[0]), key.place)
        return read.step


def _goes_on(exit_: Exit) -> bool:
    return exit_.leaves_at_once and any(not way.target.is_end for way in exit_.ways)


def _choose_exit(source: StepSource) -> type[StepExit[Any]] | None:
    """Report E219 for a second exit. An `on` with only `error` is no exit."""
    fields = source.fields
    on = fields.get("on")
    is_exit = {"on": not isinstance(on, Map) or steers(on)}
    kinds = [kind for kind in EXITS if kind.word in fields.values and is_exit.get(kind.word, True)]
    for kind in kinds[1:]:
        if kind.word not in kinds[0].form.words():
            message = f"{fields.what} has two exits, `{kinds[0].word}` and `{kind.word}`"
            cure = f"keep one of them; `{kind.word}` goes in a separate step"
            source.reader.report("E219", fields.at(kind.word), message, cure)
    return kinds[0] if kinds else None


def _check_words(kind: type[StepExit[Any]] | None, source: StepSource) -> None:
    fields = source.fields
    reader = source.reader
    own = frozenset(kind.form.words() if kind else ())
    for word in _BESIDE_EXITS.intersection(fields.values).difference(own):
        takers = [other for other in EXITS if word in (*other.form.words(), *other.form.words_under(other.word))]
        cure = f"delete it, or add {' or '.join(f'`{other.word}`' for other in takers)}"
        if kind in takers:
            cure = f"write `{word}` inside `{kind.word}`"
        reader.report("E219", fields.at(word), f"`{word}` has no effect in this step", cure)
    for written in source.played if kind not in (Choices, Collect) else ():
        if written.word != "input":
            continue
        url = written.field("eventUrl")
        if url is None and not written.is_asynchronous:
            reader.report(
                "E219",
                written.place,
                "nothing uses the answer to this input",
                "add `collect: {into: answer, digits: 4}` to the step, or `choices`; or delete the `input`",
            )
        elif url is not None and not written.is_asynchronous:
            message = "another server gets the answer to this input and decides what comes next"
            reader.report("W221", url.place, message)
    _check_connect(kind, source)


def _check_connect(kind: type[StepExit[Any]] | None, source: StepSource) -> None:
    """Report a connect whose outcome has no effect: E204 for a list of targets, W266 for one; W217 without any exit.

    After an `input` it is only played if no webhook gets through, so it cannot decide.
    """
    connect = source.first("connect")
    on = source.fields.get("on")
    if on is not None and (not isinstance(on, Map) or _has_dial_lines(on, source) or (not connect and steers(on))):
        return
    if connect is not None:
        _report_undecided(connect, kind, source)
    elif _lacks_exit(kind, source):
        message = f'step "{source.name}" has no exit: the call ends here'
        source.reader.report("W217", source.fields.place, message)


def _lacks_exit(kind: type[StepExit[Any]] | None, source: StepSource) -> bool:
    return kind is None and source.first("transfer") is None and source.first("connect") is None


def _has_dial_lines(on: Map, source: StepSource) -> bool:
    return not {"error", *source.checkpoints}.issuperset(on.keys())


def _report_undecided(connect: Item, kind: type[StepExit[Any]] | None, source: StepSource) -> None:
    read = connect_of(source.parts)
    if connect.targets > 1 or (read is not None and read.rings_several):
        message = "a list of targets is dialled one by one only with `on`, but this step does not have one"
        source.reader.report("E204", connect.place, message, "add `on` with `completed` and `otherwise`")
    elif all(item.word != "input" for item in source.played[: source.played.index(connect)]):
        message = "this connect has no `on`, so the call does not react when it is busy, unanswered or completed"
        where = "replace `goto` by" if kind is Goto else "put the connect in a separate step, with"
        cure = None if kind in (None, On) else f"{where} `on: {{completed: end, otherwise: end}}`"
        if connect.place.is_in_python:
            cure = "write `await call.connect(..)` instead of `ncco`; its result says what came of it"
        source.reader.report("W266", connect.place, message, cure)

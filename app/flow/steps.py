"""A step of a flow: `set`, `do`, then one exit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.flow.assignments import read_sets
from app.flow.checks.ncco import check_step
from app.flow.checks.prompts import check_prompts_of
from app.flow.exits import EXITS, STEP_WORDS, Kind
from app.flow.exits.goto import no_exit
from app.flow.exits.on import steers
from app.flow.exits.source import StepSource, Wired
from app.flow.fields import Fields, read_fields
from app.flow.inherited import Defaults
from app.flow.language.events import check_events, read_events
from app.flow.language.hooks import read_sent
from app.flow.language.lookups import read_asked
from app.flow.model import Exit, Step, Target, Variable
from app.flow.nodes import Entry, Map, Node, Seq, Text
from app.flow.parts.dial import connect_of
from app.flow.parts.items import read_do
from app.flow.played import ACTIONS, Played, scan
from app.flow.reader import Reader
from app.flow.targets import read_target

_ENDINGS = ("end", "hangup", "hang_up", "stop", "exit")
_HINTS = {
    **{action: f"put it under `do`, as the line `- {action}: ..`" for action in (*ACTIONS, "ncco", "checkpoint")},
    **dict.fromkeys(_ENDINGS, "to end the call write `goto: end`"),
    **dict.fromkeys(("then", "next"), "write `goto: step`"),
    **dict.fromkeys(("say", "speak", "prompt"), "under `do` write `- talk: ..`"),
    **dict.fromkeys(("play", "audio"), "under `do` write `- stream: ..`"),
    **dict.fromkeys(("dial", "call"), "under `do` write `- connect: ..`"),
    **dict.fromkeys(("menu", "options"), "write `choices`"),
    **dict.fromkeys(("if", "switch", "when"), "write `branch`, a list of `- if: ..` with `goto`"),
    **dict.fromkeys(
        ("else", "elif"), "write it as a line of `branch`: `- else: step` at last, `- if: ..` with `goto` before"
    ),
    **dict.fromkeys(("noinput", "nomatch", "tries"), "write it under `retry`"),
    **dict.fromkeys(("error", "busy", "completed", "otherwise"), "write it under `on`"),
    "timeout": "as an outcome, write it under `on`; as an option, indent it in `do` as far as its `connect`",
    **dict.fromkeys(("dtmf", "speech", "digits"), "write it under `choices` or `collect`"),
    **dict.fromkeys(("until", "up_to"), "write it under `hold`: `hold: {until: .., up_to: 10m}`"),
    **dict.fromkeys(("params", "args"), "write `with`"),
    **dict.fromkeys(("lookups", "fetch"), "write `lookup`"),
    **dict.fromkeys(("hooks", "notify_us"), "write `send`"),
    "return": "write `goto: {return: outcome}`",
}
_LOSSES = frozenset({"E201", "E202", "E204", "E206", "W217", "E218", "E240", "E245", "E250", "E251", "E262", "E263"})
"""Faults that may have cost a step one of its ways out."""


@dataclass(frozen=True, slots=True)
class ReadStep:
    """A step as far as it could be read.

    Attributes:
        exit: None when it could not be read.
        has_all_edges: every way out that its author wrote is known.
    """

    name: str
    key: Text
    step: Step | None
    exit: Exit | None
    error: Target | None
    has_all_edges: bool


def read_step(entry: Entry, variables: Mapping[str, Variable], defaults: Defaults, reader: Reader) -> ReadStep:
    """One entry of `steps`. Whatever its faults, the step exists."""
    name = entry.key.value
    if not isinstance(entry.value, Map):
        cure = f"write `{name}: {{do: [..], goto: step}}`"
        reader.report("E201", entry.value.place, f'step "{name}" is not a map', cure)
        return ReadStep(name, entry.key, None, None, None, has_all_edges=False)
    before = len(reader.issues)
    hints = {**_HINTS, **_slipped_choices(entry.value)}
    fields = read_fields(entry.value, STEP_WORDS, f'step "{name}"', reader, place=entry.key.place, hints=hints)
    sets = read_sets(fields.values["set"], variables, reader) if "set" in fields.values else ()
    source = _read_source(entry.key, fields, variables, defaults, reader)
    exits_from = len(reader.issues)
    error = _read_error(fields, reader)
    asks = read_asked(fields.values["lookup"], "`lookup`", reader) if "lookup" in fields.values else ()
    sends = read_sent(fields.values["send"], "`send`", reader) if "send" in fields.values else ()
    events = read_events(fields.values["events"], "`events`", reader) if "events" in fields.values else {}
    kind = _choose_exit(source, reader)
    wired = _read_exit(kind, source, reader)
    tail = _read_tail(fields, reader)
    _check_words(kind, source, wired, reader)
    check_events(source, reader)
    lost = any(issue.code in _LOSSES for issue in reader.issues[exits_from:]) or not fields.is_whole
    lost = lost or (kind is None and not source.plays_whole)
    _check_played(source, wired, reader, before)
    if wired is None:
        return ReadStep(name, entry.key, None, None, error, has_all_edges=False)
    step = Step(name, entry.key.place, sets, wired.parts, wired.exit, error, tail, asks, sends, events)
    return ReadStep(name, entry.key, step, wired.exit, error, has_all_edges=not lost)


def _slipped_choices(step: Map) -> dict[str, str]:
    """How to put back each choice of the step's menu that is indented too little."""
    menu = step.get("choices")
    first = menu.entries[0].key.place if isinstance(menu, Map) and menu.entries else None
    if first is None:
        return {}
    cure = f"indent it by {first.column - 1} spaces: it is one of the `choices`"
    values = ((entry.key.value.lower(), entry.value) for entry in step.entries)
    return {name: cure for name, value in values if isinstance(value, Map) and {"dtmf", "speech"} & {*value.keys()}}


def _check_played(source: StepSource, wired: Wired | None, reader: Reader, before: int) -> None:
    """The NCCO rules on what the step plays; beside other faults of the step only those on each action by itself."""
    errors = [issue for issue in reader.issues[before:] if issue.is_error]
    if wired is not None and not errors:
        reader.issues.extend(check_step(wired.parts, reader.scope, goes_on=_goes_on(wired.exit)))
        reader.issues.extend(check_prompts_of(source, wired, reader))
        return
    places = {issue.place for issue in errors}
    found = check_step(wired.parts if wired else source.parts, reader.scope, goes_on=True, is_whole=False)
    reader.issues.extend(issue for issue in found if issue.is_error and issue.place not in places)


def _goes_on(exit_: Exit) -> bool:
    """Whether the actions of another step may stand behind those of this one, in one NCCO."""
    return exit_.word in {"goto", "branch", "run"} and any(not edge.target.is_end for edge in exit_.edges())


def _read_source(
    key: Text, fields: Fields, variables: Mapping[str, Variable], defaults: Defaults, reader: Reader
) -> StepSource:
    do = fields.get("do")
    before = len(reader.issues)
    parts = read_do(do, reader, defaults.actions) if do else ()
    plays_whole = not any(issue.is_error for issue in reader.issues[before:])
    return StepSource(key.value, key.place, fields, parts, scan(do), plays_whole, defaults, variables)


def _read_error(fields: Fields, reader: Reader) -> Target | None:
    """Where `on: {error: step}` leads."""
    on = fields.get("on")
    node = on.get("error") if isinstance(on, Map) else None
    return read_target(node, "`error`", reader) if node else None


def _read_tail(fields: Fields, reader: Reader) -> bool:
    node = fields.get("tail")
    return node is None or reader.flag(node, "`tail`") is not False


def _choose_exit(source: StepSource, reader: Reader) -> Kind | None:
    """The step's exit; E218 for each further one. An `on` that holds but `error` is none."""
    fields = source.fields
    on = fields.get("on")
    is_exit = {"on": not isinstance(on, Map) or steers(on)}
    kinds = [kind for kind in EXITS if kind.word in fields.values and is_exit.get(kind.word, True)]
    first = kinds[0] if kinds else None
    for kind in kinds[1:]:
        if first and kind.word not in first.words:
            message = f"{fields.what} has two exits, `{first.word}` and `{kind.word}`"
            reader.report("E218", fields.at(kind.word), message, _one_exit(first, kind, source))
    return first


def _one_exit(first: Kind, second: Kind, source: StepSource) -> str:
    """How to make one exit of two."""
    if second.word != "on":
        return f"keep one of them; `{second.word}` may stand in a step of its own"
    if source.first("connect") is None and not source.checkpoints:
        if told := _told(source.fields.get("on")):
            return f"write `events: {{{told}: hook}}`: that is told to somebody, and leads nowhere"
        return "keep of `on` at most `error`: this step dials nobody"
    if first.word == "goto":
        return "delete `goto`; where it leads becomes a line of `on`, e.g. `completed: step`"
    return "put the connect with its `on` into a step of its own"


def _told(on: Node | None) -> str:
    """The first line of an `on` that is no outcome but an event; "" without one."""
    names = on.keys() if isinstance(on, Map) else ()
    return next((name for name in names if name in ("record", "transcription", "hangup")), "")


def _read_exit(kind: Kind | None, source: StepSource, reader: Reader) -> Wired | None:
    if kind is not None:
        return kind.read(source, reader)
    return no_exit(source) if source.fields.is_whole else None


def _check_words(kind: Kind | None, source: StepSource, wired: Wired | None, reader: Reader) -> None:
    """Words without effect, an `input` that nobody decides on, a connect without `on`, a step without exit."""
    fields = source.fields
    if not fields.is_whole and kind is None:
        return
    words = kind.words if kind else frozenset()
    asks = kind is not None and kind.word in {"choices", "collect"}
    for word in ("retry", "tail", "min_confidence", "with"):
        if word in fields.values and word not in words:
            _report_no_effect(word, kind, fields, reader)
    written_input = source.first("input")
    if written_input and not asks:
        _report_open_input(written_input, reader)
    _check_connect(kind, source, reader)


def _report_open_input(written: Played, reader: Reader) -> None:
    """An `input` in a step that asks nothing: somebody else must decide on it, or it only reports keys."""
    if written.event_url is not None:
        reader.report("W221", written.event_url, "another server gets the answer of this input and decides on it")
    elif not written.is_asynchronous:
        reader.report("E220", written.place, "nothing decides on the answer of this input")


def _report_no_effect(word: str, kind: Kind | None, fields: Fields, reader: Reader) -> None:
    if word == "with":
        message, cure = "`with` has no effect in a step that runs no flow", "delete it, or add `run: flow`"
    elif kind is not None and kind.word == "collect":
        message, cure = f"`{word}` has no effect beside `collect`", f"write `{word}` inside `collect`"
    else:
        message = f"`{word}` has no effect in a step that asks nothing"
        cure = "delete it, or add `choices` or `collect`"
    reader.report("E219", fields.at(word), message, cure)


def _check_connect(kind: Kind | None, source: StepSource, reader: Reader) -> None:
    """A connect whose outcome decides nothing: E265 for a list of targets, W266 for one; W217 without any exit.

    Behind an `input` it is played when no webhook gets through, so nothing can decide.
    """
    connect = source.first("connect")
    on = source.fields.get("on")
    if on is not None and (not isinstance(on, Map) or _says_more(on, source) or (not connect and steers(on))):
        return
    if connect is not None and not _plays_on(source.fields):
        _report_undecided(connect, kind, source, reader)
    elif kind is None and source.plays_whole and source.first("transfer") is None:
        message = f'step "{source.name}" has no exit: the call ends here'
        reader.report("W217", source.place, message)


def _plays_on(fields: Fields) -> bool:
    """Whether an `on` has slipped into `do`, which is reported (E403)."""
    do = fields.get("do")
    items = [item for item in do.items if isinstance(item, Map)] if isinstance(do, Seq) else []
    inner = [entry.value for item in items for entry in item.entries if isinstance(entry.value, Map)]
    return any(node.get("on") is not None for node in (*items, *inner))


def _says_more(on: Map, source: StepSource) -> bool:
    """Whether it has lines beside `error` and checkpoints: of the dial, or such that are reported already."""
    return not {"error", *source.checkpoints}.issuperset(on.keys())


def _report_undecided(connect: Played, kind: Kind | None, source: StepSource, reader: Reader) -> None:
    read = connect_of(source.parts)
    if connect.targets > 1 or (read is not None and read.rings_several):
        message = "only `on` rings the targets of a list one after another, and this step has none"
        reader.report("E265", connect.place, message)
    elif all(item.kind != "input" for item in source.played[: source.played.index(connect)]):
        message = "this connect has no `on`: whether it was busy, unanswered or completed decides nothing"
        reader.report("W266", connect.place, message, _dial_cure(kind))


def _dial_cure(kind: Kind | None) -> str | None:
    """How to let the outcome of a connect decide, beside the exit that is there."""
    if kind is None or kind.word == "on":
        return None
    if kind.word == "goto":
        return "replace `goto` by `on: {completed: step, otherwise: step}`"
    return "put the connect into a step of its own, with `on: {completed: step, otherwise: step}`"

"""`onAnswer`: what the other party of a connect to a phone hears before it is joined.

onAnswer: {run: whisper, with: {team: sales}, ringbackTone: https://example.com/ring.mp3}
onAnswer: {url: https://example.com/ncco}            # as the NCCO has it

Source: NCCO reference, Phone (onAnswer).
"""

from __future__ import annotations

from app.flow.fields import read_fields
from app.flow.language.targets import read_run
from app.flow.model import Runs
from app.flow.nodes import Entry, Map, Place, Text
from app.flow.parts.checkpoint import DIAL_FAILURES
from app.flow.reader import Reader

ON_ANSWER = "onAnswer"
_TONES = ("ringbackTone", "ringback")
_NAMED = "https://example.com/webhooks"
"""Stands for our URL until a call writes the true one."""

_ALIASES = {
    **dict.fromkeys(("flow", "goto", "ncco", "answer"), "run"),
    **dict.fromkeys(("params", "args", "set"), "with"),
}
_HINTS = {"on": "the flow says by `return` what came of it: see `onAnswer` in the documentation"}
_REFUSING = frozenset({"declined", "decline", "refused", "refuse", "reject", "denied", "unavailable", "no", "not_now"})
"""Outcomes that sound as if nobody were joined, and are no failure of a dial."""

_OURS = frozenset({"run", "with", "flow", "goto"})


def read_answering(endpoint: Map, reader: Reader) -> tuple[Map, Runs | None]:
    """The endpoint as an NCCO has it, and the flow that its `onAnswer` names; None when it names none."""
    entry = next((entry for entry in endpoint.entries if entry.key.value == ON_ANSWER), None)
    if entry is None:
        return endpoint, None
    if isinstance(entry.value, Text):
        _report_text(entry.value, reader)
        return _without(endpoint, entry), None
    if not isinstance(entry.value, Map) or not _OURS & set(entry.value.keys()):
        return endpoint, None
    runs = _read_runs(entry.value, entry, reader)
    url = Entry(Text("url", entry.key.place), Text(_NAMED, entry.key.place))
    tones = tuple(each for each in entry.value.entries if each.key.value in _TONES)
    wire = Entry(entry.key, Map((url, *tones), entry.value.place))
    return Map(tuple(wire if each is entry else each for each in endpoint.entries), endpoint.place), runs


def _without(endpoint: Map, entry: Entry) -> Map:
    return Map(tuple(each for each in endpoint.entries if each is not entry), endpoint.place)


def _report_text(text: Text, reader: Reader) -> None:
    form = "run" if text.value in reader.flows or "/" not in text.value else "url"
    reader.runs.update({text.value} & reader.flows.keys())
    cure = f"write `onAnswer: {{{form}: {text.value}}}`"
    reader.report("E201", text.place, "`onAnswer` is a text", cure)


def _read_runs(node: Map, entry: Entry, reader: Reader) -> Runs | None:
    url = next((each for each in node.entries if each.key.value == "url"), None)
    if url is not None:
        message = "`onAnswer` names a flow and another server, and the other party hears one of them"
        reader.report("E285", url.key.place, message, "keep `run` or `url`")
    kept = Map(tuple(each for each in node.entries if each is not url), node.place)
    words = ("run", "with", *_TONES)
    fields = read_fields(kept, words, "`onAnswer`", reader, place=entry.key.place, hints=_HINTS, aliases=_ALIASES)
    name = fields.need("run", "add `run: flow`", reader)
    runs = read_run(name, fields.get("with"), reader) if name else None
    if runs is not None and name is not None:
        _check_secrecy(runs, reader)
        _check_outcomes(runs, name.place, reader)
    return runs


def _check_outcomes(runs: Runs, place: Place, reader: Reader) -> None:
    """W286 for an outcome by whose name nobody is to be joined, when it joins them."""
    signature = reader.flows.get(runs.flow)
    for outcome in signature.outcomes if signature else ():
        if outcome.lower() in _REFUSING:
            message = f'"{outcome}" of the flow "{runs.flow}" joins the parties'
            cure = f"call it `rejected`: only {', '.join(DIAL_FAILURES)} keep the parties apart"
            reader.report("W286", place, message, cure)


def _check_secrecy(runs: Runs, reader: Reader) -> None:
    """E286 for a sensitive param: what it is given would have to be kept in the open until the other party answers."""
    signature = reader.flows.get(runs.flow)
    for given in runs.given:
        param = signature.params.get(given.name) if signature else None
        if param is not None and param.variable.sensitive:
            message = f'"{given.name}" of the flow "{runs.flow}" is sensitive, and would be kept until somebody answers'
            reader.report("E286", given.place, message)

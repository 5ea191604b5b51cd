"""The lines of a call: what was said, heard and done, when, and why. Stored and played calls have the same ones."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

import orjson

from ncco_server.desk.documents import HookDocument
from ncco_server.desk.recorded_calls import TimelineEntry, action_words, answers_in, entries_of, functions_in
from ncco_server.engine import TraceLine
from ncco_server.flow.nodes import Place
from ncco_server.ncco.durations import plain
from ncco_server.ncco.statuses import STATUSES
from ncco_server.service.agents import SAID
from ncco_server.service.masks import MaskedText, encrypted_options, json_object, without_marks
from ncco_server.service.phone_numbers import readable
from ncco_server.service.told import fallback_reason, given_in
from ncco_server.store import Timeline, TurnRow
from ncco_server.terminal import printable

LineKind: TypeAlias = Literal["said", "sound", "did", "note", "action", "webhook", "why", "hook", "lost"]
DECIDING: Final = ("decided", "failed", "refused")
DOTS: Final = "••••"
_SERVES: Final = frozenset({"record", "connect", "conversation"})
"""An error exit that plays one of these actions does not lose the caller."""
_UNNAMED: Final = frozenset({"decided", "answered"})
_SENTENCES: Final[Mapping[str, str]] = {
    "rings": "{} rings",
    "joined by": "{} joins the call",
    "left by": "{} leaves the call",
    "hangs up": "The caller hangs up.",
    "is over": "The call is over.",
    "is silent": "silence",
    "sends": "sends {}",
    "speaks": "speaks {}",
}
"""By verb; any other line reads well without its verb."""


@dataclass(frozen=True, slots=True)
class CallLine:
    """One line of a call.

    Attributes:
        kind: `said` by the line, another `sound`, `did` by the caller, a `note` about the call, another `action` of an
            NCCO, a `webhook`, `why` the call continued as it did, a `hook`, or why the caller was `lost`.
        at: seconds since the call began; None if unknown.
        note: for example `delivered again`, or "".
        place: the line of the flow that decided.
        plain: for owners, without technical words; "" if it interests only developers.
        key: identifies the line in its call.
        webhook: the ID of the webhook, or the number of the turn, whose last line it is; or "".
        is_of_party: whether a called party heard or did it before it was connected.
        seconds: its duration; None if endless.
    """

    kind: LineKind
    verb: str
    text: str = ""
    at: float | None = None
    note: str = ""
    place: Place | None = None
    plain: str = ""
    key: str = ""
    webhook: str = ""
    has_failed: bool = False
    is_of_party: bool = False
    seconds: float | None = 0.0
    is_cut: bool = False
    language: str = ""

    @property
    def sentence(self) -> str:
        """The line without a column for its verb."""
        return _SENTENCES.get(self.verb, "{}").format(self.text)


def line_text(line: CallLine) -> str:
    """Print a line in columns: the time, the verb, the rest."""
    at = " " * 9 if line.at is None else f"{line.at:7.1f} s"
    is_quoted = line.kind == "said" or line.verb in ("says", "expected")
    text = line.text if line.kind == "action" else " ".join(line.text.split())
    text = f'"{text}"' if is_quoted else text
    note = f" ({line.note})" if line.note else ""
    where = f"  {line.place.file}:{line.place.line}" if line.place is not None else ""
    return printable(f"{at}  {line.verb:<10}{text}{note}{where}".rstrip())


def trace_of(stored: bytes) -> list[TraceLine]:
    """The trace of a `TurnRow`."""
    return [TraceLine.read(line) for line in orjson.loads(stored)]


def place_of(where: str) -> Place | None:
    """Read `flows/acme.yaml:12`; None for ""."""
    file, _, line = where.rpartition(":")
    return Place(file, int(line), 1) if file and line.isdigit() else None


def why_text(line: TraceLine, did: str = "") -> str:
    """What decided, for example `menu → sales: digits 1 are the key of choice "sales"`."""
    did = did or line.did
    named = "" if did in _UNNAMED else f"{did}: "
    step = f"{line.step} → " if line.step else ""
    return f"{named}{step}{line.what}{f': {line.because}' if line.because else ''}"


def why_of(turn: TurnRow) -> Iterator[CallLine]:
    """Decisions, lookups, functions and failures, but not the steps that they led to."""
    inputs = without_marks(json_object(turn.inputs))
    answers = answers_in(inputs)
    called = deque(functions_in(inputs))
    trace = trace_of(turn.trace)
    for line, following in zip(trace, (*trace[1:], None), strict=True):
        is_repeated = line.did == "heard" and following is not None and following.did == "decided"
        if line.did == "entered" or is_repeated:
            continue
        did = line.did
        value = None
        if line.did == "asked":
            did = "lookup"
            if answer := next((each for each in answers if each.name == line.what), None):
                answers.remove(answer)
                value = answer.value
            elif called and called[0].name == line.what:
                did, value = "function", called.popleft().value
        note = "" if value is None else json.dumps(_with_dots(value), ensure_ascii=False)
        has_failed = line.did in ("failed", "refused") or line.by == "default"
        yield CallLine("why", "why", why_text(line, did), None, note, place_of(line.where), has_failed=has_failed)


def _with_dots(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_dots(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_dots(each) for each in value]
    return DOTS if isinstance(value, MaskedText) else value


def done_by_party(fields: Mapping[str, Any], line: str) -> str:
    """What a called party did, its number as written on the called `line`; "" for any other webhook."""
    status = STATUSES.get(str(fields.get("status")))
    return f"{readable(str(fields.get('to', '')), line) or 'The called party'} {status.does}" if status else ""


def _played(ncco: Sequence[Mapping[str, Any]]) -> Iterator[CallLine]:
    """What follows an `input` is only played if no webhook gets a reply, which does not interest owners."""
    is_spare = False
    for action in ncco:
        name = str(action.get("action", "?"))
        if name == "talk":
            text = DOTS if "text" in encrypted_options(action) else plain(str(action.get("text", "")))
        else:
            text = action_words(action)
        yield CallLine(
            kind="said" if name == "talk" else "action",
            verb=name,
            text=text,
            plain=text if name == "talk" and not is_spare else "",
        )
        is_spare = is_spare or name == "input"


def stored_lines(timeline: Timeline, now_ms: int) -> Iterator[CallLine]:
    unsent = {hook.id: HookDocument.of(hook, now_ms) for hook in timeline.hooks}
    step: Place | None = None
    for entry in entries_of(timeline):
        entered = trace_of(entry.turn.trace) if entry.turn is not None else ()
        step = next((place_of(line.where) for line in reversed(entered) if line.did == "entered"), step)
        lines = [
            *_entry_lines(entry, timeline),
            *_hooks_of(entry, unsent),
            *_lost(entry, step, timeline),
        ]
        for number, line in enumerate(lines):
            is_last = number == len(lines) - 1
            yield replace(line, key=f"{entry.webhook.id}-{number}", webhook=entry.webhook.id if is_last else "")


def _entry_lines(entry: TimelineEntry, timeline: Timeline) -> Iterator[CallLine]:
    """A webhook, why the call continued as it did, and what was played."""
    yield _caused(entry, timeline)
    if entry.turn is None:
        return
    yield from why_of(entry.turn)
    if entry.ncco is None:
        yield CallLine("action", "nothing", "the call continues as before")
    else:
        yield from _played(entry.ncco)


def _caused(entry: TimelineEntry, timeline: Timeline) -> CallLine:
    session = timeline.call.session
    row = entry.webhook
    told = str(entry.document["told"])
    took = entry.inputs.get("us")
    reason = fallback_reason(entry.fields)
    notes = [
        f"by the fallback URL: {reason}" if reason and row.kind.startswith("input") else "",
        "delivered again" if entry.is_again else "",
        f"made in {took / 1000:.1f} ms" if took is not None else "",
    ]
    kind: LineKind = "webhook"
    verb, text = "webhook", f"{row.kind}: {told}" if told else row.kind
    if row.kind.startswith("input") and told and "not_kept" not in entry.fields:  # repeats are masked
        kind = "did"
        verb, text, doubt = given_in(entry.fields)
        notes.insert(0, doubt)
        owners = _SENTENCES.get(verb, "{}").format(text)
    elif row.kind == SAID:
        owners = text = str(entry.fields.get("text", ""))
        kind, verb = ("said", "agent") if row.status == "agent" else ("did", "says")
    else:
        owners = _plain(entry, session.leg, str(json_object(session.state).get("call", {}).get("to", "")))
    at = (row.received_at - session.created_at) / 1000
    return CallLine(kind, verb, text, at, ", ".join(filter(None, notes)), plain=owners)


def _plain(entry: TimelineEntry, leg: str, line: str) -> str:
    kind, _, status = entry.webhook.kind.partition("-")
    match kind:
        case "answer":
            return "The call comes in"
        case "record":
            return "The message ends"
        case "agent":
            return "The agent hands the caller back"
        case "called":
            return "Somebody called back"
        case "event" if status == "completed" and entry.webhook.leg == leg:
            return "The call ends"
        case "event" if entry.fields.get("direction") == "outbound":
            return done_by_party(entry.fields, line)
    return ""


def _hooks_of(entry: TimelineEntry, unsent: Mapping[str, HookDocument]) -> Iterator[CallLine]:
    for id_, name in entry.inputs.get("hooks", {}).items():
        hook = unsent.get(id_)
        state = "sent or dropped" if hook is None else f"{hook.state}, {hook.problem}".removesuffix(", ")
        yield CallLine("hook", "hook", f"{name}: {state}", has_failed=hook is not None and hook.problem != "")


def _lost(entry: TimelineEntry, place: Place | None, call: Timeline) -> Iterator[CallLine]:
    """The caller is lost if no part of the flow could be played, or an error ended the call. `place` is the step's."""
    row = entry.webhook
    failed = [line for line in trace_of(entry.turn.trace) if line.did == "failed"] if entry.turn is not None else []
    why = ""
    if failed:
        is_failsafe = failed[-1].what == "failsafe"
        is_served = any(action["action"] in _SERVES for action in entry.ncco or ())
        if is_failsafe or (entry.turn is call.turns[-1] and _is_over(call) and not is_served):
            cause = next((line for line in failed if line.where), failed[0])
            then = "the failsafe was played" if is_failsafe else "the error exit ended the call"
            why, place = f"{cause.because}; {then}", place_of(cause.where)
    elif row.kind == "error" and not any(each.created_at >= row.received_at for each in call.turns):
        why = f"Vonage reported: {entry.fields.get('reason', '')}"
    elif row.kind.startswith("input") and entry.turn is None and not entry.is_again:
        if not any(each.cause_turn == row.turn for each in call.turns) and not _has_ended(call, row.received_at):
            why = "the flow could not continue, and the failsafe was played; the log says why"
    elif (
        row.kind == "event-completed"
        and row.leg == call.call.session.leg
        and entry.fields.get("disconnected_by") == "platform"
        and any(wait.get("kind") == "input" for wait in json_object(call.call.session.state).get("waits", ()))
        and not _is_over(call)
    ):
        why = "Vonage ended the call while the flow waited for the caller"
    if why:
        yield CallLine("lost", "lost", why, place=place, plain=why, has_failed=True)


def _is_over(call: Timeline) -> bool:
    session = call.call.session
    return session.is_over and bool(json_object(session.state).get("is_over"))


def _has_ended(timeline: Timeline, at_ms: int) -> bool:
    leg = timeline.call.session.leg
    ends = (row for row in timeline.webhooks if row.kind == "event-completed" and row.leg == leg)
    return any(row.received_at <= at_ms for row in ends)

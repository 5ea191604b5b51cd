"""Describes a recorded call as a conversation: webhooks, decisions, lookups and prompts."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ncco_server.desk.documents import HookDocument
from ncco_server.desk.heard import Sent, sent_in
from ncco_server.desk.recorded_calls import TimelineEntry, action_summary, entries_of
from ncco_server.engine.session import CalledFunction, StoredAnswer
from ncco_server.flow.nodes import Place
from ncco_server.ncco.statuses import STATUSES
from ncco_server.service.masks import MaskedText, encrypted_options, json_object
from ncco_server.service.phone_numbers import readable
from ncco_server.service.told import words_of
from ncco_server.store import Timeline

DOTS: Final = "••••"
_SERVES: Final = frozenset({"record", "connect", "conversation"})
"""An error exit that plays one of these actions does not lose the caller."""


class Said(NamedTuple):
    """An action that was sent, about when it began, and how it was heard.

    If it `is_spare`, it follows an `input` and is heard only if no webhook gets a reply.
    """

    kind: str
    text: str
    at: str
    note: str
    is_heard: bool
    is_spare: bool


class Reason(NamedTuple):
    """A decision, lookup or failure, or why the caller was lost, with its line of the flow.

    Attributes:
        text: for a lookup, it ends with `ok, in 12 ms`, or why its default was used.
        answer: the lookup's, as JSON, with dots for sensitive values; "" if not stored.
    """

    text: str
    place: Place | None
    answer: str = ""
    has_failed: bool = False


def said_in(sent: Sequence[Sent]) -> Iterator[Said]:
    is_spare = False
    for each in sent:
        action = each.action
        kind = str(action.get("action", "?"))
        text = DOTS if "text" in encrypted_options(action) else str(action.get("text", ""))
        text = text if kind == "talk" else action_summary(action)
        at = "" if each.at is None else f"about {_clock(each.at)}"
        yield Said(kind, text, at, each.note, each.is_heard, is_spare)
        is_spare = is_spare or kind == "input"


def _clock(seconds: float) -> str:
    """Since the call began."""
    return f"{max(0, round(seconds)) // 60}:{max(0, round(seconds)) % 60:02}"


def reasons_in(
    trace: Sequence[Mapping[str, Any]], answers: Sequence[StoredAnswer], called: Sequence[CalledFunction] = ()
) -> Iterator[Reason]:
    """Decisions, lookups, functions and failures, in order; `answers` are those of the turn's lookups."""
    left = deque(called)
    known = list(answers)
    for line in trace:
        did = line["did"]
        what = line["what"]
        because = f": {line['because']}" if line["because"] else ""
        place = place_of(line["where"])
        step = f"{line['step']} → " if line["step"] else ""
        if did == "asked":
            kind, value = "lookup", None
            if answer := next((each for each in known if each.name == what), None):
                known.remove(answer)
                value = answer.value
            elif left and left[0].name == what:
                kind, value = "function", left.popleft().value
            yield Reason(f"{kind} {what}{because}", place, _shown(value), line.get("by") == "default")
        elif did in ("failed", "refused"):
            yield Reason(f"{did}: {step}{what}{because}", place, has_failed=True)
        elif did in ("decided", "answered"):
            yield Reason(f"{step}{what}{because}", place)


def _shown(answer: Any) -> str:
    return "" if answer is None else json.dumps(_with_dots(answer), ensure_ascii=False)


def _with_dots(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_dots(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_dots(each) for each in value]
    return DOTS if isinstance(value, MaskedText) else value


def place_of(where: str) -> Place | None:
    """Read `flows/acme.yaml:12`; None for ""."""
    file, _, line = where.rpartition(":")
    return Place(file, int(line), 1) if file and line.isdigit() else None


def conversation(timeline: Timeline, hooks: Sequence[HookDocument], now_ms: int) -> list[dict[str, Any]]:
    """Each webhook with what the caller did, the decision, and the prompts that followed.

    `hooks` are the call's unsent ones.
    """
    shown: list[dict[str, Any]] = []
    unsent = {hook.id: hook for hook in hooks}
    entered: Place | None = None
    sent = sent_in(timeline, now_ms)
    done = {"state": "sent or dropped", "problem": ""}
    for entry in entries_of(timeline):
        document = entry.document
        turn = document["turn"]
        trace = turn["why"] if turn else []
        entered = next((place_of(line["where"]) for line in reversed(trace) if line["did"] == "entered"), entered)
        told = {
            "id": entry.webhook.id,
            "clock": _clock((entry.webhook.received_at - timeline.call.session.created_at) / 1000),
            "plain": _plain(entry, timeline),
            "reasons": list(reasons_in(trace, entry.answers, entry.functions)),
            "said": list(said_in(sent.get(turn["number"], ()))) if turn else [],
            "hooks": [unsent.get(id_) or done | {"name": name} for id_, name in entry.inputs.get("hooks", {}).items()],
            "has_failed": any(line["did"] == "failed" for line in trace),
            "lost": _lost(entry, document, entered, timeline),
        }
        shown.append(document | told)
    return shown


def _plain(entry: TimelineEntry, timeline: Timeline) -> str:
    """Return "" if the webhook interests nobody, or the conversation already shows it."""
    kind, _, status = entry.webhook.kind.partition("-")
    fields = entry.fields
    match kind:
        case "answer":
            return "The call comes in"
        case "input" if "speech" in fields:
            heard = words_of(fields)
            return f"“{heard}”" if heard and not isinstance(heard, MaskedText) else ""
        case "record":
            return "The message ends"
        case "called":
            return "Somebody called back"
        case "event" if status == "completed" and entry.webhook.leg == timeline.call.session.leg:
            return "The call ends"
        case "event" if fields.get("direction") == "outbound":
            return done_by_party(fields, str(json_object(timeline.call.session.state).get("call", {}).get("to", "")))
    return ""


def done_by_party(fields: Mapping[str, Any], line: str) -> str:
    """What a called party did, its number as written on the called `line`; "" for any other webhook."""
    status = STATUSES.get(str(fields.get("status")))
    return f"{readable(str(fields.get('to', '')), line) or 'The called party'} {status.does}" if status else ""


def _lost(entry: TimelineEntry, document: Mapping[str, Any], place: Place | None, call: Timeline) -> Reason | None:
    """The caller is lost if no part of the flow could be played, or an error ended the call. `place` is the step's."""
    row = entry.webhook
    turn = document["turn"]
    failed = [line for line in turn["why"] if line["did"] == "failed"] if turn else []
    if failed:
        is_failsafe = failed[-1]["what"] == "failsafe"
        is_served = any(action["action"] in _SERVES for action in turn["ncco"] or ())
        if is_failsafe or (entry.turn is call.turns[-1] and _is_over(call) and not is_served):
            cause = next((line for line in failed if line["where"]), failed[0])
            then = "the failsafe was played" if is_failsafe else "the error exit ended the call"
            return Reason(f"{cause['because']}; {then}", place_of(cause["where"]))
    elif row.kind == "error" and not any(each.created_at >= row.received_at for each in call.turns):
        return Reason(f"Vonage reported: {entry.fields.get('reason', '')}", place)
    elif row.kind.startswith("input") and turn is None and not entry.is_again:
        if not any(each.cause_turn == row.turn for each in call.turns) and not _has_ended(call, row.received_at):
            return Reason("the flow could not continue, and the failsafe was played; the log says why", place)
    elif (
        row.kind == "event-completed"
        and row.leg == call.call.session.leg
        and entry.fields.get("disconnected_by") == "platform"
        and any(wait.get("kind") == "input" for wait in json_object(call.call.session.state).get("waits", ()))
        and not _is_over(call)
    ):
        return Reason("Vonage ended the call while the flow waited for the caller", place)
    return None


def _is_over(call: Timeline) -> bool:
    session = call.call.session
    return session.is_over and bool(json_object(session.state).get("is_over"))


def _has_ended(timeline: Timeline, at_ms: int) -> bool:
    leg = timeline.call.session.leg
    ends = (row for row in timeline.webhooks if row.kind == "event-completed" and row.leg == leg)
    return any(row.received_at <= at_ms for row in ends)

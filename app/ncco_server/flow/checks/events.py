"""Checks the lines under `events`: which of them a webhook can cause. Source: webhook reference; NCCO reference."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, NamedTuple

from ncco_server.flow.action import Action, literal, may_be_true
from ncco_server.flow.actions.connect import ConnectTarget
from ncco_server.flow.actions.do import Document
from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.model import Step
from ncco_server.flow.nodes import Map, Node
from ncco_server.flow.values import Object
from ncco_server.ncco.statuses import BEEP, DISCONNECTED, STATUSES


class _Reporter(NamedTuple):
    """The actions whose webhooks are an event; `lacks` says that there are none, and `cure` what to write instead."""

    reports: Callable[[Action], bool]
    lacks: str
    cure: str | None


def check_events(node: Node | None, steps: Collection[Step], where: str) -> Iterator[FlowIssue]:
    """Report W288 for lines under `events` that no webhook of `steps` can cause.

    `where` is `step`, `flow` or `project`.
    """
    parts = [part for step in steps for part in step.parts]
    if any(isinstance(part, Document) for part in parts):
        return
    for key in (entry.key for entry in node.entries) if isinstance(node, Map) else ():
        reporter = _REPORTERS.get(key.value)
        if key.value == "hangup" and steps and not any(map(_waits, steps)):
            message = f"`hangup` is never reported: no call waits in this {where}"
            yield RULES["W288"].at(key.place, message, _HANGUP_CURES[where == "step"])
        if reporter is None:
            continue
        actions = [action for part in parts for action in part.actions if reporter.reports(action)]
        if not actions:
            message = f"`{key.value}` is never reported: {reporter.lacks.format(where=where)}"
            yield RULES["W288"].at(key.place, message, reporter.cure)
        elif not any(_reports_here(action, key.value) for action in actions):
            message = f"`{key.value}` is never reported here: an `eventUrl` sends it to another server"
            yield RULES["W288"].at(key.place, message, "delete the `eventUrl`, or this line")


def _waits(step: Step) -> bool:
    """Whether a caller can hang up in the step: later, the call is in another step or its flow has ended."""
    targets = (*(way.target for way in step.exit.ways), *([] if step.error is None else [step.error]))
    is_left = any(target.runs is not None and target.runs.comes_back for target in targets)
    return not step.exit.leaves_at_once or is_left or any(action.word == "conversation" for action in step.actions)


def _reports_here(action: Action, event: str) -> bool:
    if event == "transcription" and (own := action.fields.get("transcription")) is not None:
        members = own.members if isinstance(own, Object) else {}
        return "eventUrl" not in members and action.callback is not None
    return action.callback is not None


def _records(action: Action) -> bool:
    return action.word == "record" or (action.word == "conversation" and may_be_true(action.fields, "record"))


def _detects(action: Action) -> bool:
    return not {"machineDetection", "advancedMachineDetection"}.isdisjoint(action.fields)


def _hears_beep(action: Action) -> bool:
    """Source: Voice API specification, advanced machine detection (the default mode is detect)."""
    advanced = action.fields.get("advancedMachineDetection")
    members = advanced.members if isinstance(advanced, Object) else {}
    if not isinstance(advanced, Object):
        return advanced is not None
    return "mode" in members and literal(members, "mode") != "detect"


_HANGUP_CURES: Final = (
    "write `ended`, which is reported at the end of every call, or delete the line",
    "write it in the step that asks the caller, or under `events` of the flow, or delete the line",
)
_RECORDING = _Reporter(_records, "nothing in this {where} records", None)
_TRANSCRIPTION = _Reporter(
    lambda action: _records(action) and "transcription" in action.fields,
    "no `record` in this {where} asks for one",
    "write `transcription: {}` in the `record`, or delete the line",
)
_DIAL = _Reporter(
    lambda action: action.word == "connect",
    "this {where} dials nobody",
    "write it where the `connect` is, or delete the line",
)
_DETECTION = _Reporter(
    _detects,
    "no `connect` of this {where} detects machines",
    "write `machineDetection: continue` next to the `connect`, or delete the line",
)
_BEEP = _Reporter(
    _hears_beep,
    "no `connect` of this {where} listens for the beep",
    "write `advancedMachineDetection: {mode: detect_beep}` next to the `connect`, or delete the line",
)
_SOCKET = _Reporter(
    lambda action: isinstance(action, ConnectTarget) and action.kind == "websocket",
    "no `connect` of this {where} leads to a websocket",
    "write `completed` for the end of a talk with a phone, or delete the line",
)
_REPORTERS: Final[Mapping[str, _Reporter]] = {
    **dict.fromkeys(STATUSES, _DIAL),
    "record": _RECORDING,
    "transcription": _TRANSCRIPTION,
    **dict.fromkeys(("machine", "human"), _DETECTION),
    BEEP.name: _BEEP,
    DISCONNECTED: _SOCKET,
}

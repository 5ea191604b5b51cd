"""W288: which lines under `events` can fire, for every event and every action that Vonage has."""

from __future__ import annotations

import json
from typing import Any

from ncco_server.flow.language.hooks import EVENTS, STEP_EVENTS
from ncco_server.flow.loader import load
from ncco_server.ncco.actions import ACTIONS
from tests.support.cases import each_case
from tests.unit.server.flow.tables import table

NEVER_BY_A_DIAL = {"record", "transcription", "hangup", "ended", "machine", "human", "beep", "disconnected"}
DIAL = [name for name in EVENTS if name not in NEVER_BY_A_DIAL]
HOOK = {"noted": {"post": "https://crm.example.com/notes"}}


def silent(step: dict[str, Any], events: list[str], *, of_flow: bool = False) -> set[str]:
    """The events that are reported as never fired, written in the step or in the flow."""
    lines = {"events": dict.fromkeys(events, "noted")}
    head = {"flow": "t", "default": True, "start": "hello", "hooks": HOOK} | (lines if of_flow else {})
    steps = {"hello": {"do": [{"talk": "Hello."}], "goto": "act"}, "act": step if of_flow else step | lines}
    project = load({"flows/t.yaml": json.dumps(head | {"steps": steps}), "templates/list.json": "[]"}, extent="project")
    assert not [issue for issue in project.issues if issue.is_error], project.issues
    found = [issue.message for issue in project.issues if issue.code == "W288"]
    return {event for event in events if any(message.startswith(f"`{event}` ") for message in found)}


def reported(names: list[str]) -> set[str]:
    return {event for name in names for event in (DIAL if name == "dial" else [name])}


@each_case(("action", "names"), table(__file__, "test_each_event_of_each_action_is_told_from_those_that_never_come"))
def test_each_event_of_each_action_is_told_from_those_that_never_come(action: dict[str, Any], names: list[str]) -> None:
    events = [name for name in STEP_EVENTS if name != "hangup"]

    assert set(events) - reported(names) == silent({"do": [action], "goto": "end"}, events)
    assert set(events) - reported(names) == silent({"do": [action], "goto": "end"}, events, of_flow=True)


def test_every_action_is_in_the_table() -> None:
    cases = table(__file__, "test_each_event_of_each_action_is_told_from_those_that_never_come")

    assert ACTIONS.keys() <= {next(iter(action)) for action, _ in cases}


@each_case(("case", "is_reported"), table(__file__, "test_hangup_is_reported_only_where_a_call_waits"))
def test_hangup_is_reported_only_where_a_call_waits(case: dict[str, Any], is_reported: bool) -> None:
    never = set() if is_reported else {"hangup"}

    assert never == silent(case, ["hangup"])
    assert never == silent(case, ["hangup"], of_flow=True)


def test_events_of_a_shared_file_are_about_the_actions_of_all_flows() -> None:
    def found(*actions: dict[str, Any]) -> list[str]:
        shared = {"shared": True, "hooks": HOOK, "events": {"record": "noted", "hangup": "noted", "ended": "noted"}}
        texts = {"flows/shared.yaml": json.dumps(shared)}
        for number, action in enumerate(actions):
            steps = {"hello": {"do": [action], "goto": "end"}}
            head = {"flow": f"f{number}", "entry": True, "start": "hello"}
            texts[f"flows/f{number}.yaml"] = json.dumps(head | {"steps": steps})
        issues = load(texts, extent="project").issues
        assert not [issue for issue in issues if issue.is_error], issues
        return [issue.message.split(" ")[0] for issue in issues if issue.code == "W288"]

    assert ["`record`", "`hangup`"] == found({"talk": "Hello."}, {"talk": "Goodbye."})
    assert ["`hangup`"] == found({"talk": "Hello."}, {"record": {"endOnSilence": 4}})
    assert [] == found({"record": {"endOnSilence": 4}}, {"conversation": "room"})

from __future__ import annotations

from typing import Any

from tests.support.cases import each_case
from tests.unit.server.flow.actions.reading_parts import dial, play


def dialled(do: str, *names: str, completed_ends: bool = True) -> list[dict[str, Any]]:
    parts, faults = dial(do, *names, completed_ends=completed_ends)

    assert not faults
    return play(parts)


def test_only_the_next_target_is_dialled_after_a_failure() -> None:
    do = "- talk: One moment.\n- connect: [{user: ann}, {user: bob}]"
    parts, _ = dial(do, "completed", "otherwise", completed_ends=False)

    assert [0, 2, 0] == [len(part.targets) for part in parts]
    assert ["talk", "connect", "notify"] == [action["action"] for action in play(parts)]
    assert ["connect", "notify"] == [action["action"] for action in play(parts, 1)]
    assert [{"type": "app", "user": "bob"}] == play(parts, 1)[0]["endpoint"]


@each_case(
    ("fields", "names", "detection"),
    [
        ("", ("busy",), {}),
        ("", ("machine",), {"machineDetection": "continue"}),
        ("", ("human",), {"machineDetection": "continue"}),
        ("", ("beep",), {"advancedMachineDetection": {"behavior": "continue", "mode": "detect_beep"}}),
        ("", ("beep", "human"), {"advancedMachineDetection": {"behavior": "continue", "mode": "default"}}),
        ("machineDetection: continue", ("machine",), {"machineDetection": "continue"}),
        (
            "advancedMachineDetection: {beep_timeout: 60}",
            ("beep",),
            {"advancedMachineDetection": {"behavior": "continue", "mode": "detect_beep", "beep_timeout": 60}},
        ),
        ("machineDetection: hangup", ("busy",), {"machineDetection": "hangup"}),
    ],
)
def test_naming_its_outcomes_turns_on_machine_detection(
    fields: str, names: tuple[str, ...], detection: dict[str, Any]
) -> None:
    (action,) = dialled(f"- connect: {{user: ann}}\n  {fields}", *names)

    endpoint = [{"type": "app", "user": "ann"}]
    assert {"action": "connect", "endpoint": endpoint, "eventType": "synchronous", **detection} == action


def test_a_synchronous_connect_may_be_written() -> None:
    (action,) = dialled("- connect: {user: ann}\n  eventType: synchronous", "completed")

    assert "synchronous" == action["eventType"]


@each_case(
    ("do", "name", "fault"),
    [
        ("- talk: a", "busy", "E408 90:5"),
        ("- ncco: list.json.j2", "busy", "E408 90:5"),
        ("- connect: {user: a}\n- connect: {user: b}", "busy", "E408 2:3"),
        ("- connect: {user: a}\n- talk: b", "busy", "E408 2:3"),
        ("- checkpoint: heard\n- talk: b", "heard", "E409 2:3"),
        ("- connect: {user: a}\n  eventUrl: https://example.com", "busy", "E412 2:13"),
    ],
)
def test_an_outcome_that_never_comes_is_reported(do: str, name: str, fault: str) -> None:
    _, (found,) = dial(do, name)

    assert found.startswith(fault)

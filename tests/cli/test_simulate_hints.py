"""What a person at the terminal is told to type about a party that is dialled."""

from __future__ import annotations

from typing import Any

import pytest

from app.cli.jobs.simulating.party import OF_SOCKETS, SHOWN, ways_of_party
from app.simulator import Waited


@pytest.mark.parametrize(
    ("expected", "address", "action"),
    [
        (SHOWN, "447700900111", {}),
        ((*SHOWN, "human"), "447700900111", {"machineDetection": "continue"}),
        ((*SHOWN, "human", "beep"), "447700900111", {"advancedMachineDetection": {"behavior": "continue"}}),
        (OF_SOCKETS, "wss://bot.example.com", {"machineDetection": "continue"}),
    ],
)
def test_what_machine_detection_tells_apart_is_offered(
    expected: tuple[str, ...], address: str, action: dict[str, Any]
) -> None:
    assert expected == ways_of_party(Waited("dial", action, address=address))

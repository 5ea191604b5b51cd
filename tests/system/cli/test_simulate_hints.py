"""What a person at the terminal is told to type about a party that is dialled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.cli.simulate.commands import OF_SOCKETS, SHOWN, ways_of_party
from app.simulator import Waited
from tests.system.cli.simulated import SHOP, call

MORE = """      desk: {speech: Jürgen's desk, goto: end}
    min_confidence:"""


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


def test_phrases_are_offered_as_they_are_written(tmp_path: Path) -> None:
    flow = tmp_path / "shop.yaml"
    flow.write_text(SHOP.replace("[sales, buy]", "[销售, buy]").replace("    min_confidence:", MORE), "utf-8")

    assert "or say 销售 or Jürgen's desk; Enter" in call(flow).output

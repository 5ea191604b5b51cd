"""The virtual Vonage plays every action of an NCCO."""

from __future__ import annotations

from ncco_server.ncco.actions import ACTIONS
from ncco_studio.simulator.player import PERFORMERS


def test_every_action_is_played() -> None:
    assert PERFORMERS.keys() == ACTIONS.keys()

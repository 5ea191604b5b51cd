"""What the actions of one NCCO share while it is played."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from app.simulator.kernel import Steps
from app.simulator.leg import Leg
from app.simulator.platform import Platform

Action: TypeAlias = dict[str, Any]
Ncco: TypeAlias = list[Action]
Play: TypeAlias = Callable[[Platform, Leg, Ncco], Steps[None]]


class Stage:
    """Where an NCCO is played.

    Attributes:
        leg: whose NCCO it is.
        play: plays an NCCO for another leg.
        queued: prompts that keys or speech may cut short, until an input listens; they are played there. An NCCO
            without such an input is refused before.
    """

    def __init__(self, platform: Platform, leg: Leg, play: Play) -> None:
        self.platform = platform
        self.leg = leg
        self.play = play
        self.queued: list[Action] = []

    def reset(self) -> None:
        """Another NCCO replaces this one."""
        self.queued = []

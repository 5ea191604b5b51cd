"""What the actions of one NCCO share while it is played."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from app.ncco.actions import ACTIONS
from app.simulator.kernel import Process, Signal, Steps
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
        barges: whether prompts may be cut short: from the first with `bargeIn` up to the input that listens.
    """

    def __init__(self, platform: Platform, leg: Leg, play: Play) -> None:
        self.platform = platform
        self.leg = leg
        self.play = play
        self.barges = False
        self._behind: deque[Action] = deque()
        self._playing: Process[None] | None = None
        self._written: dict[int, Action] = {}

    def load(self, ncco: Ncco) -> deque[Action]:
        """The actions of an NCCO that replaces the one before, with NCCO names and real types.

        Numbers for digits in text, arrays for single values.
        """
        self.barges = False
        self.silence()
        actions = [ACTIONS[action["action"]].from_ncco(action).to_ncco() for action in ncco]
        self._written = {id(action): written for action, written in zip(actions, ncco, strict=True)}
        return deque(actions)

    def begins(self, action: Action) -> None:
        """It is the turn of an action; a prompt may wait for those that are played before it."""
        self.leg.root.performed.append(self._written[id(action)])

    def play_behind(self, action: Action, sound: Callable[[Stage, Action], Steps[None]]) -> None:
        """Play a prompt behind those that are played already, while the NCCO goes on."""
        self._behind.append(action)
        if self._playing is None or self._playing.is_over:
            self._playing = self.platform.kernel.spawn(self._play_behind(sound))
            self.leg.processes.append(self._playing)

    def _play_behind(self, sound: Callable[[Stage, Action], Steps[None]]) -> Steps[None]:
        while self._behind:
            yield from sound(self, self._behind.popleft())

    @property
    def quiet(self) -> Signal:
        """Happens when no prompt is played behind the NCCO any more."""
        if self._playing is not None:
            return self._playing.done
        signal = Signal()
        signal.fire()
        return signal

    def silence(self) -> None:
        """Cut the prompts that are played behind the NCCO."""
        self._behind.clear()
        if self._playing is not None:
            self._playing.cancel()

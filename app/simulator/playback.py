"""What the actions of one NCCO share while it is played, among it its prompts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from app.ncco.actions import ACTIONS
from app.simulator.legs import InputQueue, Kind, Leg, PartyInput
from app.simulator.scheduler import Process, Signal, Steps, first_of

if TYPE_CHECKING:
    from app.simulator.platform import Vonage

Action: TypeAlias = dict[str, Any]
Ncco: TypeAlias = list[Action]
Play: TypeAlias = Callable[["Vonage", Leg, Ncco], Steps[None]]


class Playback:
    """One NCCO that is being played for a leg, and its prompts.

    Attributes:
        leg: whose NCCO it is.
        play: plays an NCCO for another leg.
        barges: whether prompts may be cut short: from the first with `bargeIn` up to the input that listens.
    """

    def __init__(self, platform: Vonage, leg: Leg, play: Play) -> None:
        self.platform = platform
        self.leg = leg
        self.play = play
        self.barges = False
        self._behind: deque[Action] = deque()
        self._playing: Process[None] | None = None
        self._written: dict[int, Action] = {}

    def load(self, ncco: Ncco) -> deque[Action]:
        """The actions of an NCCO that replaces the one before, in their canonical form.

        That is numbers where digits were written as text, and arrays where single values were written.
        """
        self.barges = False
        self.silence()
        actions = [ACTIONS[action["action"]].from_ncco(action).to_ncco() for action in ncco]
        self._written = {id(action): written for action, written in zip(actions, ncco, strict=True)}
        return deque(actions)

    def begins(self, action: Action) -> None:
        """An action begins; a prompt may wait for those that are played before it."""
        self.leg.root.performed.append(self._written[id(action)])

    def prompt(self, action: Action) -> Steps[None]:
        """Play a `talk` or `stream`, or begin to play it when the input behind it may cut it short.

        A prompt with `bargeIn` is asynchronous: the NCCO continues, and the input listens while it plays. Once true it
        stays true for all prompts up to that input, also for those with `bargeIn: false`.
        Source: NCCO reference, NCCO actions (Synchronous), Talk and Stream (bargeIn); nexmo-developer pull request
        1662.
        """
        self.barges = self.barges or bool(action.get("bargeIn"))
        if not self.barges:
            yield from self._play_prompt(action)
            return
        self._behind.append(action)
        if self._playing is None or self._playing.is_over:
            self._playing = self.platform.scheduler.spawn(self._play_behind())
            self.leg.processes.append(self._playing)

    def _play_behind(self) -> Steps[None]:
        while self._behind:
            yield from self._play_prompt(self._behind.popleft())

    def _play_prompt(self, action: Action) -> Steps[None]:
        """Source: NCCO reference, Talk and Stream (loop): 1 by default, 0 has no end."""
        durations = self.platform.durations
        kind: Kind = "talk" if action["action"] == "talk" else "stream"
        if kind == "talk":
            text = str(action["text"])
            once = durations.talk(text, action.get("language", "en-US"))
        else:
            text = str(action["streamUrl"][0])
            once = durations.stream(text)
        loop = int(action.get("loop", 1))
        seconds = round(once * loop, 3) if loop else None
        sound = self.leg.conversation.play(kind, text, seconds, action)
        try:
            yield from first_of(within=seconds)
        finally:
            sound.stop()

    def play_until(self, queue: InputQueue) -> Steps[PartyInput | None]:
        """Let the prompts go on until the party does something; returns that, or None when all have been played."""
        self.barges = False
        given: PartyInput | None = yield from queue.take(within=None, unless=self.quiet)
        self.silence()
        return given

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

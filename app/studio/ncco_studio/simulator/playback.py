"""The prompts of an NCCO while it is played for a leg."""

from __future__ import annotations

from collections import deque

from ncco_server.ncco.actions import ACTIONS
from ncco_server.ncco.durations import repeated
from ncco_studio.simulator.control import CallControl
from ncco_studio.simulator.legs import InputQueue, Leg
from ncco_studio.simulator.scheduler import Process, Routine, Signal, first_of
from ncco_studio.simulator.transcript import Action, HeardKind, Ncco, PartyInput, PressedKey


class Playback:
    """An NCCO that is played for a leg; `allows_barge_in` holds from a `bargeIn` until the next input."""

    def __init__(self, platform: CallControl, leg: Leg) -> None:
        self.platform = platform
        self.leg = leg
        self.allows_barge_in = False
        self._queued: deque[Action] = deque()
        self._prompt_process: Process[None] | None = None

    def load(self, ncco: Ncco) -> deque[tuple[Action, Action]]:
        """Stop the previous prompts, and return each action in normal form and as written.

        In normal form, numbers are not text, and single values are arrays.
        """
        self.allows_barge_in = False
        self.silence()
        return deque((ACTIONS[action["action"]].shape().read(action), action) for action in ncco)

    def prompt(self, action: Action) -> Routine[None]:
        """Play a `talk` or `stream`, or only start it if it can be interrupted.

        After a `bargeIn`, all later prompts before the input can be, even with `bargeIn: false`. Source: NCCO
        reference, Synchronous, bargeIn; nexmo-developer pull request 1662.
        """
        is_kept = self.allows_barge_in and self.platform.assumes.sticky_barge_in == "stays"
        self.allows_barge_in = is_kept or bool(action.get("bargeIn"))
        if not self.allows_barge_in:
            yield from first_of(self.prompts_over)
            yield from self._play_prompt(action)
            return
        self._queued.append(action)
        if self._prompt_process is None or self._prompt_process.is_over:
            self._prompt_process = self.platform.scheduler.spawn(self._play_queued())
            self.leg.processes.append(self._prompt_process)

    def _play_queued(self) -> Routine[None]:
        while self._queued:
            yield from self._play_prompt(self._queued.popleft())

    def _play_prompt(self, action: Action) -> Routine[None]:
        """`loop` is 1 by default, and 0 repeats forever."""
        durations = self.platform.durations
        kind: HeardKind = "talk" if action["action"] == "talk" else "stream"
        if kind == "talk":
            text = str(action["text"])
            once = durations.talk(text, action.get("language", "en-US"))
        else:
            text = str(action["streamUrl"][0])
            once = durations.stream(text)
        seconds = repeated(once, int(action.get("loop", 1)))
        sound = self.leg.conversation.play(kind, text, seconds, action)
        try:
            yield from first_of(within=seconds)
        finally:
            sound.stop()

    def play_until(self, queue: InputQueue, within: float | None = None) -> Routine[PartyInput | None]:
        """None if all prompts have finished, or if the input ignores the key that interrupts them."""
        self.allows_barge_in = False
        is_playing = not self.prompts_over.is_fired
        given: PartyInput | None = yield from queue.take(within=within, unless=self.prompts_over)
        self.silence()
        is_dropped = is_playing and isinstance(given, PressedKey) and self.platform.assumes.barge_in_key == "dropped"
        return None if is_dropped else given

    @property
    def prompts_over(self) -> Signal:
        if self._prompt_process is not None:
            return self._prompt_process.done
        signal = Signal()
        signal.fire()
        return signal

    def silence(self) -> None:
        self._queued.clear()
        if self._prompt_process is not None:
            self._prompt_process.cancel()

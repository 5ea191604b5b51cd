"""Keeps what was heard and done in a call as the script of a scenario."""

from __future__ import annotations

from typing import Final

from app.cli.simulating.words import NOWHERE
from app.simulator import Moment, PhoneCall
from app.verify.scenarios.heard import SPOKEN, plain
from app.verify.scenarios.model import End, HangUp, Hear, ScriptStep, Wait

WAITING: Final = frozenset({"input", "record", "dial", "idle", "end"})
"""Moments at which everything so far was heard to its end."""


class Recorder:
    """The script of one call.

    Attributes:
        script: so far; what was heard in the midst of it is added when it has come to its end.
    """

    def __init__(self, call: PhoneCall) -> None:
        self._call = call
        self._taken = 0
        self.script: list[ScriptStep] = []

    def add(self, step: ScriptStep, moment: Moment) -> None:
        """The caller does something at `moment`."""
        self.hear_out(moment)
        self.script.append(step)

    def wait(self, seconds: float) -> None:
        """Time has passed; a scenario passes over what is heard in it."""
        self.script.append(Wait(NOWHERE, seconds))
        self._taken = len(self._call.transcript)

    def hang_up(self, moment: Moment) -> None:
        """The caller hangs up: at this second where nothing that is heard says when."""
        before = len(self.script)
        self.hear_out(moment)
        is_told = len(self.script) > before and moment.kind in ("input", "dial")
        self.script.append(HangUp(NOWHERE, None if is_told else max(self._call.at, 0.0)))

    def end(self) -> None:
        """The call is over."""
        self.hear()
        if self._call.ended_by == "platform":
            self.script.append(End(NOWHERE))

    def hear_out(self, moment: Moment) -> None:
        """Write down what was heard up to a moment, when it has come to its end."""
        if moment.kind in WAITING:
            self.hear()

    def hear(self) -> None:
        """Write down what was heard since."""
        transcript = self._call.transcript
        for heard in transcript[self._taken :]:
            if heard.kind in SPOKEN and (text := plain(heard.text)):
                self.script.append(Hear(NOWHERE, text, NOWHERE))
        self._taken = len(transcript)

"""`record`. Source: NCCO reference, Record."""

from __future__ import annotations

from typing import Final

from app.simulator.clock import milliseconds
from app.simulator.kernel import Steps, first_of
from app.simulator.leg import Waited
from app.simulator.mailbox import Key, Mailbox, Speech
from app.simulator.player.stage import Action, Ncco, Stage
from app.simulator.recording import Recording

BEEP_S: Final = 0.5
"""Our estimate."""
CONDITIONS: Final = ("endOnSilence", "timeOut", "endOnKey")


def record(stage: Stage, action: Action) -> Steps[Ncco | None]:
    """Record from now on: until a condition is met, or without one until the call ends while the NCCO goes on.

    Whether an NCCO waits for the condition is disputed (`Application.records_block`). Source: NCCO reference, Record.
    """
    platform, leg = stage.platform, stage.leg
    if action.get("beepStart"):
        beep = leg.room.play("beep", "", BEEP_S, action)
        yield from first_of(within=BEEP_S)
        beep.stop()
    recording = Recording(platform, leg, action)
    leg.recordings.append(recording)
    if not any(action.get(name) is not None for name in CONDITIONS):
        return None
    if not platform.application.records_block:
        leg.processes.append(platform.kernel.spawn(_until_over(stage, action, recording)))
        return None
    leg.wait_for_party(Waited("record", action))
    try:
        yield from _until_over(stage, action, recording)
    finally:
        leg.wait_no_more()
    return None


def _until_over(stage: Stage, action: Action, recording: Recording) -> Steps[None]:
    """Wait for the first condition: seconds of silence, a key, or the longest time."""
    clock, mailbox = stage.platform.clock, Mailbox()
    silence, longest = action.get("endOnSilence"), action.get("timeOut")
    quiet_ms, begun_ms = clock.ms, clock.ms
    with stage.leg.listened_to(mailbox, Key, Speech):
        while True:
            ends = [] if longest is None else [begun_ms + milliseconds(longest)]
            ends += [] if silence is None else [quiet_ms + milliseconds(silence)]
            doing = yield from mailbox.take(within=(min(ends) - clock.ms) / 1000 if ends else None)
            if doing is None or (isinstance(doing, Key) and doing.digit == action.get("endOnKey")):
                break
            if isinstance(doing, Speech):
                quiet_ms = clock.ms + milliseconds(doing.seconds)
    recording.end()

"""`talk` and `stream`. Source: NCCO reference, Talk and Stream."""

from __future__ import annotations

from app.simulator.kernel import Steps, first_of
from app.simulator.mailbox import Doing, Mailbox
from app.simulator.player.stage import Action, Ncco, Stage
from app.simulator.room import Playing
from app.simulator.transcript import Kind


def prompt(stage: Stage, action: Action) -> Steps[Ncco | None]:
    """Play it, or keep it for the input that may cut it short.

    A prompt with `bargeIn` is asynchronous: the NCCO goes on to the input, which listens while it plays. Once true it
    stays true for all prompts up to that input, also for those with `bargeIn: false`.
    Source: NCCO reference, Talk and Stream (bargeIn); nexmo-developer pull request 1662.
    """
    if action.get("bargeIn") or stage.queued:
        stage.queued.append(action)
    else:
        yield from _sound(stage, action)
    return None


def play_until(stage: Stage, mailbox: Mailbox) -> Steps[Doing | None]:
    """Play what is kept until something comes into the mailbox: that; None when all has been played."""
    queued, stage.queued = stage.queued, []
    for action in queued:
        playing, seconds = begin(stage, action)
        try:
            doing: Doing | None = yield from mailbox.take(within=seconds)
        finally:
            playing.stop()
        if doing is not None:
            return doing
    return None


def _sound(stage: Stage, action: Action) -> Steps[None]:
    playing, seconds = begin(stage, action)
    try:
        yield from first_of(within=seconds)
    finally:
        playing.stop()


def begin(stage: Stage, action: Action) -> tuple[Playing, float | None]:
    """Let the conversation hear a prompt; how many seconds it lasts, None when it has no end.

    Source: NCCO reference, Talk and Stream (loop): 1 unless given, 0 for ever.
    """
    durations, kind = stage.platform.durations, action["action"]
    text = str(action["text"] if kind == "talk" else action["streamUrl"][0])
    once = durations.talk(text, action.get("language", "en-US")) if kind == "talk" else durations.stream(text)
    loop = int(action.get("loop", 1))
    seconds = round(once * loop, 3) if loop else None
    sound: Kind = "talk" if kind == "talk" else "stream"
    return stage.leg.room.play(sound, text, seconds, action), seconds

"""`talk` and `stream`. Source: NCCO reference, Talk and Stream."""

from __future__ import annotations

from app.simulator.kernel import Steps, first_of
from app.simulator.mailbox import Doing, Mailbox
from app.simulator.player.stage import Action, Ncco, Stage
from app.simulator.room import Playing
from app.simulator.transcript import Kind


def prompt(stage: Stage, action: Action) -> Steps[Ncco | None]:
    """Play it, or begin to play it when the input behind it may cut it short.

    A prompt with `bargeIn` is asynchronous: the NCCO goes on, and the input listens while it plays. Once true it stays
    true for all prompts up to that input, also for those with `bargeIn: false`.
    Source: NCCO reference, NCCO actions (Synchronous), Talk and Stream (bargeIn); nexmo-developer pull request 1662.
    """
    stage.barges = stage.barges or bool(action.get("bargeIn"))
    if stage.barges:
        stage.play_behind(action, _sound)
    else:
        yield from _sound(stage, action)
    return None


def play_until(stage: Stage, mailbox: Mailbox) -> Steps[Doing | None]:
    """Let what is played go on until something comes into the mailbox: that; None when all has been played."""
    stage.barges = False
    doing: Doing | None = yield from mailbox.take(within=None, unless=stage.quiet)
    stage.silence()
    return doing


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

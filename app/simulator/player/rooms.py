"""`conversation` and `transfer`. Source: NCCO reference, Conversation and Transfer."""

from __future__ import annotations

from app.simulator import payloads
from app.simulator.kernel import Steps, first_of
from app.simulator.leg import Leg
from app.simulator.player.stage import Action, Ncco, Stage
from app.simulator.recording import Recording
from app.simulator.room import Audio, Room, audio_of
from app.simulator.transcript import Heard


def converse(stage: Stage, action: Action) -> Steps[Ncco | None]:
    """Move the leg into the named conversation and stay there until that ends; then the NCCO goes on (unverified)."""
    platform, leg = stage.platform, stage.leg
    room = platform.room_named(action["name"])
    _move(stage, leg, room, audio_of(action))
    if action.get("endOnExit"):
        room.moderators.add(leg)
    if action.get("startOnEnter", True):
        room.started.fire()
        _record_once(stage, room, action)
    yield from _on_hold(stage, room, action)
    yield from first_of(room.over)
    if leg in room.legs:
        room.leave(leg)
        platform.own_room(leg, Room(room.uuid))
    return None


def _on_hold(stage: Stage, room: Room, action: Action) -> Steps[None]:
    """Wait for the moderator, with music if there is any. Source: NCCO reference, Conversation (musicOnHoldUrl)."""
    if room.started.is_fired:
        return
    leg, music = stage.leg, action.get("musicOnHoldUrl")
    url = music[0] if isinstance(music, list) else music
    number = leg.hears(Heard(0, "", "music", url or "", None, action=action))
    try:
        yield from first_of(room.started, room.over)
    finally:
        leg.cut(number)


def _record_once(stage: Stage, room: Room, action: Action) -> None:
    """Source: NCCO reference, Conversation (record): from when a moderator, or anybody in a standard one, joins."""
    if action.get("record") and not room.recordings:
        room.recordings.append(Recording(stage.platform, stage.leg, action))


def transfer(stage: Stage, action: Action) -> Steps[Ncco | None]:
    """Move all legs of this conversation into another one, whose NCCO controls them from now on.

    Source: NCCO reference, Transfer. That the call ends with an error event when there is no such conversation is
    unverified.
    """
    platform, leg = stage.platform, stage.leg
    room = platform.rooms.get(action["conversationId"])
    if room is None or not room.legs:
        reason = f"Conversation {action['conversationId']} not found"
        platform.tell("error", payloads.error(reason, leg.room.uuid, platform.clock.now), leg)
        platform.end(leg, "platform")
        yield from first_of()
        return None  # pragma: no cover - the leg has ended, and its player with it
    legs = list(leg.room.legs)
    leg.room.controller = None
    for moved in legs:
        _move(stage, moved, room, audio_of(action))
        moved.is_guest = True
        if moved.player is not None:
            moved.player.cancel()
    yield from first_of()
    return None  # pragma: no cover - the player was cancelled


def _move(stage: Stage, leg: Leg, room: Room, audio: Audio) -> None:
    """Source: webhook reference, Transfer: also raised when a conversation action moves a leg."""
    platform, left = stage.platform, leg.room.uuid
    platform.leave(leg)
    for listener in room.legs:
        listener.hears(Heard(0, "", "joined", leg.name))
    room.join(leg, audio)
    if left != room.uuid:
        platform.tell("transfer", payloads.transfer(leg, left, room.uuid, platform.clock.now), leg)

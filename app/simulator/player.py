"""Plays one NCCO for one leg, action after action. Source: NCCO reference, NCCO actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from app.simulator import payloads
from app.simulator.connect import connect
from app.simulator.conversations import Audio, Recording, SimulatedConversation, audio_of
from app.simulator.input import collect
from app.simulator.legs import InputQueue, Leg, PressedKey, Speech, Waited
from app.simulator.playback import Action, Ncco, Playback
from app.simulator.scheduler import Steps, first_of, milliseconds, pause

if TYPE_CHECKING:
    from app.simulator.platform import Vonage

Perform: TypeAlias = Callable[[Playback, Action], Steps[Ncco | None]]

BEEP_S: Final = 0.5
"""Our estimate."""
CONDITIONS: Final = ("endOnSilence", "timeOut", "endOnKey")


def play(platform: Vonage, leg: Leg, ncco: Ncco) -> Steps[None]:
    """Play an NCCO and each that replaces it; at the end of the last one nothing is done with the leg.

    Args:
        platform: where.
        leg: for whom.
        ncco: has been checked.
    """
    playback = Playback(platform, leg, play)
    pending = playback.load(ncco)
    while pending:
        action = pending.popleft()
        playback.begins(action)
        replacement = yield from PERFORMERS[action["action"]](playback, action)
        if replacement is not None:
            pending = playback.load(replacement)
    yield from first_of(playback.quiet)


def prompt(playback: Playback, action: Action) -> Steps[Ncco | None]:
    """See `Playback.prompt`."""
    yield from playback.prompt(action)
    return None


def notify(playback: Playback, action: Action) -> Steps[Ncco | None]:
    """Send the payload; an NCCO in the reply replaces this one, an empty reply continues it.

    Source: NCCO reference, Notify.
    """
    leg, platform = playback.leg, playback.platform
    url, method = platform.target(action)
    fields = payloads.notify(action["payload"], leg.conversation.uuid, platform.clock.now)
    result = yield from platform.ask("notify", url, method, fields, leg)
    return result.ncco


def wait(_: Playback, action: Action) -> Steps[Ncco | None]:
    """Let time pass: 10 seconds by default; values outside 0.1 to 7200 become the nearest limit.

    Source: NCCO reference, Wait.
    """
    yield from pause(min(max(float(action.get("timeout", 10)), 0.1), 7200.0))
    return None


def record(playback: Playback, action: Action) -> Steps[Ncco | None]:
    """Record from now on: until a condition is met, or without one until the call ends while the NCCO continues.

    Whether an NCCO waits for the condition is disputed (`Application.records_block`). Source: NCCO reference, Record.
    """
    platform, leg = playback.platform, playback.leg
    if action.get("beepStart"):
        beep = leg.conversation.play("beep", "", BEEP_S, action)
        yield from first_of(within=BEEP_S)
        beep.stop()
    recording = Recording(platform, leg, action)
    leg.recordings.append(recording)
    if not any(action.get(name) is not None for name in CONDITIONS):
        return None
    if not platform.application.records_block:
        leg.processes.append(platform.scheduler.spawn(_until_over(playback, action, recording)))
        return None
    leg.wait_for_party(Waited("record", action))
    try:
        yield from _until_over(playback, action, recording)
    finally:
        leg.wait_no_more()
    return None


def _until_over(playback: Playback, action: Action, recording: Recording) -> Steps[None]:
    """Wait for the first condition: seconds of silence, a key, or the longest time."""
    clock, queue = playback.platform.clock, InputQueue()
    silence, longest = action.get("endOnSilence"), action.get("timeOut")
    quiet_ms, begun_ms = clock.ms, clock.ms
    with playback.leg.collected_in(queue, PressedKey, Speech):
        while True:
            ends = [] if longest is None else [begun_ms + milliseconds(longest)]
            ends += [] if silence is None else [quiet_ms + milliseconds(silence)]
            given = yield from queue.take(within=(min(ends) - clock.ms) / 1000 if ends else None)
            if given is None or (isinstance(given, PressedKey) and given.digit == action.get("endOnKey")):
                break
            if isinstance(given, Speech):
                quiet_ms = clock.ms + milliseconds(given.seconds)
    recording.end()


def converse(playback: Playback, action: Action) -> Steps[Ncco | None]:
    """Move the leg into the named conversation and stay there until that ends; then the NCCO continues (unverified)."""
    platform, leg = playback.platform, playback.leg
    conversation = platform.conversation_named(action["name"])
    _move(playback, leg, conversation, audio_of(action))
    if action.get("endOnExit"):
        conversation.moderators.add(leg)
    if action.get("startOnEnter", True):
        conversation.started.fire()
        _record_once(playback, conversation, action)
    yield from _on_hold(playback, conversation, action)
    yield from first_of(conversation.over)
    if leg in conversation.legs:
        conversation.leave(leg)
        platform.own_conversation(leg, SimulatedConversation(conversation.uuid))
    return None


def _on_hold(playback: Playback, conversation: SimulatedConversation, action: Action) -> Steps[None]:
    """Wait for the moderator, with music if there is any. Source: NCCO reference, Conversation (musicOnHoldUrl)."""
    if conversation.started.is_fired:
        return
    leg, music = playback.leg, action.get("musicOnHoldUrl")
    url = music[0] if isinstance(music, list) else music
    number = leg.hears("music", url or "", None, action)
    try:
        yield from first_of(conversation.started, conversation.over)
    finally:
        leg.cut(number)


def _record_once(playback: Playback, conversation: SimulatedConversation, action: Action) -> None:
    """Source: NCCO reference, Conversation (record): from when a moderator, or anybody in a standard one, joins."""
    if action.get("record") and not conversation.recordings:
        conversation.recordings.append(Recording(playback.platform, playback.leg, action))


def transfer(playback: Playback, action: Action) -> Steps[Ncco | None]:
    """Move all legs of this conversation into another one, whose NCCO controls them from now on.

    Source: NCCO reference, Transfer. That the call ends with an error event when there is no such conversation is
    unverified.
    """
    platform, leg = playback.platform, playback.leg
    conversation = platform.conversations.get(action["conversationId"])
    if conversation is None or not conversation.legs:
        reason = f"Conversation {action['conversationId']} not found"
        platform.send("error", payloads.error(reason, leg.conversation.uuid, platform.clock.now), leg)
        platform.end(leg, "platform")
        yield from first_of()
        return None  # pragma: no cover - the leg has ended, and its player with it
    legs = list(leg.conversation.legs)
    leg.conversation.controller = None
    for moved in legs:
        _move(playback, moved, conversation, audio_of(action))
        moved.is_guest = True
        if moved.player is not None:
            moved.player.cancel()
    yield from first_of()
    return None  # pragma: no cover - the player was cancelled


def _move(playback: Playback, leg: Leg, conversation: SimulatedConversation, audio: Audio) -> None:
    """Source: webhook reference, Transfer: also raised when a conversation action moves a leg."""
    platform, left = playback.platform, leg.conversation.uuid
    platform.leave(leg)
    for listener in conversation.legs:
        listener.hears("joined", leg.name)
    conversation.join(leg, audio)
    if left != conversation.uuid:
        platform.send("transfer", payloads.transfer(leg, left, conversation.uuid, platform.clock.now), leg)


PERFORMERS: Final[Mapping[str, Perform]] = {
    "talk": prompt,
    "stream": prompt,
    "input": collect,
    "record": record,
    "notify": notify,
    "wait": wait,
    "connect": connect,
    "conversation": converse,
    "transfer": transfer,
}

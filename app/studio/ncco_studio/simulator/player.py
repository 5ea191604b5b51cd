"""Plays an NCCO for a leg, action by action. Source: NCCO reference, NCCO actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from ncco_server.ncco import RECORD_ENDS
from ncco_studio.simulator import payloads
from ncco_studio.simulator.clock import in_ms
from ncco_studio.simulator.connect import connect
from ncco_studio.simulator.deliveries import replacement
from ncco_studio.simulator.input import collect
from ncco_studio.simulator.legs import InputQueue, Leg, Recording, SimulatedConversation
from ncco_studio.simulator.playback import Playback
from ncco_studio.simulator.scheduler import Routine, first_of, pause
from ncco_studio.simulator.transcript import Action, AwaitedRecording, Ncco, PressedKey, Speech

Perform: TypeAlias = Callable[[Playback, Action], Routine[Ncco | None]]

BEEP_S: Final = 0.5
"""Our estimate."""


def play(playback: Playback, ncco: Ncco) -> Routine[None]:
    """Play a valid NCCO, and each one that replaces it. Does not end the leg."""
    pending = playback.load(ncco)
    try:
        while pending:
            action, written = pending.popleft()
            # Later actions may never be performed.
            playback.leg.root.performed.append(written)
            following = yield from PERFORMERS[action["action"]](playback, action)
            if following is not None:
                playback.platform.end_recordings_of_replaced(playback.leg)
                pending = playback.load(following)
        yield from first_of(playback.prompts_over)
    finally:
        playback.silence()


def notify(playback: Playback, action: Action) -> Routine[Ncco | None]:
    """Source: NCCO reference, Notify."""
    leg = playback.leg
    platform = playback.platform
    fields = payloads.notify(leg, action["payload"])
    return (yield from replacement(platform.ask("notify", platform.target(action, leg), fields, leg)))


def wait(_: Playback, action: Action) -> Routine[None]:
    """Source: NCCO reference, Wait."""
    timeout = action.get("timeout", 10)
    seconds = float(timeout) if isinstance(timeout, str) else timeout
    yield from pause(float(min(max(seconds, 0.1), 7200.0)))


def record(playback: Playback, action: Action) -> Routine[None]:
    """Without an end condition, the recording lasts until the call ends, while the NCCO continues.

    Source: NCCO reference, Record; its introduction says that the NCCO waits for the condition, but its table of
    actions says that it does not.
    """
    platform = playback.platform
    leg = playback.leg
    if action.get("beepStart"):
        beep = leg.conversation.play("beep", "", BEEP_S, action)
        yield from first_of(within=BEEP_S)
        beep.stop()
    recording = platform.new_recording(leg, action)
    leg.recordings.append(recording)
    if any(action.get(name) is not None for name in RECORD_ENDS):
        leg.wait_for_party(AwaitedRecording(action))
        try:
            yield from _until_over(playback, action, recording)
        finally:
            leg.stop_waiting()


def _until_over(playback: Playback, action: Action, recording: Recording) -> Routine[None]:
    clock = playback.platform.clock
    leg = playback.leg
    silence = action.get("endOnSilence")
    longest = action.get("timeOut")
    quiet_ms = clock.ms
    begun_ms = clock.ms
    with InputQueue((leg, PressedKey), (leg, Speech)) as queue:
        while True:
            ends = [] if longest is None else [begun_ms + in_ms(longest)]
            ends += [] if silence is None else [quiet_ms + in_ms(silence)]
            given = yield from queue.take(within=(min(ends) - clock.ms) / 1000 if ends else None)
            if given is None or (isinstance(given, PressedKey) and given.digit == action.get("endOnKey")):
                break
            if isinstance(given, Speech):
                quiet_ms = clock.ms + in_ms(given.seconds)
    playback.platform.end_recording(recording)


def converse(playback: Playback, action: Action) -> Routine[None]:
    """Record once a moderator joins; in a standard conversation, once anybody joins.

    Source: NCCO reference, Conversation (record).
    """
    platform = playback.platform
    leg = playback.leg
    conversation = platform.conversation_named(action["name"])
    platform.move(leg, conversation, action)
    if action.get("endOnExit"):
        conversation.moderators.add(leg)
    if action.get("startOnEnter", True):
        conversation.started.fire()
        if action.get("record") and not conversation.recordings:
            conversation.recordings.append(platform.new_recording(leg, action))
    yield from _on_hold(leg, conversation, action)
    yield from first_of(conversation.over)
    if platform.assumes.conversation_over == "ends":
        platform.end(leg, "platform")
        yield from first_of()  # never returns: this player is cancelled
    if leg in conversation.legs:
        conversation.leave(leg)
        platform.own_conversation(leg, SimulatedConversation(conversation.uuid))


def _on_hold(leg: Leg, conversation: SimulatedConversation, action: Action) -> Routine[None]:
    """Source: NCCO reference, Conversation (musicOnHoldUrl)."""
    if conversation.started.is_fired:
        return
    music = action.get("musicOnHoldUrl")
    url = music[0] if isinstance(music, list) else music
    number = leg.note("music", url or "", None, action)
    try:
        yield from first_of(conversation.started, conversation.over)
    finally:
        leg.cut(number)


def transfer(playback: Playback, action: Action) -> Routine[None]:
    """Move all legs of this conversation into another one, whose NCCO then controls them.

    Source: NCCO reference, Transfer. It is unverified that an unknown conversation ends the call with an error event.
    """
    platform = playback.platform
    leg = playback.leg
    conversation = platform.conversations.get(action["conversationId"])
    if conversation is None or not conversation.legs:
        fields = payloads.error(leg, f"Conversation {action['conversationId']} not found")
        platform.send("error", leg.root.target, fields, leg)
        platform.end(leg, "platform")
    else:
        leg.conversation.controller = None
        for moved in tuple(leg.conversation.legs):
            platform.move(moved, conversation, action)
            moved.is_transferred = True
            if moved.player is not None:
                moved.player.cancel()
    yield from first_of()  # never returns: this player is cancelled


PERFORMERS: Final[Mapping[str, Perform]] = {
    "talk": Playback.prompt,
    "stream": Playback.prompt,
    "input": collect,
    "record": record,
    "notify": notify,
    "wait": wait,
    "connect": connect,
    "conversation": converse,
    "transfer": transfer,
}

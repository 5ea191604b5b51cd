"""Plays one NCCO for one leg, action after action. Source: NCCO reference, NCCO actions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from app.ncco.actions import ACTIONS
from app.simulator import payloads
from app.simulator.connect import connect
from app.simulator.conversations import Audio, Recording, SimulatedConversation, audio_of
from app.simulator.input import collect
from app.simulator.legs import InputQueue, Kind, Leg, PartyInput, PressedKey, Speech, Waited
from app.simulator.scheduler import Process, Signal, Steps, first_of, milliseconds, pause

if TYPE_CHECKING:
    from app.simulator.platform import Vonage

Action: TypeAlias = dict[str, Any]
Ncco: TypeAlias = list[Action]


class Playback:
    """One NCCO that is being played for a leg, and its prompts.

    Attributes:
        leg: whose NCCO it is.
        barges: whether prompts may be cut short: from the first with `bargeIn` up to the input that listens.
    """

    def __init__(self, platform: Vonage, leg: Leg) -> None:
        self.platform = platform
        self.leg = leg
        self.barges = False
        self._behind: deque[Action] = deque()
        self._playing: Process[None] | None = None
        self._written: dict[int, Action] = {}

    def play(self, ncco: Ncco) -> Steps[None]:
        """Play an NCCO, which has been checked, and each that replaces it; then nothing is done with the leg."""
        pending = self.load(ncco)
        while pending:
            action = pending.popleft()
            # Not before its turn: a prompt may wait for those that are played before it.
            self.leg.root.performed.append(self._written[id(action)])
            replacement = yield from PERFORMERS[action["action"]](self, action)
            if replacement is not None:
                pending = self.load(replacement)
        yield from first_of(self.quiet)

    def play_for(self, leg: Leg, ncco: Ncco) -> Steps[None]:
        """Play an NCCO for another leg."""
        return Playback(self.platform, leg).play(ncco)

    def load(self, ncco: Ncco) -> deque[Action]:
        """The actions of an NCCO that replaces the one before, in their canonical form.

        That is numbers where digits were written as text, and arrays where single values were written.
        """
        self.barges = False
        self.silence()
        actions = [ACTIONS[action["action"]].from_ncco(action).to_ncco() for action in ncco]
        self._written = {id(action): written for action, written in zip(actions, ncco, strict=True)}
        return deque(actions)

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


Perform: TypeAlias = Callable[[Playback, Action], Steps[Ncco | None]]

BEEP_S: Final = 0.5
"""Our estimate."""
CONDITIONS: Final = ("endOnSilence", "timeOut", "endOnKey")


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

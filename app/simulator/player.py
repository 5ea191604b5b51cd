"""Plays an NCCO for a leg, action by action. Source: NCCO reference, NCCO actions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from app.ncco.actions import ACTIONS
from app.simulator import payloads
from app.simulator.connect import connect
from app.simulator.conversations import Recording, SimulatedConversation
from app.simulator.delivery import replacement
from app.simulator.durations import repeated
from app.simulator.input import collect
from app.simulator.legs import Action, HeardKind, InputQueue, Leg, Ncco, PartyInput, PressedKey, Speech, Waited
from app.simulator.scheduler import Process, Signal, Steps, first_of, milliseconds, pause

if TYPE_CHECKING:
    from app.simulator.platform import Vonage


class Playback:
    """An NCCO that is being played for a leg, and its prompts.

    Attributes:
        leg: the leg that plays the NCCO.
        allows_barge_in: whether prompts can be interrupted. This is so from the first prompt with `bargeIn` until the
            next input.
    """

    def __init__(self, platform: Vonage, leg: Leg) -> None:
        self.platform = platform
        self.leg = leg
        self.allows_barge_in = False
        self._queued: deque[Action] = deque()
        self._prompt_process: Process[None] | None = None

    def play(self, ncco: Ncco) -> Steps[None]:
        """Play a valid NCCO, and each one that replaces it. Does not end the leg."""
        pending = self.load(ncco)
        try:
            while pending:
                action, written = pending.popleft()
                # An action is added when its turn comes, because later actions may never be performed.
                self.leg.root.performed.append(written)
                following = yield from PERFORMERS[action["action"]](self, action)
                if following is not None:
                    pending = self.load(following)
            yield from first_of(self.prompts_over)
        finally:
            self.silence()

    def load(self, ncco: Ncco) -> deque[tuple[Action, Action]]:
        """Stop the prompts of the previous NCCO; returns the new actions, each in normal form and as written.

        In normal form, numbers are not text, and single values are arrays.
        """
        self.allows_barge_in = False
        self.silence()
        return deque((ACTIONS[action["action"]].shape().read(action), action) for action in ncco)

    def prompt(self, action: Action) -> Steps[None]:
        """Play a `talk` or `stream`, or only start it if it can be interrupted.

        A prompt with `bargeIn` is asynchronous: the NCCO continues, and the input listens while the prompt plays. This
        also applies to all later prompts before that input, even with `bargeIn: false`. Source: NCCO reference, NCCO
        actions (Synchronous), Talk and Stream (bargeIn); nexmo-developer pull request 1662.
        """
        self.allows_barge_in = self.allows_barge_in or bool(action.get("bargeIn"))
        if not self.allows_barge_in:
            yield from self._play_prompt(action)
            return
        self._queued.append(action)
        if self._prompt_process is None or self._prompt_process.is_over:
            self._prompt_process = self.platform.scheduler.spawn(self._play_queued())
            self.leg.processes.append(self._prompt_process)

    def _play_queued(self) -> Steps[None]:
        while self._queued:
            yield from self._play_prompt(self._queued.popleft())

    def _play_prompt(self, action: Action) -> Steps[None]:
        """Play one prompt. Source: NCCO reference, Talk and Stream (loop): 1 by default, and 0 repeats forever."""
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

    def play_until(self, queue: InputQueue) -> Steps[PartyInput | None]:
        """Play the prompts that have started until the party acts; returns its input, or None if all have finished."""
        self.allows_barge_in = False
        given: PartyInput | None = yield from queue.take(within=None, unless=self.prompts_over)
        self.silence()
        return given

    @property
    def prompts_over(self) -> Signal:
        """A signal that fires when the prompts that have started are over."""
        if self._prompt_process is not None:
            return self._prompt_process.done
        signal = Signal()
        signal.fire()
        return signal

    def silence(self) -> None:
        """Stop the prompts that have started."""
        self._queued.clear()
        if self._prompt_process is not None:
            self._prompt_process.cancel()


Perform: TypeAlias = Callable[[Playback, Action], Steps[Ncco | None]]

BEEP_S: Final = 0.5
"""Length of the beep in seconds. Our estimate."""
CONDITIONS: Final = ("endOnSilence", "timeOut", "endOnKey")


def notify(playback: Playback, action: Action) -> Steps[Ncco | None]:
    """Send the payload. An NCCO in the reply replaces the current one. Without one, the current NCCO continues.

    Source: NCCO reference, Notify.
    """
    leg = playback.leg
    platform = playback.platform
    fields = payloads.notify(leg, action["payload"])
    return (yield from replacement(platform.ask("notify", platform.target(action, leg), fields, leg)))


def wait(_: Playback, action: Action) -> Steps[None]:
    """Pause, by default for 10 seconds. A value outside 0.1 to 7200 becomes the nearest limit.

    Source: NCCO reference, Wait.
    """
    timeout = action.get("timeout", 10)
    seconds = float(timeout) if isinstance(timeout, str) else timeout
    yield from pause(float(min(max(seconds, 0.1), 7200.0)))


def record(playback: Playback, action: Action) -> Steps[None]:
    """Record until an end condition is met. Without one, record until the call ends, while the NCCO continues.

    Source: NCCO reference, Record; its introduction says that the NCCO waits for the condition, but its table of
    actions says that it does not.
    """
    platform = playback.platform
    leg = playback.leg
    if action.get("beepStart"):
        beep = leg.conversation.play("beep", "", BEEP_S, action)
        yield from first_of(within=BEEP_S)
        beep.stop()
    recording = Recording(platform, leg, action)
    leg.recordings.append(recording)
    if any(action.get(name) is not None for name in CONDITIONS):
        leg.wait_for_party(Waited("record", action))
        try:
            yield from _until_over(playback, action, recording)
        finally:
            leg.stop_waiting()


def _until_over(playback: Playback, action: Action, recording: Recording) -> Steps[None]:
    """Wait for the first end condition (silence, a key, or the maximum duration), then end the recording."""
    clock = playback.platform.clock
    leg = playback.leg
    silence = action.get("endOnSilence")
    longest = action.get("timeOut")
    quiet_ms = clock.ms
    begun_ms = clock.ms
    with InputQueue((leg, PressedKey), (leg, Speech)) as queue:
        while True:
            ends = [] if longest is None else [begun_ms + milliseconds(longest)]
            ends += [] if silence is None else [quiet_ms + milliseconds(silence)]
            given = yield from queue.take(within=(min(ends) - clock.ms) / 1000 if ends else None)
            if given is None or (isinstance(given, PressedKey) and given.digit == action.get("endOnKey")):
                break
            if isinstance(given, Speech):
                quiet_ms = clock.ms + milliseconds(given.seconds)
    recording.end()


def converse(playback: Playback, action: Action) -> Steps[None]:
    """Move the leg into the named conversation. When that ends, the NCCO continues (unverified).

    Recording starts when a moderator joins; in a standard conversation, when anybody joins. Source: NCCO reference,
    Conversation (record).
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
            conversation.recordings.append(Recording(platform, leg, action))
    yield from _on_hold(leg, conversation, action)
    yield from first_of(conversation.over)
    if leg in conversation.legs:
        conversation.leave(leg)
        platform.own_conversation(leg, SimulatedConversation(conversation.uuid))


def _on_hold(leg: Leg, conversation: SimulatedConversation, action: Action) -> Steps[None]:
    """Wait for the conversation to start, with hold music if the action has any.

    Source: NCCO reference, Conversation (musicOnHoldUrl).
    """
    if conversation.started.is_fired:
        return
    music = action.get("musicOnHoldUrl")
    url = music[0] if isinstance(music, list) else music
    number = leg.note("music", url or "", None, action)
    try:
        yield from first_of(conversation.started, conversation.over)
    finally:
        leg.cut(number)


def transfer(playback: Playback, action: Action) -> Steps[None]:
    """Move all legs of this conversation into another conversation, whose NCCO controls them from now on.

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
    yield from first_of()  # never returns, because this player has been cancelled


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

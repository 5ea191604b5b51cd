"""Plays one NCCO for one leg, action after action. Source: NCCO reference, NCCO actions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from app.ncco.actions import ACTIONS
from app.simulator import payloads
from app.simulator.connect import connect
from app.simulator.conversations import Recording, SimulatedConversation
from app.simulator.delivery import replacement
from app.simulator.input import collect
from app.simulator.legs import Action, InputQueue, Kind, Leg, Ncco, PartyInput, PressedKey, Speech, Waited
from app.simulator.scheduler import Process, Signal, Steps, first_of, milliseconds, pause

if TYPE_CHECKING:
    from app.simulator.platform import Vonage


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

    def play(self, ncco: Ncco) -> Steps[None]:
        """Play an NCCO, which has been checked, and each that replaces it; then nothing is done with the leg."""
        pending = self.load(ncco)
        while pending:
            action, written = pending.popleft()
            # Not before its turn: a prompt may wait for those that are played before it.
            self.leg.root.performed.append(written)
            following = yield from PERFORMERS[action["action"]](self, action)
            if following is not None:
                pending = self.load(following)
        yield from first_of(self.quiet)

    def load(self, ncco: Ncco) -> deque[tuple[Action, Action]]:
        """The actions of an NCCO that replaces the one before, each in its canonical form and as it is written.

        In the canonical form numbers and arrays are where digits were written as text, and single values.
        """
        self.barges = False
        self.silence()
        return deque((ACTIONS[action["action"]].from_ncco(action).to_ncco(), action) for action in ncco)

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


def notify(playback: Playback, action: Action) -> Steps[Ncco | None]:
    """Send the payload; an NCCO in the reply replaces this one, an empty reply continues it.

    Source: NCCO reference, Notify.
    """
    leg, platform = playback.leg, playback.platform
    fields = payloads.notify(leg, action["payload"])
    return (yield from replacement(platform.ask("notify", platform.target(action), fields, leg)))


def wait(_: Playback, action: Action) -> Steps[None]:
    """Let time pass: 10 seconds by default; values outside 0.1 to 7200 become the nearest limit.

    Source: NCCO reference, Wait.
    """
    yield from pause(min(max(float(action.get("timeout", 10)), 0.1), 7200.0))


def record(playback: Playback, action: Action) -> Steps[None]:
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
    is_ended_by_itself = any(action.get(name) is not None for name in CONDITIONS)
    if is_ended_by_itself and platform.application.records_block:
        leg.wait_for_party(Waited("record", action))
        try:
            yield from _until_over(playback, action, recording)
        finally:
            leg.wait_no_more()
    elif is_ended_by_itself:
        leg.processes.append(platform.scheduler.spawn(_until_over(playback, action, recording)))


def _until_over(playback: Playback, action: Action, recording: Recording) -> Steps[None]:
    """Wait for the first condition: seconds of silence, a key, or the longest time."""
    clock, leg = playback.platform.clock, playback.leg
    silence, longest = action.get("endOnSilence"), action.get("timeOut")
    quiet_ms, begun_ms = clock.ms, clock.ms
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
    """Move the leg into the named conversation and stay there until that ends; then the NCCO continues (unverified).

    Source: NCCO reference, Conversation (record): from when a moderator, or anybody in a standard one, joins.
    """
    platform, leg = playback.platform, playback.leg
    conversation = platform.conversation_named(action["name"])
    _move(playback, leg, conversation, action)
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
    """Wait for the moderator, with music if there is any. Source: NCCO reference, Conversation (musicOnHoldUrl)."""
    if conversation.started.is_fired:
        return
    music = action.get("musicOnHoldUrl")
    url = music[0] if isinstance(music, list) else music
    number = leg.hears("music", url or "", None, action)
    try:
        yield from first_of(conversation.started, conversation.over)
    finally:
        leg.cut(number)


def transfer(playback: Playback, action: Action) -> Steps[None]:
    """Move all legs of this conversation into another one, whose NCCO controls them from now on.

    Source: NCCO reference, Transfer. That the call ends with an error event when there is no such conversation is
    unverified.
    """
    platform, leg = playback.platform, playback.leg
    conversation = platform.conversations.get(action["conversationId"])
    if conversation is None or not conversation.legs:
        fields = payloads.error(leg, f"Conversation {action['conversationId']} not found")
        platform.send("error", platform.target({}), fields, leg)
        platform.end(leg, "platform")
    else:
        leg.conversation.controller = None
        for moved in tuple(leg.conversation.legs):
            _move(playback, moved, conversation, action)
            moved.is_guest = True
            if moved.player is not None:
                moved.player.cancel()
    yield from first_of()  # this player was cancelled


def _move(playback: Playback, leg: Leg, conversation: SimulatedConversation, action: Action) -> None:
    """Source: webhook reference, Transfer: also raised when a conversation action moves a leg."""
    platform, left = playback.platform, leg.conversation.uuid
    platform.leave(leg)
    for listener in conversation.legs:
        listener.hears("joined", leg.name)
    conversation.join(leg, action)
    if left != conversation.uuid:
        platform.send("transfer", platform.target({}), payloads.transfer(leg, left), leg)


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

"""Performs `connect`. Source: NCCO reference, Connect; webhook reference, Connect events and Machine detection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ncco_server.ncco.statuses import DIAL_FAILURES
from ncco_studio.simulator import payloads
from ncco_studio.simulator.agents import AgentBehaviour, converse, hand_back, lasting_s
from ncco_studio.simulator.control import CallControl
from ncco_studio.simulator.deliveries import replacement
from ncco_studio.simulator.delivery import ReplyResult
from ncco_studio.simulator.legs import Identity, InputQueue, Leg, SimulatedConversation, Sound
from ncco_studio.simulator.parties import (
    DETAILS,
    ENDLESS,
    MACHINES,
    UNSPECIFIC,
    Behaviour,
    LiveSocket,
    Words,
    address_of,
)
from ncco_studio.simulator.playback import Playback
from ncco_studio.simulator.scheduler import Process, Routine, Signal, first_of
from ncco_studio.simulator.transcript import Action, AwaitedDial, AwaitedKeys, Ncco, PressedKey

DETECTION_S: Final = 5.0
"""From the answer to the result of machine detection. Our estimate."""


def connect(playback: Playback, action: Action) -> Routine[Ncco | None]:
    dial = Dial(playback, action)
    try:
        return (yield from dial.run())
    finally:
        dial.ringing.stop()


class Dial:
    """One connect action and the leg that it dials."""

    def __init__(self, playback: Playback, action: Action) -> None:
        platform = playback.platform
        caller = playback.leg
        self._platform = platform
        self._caller = caller
        self._action = action
        self._endpoint: dict[str, Any] = action["endpoint"][0]
        self._address = address_of(self._endpoint)
        written = caller.root.performed[-1]["endpoint"]
        number = written[0].get("number") if isinstance(written, list) else written.get("number")
        self._has_plus = str(number).startswith("+")
        self._is_synchronous = action.get("eventType") == "synchronous"
        self._is_socket = self._endpoint["type"] == "websocket"
        identity = Identity(
            next(platform.ids).hex, "outbound", self._endpoint["type"], self._address, self._from(),
            headers=self._endpoint.get("headers") or {},
        )  # fmt: skip
        alone = SimulatedConversation(caller.conversation.uuid)
        self._leg = platform.new_leg(identity, alone, platform.target(action, caller), caller.root)
        caller.dialled.append(self._leg)
        self.ringing = self._ring()
        self._closed = Signal()

    def run(self) -> Routine[Ncco | None]:
        """The NCCO in the reply to an event, which replaces the current one; None if that continues."""
        self._platform.send_status(self._leg, "started")
        self._platform.send_status(self._leg, "ringing")
        if self._has_plus and self._platform.assumes.plus_sign == "refused":
            self._leg.problem = f"the platform refuses +{self._address}: write it without the plus sign"
            behaviour = Behaviour("failed", rings_s=0)
        elif self._is_live_socket and self._platform.parties.open_socket is not None:
            behaviour = yield from self._open(self._platform.parties.open_socket(self._endpoint))
        else:
            behaviour = yield from ring(self._platform, self._leg, self._caller, self._action)
        if behaviour.outcome in DETAILS:
            return (yield from self._fail(behaviour))
        return (yield from self._answered(behaviour))

    @property
    def _is_live_socket(self) -> bool:
        return self._is_socket and self._address not in self._platform.parties.known

    def _open(self, socket: LiveSocket) -> Routine[Behaviour]:
        self._closed = socket.closed
        self._platform.scheduler.spawn(self._close_with_leg(socket))
        longest = float(self._action.get("timeout", 60))
        if (yield from first_of(socket.opened, socket.closed, within=longest)) is not socket.opened:
            socket.hang_up()
            return Behaviour(socket.outcome, rings_s=0)
        for relaying in (self._relay_keys(socket), self._relay_speech(socket)):
            self._leg.processes.append(self._platform.scheduler.spawn(relaying))
        return Behaviour("disconnected", rings_s=0, talks_s=ENDLESS)

    def _close_with_leg(self, socket: LiveSocket) -> Routine[None]:
        yield from first_of(self._leg.over)
        socket.hang_up()

    def _relay_keys(self, socket: LiveSocket) -> Routine[None]:
        self._caller.wait_for_party(AwaitedKeys(self._action))
        try:
            with InputQueue((self._caller, PressedKey)) as keys:
                while isinstance(key := (yield from keys.take(None)), PressedKey):
                    socket.press(key.digit)
        finally:
            self._caller.stop_waiting()

    def _relay_speech(self, socket: LiveSocket) -> Routine[None]:
        while True:
            yield from first_of(socket.spoke)
            self._leg.conversation.relay_speech(self._leg, "", socket.spoke_s)

    def _from(self) -> str | None:
        """It is unverified that the default is our own number."""
        written = self._action.get("from")
        is_needed = self._endpoint["type"] == "phone" and self._platform.assumes.caller_id == "fails"
        if written is not None:
            return str(written).removeprefix("+")
        if is_needed and not self._action.get("randomFromNumber"):
            return None
        numbers = self._platform.application.numbers
        return numbers[0] if numbers else self._caller.root.identity.to

    def _ring(self) -> Sound:
        """Source: NCCO reference, Connect (ringbackTone), Phone (onAnswer)."""
        on_answer = self._endpoint.get("onAnswer") or {}
        tone = self._action.get("ringbackTone") or on_answer.get("ringbackTone") or on_answer.get("ringback")
        return self._caller.conversation.play("tone" if tone else "ringing", tone or self._address, None, self._action)

    def _fail(self, behaviour: Behaviour) -> Routine[Ncco | None]:
        """Source: webhook reference, Connect events."""
        platform = self._platform
        status = behaviour.outcome
        detail, sip_code = (None, None) if self._is_socket else DETAILS[status]
        detail = behaviour.detail or detail
        sip_code = behaviour.sip_code or sip_code
        self.ringing.stop()
        if not self._is_synchronous or status not in DIAL_FAILURES:
            platform.give_up(self._leg, status, detail=detail, sip_code=sip_code)
            return None
        self._leg.over.fire()
        asking = self._ask(status, detail=detail, sip_code=sip_code)
        platform.complete_after(self._leg, status)
        return (yield from replacement(asking))

    def _ask(self, status: str, **extra: Any) -> Process[ReplyResult]:
        return self._platform.ask("event", self._leg.target, payloads.status(self._leg, status, **extra), self._leg)

    def _answered(self, behaviour: Behaviour) -> Routine[Ncco | None]:
        """`dtmfAnswer` is sent at once. Source: NCCO reference, Phone (dtmfAnswer)."""
        leg = self._leg
        platform = self._platform
        leg.answered_ms = platform.clock.ms
        platform.send_status(leg, "answered")
        if self._endpoint.get("dtmfAnswer"):
            leg.play_keys(self._endpoint["dtmfAnswer"])
        if self._endpoint.get("onAnswer"):
            yield from self._play_on_answer(self._endpoint["onAnswer"]["url"], behaviour)
        events = detections(self._action, behaviour)
        if events and events[0].delays_joining and not leg.over.is_fired:
            if self._hangs_up_before(events[0], behaviour):
                return (yield from self._talk(behaviour, ()))
            ncco = yield from self._detect(events)
            events = ()
            if ncco is not None:
                return ncco
        if leg.over.is_fired or leg.is_transferred:
            return None  # its own NCCO may have moved it into another conversation
        self._join()
        ncco = yield from self._talk(behaviour, events)
        if ncco is None and behaviour.outcome != "disconnected":
            yield from self._end_if_alone()
        return ncco

    def _play_on_answer(self, url: str, behaviour: Behaviour) -> Routine[None]:
        """The called party hears its own NCCO before it is connected. Source: NCCO reference, Phone (onAnswer).

        The request is not documented; here it has the fields of an answer webhook. Without a ringback tone, the caller
        hears nothing meanwhile.
        """
        platform = self._platform
        leg = self._leg
        if self.ringing.kind == "ringing":
            self.ringing.stop()
        leg.conversation.join(leg)
        fields = payloads.answer(leg, platform.application.region_url)
        asking = platform.ask("onanswer", (url, platform.assumes.on_answer_method), fields, leg)
        ncco = yield from replacement(asking)
        if leg.over.is_fired:
            return
        if asking.result is None or asking.result.failure:
            platform.end(leg, "platform")
            return
        leg.player = platform.scheduler.spawn(platform.play(leg, ncco or []))
        script = platform.scheduler.spawn(follow(platform, leg, behaviour))
        leg.processes += [leg.player, script]
        yield from first_of(leg.player.done, leg.over)
        script.cancel()

    def _hangs_up_before(self, detection: Detection, behaviour: Behaviour) -> bool:
        """A party with the outcome `human` or a machine always stays for the detection result.

        Source: webhook reference, Machine detection (about 5 s of analysis). We infer that no event follows a hang-up.
        """
        return behaviour.outcome in UNSPECIFIC and behaviour.talks_s < detection.after_s - self._leg.at

    def _join(self) -> None:
        leg = self._leg
        caller = self._caller
        self.ringing.stop()
        leg.conversation.leave(leg)
        for listener in caller.conversation.legs:
            listener.note("joined", leg.name)
        caller.conversation.join(leg)
        leg.note("joined", caller.name)

    def _talk(self, behaviour: Behaviour, events: tuple[Detection, ...]) -> Routine[Ncco | None]:
        """Source: NCCO reference, Connect (limit)."""
        leg = self._leg
        platform = self._platform
        begun_s = self._leg.at
        limit = float(self._action.get("limit") or 7200)
        talks_s = behaviour.talks_s
        if isinstance(behaviour, AgentBehaviour):
            talks_s = lasting_s(platform, behaviour)
            leg.begin(converse(platform, leg, self._caller, behaviour))
        ends = min(talks_s, limit)
        ncco = yield from self._detect(tuple(event for event in events if event.after_s < begun_s + ends))
        if ncco is not None or leg.over.is_fired:
            return ncco
        ended = yield from first_of(leg.over, self._closed, within=begun_s + ends - leg.at)
        if ended is leg.over:
            return None
        if ended is None and talks_s > limit:
            platform.end(leg, "platform")
            return None
        if isinstance(behaviour, AgentBehaviour):
            yield from hand_back(leg, behaviour)
        if behaviour.outcome == "disconnected":
            return (yield from self._disconnect())
        if behaviour.hangs_up_first:
            platform.end(leg, "platform" if self._is_socket else "user")  # a websocket that is not closed, by REST
        else:
            platform.end(self._caller, "user")
            yield from first_of()
        return None

    def _end_if_alone(self) -> Routine[None]:
        is_alone = self._leg.over.is_fired and len(self._caller.conversation.legs) == 1
        if is_alone and self._platform.assumes.after_connect == "ends":
            self._platform.end(self._caller, "platform")
            yield from first_of()  # never returns: this player is cancelled

    def _disconnect(self) -> Routine[Ncco | None]:
        """The reply to the event is played, whatever the `eventType`.

        Source: webhook reference, Call status events (disconnected); WebSocket guide.
        """
        asking = self._ask("disconnected")
        self._platform.end(self._leg, "user")
        return (yield from replacement(asking))

    def _detect(self, events: tuple[Detection, ...]) -> Routine[Ncco | None]:
        ncco = yield from detect(self._platform, self._leg, events)
        if ncco is not None:
            self._platform.end(self._leg, "platform")
        return ncco


def ring(platform: CallControl, leg: Leg, decider: Leg, action: Action) -> Routine[Behaviour]:
    """`decider.decide` sets the outcome if it is unknown."""
    behaviour = yield from _behaviour(platform, leg, decider, action)
    longest = float(action.get("timeout", 60))
    rung = leg.at
    rings = 0.0 if action["endpoint"][0]["type"] == "websocket" else behaviour.rings_s
    if behaviour.outcome == "timeout" or rings >= longest:
        behaviour = replace(behaviour, outcome="timeout")
        rings = longest
    if (yield from first_of(leg.declined, within=rings - rung)) is not None:
        behaviour = replace(behaviour, outcome="rejected")
    return behaviour


def _behaviour(platform: CallControl, leg: Leg, decider: Leg, action: Action) -> Routine[Behaviour]:
    """Source: NCCO reference, Connect (from)."""
    endpoint = action["endpoint"][0]
    own = platform.application.numbers
    shown = leg.identity.from_
    if endpoint["type"] == "phone" and (shown is None or (own and shown not in own)):
        theirs = f"{shown} is not a number of the application" if shown else "a phone is dialled `from` a number"
        leg.problem = f"{theirs}, so {leg.identity.to} is not reached"
        return Behaviour("failed", rings_s=0)
    if endpoint["type"] == "phone" and leg.identity.to in own and leg.identity.to not in platform.parties.known:
        return (yield from _reach_own_number(platform, leg, action))
    known = platform.parties.next_dial(address_of(endpoint))
    return known if known is not None else (yield from _decided(decider, action))


def _reach_own_number(platform: CallControl, leg: Leg, action: Action) -> Routine[Behaviour]:
    """The call comes in at the application. It fails if it gets no NCCO (unverified)."""
    identity = Identity(next(platform.ids).hex, "inbound", "phone", leg.identity.to, leg.identity.from_)
    incoming = platform.call_in(identity)
    leg.far_end, incoming.far_end = incoming, leg
    platform.scheduler.spawn(_end_together(platform, leg, incoming))
    ended = (incoming.picked_up, incoming.over, leg.over)
    yield from first_of(*ended, within=float(action.get("timeout", 60)))
    if incoming.is_over:
        return Behaviour("failed", rings_s=0)
    if not incoming.is_answered:
        platform.end(incoming, "user")
        return Behaviour("timeout")
    return Behaviour(rings_s=0, talks_s=ENDLESS)


def _end_together(platform: CallControl, leg: Leg, incoming: Leg) -> Routine[None]:
    yield from first_of(leg.over, incoming.over)
    if not incoming.is_over:
        platform.end(incoming, "user")
    elif leg.is_answered:
        platform.end(leg, "user")


def _decided(leg: Leg, action: Action) -> Routine[Behaviour]:
    """Wait for `Leg.decide`; after the ringing time, the outcome is a timeout."""
    leg.decision = Behaviour("timeout")
    leg.decided = Signal()
    leg.wait_for_party(AwaitedDial(action, address=address_of(action["endpoint"][0])))
    try:
        yield from first_of(leg.decided, within=float(action.get("timeout", 60)))
    finally:
        leg.stop_waiting()
    return leg.decision


def detect(platform: CallControl, leg: Leg, events: tuple[Detection, ...]) -> Routine[Ncco | None]:
    """Return the first NCCO in a reply. Source: webhook reference, Machine detection."""
    for event in events:
        if (yield from first_of(leg.over, within=event.after_s - leg.at)) is not None:
            return None
        if event.hangs_up:
            platform.send_status(leg, event.status, sub_state=event.sub_state)
            platform.end(leg, "platform")
            return None
        fields = payloads.status(leg, event.status, sub_state=event.sub_state)
        ncco = yield from replacement(platform.ask("event", leg.target, fields, leg))
        if ncco is not None and platform.assumes.detection_reply == "replaces":
            return ncco
    return None


def follow(platform: CallControl, leg: Leg, behaviour: Behaviour) -> Routine[None]:
    """Act as a called party while its own NCCO plays. Then hang up, unless the party is connected first."""
    for act in behaviour.script:
        while leg.waited is None:
            yield from first_of(leg.waits)
        if isinstance(act, Words):
            seconds = platform.durations.talk(act.text)
            yield from leg.speaking(seconds, [{"confidence": str(act.confidence), "text": act.text}])
        elif act:
            yield from leg.pressing(act)
        else:
            leg.waited = None
    yield from first_of(within=None if behaviour.talks_s == ENDLESS else behaviour.talks_s)
    platform.end(leg, "user")


BEEP_TIMEOUT_S: Final = 45.0
"""No default is documented."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One event of machine detection, `after_s` seconds after the answer.

    Attributes:
        hangs_up: whether the platform then ends the leg.
        delays_joining: whether the parties are only connected afterwards.
    """

    after_s: float
    status: str
    sub_state: str | None = None
    hangs_up: bool = False
    delays_joining: bool = False


def detections(action: Mapping[str, Any], behaviour: Behaviour) -> tuple[Detection, ...]:
    """The advanced option overrides `machineDetection`.

    It is unverified that beep_timeout starts when a machine is detected. Source: NCCO reference, Connect
    (machineDetection, advancedMachineDetection); Voice API specification, beep_timeout.
    """
    is_machine = behaviour.outcome in MACHINES
    status = "machine" if is_machine else "human"
    advanced = action.get("advancedMachineDetection")
    if advanced is None:
        written = action.get("machineDetection")
        hangs_up = written == "hangup" and is_machine
        return (Detection(DETECTION_S, status, hangs_up=hangs_up),) if written else ()
    mode = advanced.get("mode", "detect")
    delays_joining = mode != "default"
    hangs_up = advanced.get("behavior") == "hangup" and is_machine
    first = Detection(DETECTION_S, status, hangs_up=hangs_up, delays_joining=delays_joining)
    if not is_machine or mode == "detect" or (hangs_up and mode == "default"):
        return (first,)
    latest_s = DETECTION_S + float(advanced.get("beep_timeout") or BEEP_TIMEOUT_S)
    if behaviour.outcome == "beep" and behaviour.beeps_s <= latest_s:
        beep = Detection(max(behaviour.beeps_s, DETECTION_S), status, "beep_start", hangs_up, delays_joining)
    else:
        beep = Detection(latest_s, status, "beep_timeout", hangs_up, delays_joining)
    return (first, beep) if mode == "default" else (beep,)

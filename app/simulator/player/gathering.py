"""`input`. Source: NCCO reference, Input."""

from __future__ import annotations

from contextlib import ExitStack

from app.simulator import payloads
from app.simulator.kernel import Steps
from app.simulator.leg import Leg, Waited
from app.simulator.mailbox import Doing, Key, Mailbox, Speech
from app.simulator.player.collector import Collected, Collector
from app.simulator.player.prompts import play_until
from app.simulator.player.stage import Action, Ncco, Stage


def gather(stage: Stage, action: Action) -> Steps[Ncco | None]:
    """Listen, send what was pressed or said, and play what comes back.

    An empty reply lets the NCCO go on behind the input. Source: webhook reference, Input (reply; unverified for input).
    """
    if action.get("mode") == "asynchronous":
        return (yield from _each_key(stage, action))
    platform, leg = stage.platform, stage.leg
    waited = Waited("input", action, frozenset(action["type"]))
    leg.open = waited
    try:
        collected = yield from _collected(stage, action, waited)
    finally:
        leg.wait_no_more()
    speech = dict(collected.speech)
    if "timeout_reason" in speech and (action.get("speech") or {}).get("saveAudio"):
        speech["recording_url"] = f"{platform.application.region_url}/v1/files/{platform.ids.dashed()}"
    fields = payloads.spoken(leg, speech, collected.dtmf, platform.clock.now)
    verdict = yield from platform.ask("input", *platform.target(action), fields, leg)
    return verdict.ncco


def _collected(stage: Stage, action: Action, waited: Waited) -> Steps[Collected]:
    clock, leg = stage.platform.clock, stage.leg
    collector = Collector(action, stage.platform.application.unasked_speech)
    mailbox = Mailbox()
    with ExitStack() as listening:
        if "dtmf" in waited.takes:
            listening.enter_context(leg.listened_to(mailbox, Key))
        if "speech" in waited.takes and (speaker := _speaker(leg, action)) is not None:
            listening.enter_context(speaker.listened_to(mailbox, Speech))
        doing = yield from play_until(stage, mailbox)
        collector.begin(clock.ms)
        if doing is None:
            leg.wait_for_party(waited)
        while True:
            if doing is not None and (collected := collector.take(doing, clock.ms)) is not None:
                return collected
            deadline_ms = collector.deadline_ms or 0
            doing = yield from mailbox.take(within=(deadline_ms - clock.ms) / 1000)
            if doing is None:
                return collector.expire()


def _speaker(leg: Leg, action: Action) -> Leg | None:
    """Whose speech is taken. Source: NCCO reference, Speech Recognition Settings (uuid): the first leg of the call."""
    wanted = (action.get("speech") or {}).get("uuid")
    if not wanted:
        return leg
    return next((other for other in leg.room.legs if other.uuid == wanted[0]), None)


def _each_key(stage: Stage, action: Action) -> Steps[Ncco | None]:
    """Asynchronous mode: the NCCO goes on, and each key is sent at once for as long as the leg lives (unverified).

    Source: NCCO reference, Input (mode).
    """
    leg, mailbox = stage.leg, Mailbox()
    with leg.listened_to(mailbox, Key):
        first = yield from play_until(stage, mailbox)
    process = stage.platform.kernel.spawn(_send_keys(stage, action, first))
    leg.processes.append(process)
    return None


def _send_keys(stage: Stage, action: Action, first: Doing | None) -> Steps[None]:
    platform, leg, mailbox = stage.platform, stage.leg, Mailbox()
    with leg.listened_to(mailbox, Key):
        key = first
        while True:
            if isinstance(key, Key):
                fields = payloads.pressed(leg, key.digit, platform.clock.now)
                platform.tell("input", fields, leg, action)
            key = yield from mailbox.take(within=None)

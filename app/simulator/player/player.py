"""Plays one NCCO for one leg, action after action. Source: NCCO reference, NCCO actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from app.simulator import payloads
from app.simulator.kernel import Steps, first_of, pause
from app.simulator.leg import Leg
from app.simulator.platform import Platform
from app.simulator.player.dialling import connect
from app.simulator.player.gathering import gather
from app.simulator.player.prompts import prompt
from app.simulator.player.records import record
from app.simulator.player.rooms import converse, transfer
from app.simulator.player.stage import Action, Ncco, Stage

Perform: TypeAlias = Callable[[Stage, Action], Steps[Ncco | None]]


def play(platform: Platform, leg: Leg, ncco: Ncco) -> Steps[None]:
    """Play an NCCO and each that replaces it; at the end of the last one nothing is done with the leg.

    Args:
        platform: where.
        leg: for whom.
        ncco: has been checked.
    """
    stage = Stage(platform, leg, play)
    pending = stage.load(ncco)
    while pending:
        action = pending.popleft()
        stage.begins(action)
        replacement = yield from PERFORMERS[action["action"]](stage, action)
        if replacement is not None:
            pending = stage.load(replacement)
    yield from first_of(stage.quiet)


def notify(stage: Stage, action: Action) -> Steps[Ncco | None]:
    """Source: NCCO reference, Notify: an NCCO in the reply replaces, an empty reply continues."""
    leg, platform = stage.leg, stage.platform
    url, method = platform.target(action)
    fields = payloads.notify(action["payload"], leg.room.uuid, platform.clock.now)
    verdict = yield from platform.ask("notify", url, method, fields, leg)
    return verdict.ncco


def wait(_: Stage, action: Action) -> Steps[Ncco | None]:
    """Source: NCCO reference, Wait: 10 seconds unless given; values outside 0.1 to 7200 become the nearest limit."""
    yield from pause(min(max(float(action.get("timeout", 10)), 0.1), 7200.0))
    return None


PERFORMERS: Final[Mapping[str, Perform]] = {
    "talk": prompt,
    "stream": prompt,
    "input": gather,
    "record": record,
    "notify": notify,
    "wait": wait,
    "connect": connect,
    "conversation": converse,
    "transfer": transfer,
}

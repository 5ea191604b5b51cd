"""Plays one NCCO for one leg, action after action. Source: NCCO reference, NCCO actions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from app.ncco.models.actions import ACTIONS
from app.simulator import payloads
from app.simulator.kernel import Steps, pause
from app.simulator.leg import Leg
from app.simulator.platform import Platform
from app.simulator.player.dialling import connect
from app.simulator.player.gathering import gather
from app.simulator.player.prompts import prompt
from app.simulator.player.records import record
from app.simulator.player.rooms import converse, transfer
from app.simulator.player.stage import Action, Ncco, Stage

MODELS: Final = {model.title: model for model in ACTIONS}

Perform: TypeAlias = Callable[[Stage, Action], Steps[Ncco | None]]


def play(platform: Platform, leg: Leg, ncco: Ncco) -> Steps[None]:
    """Play an NCCO and each that replaces it; at the end of the last one nothing is done with the leg.

    Args:
        platform: where.
        leg: for whom.
        ncco: has been checked.
    """
    stage = Stage(platform, leg, play)
    pending = deque(normal(ncco))
    while pending:
        action = pending.popleft()
        replacement = yield from PERFORMERS[action["action"]](stage, action)
        if replacement is not None:
            stage.reset()
            pending = deque(normal(replacement))


def normal(ncco: Ncco) -> Ncco:
    """The actions with NCCO names and real types: numbers for digits in text, arrays for single values."""
    return [MODELS[action["action"]].from_ncco(action).to_ncco() for action in ncco]


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

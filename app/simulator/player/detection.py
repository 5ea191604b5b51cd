"""Machine detection: which events come when. Source: webhook reference, Machine detection; Voice API specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.simulator.parties import MACHINES, Behaviour

BEEP_TIMEOUT_S = 45.0
"""Seconds to wait for a beep when nothing is written; the documents state no default."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One event of machine detection.

    Attributes:
        after_s: seconds from answering.
        hangs_up: whether the leg ends with it.
        holds: whether the parties are not joined before.
    """

    after_s: float
    status: str
    sub_state: str | None = None
    hangs_up: bool = False
    holds: bool = False


def detections(action: Mapping[str, Any], behaviour: Behaviour, detection_s: float) -> tuple[Detection, ...]:
    """The events of a connect that was answered, in order; () without detection. The advanced one wins over the other.

    Source: NCCO reference, Connect (machineDetection, advancedMachineDetection).
    """
    is_machine = behaviour.outcome in MACHINES
    status = "machine" if is_machine else "human"
    advanced = action.get("advancedMachineDetection")
    if advanced is None:
        written = action.get("machineDetection")
        hangs_up = written == "hangup" and is_machine
        return (Detection(detection_s, status, hangs_up=hangs_up),) if written else ()
    mode = advanced.get("mode", "detect")
    holds = mode != "default"
    hangs_up = advanced.get("behavior") == "hangup" and is_machine
    first = Detection(detection_s, status, hangs_up=hangs_up, holds=holds)
    if not is_machine or mode == "detect" or (hangs_up and mode == "default"):
        return (first,)
    beep = _beep(behaviour, float(advanced.get("beep_timeout") or BEEP_TIMEOUT_S), detection_s)
    beep = Detection(beep.after_s, "machine", beep.sub_state, hangs_up=hangs_up, holds=holds)
    return (first, beep) if mode == "default" else (beep,)


def _beep(behaviour: Behaviour, beep_timeout_s: float, detection_s: float) -> Detection:
    """Source: Voice API specification, beep_timeout; that it counts from the detection is unverified."""
    if behaviour.outcome == "beep" and behaviour.beeps_s <= detection_s + beep_timeout_s:
        return Detection(max(behaviour.beeps_s, detection_s), "machine", "beep_start")
    return Detection(detection_s + beep_timeout_s, "machine", "beep_timeout")

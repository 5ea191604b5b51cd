"""Machine detection: what a connect must ask for when `on` names `machine`, `human` or `beep`.

Source: NCCO reference, Connect (machineDetection, advancedMachineDetection); Voice API specification
(advanced_machine_detection): `detect` sends only the status, `detect_beep` only the beep, `default` both.
"""

from __future__ import annotations

from typing import TypeVar

from app.flow.model import Value
from app.flow.nodes import Place
from app.flow.parts.action import Action
from app.flow.parts.values import Given, Object
from app.flow.reader import Reader

Detecting = TypeVar("Detecting", bound=Action)
DETECTIONS = ("machine", "human", "beep")
_BEEPING = ("default", "detect_beep")


def fits(target: Action, named: frozenset[str], reader: Reader) -> bool:
    """Whether the detection that is written can lead to the outcomes named; E410 otherwise."""
    advanced = target.fields.get("advancedMachineDetection")
    simple = target.fields.get("machineDetection")
    if not named or (advanced is None and simple is None):
        return True
    if advanced is None:
        return simple is None or _simple_fits(simple, named, reader)
    return _advanced_fits(advanced, named, reader)


def _simple_fits(simple: Value, named: frozenset[str], reader: Reader) -> bool:
    if "beep" in named:
        reader.report("E410", simple.place, "machineDetection does not listen for the beep that `on` names")
        return False
    return _continues(simple, sorted(named)[0], reader)


def _advanced_fits(advanced: Value, named: frozenset[str], reader: Reader) -> bool:
    members = advanced.members if isinstance(advanced, Object) else {}
    mode = members.get("mode")
    if "beep" in named and mode is not None and mode.is_literal and mode.render({}) not in _BEEPING:
        message = f"mode {mode.render({})} does not listen for the beep that `on` names"
        reader.report("E410", mode.place, message, "write `mode: detect_beep`, or leave it out")
        return False
    behavior = members.get("behavior")
    return behavior is None or _continues(behavior, sorted(named)[0], reader)


def _continues(behavior: Value, name: str, reader: Reader) -> bool:
    if not behavior.is_literal or behavior.render({}) == "continue":
        return True
    message = f"with `hangup` the call is over before `on: {name}` can decide"
    reader.report("E410", behavior.place, message, "write `continue`, or leave it out")
    return False


def complete(target: Detecting, named: frozenset[str], place: Place) -> Detecting:
    """The target with the detection that the outcomes named need; what is written stays."""
    advanced = target.fields.get("advancedMachineDetection")
    if not named or (advanced is None and "machineDetection" in target.fields):
        return target
    if advanced is None and "beep" not in named:
        return target.with_fields({"machineDetection": Given("continue", place)})
    written = advanced.members if isinstance(advanced, Object) else {}
    mode = {"mode": Given("detect_beep" if named == {"beep"} else "default", place)} if "beep" in named else {}
    members = {"behavior": Given("continue", place), **mode, **written}
    return target.with_fields({"advancedMachineDetection": Object(members, place)})

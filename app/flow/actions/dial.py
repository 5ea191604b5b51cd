"""A step whose `on` names outcomes: its connect or its checkpoint becomes the wait that decides."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from app.flow.actions.action import Action
from app.flow.actions.checkpoint import CONNECTED, DETECTIONS, DIAL_OUTCOMES, HELD, checkpoint
from app.flow.actions.connect import Connect
from app.flow.actions.document import Document
from app.flow.actions.values import Given, Object
from app.flow.model import Callback, Part, Value
from app.flow.nodes import Place
from app.flow.reader import Reader

Detecting = TypeVar("Detecting", bound=Action)
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


_OF_A_CONNECT = frozenset({*DIAL_OUTCOMES, *DETECTIONS, "otherwise"})
_LASTING = frozenset({"talk", "stream", "wait"})
_LEADING_OFF = frozenset({"conversation", "transfer", "input", "record"})
_SERVER_FILLS = ("eventUrl", "eventMethod", "eventType")


def with_dial(
    parts: tuple[Part, ...], names: frozenset[str], completed_ends: bool, place: Place, reader: Reader
) -> tuple[Part, ...]:
    """The parts of a step whose `on` names `names`: the last one becomes the wait.

    A connect gets `eventType: synchronous` and the machine detection that is named; a checkpoint steers. What does
    not fit is reported (E408 to E410, E412), and then the parts come back as they were.

    Args:
        parts: what `do` says.
        names: the outcomes named in `on`: of a connect, machine detection, checkpoints, `otherwise`; without `error`.
        completed_ends: whether the call is over when the called party hangs up. Otherwise, and when that party hears
            a flow first and may decline, a notify stands behind the connect and decides, since a lost `busy` event
            must not play the path of `completed`.
        place: of the `on`.
        reader: for the reports.
    """
    if names & _OF_A_CONNECT:
        parts = _with_connect(parts, names & set(DETECTIONS), completed_ends, place, reader)
    for name in sorted(names - _OF_A_CONNECT - {"error"}):
        parts = _with_checkpoint(parts, name, place, reader)
    return parts


def with_held(parts: tuple[Part, ...], place: Place, reader: Reader) -> tuple[Part, ...]:
    """The parts of a step that holds the caller: a notify behind them tells when they have been played.

    E278 when nothing among them takes time, E279 when they never end.
    """
    words = {part.word for part in parts if isinstance(part, Action)}
    if not words & _LASTING and not any(isinstance(part, Document) for part in parts):
        reader.report("E278", place, "nothing is heard while the caller is held, so that the time does not pass")
    for part in parts:
        if isinstance(part, Action) and part.word == "stream" and part.literal("loop") == 0:
            reader.report("E279", part.fields["loop"].place, "this stream never ends, so `hold` never looks again")
        elif isinstance(part, Connect) or (isinstance(part, Action) and part.word in _LEADING_OFF):
            word = "connect" if isinstance(part, Connect) else part.word
            reader.report("E279", part.place, f"`{word}` cannot stand in a step that holds the caller", "move it")
    return (*parts, checkpoint(HELD, place, steers=True))


def targets_count(parts: tuple[Part, ...]) -> int:
    """How many targets the connect of a step lists, a computed list as one; 0 without a connect."""
    return max((len(part.targets) for part in parts if isinstance(part, Connect)), default=0)


def connect_of(parts: tuple[Part, ...]) -> Connect | None:
    """The connect of a step; None without one."""
    return next((part for part in parts if isinstance(part, Connect)), None)


def _with_connect(
    parts: tuple[Part, ...], detections: frozenset[str], completed_ends: bool, place: Place, reader: Reader
) -> tuple[Part, ...]:
    connect = _only_connect(parts, place, reader)
    if connect is None or not _is_free(connect, detections, reader):
        return parts
    waiting = connect.with_fields({"eventType": Given("synchronous", place)}, Callback("event", "connect", steers=True))
    waiting = replace(waiting, targets=tuple(complete(target, detections, place) for target in waiting.targets))
    before = tuple(_opening(part) for part in parts[:-1]) if connect.rings_several else parts[:-1]
    behind = () if completed_ends and not connect.names_flow else (checkpoint(CONNECTED, place, steers=True),)
    return (*before, waiting, *behind)


def _only_connect(parts: tuple[Part, ...], place: Place, reader: Reader) -> Connect | None:
    """The one connect at the end of `do`; E408 otherwise."""
    connects = [part for part in parts if isinstance(part, Connect)]
    last = parts[-1] if parts else None
    if isinstance(last, Connect) and len(connects) == 1:
        return last
    if len(connects) > 1:
        message = "this step has more than one `connect`, so `on` cannot tell whose outcome it decides on"
        cure = "write one `connect` with a list of targets, or one step for each"
        reader.report("E408", connects[1].place, message, cure)
    elif connects:
        behind = parts[parts.index(connects[0]) + 1]
        message = "something stands behind the `connect` whose outcome `on` decides on"
        reader.report("E408", behind.place, message, "move it into the step that `completed` leads to")
    else:
        message = "`on` names outcomes of a `connect`, and this step has none"
        if isinstance(last, Document):
            message = "`on` cannot steer a `connect` inside an `ncco` document"
        reader.report("E408", place, message)
    return None


def _is_free(connect: Connect, detections: frozenset[str], reader: Reader) -> bool:
    """Whether no field stands in the way of the outcomes that `on` names; E410 and E412 otherwise."""
    free = True
    for target in connect.targets:
        for name in _SERVER_FILLS:
            value = target.fields.get(name)
            if value is not None and not (name == "eventType" and target.literal(name) == "synchronous"):
                reader.report("E412", value.place, f"`{name}` is written on a connect whose outcome `on` decides on")
                free = False
        free = fits(target, detections, reader) and free
    return free


def _opening(part: Part) -> Part:
    return replace(part, is_opening=True) if isinstance(part, Action | Document) else part


def _with_checkpoint(parts: tuple[Part, ...], name: str, place: Place, reader: Reader) -> tuple[Part, ...]:
    """The parts with the checkpoint `name`, the last of them, as a wait; E409 otherwise."""
    found = [part for part in parts if isinstance(part, Action) and part.checkpoint == name]
    last = parts[-1] if parts else None
    if not found:
        reader.report("E409", place, f'this step has no checkpoint "{name}"')
        return parts
    if last is not found[-1]:
        message = f"something stands behind the checkpoint `{name}` that `on` decides on"
        behind = parts[parts.index(found[-1]) + 1]
        reader.report("E409", behind.place, message, f"move it into the step that `{name}` leads to")
        return parts
    return (*parts[:-1], checkpoint(name, found[-1].place, steers=True))

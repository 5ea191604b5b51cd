"""What a caller, and somebody who is dialled, does on a way, as lines of a script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.engine import Session
from app.flow.language.outcomes import DETECTED, On
from app.flow.model import Flow
from app.verify.prove.inputs import Input
from app.verify.prove.walked import Edge, Walk

_SHORTLY: Final = "2s"
"""How long somebody talks who hangs up before machine detection has found a person: less than it takes.

Source: webhook reference, Machine detection (about 5 s of analysis).
"""


def presses_of(way: list[Edge]) -> list[Any]:
    """What another party presses or says, each time that it is asked; "" is nothing."""
    return [pressed_by(edge.happened) for edge in way if edge.happened.kind != "leg"]


def pressed_by(happened: Input) -> Any:
    """What another party presses or says once, as an entry of `presses`."""
    said = happened.told.get("speak", "")
    text = said.get("text", "") if isinstance(said, Mapping) else said
    return {"speak": text} if text else str(happened.told.get("press", ""))


def until_dialled(before: Edge | None, edge: Edge) -> Iterator[Any]:
    """Wait until a dial is over whose end is told before the next one begins."""
    if before is not None and before.happened.kind == "dial" and edge.happened.kind == "dial":
        yield {"wait": "5s"}


def party_of(walk: Walk, edge: Edge, joining: list[Any]) -> dict[str, Any]:
    """What somebody who is dialled does beside what comes of it, when this is what happens.

    Args:
        walk: which the edge is of.
        edge: one at which a dial is over.
        joining: what somebody presses who hears an NCCO of his own and is joined; [] when nobody hears any.
    """
    outcome = edge.happened.told.get("dial", {}).get("outcome")
    party: dict[str, Any] = {}
    if outcome == "completed" and _waits_for_a_person(walk.root, walk.states[edge.source].session):
        party["talks"] = _SHORTLY
    if joining and outcome in ("completed", *DETECTED):
        party["presses"] = joining
    return party


def _waits_for_a_person(root: Flow, session: Session) -> bool:
    """Whether a dial goes on elsewhere as soon as a person was detected."""
    exit_ = root.named(session.at).steps[session.step].exit
    return isinstance(exit_, On) and "human" in exit_.lines


def asks_party(edge: Edge) -> bool:
    """Whether somebody is dialled who hears an NCCO of his own."""
    return any("onAnswer" in endpoint for action in edge.ncco.actions for endpoint in action.get("endpoint", ()))


def lines_of(happened: Input, party: Mapping[str, Any], *, is_early: bool) -> list[Any]:
    """What is done for something to happen; `is_early`: it comes by itself."""
    told = happened.told
    if happened.fault == "unreadable":
        return [] if is_early else ["silence"]
    if "silence" in told:
        return ["silence"]
    if "dial" in told:
        return [{"dial": {**told["dial"], **party}}]
    return [{word: dict(value) if isinstance(value, Mapping) else value} for word, value in told.items()]

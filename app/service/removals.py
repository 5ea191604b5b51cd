"""What new calls can start in now, and could not start in if a project that was read took over."""

from __future__ import annotations

from typing import Final, NamedTuple

from app.flow.model import Flow, Project
from app.flow.nodes import Place

CURE: Final = "put it back, or send SIGHUP to the server to confirm the removal"


class Removal(NamedTuple):
    """One thing that callers reach now and that is gone from the files.

    Attributes:
        place: of the flow that has it, in the files that are in use.
        message: what is gone.
    """

    place: Place
    message: str


def removals(before: Project, after: Project) -> tuple[Removal, ...]:
    """The numbers, startable flows and default that `before` has and `after` lacks, flow by flow.

    A number or the default may move to another flow. Calls that are on keep their revision, so they lose nothing.
    """
    numbers = {number for flow in after.flows.values() for number in flow.numbers}
    has_default = any(flow.default for flow in after.flows.values())
    found: list[Removal] = []
    for flow in before.flows.values():
        if flow.default and not has_default:
            found.append(Removal(flow.place, "no flow is the default any more"))
        gone = (number for number in flow.numbers if number not in numbers)
        found += [Removal(flow.place, f"no flow has the number {number} any more") for number in gone]
        if flow.is_startable and not _can_start(after.flows.get(flow.name)):
            found.append(Removal(flow.place, f"no call can start in flow {flow.name} any more"))
    return tuple(found)


def _can_start(flow: Flow | None) -> bool:
    return flow is not None and flow.is_startable

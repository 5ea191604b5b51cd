"""Which `error` exits a turn has taken: each of them once, so that whatever is broken, a turn comes to an end."""

from __future__ import annotations

from app.flow.model import Flow, Step, Target


class ErrorExits:
    """The error exits of one turn. None leads to a step that has failed in it, or where one has led before."""

    def __init__(self) -> None:
        self._spent: set[tuple[str, str]] = set()

    def take(self, flow: Flow, step: Step | None) -> Target | None:
        """Where a failure of `step` of `flow` leads: its own `error`, else the flow's; None when neither is left."""
        if step is not None:
            self._spent.add((flow.name, step.name))
        candidates = (step.error if step else None, flow.error)
        return next((target for target in candidates if target is not None and self._may_follow(flow, target)), None)

    def _may_follow(self, flow: Flow, target: Target) -> bool:
        key = (flow.name, target.shown)
        if target.is_end:
            return True
        if key in self._spent:
            return False
        self._spent.add(key)
        return True

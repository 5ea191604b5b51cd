"""Builds and checks the NCCO of a turn, with its waits and the tail after an `input`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ncco_server.engine.dialling import refusal
from ncco_server.engine.drafts import are_open_ended, asks, drafts_of, failsafe_tail, tail_of, wait_for
from ncco_server.engine.session import ENCRYPTED, OpenWait, TurnContext, WaitRef
from ncco_server.engine.waits.called_party import CalledPartyWait
from ncco_server.errors import RenderError
from ncco_server.flow.frame import Draft, Frame, Rendered, Target
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.nodes import Place
from ncco_server.flow.runtime import Again
from ncco_server.ncco import Issue, check, options_are_clean, order_is_clean


class Origin(NamedTuple):
    """A step, its flow, and the frame that computes its values."""

    flow: Flow
    step: Step
    frame: Frame

    @property
    def error(self) -> Target | None:
        return self.step.error or self.flow.error


_NO_TAIL = 1 << 30
"""The index of the tail if there is none, or it is the failsafe NCCO."""


class NccoBuilder:
    """Collects the actions and waits of one turn. `dialled` counts the dials of all turns."""

    def __init__(self, root: Flow, session: str, turn: int, dialled: int, context: TurnContext) -> None:
        self._root = root
        self._session = session
        self._turn = turn
        self._context = context
        self.dialled = dialled
        self.waits: list[OpenWait] = []
        self.drafts: list[Draft] = []
        self._tail_at = _NO_TAIL
        self._is_checked = False

    def mark(self) -> tuple[int, int, int]:
        return len(self.drafts), len(self.waits), self.dialled

    def roll_back(self, mark: tuple[int, int, int]) -> None:
        drafts, waits, self.dialled = mark
        self._tail_at = _NO_TAIL
        self._is_checked = False
        del self.drafts[drafts:]
        del self.waits[waits:]

    def play(self, origin: Origin, waiting: Callable[[], Iterator[Origin]], again: Again) -> None:
        """Raises RenderError. `waiting` returns the steps that wait for this flow, innermost first."""
        flow, step, frame = origin
        drafts = _marked(flow, drafts_of(step, again, frame))
        self._add_all(flow, step, drafts)
        if drafts and step.tail and asks(drafts[-1]):
            if step.error is None and flow.error is None:
                origin = next((outer for outer in waiting() if outer.error is not None), origin)
            self._tail_at = len(self.drafts)
            self.drafts += self._tail(origin)

    def take(self, actions: list[dict[str, Any]], waits: tuple[OpenWait, ...], dials: int) -> None:
        """`actions` are a whole NCCO, and checked."""
        self._is_checked = True
        self.drafts = [Draft(action, computed={}) for action in actions]
        self.waits = list(waits)
        self.dialled += dials

    def _named(self, flow: Flow) -> str:
        return "" if flow is self._root else flow.name

    def _link(self, wait: OpenWait) -> str:
        return self._context.link(WaitRef(wait.kind, self._session, self._turn, wait.index))

    def _tail(self, origin: Origin) -> list[Draft]:
        failsafe = failsafe_tail(self._context.failsafe)
        try:
            drafts = tail_of(origin.flow, origin.step, origin.frame._replace(position=0))
        except RenderError:
            return failsafe
        if drafts is None:
            return failsafe
        drafts = _marked(origin.flow, drafts)
        dials = [draft for draft in drafts if draft.action.get("action") == "connect"]
        is_allowed = self.dialled + len(dials) <= self._context.dial_limit and all(map(self._may_dial, dials))
        return drafts if is_allowed else failsafe

    def _may_dial(self, draft: Draft) -> bool:
        return not draft.dials or not self._refusal(draft.dials)

    def _refusal(self, number: str) -> str:
        return refusal(number, self._context.dial_allow)

    def _add_all(self, flow: Flow, step: Step, drafts: list[Draft]) -> None:
        for draft in drafts:
            if draft.action.get("action") == "connect":
                self._check_dial(draft, step.place)
            wait = wait_for(draft, len(self.waits), step, self._named(flow))
            if wait is not None:
                self.waits.append(wait)
                draft.action["eventUrl"] = [self._link(wait)]
                draft.action["eventMethod"] = "POST"
            if draft.heard is not None:
                self._open_leg(flow, step, draft, draft.heard)
            self.drafts.append(draft)

    def _open_leg(self, flow: Flow, step: Step, draft: Draft, heard: Mapping[str, Any]) -> None:
        """Its wait follows that for the events of the `connect`."""
        where = self._named(flow)
        wait = OpenWait(
            len(self.waits), CalledPartyWait.word, "onAnswer", step.name, steers=False, flow=where, runs=heard
        )
        self.waits.append(wait)
        (endpoint,) = draft.action["endpoint"]
        draft.action["endpoint"] = [{**endpoint, "onAnswer": {**endpoint["onAnswer"], "url": self._link(wait)}}]

    @property
    def is_open_ended(self) -> bool:
        return are_open_ended(self.drafts)

    def add_checkpoint(self, flow: Flow, step: Step, notify: Rendered, frame: Frame) -> None:
        """Raises RenderError."""
        self._add_all(flow, step, notify.render(frame))

    @property
    def ends_in_conversation(self) -> bool:
        """A caller can leave a `conversation` only by hanging up."""
        return bool(self.drafts) and self.drafts[-1].action.get("action") == "conversation"

    def add(self, action: Mapping[str, Any]) -> None:
        self.drafts.append(Draft(dict(action), computed={}))

    def _check_dial(self, draft: Draft, place: Place) -> None:
        self.dialled += 1
        if self.dialled > self._context.dial_limit:
            message = f"this call has reached its limit of {self._context.dial_limit} dials"
            raise RenderError("R102", message, str(place))
        if not self._may_dial(draft):
            message = f"the computed number {draft.dials} {self._refusal(draft.dials)}"
            raise RenderError("R101", message, str(place))

    def play_only(self, ncco: tuple[Mapping[str, Any], ...]) -> None:
        self.drafts[:] = [Draft(dict(action), computed={}) for action in ncco]
        self.waits.clear()

    def fault(self) -> tuple[int, Issue] | None:
        """The first error for which Vonage would refuse the NCCO, with its action's index.

        If it is in the tail, the failsafe NCCO replaces the tail, so that the `input` is played.
        """
        found = None if self._is_checked else self._fault()
        if found is None or found[0] < self._tail_at:
            return found
        self.drafts[self._tail_at :] = failsafe_tail(self._context.failsafe)
        self._tail_at = _NO_TAIL
        return self._fault()

    def _fault(self) -> tuple[int, Issue] | None:
        if all(map(_is_clean, self.drafts)) and order_is_clean(self.actions()):
            return None
        issue = next((issue for issue in check(self.actions()) if issue.severity == "error"), None)
        return None if issue is None else (int(issue.path.split("/")[1]), issue)

    def actions(self) -> list[dict[str, Any]]:
        return [draft.action for draft in self.drafts]

    def stored_actions(self, hide: Callable[[Any], str]) -> list[dict[str, Any]] | None:
        """As `Turn.stored_ncco`."""
        if not any(draft.secret for draft in self.drafts):
            return None
        return [
            {**draft.action, **{name: hide(draft.action[name]) for name in draft.secret}, ENCRYPTED: draft.secret}
            for draft in self.drafts
        ]


def _marked(flow: Flow, drafts: list[Draft]) -> list[Draft]:
    for draft in drafts:
        computed = draft.computed or {}
        draft.secret = tuple(name for name, value in computed.items() if not flow.spoken.isdisjoint(value.used_names))
    return drafts


def _is_clean(draft: Draft) -> bool:
    """Literal options were checked when the flow was loaded."""
    return draft.computed is not None and options_are_clean(draft.action, draft.computed)

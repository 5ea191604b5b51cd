"""One turn while it is being made: the actions, waits and trace so far, and how to take a failed step back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.engine.json_bytes import json_bytes
from app.engine.scope import NOTHING_HEARD, call_record
from app.engine.session import Session, Wait, WaitRef
from app.engine.tail import failsafe_drafts, tail_drafts
from app.engine.trace import Trace, TraceLine, line
from app.engine.turn import Surroundings, Turn
from app.errors import RenderError
from app.flow.model import Callback, Draft, Flow, Frame, Part, Step, Target
from app.flow.nodes import Place
from app.ncco import Issue, check, each_is_clean

SOUND_LIMIT = 10_000
"""Shapes of NCCOs that are remembered for one flow."""

STEP_LIMIT = 200
"""Steps that one turn may enter. A loaded flow has no cycle without input; this bounds what a fault could do."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far the turn was before a step was entered."""

    step: Step
    drafts: int
    waits: int
    dialled: int
    variables: dict[str, Any]
    secrets: frozenset[str]


class Run:
    """Makes one turn. It lives for one call of `begin`, `resume` or `fail` and is never shared."""

    step = ""
    tries = 0
    asr_errors = 0
    position = 0
    is_failsafe = False
    _trace_json = b""
    _whole: list[dict[str, Any]] | None = None

    def __init__(self, flow: Flow, before: Session, around: Surroundings) -> None:
        self.flow = flow
        self.before = before
        self.around = around
        self.variables: dict[str, Any] = dict(before.variables)
        self.heard: Mapping[str, Any] = before.heard or NOTHING_HEARD
        self.entered_at = around.now
        self.dialled = before.dialled
        self.secrets: frozenset[str] = frozenset()
        self.failed: set[str] = set()
        self._call = call_record(before.call)
        self._drafts: list[Draft] = []
        self._waits: list[Wait] = []
        self._marks: list[_Mark] = []
        self._trace: list[TraceLine] = []

    def note(
        self,
        did: str,
        step: str,
        what: str,
        *,
        where: Place | None = None,
        because: str = "",
        others: tuple[str, ...] = (),
    ) -> None:
        """Add a line to the trace."""
        self._trace.append(line(did, step, what, where=where, because=because, others=others))

    def tell(self, told: TraceLine) -> None:
        """Add a line that is made already."""
        self._trace.append(told)

    def take_over(
        self, actions: list[dict[str, Any]], waits: tuple[Wait, ...], step: str, dials: int, trace: Trace
    ) -> None:
        """Add what a stretch has played at once; nothing may have been played before it, nor follow."""
        self._whole = actions
        self._waits.extend(waits)
        self.step = step
        self.dialled += dials
        first = self._trace
        self._trace_json = trace.joined_to(first) if first else trace.json
        self._trace = [*first, *trace.lines]

    def names(self) -> dict[str, Any]:
        """What the values of the current step may look at."""
        return {
            "call": self._call,
            "input": self.heard,
            "env": self.around.env,
            "now": self.entered_at,
            "locale": "",
            **self.variables,
        }

    def assign(self, name: str, value: Any) -> None:
        """Set a variable; of a sensitive one only a token leaves the turn."""
        self.variables[name] = value
        if self.flow.variables[name].sensitive:
            self.secrets |= {name}

    def start_step(self, now: datetime) -> None:
        """Begin to count anew: a step is entered, not repeated."""
        self.tries = self.asr_errors = self.position = 0
        self.entered_at = now

    def mark(self, step: Step) -> None:
        """Remember how far the turn is, before `step` adds to it. Raises RenderError past the step limit."""
        self._marks.append(
            _Mark(step, len(self._drafts), len(self._waits), self.dialled, dict(self.variables), self.secrets)
        )
        self.step = step.name
        if len(self._marks) > STEP_LIMIT:
            raise RenderError("R103", f"one turn entered more than {STEP_LIMIT} steps", str(step.place))

    def take_back(self, mark: _Mark) -> None:
        """Forget everything that was added since `mark`."""
        del self._marks[self._marks.index(mark) :]
        del self._drafts[mark.drafts :]
        del self._waits[mark.waits :]
        self.dialled = mark.dialled
        self.variables = mark.variables
        self.secrets = mark.secrets

    def take_back_last(self) -> None:
        """Forget what the step that was entered last has added, if any was."""
        if self._marks:
            self.take_back(self._marks[-1])

    def play(self, step: Step, frame: Frame, *, prompts: tuple[Part, ...] = (), reprompt: bool = True) -> None:
        """Add what a step plays; `prompts` come first, and without `reprompt` only its `input` follows them.

        Raises RenderError.
        """
        for part in prompts:
            self._add_all(step, part.render(frame))
        drafts = [draft for part in step.parts for draft in part.render(frame)]
        first = 0 if reprompt else next((index for index, draft in enumerate(drafts) if _asks(draft)), 0)
        self._add_all(step, drafts[first:])
        if drafts and _asks(drafts[-1]) and step.tail:
            self._drafts.extend(self._tail(step, frame))

    def _tail(self, step: Step, frame: Frame) -> list[Draft]:
        """What stands behind an `input`; the failsafe NCCO where the `error` exit would dial what it may not."""
        drafts = tail_drafts(self.flow, step, frame, self.around.failsafe)
        dials = [draft for draft in drafts if draft.action.get("action") == "connect"]
        is_allowed = self.dialled + len(dials) <= self.around.dial_limit and all(map(self._may_dial, dials))
        return drafts if is_allowed else failsafe_drafts(self.around.failsafe)

    def _may_dial(self, draft: Draft) -> bool:
        return not draft.dials or draft.dials.startswith(self.around.dial_allow or ("\0",))

    def _add_all(self, step: Step, drafts: list[Draft]) -> None:
        for draft in drafts:
            self._check_dial(draft, step.place)
            if draft.callback is not None:
                self._open_wait(step, draft.action, draft.callback)
            self._drafts.append(draft)

    def _open_wait(self, step: Step, action: dict[str, Any], callback: Callback) -> None:
        index = len(self._waits)
        self._waits.append(Wait(index, callback.kind, callback.name, step.name, callback.steers, callback.sensitive))
        ref = WaitRef(callback.kind, self.before.id, self.before.turn + 1, index)
        action["eventUrl"] = [self.around.link(ref)]
        action["eventMethod"] = "POST"

    def _check_dial(self, draft: Draft, place: Place) -> None:
        if draft.action.get("action") != "connect":
            return
        self.dialled += 1
        if self.dialled > self.around.dial_limit:
            message = f"this call has dialled {self.around.dial_limit} times, which is all it may"
            raise RenderError("R102", message, str(place))
        if not self._may_dial(draft):
            message = f"the computed number {draft.dials} has no prefix of NCCO_DIAL_ALLOW"
            raise RenderError("R101", message, str(place))

    def end(self) -> None:
        """The call ends when what was added has been played."""
        self.step = ""

    def fall_back(self, because: str) -> None:
        """Play the failsafe NCCO, since nothing of the flow can be played."""
        self._drafts[:] = [Draft(dict(action)) for action in self.around.failsafe]
        self._waits.clear()
        self._marks.clear()
        self.end()
        self.is_failsafe = True
        self.note("failed", "", "failsafe", because=because)

    def error_target(self, step: Step | None) -> Target | None:
        """Where a failure of `step` leads: its own `error`, else the flow's, each only once; None: the failsafe."""
        candidates = (step.error if step else None, self.flow.error)
        if step is not None:
            self.failed.add(step.name)
        return next((target for target in candidates if target is not None and target.step not in self.failed), None)

    def fault(self) -> tuple[_Mark, Issue] | None:
        """The first thing that Vonage would refuse in what was added, with the step that added it."""
        if self._is_known_sound():
            return None
        errors = [issue for issue in check(self._actions()) if issue.severity == "error"]
        if errors:
            number = _action_number(errors[0].path)
            marks = [mark for mark in self._marks if mark.drafts <= number]
            return (marks or self._marks)[-1], errors[0]
        if len(self.flow.sound) < SOUND_LIMIT:
            self.flow.sound.add(self._shapes())
        return None

    def _is_known_sound(self) -> bool:
        """Whether an NCCO of this shape was found right before, and what differs in this one is right too."""
        shapes = self._shapes()
        if 0 in shapes or shapes not in self.flow.sound:
            return False
        return each_is_clean([draft.action for draft in self._drafts if not draft.is_fixed])

    def _shapes(self) -> tuple[int, ...]:
        return tuple([draft.shape for draft in self._drafts])

    def _actions(self) -> list[dict[str, Any]]:
        return [draft.action for draft in self._drafts]

    def finish(self, outcome: str) -> Turn:
        """The turn as it stands. What is sensitive leaves it as a token."""
        for name in self.secrets & self.variables.keys() if self.secrets else ():
            self.variables[name] = self.around.mask(self.before.id, str(self.variables[name]))
        is_over = True not in [wait.steers for wait in self._waits]
        session = Session(
            id=self.before.id,
            flow=self.flow.name,
            revision=self.flow.revision,
            call=self.before.call,
            turn=self.before.turn + 1,
            step="" if is_over else self.step,
            tries=self.tries,
            asr_errors=self.asr_errors,
            position=self.position,
            dialled=self.dialled,
            variables=self.variables,
            entered_at=self.entered_at,
            heard=self.heard,
            waits=tuple(self._waits),
            is_over=is_over,
        )
        actions = self._actions() if self._whole is None else self._whole
        trace_json = self._trace_json or json_bytes(self._trace)
        return Turn(actions, session, tuple(self._trace), trace_json, outcome, self.is_failsafe)


def _asks(draft: Draft) -> bool:
    return draft.callback is not None and draft.callback.kind == "input"


def _action_number(path: str) -> int:
    head = path.removeprefix("/").partition("/")[0]
    return int(head) if head.isdigit() else 0

"""One turn while it is being made: where the call stands, what it plays so far, and how to take a failed step back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from app.engine.answers import Answers, Read
from app.engine.called import JOINED, parting
from app.engine.failures import ErrorExits
from app.engine.json_bytes import json_bytes
from app.engine.scope import NOTHING_HEARD, call_record, names_in
from app.engine.script import Script
from app.engine.session import Session, Wait
from app.engine.standing import Mark, Standing, begun, levels, observers, of_session
from app.engine.tail import Origin
from app.engine.trace import Trace, TraceLine, line
from app.engine.turn import Surroundings, Turn
from app.errors import RenderError
from app.flow.model import Flow, Frame, Part, Runs, Sending, Step, Target
from app.flow.nodes import Place
from app.ncco import Issue

STEP_LIMIT = 200
"""Steps that one turn may enter. A loaded flow has no cycle without input; this bounds what a fault could do."""

LEVEL_LIMIT = 20
"""Flows that may wait for each other. Load refuses flows that run themselves; this bounds what a fault could do."""

_NO_NUMBER = "an entry of the list is no phone number"


class Run:
    """Makes one turn. It lives for one call of `begin`, `resume` or `fail` and is never shared.

    `root` is the flow that the call began in; `flow` is the one that it is in now.
    """

    step = ""
    tries = 0
    asr_errors = 0
    position = 0
    returned = ""
    is_failsafe = False
    _trace_json = b""
    _whole: list[dict[str, Any]] | None = None

    def __init__(self, root: Flow, before: Session, around: Surroundings) -> None:
        self.root = root
        self.before = before
        self.around = around._replace(failsafe=(JOINED,)) if before.parent else around
        self.heard: Mapping[str, Any] = before.heard or NOTHING_HEARD
        self.entered_at = around.now
        self.locale = before.locale
        self.answers = Answers(partial(self.around.mask, before.id))  # `self._mask` would make a circle of it all
        self.hooks: list[Any] = []
        self._call = call_record(before.call)
        self._script = Script(root, before.id, before.turn + 1, before.dialled, self.around)
        self._refused: set[str] = set()
        self.asked: Counter[str] = Counter()
        self._marks: list[Mark] = []
        self._error_exits = ErrorExits()
        self._trace: list[TraceLine] = []
        self._stand(of_session(root, before))

    def _stand(self, standings: list[Standing]) -> None:
        self._standings = standings
        self._here = standings[-1]
        self.flow = self._here.flow

    def stand_in(self, flow: str) -> None:
        """Look at things as the flow of this name does; one that the call has left knows nothing any more."""
        name = flow or self.root.name
        known = [standing for standing in self._standings if standing.flow.name == name]
        self._here = known[-1] if known else begun(self.root.named(name), {})
        self.flow = self._here.flow

    @property
    def dialled(self) -> int:
        """How often the call has dialled."""
        return self._script.dialled

    def frame(self, names: Mapping[str, Any], position: int = 0, waited: float = 0.0) -> Frame:
        """What the parts and the exit of a step may look at."""
        return Frame(names, position, waited, self._may_dial, self._script.dials_left)

    def _may_dial(self, number: str) -> bool:
        """Whether a list may ring a computed number; the trace tells once in a turn of what it passes over."""
        refused = self._script.refusal(number)
        if refused and self.step and number not in self._refused:
            self._refused.add(number)
            code, why = ("R101", f"{number} {refused}") if number else ("E392", _NO_NUMBER)
            where = self.flow.steps[self.step].exit.place
            self.note("refused", self.step, code, where=where, because=f"{why}: passed over")
        return not refused

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
        self._script.waits.extend(waits)
        self.step = step
        self._script.dialled += dials
        first = self._trace
        self._trace_json = trace.joined_to(first) if first else trace.json
        self._trace = [*first, *trace.lines]

    def names(self, now: datetime | None = None) -> dict[str, Any]:
        """What the values of the current step may look at; `now` is the moment when it was entered, unless given."""
        return self._names_in(self._here, now or self.entered_at)

    def _names_in(self, here: Standing, now: datetime) -> dict[str, Any]:
        return here.names(names_in(here.flow, self._call, self.heard, env=self.around.env, now=now, locale=self.locale))

    def assign(self, name: str, value: Any, *, is_literal: bool = False) -> None:
        """Set a variable, or the locale of the call; `is_literal` says that the value stands in the flow."""
        if name == "locale":
            self.locale = str(value)
        elif self._here.assign(name, value) and not is_literal:
            self.answers.echoes.learn(value)

    def keep(self, read: Read) -> list[str]:
        """Put what came of look-ups into scope; see `Answers.keep`."""
        return self.answers.keep(self._here, read)

    def send(self, sending: Sending, names: Mapping[str, Any]) -> None:
        """Tell somebody, once the reply is out. Raises RenderError."""
        self.hooks.append(sending.render(names))

    def start_step(self, now: datetime) -> None:
        """Begin to count anew: a step is entered, not repeated."""
        self.tries = self.asr_errors = self.position = 0
        self.entered_at = now

    def begin_flow(self, runs: Runs) -> Step:
        """Go on in another flow: this one waits, or is left for good. Raises RenderError."""
        names = self.names()
        given = {assignment.name: assignment.value.render(names) for assignment in runs.given}
        sub = begun(self.root.named(runs.flow), given)
        self.answers.echoes.learn([given[name] for name in sub.secrets])
        if not runs.comes_back:
            self._stand([sub])
        elif len(self._standings) < LEVEL_LIMIT:
            self._here.step = self.step
            self._stand([*self._standings, sub])
        else:
            raise RenderError("R103", f"more than {LEVEL_LIMIT} flows wait for each other", runs.flow)
        return self.flow.steps[self.flow.start]

    def come_back(self, target: Target) -> Step | None:
        """Go back to the step that ran this flow, with what `target` returns; None when nobody waits.

        Raises RenderError.
        """
        if len(self._standings) == 1:
            self.returned = target.returns
            return None
        names = self.names()
        returned = {assignment.name: assignment.value.render(names) for assignment in target.sets}
        self._stand(self._standings[:-1])
        for name, value in returned.items():
            if name in self.flow.variables:
                self.assign(name, value)
        self.step, self._here.step = self._here.step, ""
        return self.flow.steps[self.step]

    def mark(self, step: Step) -> None:
        """Remember how far the turn is, before `step` adds to it. Raises RenderError past the step limit."""
        standings = [standing.copy() for standing in self._standings]
        self._marks.append(Mark(step, self._script.mark(), len(self.hooks), standings, self.locale))
        self.step = step.name
        if len(self._marks) > STEP_LIMIT:
            raise RenderError("R103", f"one turn entered more than {STEP_LIMIT} steps", str(step.place))

    def take_back(self, mark: Mark) -> None:
        """Forget everything that was added since `mark`."""
        del self._marks[self._marks.index(mark) :]
        del self.hooks[mark.hooks :]
        self._script.take_back(mark.script)
        self._stand(mark.standings)
        self.locale = mark.locale
        self.returned = ""

    def take_back_last(self, step: Step | None) -> None:
        """Forget what `step` has added, if it was entered in this turn and not taken back yet."""
        if self._marks and self._marks[-1].step is step:
            self.take_back(self._marks[-1])

    def play(self, step: Step, frame: Frame, *, prompts: tuple[Part, ...] = (), reprompt: bool = True) -> None:
        """Add what a step of this flow plays; see `Script.play`. Raises RenderError."""
        self._script.play(self._origins(step, frame), prompts=prompts, reprompt=reprompt)

    def _origins(self, step: Step, frame: Frame) -> Iterator[Origin]:
        """The step, then those that wait for its flow, the innermost first."""
        yield Origin(self.flow, step, frame)
        for standing in reversed(self._standings[:-1]):
            names = self._names_in(standing, self.entered_at)
            yield Origin(standing.flow, standing.flow.steps[standing.step], self.frame(names))

    def end(self) -> None:
        """The call ends when what was added has been played; the other party of a connect is then joined."""
        self.step = ""
        if self.before.parent:
            self._script.add(parting(self.returned, is_silent=self._script.is_empty))

    def fall_back(self, because: str) -> None:
        """Play the failsafe NCCO, since nothing of the flow can be played."""
        self._script.play_only(self.around.failsafe)
        self._marks.clear()
        self.end()
        self.is_failsafe = True
        self.note("failed", "", "failsafe", because=because)

    def error_target(self, step: Step | None) -> tuple[Target | None, Step | None]:
        """Where a failure of `step` leads, and the step that leads there; None: the failsafe.

        What a flow does not handle is the outcome `error` of the step that runs it; that flow has then been left.
        """
        while True:
            target = self._error_exits.take(self.flow, step)
            if target is not None or len(self._standings) == 1:
                return target, step
            self._stand(self._standings[:-1])
            step = self.flow.steps[self._here.step]
            self._here.step = ""

    def shown(self, error: RenderError) -> str:
        """An error as the trace may tell it: its sentence may hold what was given, which may be sensitive."""
        has_secrets = bool(self.answers.echoes) or any(each.has_secrets for each in self._standings)
        return f"{error.code} (not shown: sensitive)" if has_secrets else str(error)

    def fault(self) -> tuple[Mark, Issue] | None:
        """The first thing that Vonage would refuse in what was added, with the step that added it."""
        found = self._script.fault()
        if found is None:
            return None
        number, issue = found
        marks = [mark for mark in self._marks if mark.script[0] <= number]
        return (marks or self._marks)[-1], issue

    def finish(self, outcome: str) -> Turn:
        """The turn as it stands. What is sensitive leaves it as a token."""
        before, here = self.before, self._here
        waits = tuple(self._script.waits)
        is_over = True not in [wait.steers for wait in waits]
        session = Session(
            id=before.id,
            flow=self.root.name,
            revision=self.root.revision,
            call=before.call,
            turn=before.turn + 1,
            step="" if is_over else self.step,
            tries=self.tries,
            asr_errors=self.asr_errors,
            position=self.position,
            dialled=self.dialled,
            variables=here.kept(self._mask),
            entered_at=self.entered_at,
            heard=self.heard,
            waits=waits,
            is_over=is_over,
            at="" if self.flow is self.root else self.flow.name,
            callers=levels(self._standings, self._mask),
            lookups=here.kept_lookups(self._mask),
            locale=self.locale,
            observers=observers(self.root, before) if before.waits else before.observers,
            parent=before.parent,
            returned=self.returned,
        )
        actions = self._script.actions() if self._whole is None else self._whole
        trace_json = self._trace_json or json_bytes(self._trace)
        hooks = tuple(self.hooks)
        return Turn(
            actions, session, tuple(self._trace), trace_json, outcome, self.is_failsafe, hooks, self.answers.kept
        )

    def _mask(self, secret: str) -> str:
        return self.around.mask(self.before.id, secret)

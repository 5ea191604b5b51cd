"""One turn in progress, and the rollback of failed steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ncco_server.engine.builder import NccoBuilder, Origin
from ncco_server.engine.dialling import refusal
from ncco_server.engine.facts import facts_of
from ncco_server.engine.flow_scope import FlowScope
from ncco_server.engine.scope import Scopes, observers
from ncco_server.engine.session import (
    OWN_LEG,
    CalledFunction,
    FailedLine,
    Observer,
    Session,
    TraceLine,
    Turn,
    TurnContext,
    WaitRef,
)
from ncco_server.engine.stretch import ENTERED, STEP_LIMIT, Stretch, stretch_of, written_at
from ncco_server.engine.waits.called_party import APART, JOINED, declined
from ncco_server.engine.waits.checkpoint import REACHED
from ncco_server.errors import RenderError
from ncco_server.flow.action import AGENT, checkpoint
from ncco_server.flow.frame import Frame, Target
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.nodes import Place
from ncco_server.flow.runtime import Again, Decision
from ncco_server.flow.templates.budget import Budget
from ncco_server.ncco import Issue
from ncco_server.ncco.statuses import DIAL_FAILURES
from ncco_server.results import NO_FACTS, TurnFacts
from ncco_server.table_rows import RowChange

_NO_NUMBER = "an entry of the list is not a phone number"


class Savepoint(NamedTuple):
    """A turn before `step` was entered; `hooks` and `entered` are counts."""

    step: Step
    built: tuple[int, int, int]
    hooks: int
    saves: tuple[RowChange, ...]
    entered: int
    scopes: tuple[tuple[FlowScope, ...], str]


class Run:
    """Builds one turn.

    Attributes:
        asked: how often each lookup was made, for idempotency keys.
        entered: the steps, without those that were rolled back.
        step: "" after the last one.
        returned: the outcome of the flow of a called party.
        is_moved: whether machine detection moves a placed call, which an empty reply would let go on.
        last_conversation: the step whose `conversation` ends the NCCO; "" if none does.
    """

    step = ""
    tries = 0
    asr_errors = 0
    position = 0
    returned = ""
    last_conversation = ""
    is_moved = False
    is_failsafe = False
    has_fault = False
    errors: tuple[BaseException, ...] = ()
    has_chosen = False
    called: tuple[CalledFunction, ...] = ()
    saves: tuple[RowChange, ...] = ()
    _decided: tuple[Step, tuple[tuple[FlowScope, ...], str]] | None = None

    def __init__(
        self,
        root: Flow,
        before: Session,
        context: TurnContext,
        budget: Budget | None = None,
        call: Mapping[str, Any] | None = None,
    ) -> None:
        self.root = root
        self.before = before
        self.context = context._replace(failsafe=(JOINED,)) if before.parent else context
        self.scopes = Scopes(root, before, context, budget or Budget(), call)
        self.hooks: list[Any] = []
        self.asked: dict[str, int] = {}
        self.entered: list[tuple[Flow, Step]] = []
        self.trace: list[TraceLine] = []
        self._builder = NccoBuilder(root, before.id, before.turn + 1, before.dialled, self.context)
        self._refused: set[str] = set()
        self._used_exits: set[tuple[str, str]] = set()
        self._marks: list[Savepoint] = []

    def note(
        self,
        did: str,
        step: str,
        what: str,
        where: Place | None = None,
        because: str = "",
        *,
        by: str = "",
        at: str = "",
    ) -> None:
        """`at` is the place of a value that could not be computed."""
        words = did, step, what, written_at(where), because
        self.trace.append(FailedLine(*words, at=at) if at else TraceLine(*words, by=by))
        if did in ("failed", "refused"):
            self.has_fault = True

    def note_decision(self, step: Step, decision: Decision) -> None:
        self.trace.append(
            TraceLine(
                "decided",
                step.name,
                decision.outcome,
                written_at(decision.place),
                decision.because,
                decision.others,
                attempt=decision.attempt,
                attempts=decision.attempts,
                next_target=decision.next_target,
            )
        )

    def start_step(self, now: datetime) -> None:
        self.tries = self.asr_errors = self.position = 0
        self.scopes.entered_at = now

    def come_back(self, target: Target) -> Step | None:
        """None if no step waits. Raises RenderError."""
        if self.scopes.is_outermost:
            self.returned = target.returns
            return None
        step = self.scopes.come_back(target)
        self.step = step.name
        return step

    def end(self) -> None:
        """A called party is connected next, unless it declined."""
        self.last_conversation = self.step if self._builder.ends_in_conversation else ""
        self.step = ""
        if self.before.parent and self.returned in DIAL_FAILURES:
            self._builder.add(APART)
        elif (self.before.parent or self.is_moved) and not self._builder.drafts:
            self._builder.add(JOINED)

    def fall_back(self, because: str) -> None:
        self._builder.play_only(self.context.failsafe)
        self._marks.clear()
        self.end()
        self.is_failsafe = True
        self.note("failed", "", "failsafe", because=because)

    def frame(self, names: Mapping[str, Any], position: int = 0, waited: float = 0.0) -> Frame:
        dials_left = self.context.dial_limit - self._builder.dialled
        return Frame(names, position, waited, self._may_dial, dials_left, self._hand_back)

    def _hand_back(self) -> str:
        return self.context.link(WaitRef(AGENT, self.before.id, self.before.turn + 1, 0))

    def _may_dial(self, number: str) -> bool:
        """The trace shows each refused number once."""
        refused = refusal(number, self.context.dial_allow)
        if refused and self.step and number not in self._refused:
            self._refused.add(number)
            code, why = ("R101", f"{number} {refused}") if number else ("E392", _NO_NUMBER)
            where = self.scopes.flow.steps[self.step].exit_place
            self.note("refused", self.step, code, where=where, because=f"{why}: passed over")
        return not refused

    def begins_later(self, step: Step) -> bool:
        """Whether a step starts only when the caller reaches it, not while the NCCO before it is built.

        One with lookups or effects does so after an action of unknown length, but after prompts starts at once, so that
        its data is ready in time. Our choice.
        """
        return (
            bool(step.asks or step.sends or step.saves or step.result or step.exit.asks_again)
            and self._builder.is_open_ended
        )

    def holds_again(self, step: Step) -> bool:
        """Whether this turn has come back to a `hold`, which then plays even if its condition is true.

        Otherwise a queue in which nobody can be rung would loop within one turn. Our choice.
        """
        return step.exit.asks_again and any(mark.step is step for mark in self._marks[:-1])

    def wait_for(self, step: Step) -> None:
        self.note("reaches", step.name, REACHED, where=step.place, because="it begins when the caller reaches it")
        self._builder.add_checkpoint(
            self.scopes.flow, step, checkpoint(REACHED, step.place, steers=True), self.frame(self.scopes.names())
        )

    def play(self, step: Step, frame: Frame, again: Again = ENTERED) -> None:
        """Raises RenderError."""
        self._builder.play(Origin(self.scopes.flow, step, frame), self._waiting, again)

    def _waiting(self) -> Iterator[Origin]:
        for flow, step, names in self.scopes.waiting():
            yield Origin(flow, step, self.frame(names))

    def enter_stretch(self, target: Target) -> bool:
        """Play everything up to the next wait or the end of the call.

        Returns False and plays nothing if not all steps are precomputed, or the actions do not fit this call.
        """
        flow = self.scopes.flow
        if target.step is None or target.sets:
            return False
        step = flow.steps[target.step] if flow.handler is None else self.scopes.handler_step(target.step)
        stretch = stretch_of(flow, step, is_root=flow is self.root) if step is not None else None
        return stretch is not None and stretch.is_enterable and self._play_ready(stretch, entered=0)

    def play_stretch(self, step: Step, again: Again = ENTERED) -> bool:
        flow = self.scopes.flow
        stretch = stretch_of(flow, step, is_root=flow is self.root, again=again)
        return stretch is not None and self._play_ready(stretch, entered=1)

    def _play_ready(self, stretch: Stretch, *, entered: int) -> bool:
        """`entered`: how many steps of the stretch (0 or 1) were entered before."""
        if self._builder.drafts or len(self._marks) + len(stretch.steps) > STEP_LIMIT:
            return False
        before = self.before
        ncco = stretch.play(self.scopes.names(), self.context, before.id, before.turn + 1, before.dialled)
        if ncco is None:
            return False
        self.trace += stretch.trace[1 + entered :]
        self.entered += stretch.steps[entered:]
        self.step = stretch.step
        self._builder.take(ncco, stretch.waits, stretch.dials)
        if stretch.ends:
            self.end()
        return True

    def mark(self, step: Step, saves: tuple[RowChange, ...]) -> None:
        """Raises RenderError above the step limit.

        `saves` are those of earlier steps. A handler has made its own before it comes to its step.
        """
        built = self._builder.mark()
        self._marks.append(Savepoint(step, built, len(self.hooks), saves, len(self.entered), self.scopes.state))
        self.step = step.name
        if len(self._marks) > STEP_LIMIT:
            raise RenderError("R103", f"one turn entered more than {STEP_LIMIT} steps", str(step.place))

    def mark_decision(self, step: Step) -> None:
        self._decided = step, self.scopes.state

    def roll_back(self, mark: Savepoint) -> None:
        del self._marks[self._marks.index(mark) :]
        del self.hooks[mark.hooks :]
        self.saves = mark.saves
        del self.entered[mark.entered :]
        self._builder.roll_back(mark.built)
        self.scopes.restore(mark.scopes)
        self.returned = self.last_conversation = ""

    def roll_back_last(self, step: Step | None) -> None:
        """Do nothing if that was done already."""
        if self._marks and self._marks[-1].step is step:
            self.roll_back(self._marks[-1])
        elif self._decided is not None and self._decided[0] is step:
            self.scopes.restore(self._decided[1])

    def error_target(self, step: Step | None, otherwise: str) -> tuple[Target | None, Step | None]:
        """Where the call goes if `step` fails, and the step with that error exit.

        If a flow does not handle the failure, the step that runs the flow fails. Without any error exit, the target is
        None: the failsafe is played, and `otherwise` says why.
        """
        while (target := self._error_exit(step)) is None and not self.scopes.is_outermost:
            step = self.scopes.leave()
        if target is None:
            self.fall_back(otherwise)
        return target, step

    def _error_exit(self, step: Step | None) -> Target | None:
        """Never return a step that failed in this turn, or a target twice."""
        flow = self.scopes.flow
        if step is not None:
            self._used_exits.add((flow.name, step.name))
        for target in (step.error if step else None, flow.error):
            if target is not None and (target.is_end or (flow.name, target.shown) not in self._used_exits):
                if not target.is_end:
                    self._used_exits.add((flow.name, target.shown))
                return target
        return None

    def fault(self) -> tuple[Savepoint, Issue] | None:
        """As `NccoBuilder.fault`, but with the step that caused the error."""
        found = self._builder.fault()
        if found is None:
            return None
        number, issue = found
        marks = [mark for mark in self._marks if mark.built[0] <= number]
        return (marks or self._marks)[-1], issue

    def finish(self, outcome: str) -> Turn:
        """Replace sensitive values with tokens."""
        before = self.before
        scopes = self.scopes
        builder = self._builder
        dialled = builder.dialled
        if self.context.by_hand:
            self._note_by_hand()
        is_over = not any(wait.steers for wait in builder.waits)
        where = "" if scopes.flow is self.root else scopes.flow.name
        observed = observers(self.root, before) if before.waits else before.observers
        if is_over and self.last_conversation:
            observed += (Observer(before.turn + 1, OWN_LEG, where, self.last_conversation),)
        *callers, current = scopes.kept()
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
            dialled=dialled,
            variables=current.variables,
            entered_at=scopes.entered_at,
            heard=scopes.heard,
            waits=tuple(builder.waits),
            is_over=is_over,
            at=where,
            callers=tuple(callers),
            lookups=current.lookups,
            locale=scopes.locale,
            observers=observed,
            parent=before.parent,
            returned=self.returned,
        )
        return Turn(
            builder.actions(),
            session,
            tuple(self.trace),
            outcome,
            self.is_failsafe,
            tuple(self.hooks),
            tuple(scopes.answers),
            has_fault=self.has_fault,
            dials=dialled - before.dialled,
            stored_ncco=builder.stored_actions(scopes.secrets.encrypted),
            facts=self._facts(is_over=is_over),
            called=self.called,
            saves=self.saves,
            by_hand=self.context.by_hand,
            errors=self.errors,
            logged=tuple(scopes.logged),
        )

    def _note_by_hand(self) -> None:
        for calendar in self.scopes.flow.calendars_with(self.context.by_hand).values():
            if told := calendar.at(self.context.now).told:
                self.note("by hand", self.step, calendar.name, calendar.place, told)

    def _facts(self, *, is_over: bool) -> TurnFacts:
        if self.is_failsafe:
            return NO_FACTS
        is_unconnected = bool(self.before.parent and declined(self.returned, is_over=is_over))
        return facts_of(
            self.entered,
            self.context,
            self._builder.waits,
            has_chosen=self.has_chosen,
            is_over=is_over,
            is_unconnected=is_unconnected,
        )

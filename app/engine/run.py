"""One turn in progress: where the call is, its actions so far, and how a failed step is rolled back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from app.engine.builder import NccoBuilder, Origin
from app.engine.dialling import refusal
from app.engine.outcome import APART, JOINED, REACHED
from app.engine.scope import NOTHING_HEARD, FlowScope, call_record, new_scope, observers, scopes_of
from app.engine.secrets import Secrets, leading_to
from app.engine.session import OWN_LEG, Level, Observer, Session, TraceLine, Turn, TurnContext
from app.engine.stretch import ENTERED, STEP_LIMIT, Stretch, decided, stretch_of, written_at
from app.errors import RenderError
from app.flow.actions.action import DIAL_FAILURES, checkpoint
from app.flow.hours.calendar import hours_view
from app.flow.language.hooks import SentHook
from app.flow.language.lookups import AskedLookup
from app.flow.language.returns import Redactor
from app.flow.model import Flow, Step
from app.flow.nodes import Place
from app.flow.runtime import Again, Decision, Frame, Jump, Runs, Target
from app.flow.templates.budget import Budget
from app.flow.templates.values import Names
from app.ncco import Issue

LEVEL_LIMIT = 20
"""Flows that may wait for each other. Load refuses flows that run themselves; this limits the damage of a bug."""

NOT_SHOWN = "not shown: it may contain a sensitive value"
"""Shown in the trace instead of an error's message."""

_NO_NUMBER = "an entry of the list is not a phone number"


class Savepoint(NamedTuple):
    """The state of a turn before a step was entered.

    Attributes:
        step: the step.
        built: what `NccoBuilder.mark` returned.
        hooks: how many hooks there were.
    """

    step: Step
    built: tuple[int, int, int]
    hooks: int
    scopes: tuple[FlowScope, ...]
    locale: str


class Run:
    """Makes one turn, or the hooks of one event. Each call of a function of `app.engine.interpreter` has its own.

    Attributes:
        root: the flow that the call began in.
        flow: the one that it is in now.
        trace: what the turn did.
        answers: the answer of each lookup by name, masked, as the store keeps it.
        asked: how often each lookup was asked, by its idempotency key.
    """

    step = ""
    tries = 0
    asr_errors = 0
    position = 0
    returned = ""
    last_conversation = ""
    is_failsafe = False
    has_fault = False
    _decided: tuple[Step, tuple[FlowScope, ...], str] | None = None

    def __init__(self, root: Flow, before: Session, context: TurnContext, budget: Budget | None = None) -> None:
        self.root = root
        self.before = before
        self.context = context._replace(failsafe=(JOINED,)) if before.parent else context
        self.heard: Mapping[str, Any] = before.heard or NOTHING_HEARD
        self.entered_at = context.now
        self.locale = before.locale
        self.answers: dict[str, Any] = {}
        self.hooks: list[Any] = []
        self.asked: dict[str, int] = {}
        self.trace: list[TraceLine] = []
        self._ready: tuple[Stretch, list[dict[str, Any]]] | None = None
        self._built: NccoBuilder | None = None
        self._call = call_record(before.call)
        self._refused: set[str] = set()
        self._used_exits: set[tuple[str, str]] = set()
        self._marks: list[Savepoint] = []
        self._budget = budget or Budget()
        self._names: Names
        self._names_of: tuple[Any, ...] = (None, None, None, None)
        self._set_scopes(scopes_of(root, before))

    @cached_property
    def secrets(self) -> Secrets:
        """The sensitive values that the turn has received so far. Rolling back a step forgets none of them."""
        return Secrets()

    @property
    def _builder(self) -> NccoBuilder:
        """Builds the interpreter's actions; created with the first action."""
        if self._built is None:
            before = self.before
            self._built = NccoBuilder(self.root, before.id, before.turn + 1, before.dialled, self.context)
        return self._built

    def _set_scopes(self, scopes: tuple[FlowScope, ...]) -> None:
        self._scopes = scopes
        self._scope = scopes[-1]
        self.flow = self._scope.flow

    def _set_scope(self, scope: FlowScope) -> None:
        """Change the variables of the current flow."""
        self._scopes = (*self._scopes[:-1], scope)
        self._scope = scope

    def use_scope_of(self, flow: str) -> None:
        """Compute values in the scope of the flow with this name; a flow that the call has left has its defaults."""
        name = flow or self.root.name
        known = [scope for scope in self._scopes if scope.flow.name == name]
        self._scope = known[-1] if known else new_scope(self.root.named(name), {})
        self.flow = self._scope.flow

    def frame(self, names: Mapping[str, Any], position: int = 0, waited: float = 0.0) -> Frame:
        """The names that a step's parts and exit may use."""
        dialled = self._built.dialled if self._built else self.before.dialled
        return Frame(names, position, waited, self._may_dial, self.context.dial_limit - dialled)

    def _may_dial(self, number: str) -> bool:
        """Whether a list may ring a computed number; the trace shows each refused number once."""
        refused = refusal(number, self.context.dial_allow)
        if refused and self.step and number not in self._refused:
            self._refused.add(number)
            code, why = ("R101", f"{number} {refused}") if number else ("E392", _NO_NUMBER)
            where = self.flow.steps[self.step].exit_place
            self.note("refused", self.step, code, where=where, because=f"{why}: passed over")
        return not refused

    def note(
        self, did: str, step: str, what: str, where: Place | None = None, because: str = "", *, by: str = ""
    ) -> None:
        """Add a line to the trace; `where` is the line of the flow that decided."""
        self.trace.append(TraceLine(did, step, what, written_at(where), because, by=by))
        if did in ("failed", "refused"):
            self.has_fault = True

    def note_decision(self, step: Step, decision: Decision) -> None:
        """Add an exit's decision to the trace."""
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

    def note_jump(self, step: Step, jump: Jump) -> None:
        """Add to the trace where the exit of a step leads at once."""
        self.trace.append(decided(step, jump))

    def names(self, now: datetime | None = None, heard: Mapping[str, Any] | None = None) -> Names:
        """The names that the current step's values may use.

        It is made again only when something in it has changed. Callers must not change it.

        Args:
            now: a moment other than that when the step was entered.
            heard: the caller's input, if it differs from when the step was entered.
        """
        now = now or self.entered_at
        heard = self.heard if heard is None else heard
        scope, known, locale, moment = self._names_of
        if scope is not self._scope or known is not heard or locale != self.locale or moment != now:
            self._names_of = self._scope, heard, self.locale, now
            self._names = self._names_in(self._scope, now, heard)
        return self._names

    def _names_in(self, scope: FlowScope, now: datetime, heard: Mapping[str, Any]) -> Names:
        names = Names(scope.names(self._call, heard, self.context.env, now, self.locale), self._budget)
        if scope.flow.calendars:
            names["hours"] = hours_view(scope.flow.calendars, now)
        return names

    def assign(self, name: str, value: Any, *, is_literal: bool = False) -> None:
        """Set a variable, or the locale of the call; `is_literal`: the value is written in the flow."""
        if name == "locale":
            self.locale = str(value)
            return
        self._set_scope(self._scope.with_variable(name, value))
        if name in self._scope.secrets and not is_literal:
            self.secrets.learn(value)

    def keep(self, read: list[tuple[AskedLookup, Mapping[str, Any], str]]) -> list[str]:
        """Put the answers of one step's lookups into scope; return why each is only a default, "" for a real answer.

        The sensitive values of all answers are collected first. An answer that repeats one gets a token in its place.

        Args:
            read: each lookup with its answer, and why that is only the default; "" for a real answer.
        """
        for lookup, answer, problem in read:
            if not problem:
                for secret in leading_to(answer, self.flow.sensitive_paths.get(lookup.name, ())):
                    self.secrets.learn(secret)
        problems = []
        for lookup, answer, problem in read:
            known, why = answer, problem
            if self.secrets and not problem:
                known, why = lookup.definition.redact(answer, Redactor(self.secrets, self._mask))
            self._set_scope(self._scope.with_answer(lookup.name, known))
            self.answers[lookup.name] = self._scope.masked(lookup.name, self._mask)
            problems.append(why)
        return problems

    def send(self, hook: SentHook, names: Mapping[str, Any]) -> None:
        """Add a hook, which is sent after the reply. Raises RenderError."""
        self.hooks.append(hook.render(names))

    def start_step(self, now: datetime) -> None:
        """Reset the counters: a step is entered, not repeated."""
        self.tries = self.asr_errors = self.position = 0
        self.entered_at = now

    def begin_flow(self, runs: Runs) -> Step:
        """Begin another flow, while this one waits for it or is left for good. Raises RenderError."""
        names = self.names()
        given = {assignment.name: assignment.value.render(names) for assignment in runs.given}
        sub = new_scope(self.root.named(runs.flow), given)
        self.secrets.learn([given[name] for name in sub.secrets])
        if not runs.comes_back:
            self._set_scopes((sub,))
        elif len(self._scopes) < LEVEL_LIMIT:
            self._set_scopes((*self._scopes[:-1], self._scope._replace(step=self.step), sub))
        else:
            raise RenderError("R103", f"more than {LEVEL_LIMIT} flows wait for each other", runs.flow)
        return self.flow.steps[self.flow.start]

    def come_back(self, target: Target) -> Step | None:
        """Return to the step that ran this flow, with `target`'s result; None when no step waits.

        Raises RenderError.
        """
        if len(self._scopes) == 1:
            self.returned = target.returns
            return None
        names = self.names()
        returned = {assignment.name: assignment.value.render(names) for assignment in target.sets}
        step = self._leave()
        for name, value in returned.items():
            if name in self.flow.variables:
                self.assign(name, value)
        self.step = step.name
        return step

    def _leave(self) -> Step:
        """Return to the flow that waits for this one, and give the step that ran it."""
        *outer, scope = self._scopes[:-1]
        self._set_scopes((*outer, scope._replace(step="")))
        return self.flow.steps[scope.step]

    def mark(self, step: Step) -> None:
        """Remember how far the turn is, before `step` adds to it. Raises RenderError past the step limit."""
        self._marks.append(Savepoint(step, self._builder.mark(), len(self.hooks), self._scopes, self.locale))
        self.step = step.name
        if len(self._marks) > STEP_LIMIT:
            raise RenderError("R103", f"one turn entered more than {STEP_LIMIT} steps", str(step.place))

    def begins_later(self, step: Step) -> bool:
        """Whether a step begins only when the caller gets there, not while the NCCO in front of it is built.

        That is so for a step that asks a lookup, sends a hook or holds the caller, after an action of unknown length.
        After prompts it begins at once, so that its data is there when they end. Our choice.
        """
        return bool(step.asks or step.sends or step.exit.asks_again) and self._builder.is_open_ended

    def holds_again(self, step: Step) -> bool:
        """Whether this turn has come back to a step that holds the caller, who now waits even if it is ready.

        So a queue that nobody can be rung for leads back to its hold without going round in one turn. Our choice.
        """
        return step.exit.asks_again and any(mark.step is step for mark in self._marks[:-1])

    def wait_for(self, step: Step) -> None:
        """Begin `step` when the caller gets there: add a checkpoint that reports it."""
        self.note("reaches", step.name, REACHED, where=step.place, because="it begins when the caller gets there")
        self._builder.add_checkpoint(
            self.flow, step, checkpoint(REACHED, step.place, steers=True), self.frame(self.names())
        )

    def roll_back(self, mark: Savepoint) -> None:
        """Remove everything that was added since `mark`."""
        del self._marks[self._marks.index(mark) :]
        del self.hooks[mark.hooks :]
        self._builder.roll_back(mark.built)
        self._set_scopes(mark.scopes)
        self.locale = mark.locale
        self.returned = self.last_conversation = ""

    def mark_decision(self, step: Step) -> None:
        """Remember the variables as they are before the exit of `step`, entered in an earlier turn, sets its own."""
        self._decided = step, self._scopes, self.locale

    def roll_back_last(self, step: Step | None) -> None:
        """Remove what `step` has added or set, if that was in this turn and is not removed yet."""
        if self._marks and self._marks[-1].step is step:
            self.roll_back(self._marks[-1])
        elif self._decided is not None and self._decided[0] is step:
            _, scopes, self.locale = self._decided
            self._set_scopes(scopes)

    def play(self, step: Step, frame: Frame, again: Again = ENTERED) -> None:
        """Add what a step of this flow plays; see `NccoBuilder.play`. Raises RenderError."""
        self._builder.play(Origin(self.flow, step, frame), self._waiting, again)

    def enter_stretch(self, target: Target) -> bool:
        """Enter a step and play everything up to the next wait or the end of the call, if all of it is precomputed.

        Otherwise, and if this call cannot have it so, nothing is played: the steps have to be played one by one.
        """
        if target.step is None or target.sets:
            return False
        stretch = stretch_of(self.flow, self.flow.steps[target.step], is_root=self.flow is self.root)
        return stretch is not None and stretch.is_enterable and self._play_ready(stretch, stretch.trace[1:])

    def play_stretch(self, step: Step, again: Again = ENTERED) -> bool:
        """Play, or repeat, a step that was entered, and everything after it; like `enter_stretch`."""
        stretch = stretch_of(self.flow, step, is_root=self.flow is self.root, again=again)
        return stretch is not None and self._play_ready(stretch, stretch.trace[2:])

    def _play_ready(self, stretch: Stretch, trace: tuple[TraceLine, ...]) -> bool:
        if len(self._marks) + stretch.entered > STEP_LIMIT or (self._built and self._built.drafts):
            return False
        before = self.before
        ncco = stretch.play(self.names(), self.context, before.id, before.turn + 1, before.dialled)
        if ncco is None:
            return False
        self.trace += trace
        self.step = stretch.step
        if stretch.ends:
            self._builder.take(ncco, stretch.waits, stretch.dials)
            self.end()
        else:
            self._ready = stretch, ncco
        return True

    def _waiting(self) -> Iterator[Origin]:
        """The steps that wait for this flow, the innermost first."""
        for scope in reversed(self._scopes[:-1]):
            names = self._names_in(scope, self.entered_at, self.heard)
            yield Origin(scope.flow, scope.flow.steps[scope.step], self.frame(names))

    def end(self) -> None:
        """The call ends after the added actions have played; the other party of a connect is then connected."""
        self.last_conversation = self.step if self._builder.ends_in_conversation else ""
        self.step = ""
        if self.before.parent and self.returned in DIAL_FAILURES:
            self._builder.add(APART)
        elif self.before.parent and not self._builder.drafts:
            self._builder.add(JOINED)

    def fall_back(self, because: str) -> None:
        """Play the failsafe NCCO, since nothing of the flow can be played."""
        self._builder.play_only(self.context.failsafe)
        self._marks.clear()
        self.end()
        self.is_failsafe = True
        self.note("failed", "", "failsafe", because=because)

    def _error_exit(self, step: Step | None) -> Target | None:
        """Where a failure of `step` leads: its own `error`, else that of its flow; None when neither is left.

        It never leads to a step that has failed in this turn, nor twice to the same place.
        """
        flow = self.flow
        if step is not None:
            self._used_exits.add((flow.name, step.name))
        for target in (step.error if step else None, flow.error):
            if target is not None and (target.is_end or (flow.name, target.shown) not in self._used_exits):
                if not target.is_end:
                    self._used_exits.add((flow.name, target.shown))
                return target
        return None

    def error_target(self, step: Step | None) -> tuple[Target | None, Step | None]:
        """Where a failure of `step` leads, and the step whose exit leads there; None: the failsafe.

        If a flow does not handle it, the call leaves that flow, and the step that runs it fails.
        """
        while True:
            target = self._error_exit(step)
            if target is not None or len(self._scopes) == 1:
                return target, step
            step = self._leave()

    def shown(self, error: RenderError) -> str:
        """The message of an error for the trace; `NOT_SHOWN` if it may quote a sensitive value."""
        secrets = {name for scope in self._scopes for name in scope.secret_names}
        is_hidden = bool(secrets) if error.reads is None else not secrets.isdisjoint(error.reads)
        return NOT_SHOWN if is_hidden or self.secrets.are_in(str(error)) else str(error)

    def fault(self) -> tuple[Savepoint, Issue] | None:
        """The first error that Vonage would refuse the NCCO for, with the step that added it."""
        found = None if self._ready else self._builder.fault()
        if found is None:
            return None
        number, issue = found
        marks = [mark for mark in self._marks if mark.built[0] <= number]
        return (marks or self._marks)[-1], issue

    def finish(self, outcome: str) -> Turn:
        """The finished turn. Sensitive values leave it as tokens."""
        before, scope = self.before, self._scope
        if self._ready:
            stretch, ncco = self._ready
            waits = stretch.waits
            is_over = stretch.is_over
            dialled = before.dialled + stretch.dials  # nothing else was played in this turn
        else:
            ncco = self._builder.actions()
            waits = tuple(self._builder.waits)
            dialled = self._builder.dialled
            is_over = not any(wait.steers for wait in waits)
        where = "" if self.flow is self.root else self.flow.name
        observed = observers(self.root, before) if before.waits else before.observers
        if is_over and self.last_conversation:
            observed += (Observer(before.turn + 1, OWN_LEG, where, self.last_conversation),)
        callers = (
            []
            if len(self._scopes) == 1
            else [
                Level(each.flow.name, each.step, each.kept(self._mask), each.kept_lookups(self._mask))
                for each in self._scopes[:-1]
            ]
        )
        session = Session(
            before.id,
            self.root.name,
            self.root.revision,
            before.call,
            before.turn + 1,
            "" if is_over else self.step,
            self.tries,
            self.asr_errors,
            self.position,
            dialled,
            scope.kept(self._mask),
            self.entered_at,
            self.heard,
            waits,
            is_over,
            where,
            tuple(callers),
            scope.kept_lookups(self._mask),
            self.locale,
            observed,
            before.parent,
            self.returned,
        )
        return Turn(
            ncco,
            session,
            tuple(self.trace),
            outcome,
            self.is_failsafe,
            tuple(self.hooks),
            self.answers,
            has_fault=self.has_fault,
        )

    def _mask(self, secret: str) -> str:
        return self.context.mask(self.before.id, secret)

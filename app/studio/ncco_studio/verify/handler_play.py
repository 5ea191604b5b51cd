"""Plays handlers in Python for `ncco check`: each outcome of each wait, with plain values."""

from __future__ import annotations

import heapq
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, TypeAlias

from ncco_server.engine import CallData, Lookup, LookupAnswer, Session, Turn, TurnContext
from ncco_server.engine.interpreter import Playing, begin_placed, resume_with, waiting_handler
from ncco_server.errors import RenderError
from ncco_server.flow.handlers.effects import Called, RunFailed
from ncco_server.flow.handlers.reading import LoadedHandler
from ncco_server.flow.handlers.steps import results_of as results_by
from ncco_server.flow.hours.calendar import ByHand
from ncco_server.flow.issues import RULES, FlowIssue, unset_variable
from ncco_server.flow.language.agents import Agent
from ncco_server.flow.model import Flow, Project, Step
from ncco_server.flow.nodes import Place
from ncco_server.ncco.value_types import TYPES, Kind
from ncco_server.sample_calls import ANY_NUMBER, FROM
from ncco_studio.verify.handler_lines import LineTrace, traced
from ncco_studio.verify.plain_values import TEXT, results_of
from ncco_studio.verify.prove.turns import context_at
from ncco_studio.verify.sample_values import each_once
from ncco_studio.verify.scenarios.fitting import AGENT_ENV

MOST_TURNS: Final = 200
_DAY_S: Final = 86_400
MOST_S: Final = 10.0
"""For one handler; our choice."""
_NOON: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
_FAILED: Final = LookupAnswer(None, "timed out")
_NOT_HEARD: Final = frozenset({"input", "notify", "wait"})
_MISTAKES: Final = (NameError, AttributeError, TypeError, ImportError)
"""No other value of a result makes them right."""

Forced: TypeAlias = tuple[int, ...]
"""Which answer each lookup of a turn gets; the others get their first one."""


class _SampleEnv(dict[str, str]):
    """Has a text for each variable, and notes where one is read that is not set."""

    def __init__(self, env: Mapping[str, str], handler: LoadedHandler, trace: LineTrace) -> None:
        super().__init__(env)
        self._agents = AGENT_ENV.findall(handler.text)
        self.unset: dict[str, int] = {}
        self._file = handler.flow.file
        self._trace = trace

    def __getitem__(self, name: str) -> str:
        if name not in self:
            self.unset.setdefault(name, self._trace.latest.get(self._file, 1))
        return self.get(name, "wss://agent.example" if name in self._agents else TEXT)


@dataclass(order=True, slots=True)
class _Play:
    """A turn to play. What has been played least comes first."""

    times: int
    number: int
    session: Session | None = field(compare=False)
    step: Step | None = field(compare=False)
    way: str = field(compare=False)
    result: Any = field(compare=False)
    context: TurnContext = field(compare=False)
    forced: Forced = field(compare=False, default=())


class _Player:
    """Plays one handler, and collects what a caller would meet."""

    def __init__(self, flow: Flow, env: Mapping[str, str], trace: LineTrace) -> None:
        self.flow = flow
        self.issues: dict[FlowIssue, None] = {}
        handler = flow.handler
        assert isinstance(handler, LoadedHandler)  # noqa: S101 - asked for handlers only
        self._handler = handler
        self.env = _SampleEnv(env, handler, trace)
        self._waiting: list[_Play] = []
        self._numbers = count()
        self._tried = Counter[tuple[str, Any]]()
        self._asked = set[tuple[str, int]]()

    def play(self) -> None:
        until = time.monotonic() + MOST_S
        noon = round(_NOON.timestamp())
        for is_open in (True, False) if self.flow.calendars else (True,):
            by_hand = {
                each.key: (ByHand(is_open, noon - _DAY_S, noon + _DAY_S),) for each in self.flow.calendars.values()
            }
            self._add(None, None, "", None, context_at(_NOON, self.env)._replace(by_hand=by_hand))
        for _ in range(MOST_TURNS):
            if not self._waiting or time.monotonic() > until:
                return
            self._turn(heapq.heappop(self._waiting))

    def _add(
        self, session: Session | None, step: Step | None, way: str, result: Any, context: TurnContext, *forced: int
    ) -> None:
        key = (step.name if step is not None else "", way)
        self._tried[key] += 1
        play = _Play(self._tried[key], next(self._numbers), session, step, way, result, context, forced)
        heapq.heappush(self._waiting, play)

    def _turn(self, play: _Play) -> None:
        asked: list[int] = []
        try:
            turn = self._answered(self._begun(play), play, asked)
            waits = waiting_handler(self.flow, turn.session, play.context)
        except RenderError as error:  # it does not come to its wait again
            self._note_failure(error.code, str(error), error.where, ())
            return
        failed = [line for line in turn.trace if line.did in ("failed", "refused")]
        for line in failed[:1]:
            at = getattr(line, "at", "") or (line.where and f"{line.where}:1")
            self._note_failure(line.what, line.because, at, turn.errors)
        silent = all(action["action"] in _NOT_HEARD for action in turn.ncco)
        if silent and not failed and play.way not in ("completed", "human", "machine", "beep"):
            where = play.step.place if play.step is not None else self.flow.place
            after = f" after `{play.way}`" if play.way else ""
            if not any(each.code == "dead_end" and each.place == where for each in self.issues):
                self._report("dead_end", "warning", where, f"the caller hears nothing{after}", "say something")
        if not failed and waits is not None:
            self._note_dials(turn, waits)
            self._go_on(turn, waits, play.context)

    def _note_dials(self, turn: Turn, step: Step) -> None:
        for action in turn.ncco:
            is_phone = action["action"] == "connect" and action["endpoint"][0]["type"] == "phone"
            if is_phone and action.get("from") == FROM:
                message = "`from_` is the caller's number, which is not one of your numbers: it may not connect"
                self.issues[RULES["W647"].at(step.place, message)] = None

    def _begun(self, play: _Play) -> Playing[Turn]:
        if play.session is None or play.step is None:
            handler = self._handler
            to = next(iter(self.flow.numbers), ANY_NUMBER)
            params = {name: _sample(TYPES[kind]) for name, kind in handler.params.items()}
            call = CallData(to, FROM, uuid="leg", conversation_uuid="CON-leg", endpoint_type="phone")
            return begin_placed(self.flow, "leg", call, params, play.context)
        problem = play.way if play.result is None and play.step.exit.asked is not None else ""
        return resume_with(self.flow, play.session, play.step, play.result, play.context, problem=problem)

    def _answered(self, playing: Playing[Turn], play: _Play, asked: list[int]) -> Turn:
        """Answer lookups; each other answer of one that is new gets a turn of its own."""
        try:
            wanted = next(playing)
            while True:
                answers = []
                for lookup in wanted:
                    number = len(asked)
                    choices = self._choices(lookup)
                    chosen = play.forced[number] if number < len(play.forced) else 0
                    for other in range(1, len(choices)):
                        if number >= len(play.forced) and (lookup.name, other) not in self._asked:
                            self._asked.add((lookup.name, other))
                            self._add(play.session, play.step, play.way, play.result, play.context, *asked, other)
                    asked.append(chosen)
                    answers.append(choices[min(chosen, len(choices) - 1)])
                wanted = playing.send(tuple(answers))
        except StopIteration as done:
            turn: Turn = done.value
            return turn

    def _choices(self, lookup: Lookup) -> Sequence[LookupAnswer]:
        code = getattr(lookup.request, "code", None)
        if isinstance(code, Called):
            return [*map(LookupAnswer, results_of(code.function)), _FAILED]
        row = self._handler.maker.rows.get(lookup.name)
        if lookup.flow != self.flow.name or row is None:
            return [_FAILED]
        return [LookupAnswer(_sample(row.definition.returns.type) or {}), LookupAnswer(None)]

    def _go_on(self, turn: Turn, step: Step, context: TurnContext) -> None:
        for way in step.exit.ways:
            if not way.target.is_end and way.target.runs is None:
                for result in self._results(step, way.name):
                    name = str(result) if isinstance(result, str) else way.name
                    given = (result, {}) if step.exit.word == "run" else result
                    self._add(turn.session, step, name, given, context)

    def _results(self, step: Step, way: str) -> Sequence[Any]:
        if isinstance(step.exit, Agent) and way in step.exit.allowed:
            words = {name: kind.words or [_sample(kind)] for name, kind in step.exit.returned.fields.items()}
            given = [{}, *each_once(words)]
            return [[*step.exit.read_hand_back({"outcome": way, "values": each})] for each in given]
        if way != "collected":
            return results_by(step, way)
        least, most = (step.exit.asked and step.exit.asked.lengths) or (len(TEXT), len(TEXT))
        return [(TEXT * 2)[: min(max(least, len(TEXT)), most)]]

    def _note_failure(self, code: str, because: str, at: str, errors: Sequence[BaseException]) -> None:
        error = next((each for each in errors if isinstance(each, Exception)), None)
        handles = "error" in self._handler.flow.words.get("defaults", {}).get("on", {})
        if code == "R113" or (isinstance(error, RunFailed) and handles):
            return  # what `on_error` is for
        place = Place.read(at) if at else self.flow.place
        is_value = error is not None and not isinstance(error, _MISTAKES)
        said = f"{type(error).__name__}: {error}" if error is not None else because.removeprefix(f"{at}: ")
        cure = "handle this result too" if is_value else "correct this line"
        self._report(code, "warning" if is_value else "error", place, said, cure)

    def _report(self, code: str, severity: Any, place: Place, message: str, cure: str) -> None:
        self.issues[FlowIssue(code, severity, place, message, cure)] = None


def _sample(kind: Kind) -> Any:
    if kind.is_record:
        return {name: _sample(each) for name, each in kind.fields.items()}
    if kind.family == "list":
        return [_sample(kind.item)] if kind.item is not None else []
    return kind.words[0] if kind.words else TEXT if kind.name in ("text", "phone", "any") else kind.sample


def play_handlers(project: Project, env: Mapping[str, str]) -> tuple[list[FlowIssue], dict[str, str]]:
    """The issues that calls meet; and the lines that no play has reached, by file."""
    issues: list[FlowIssue] = []
    never: dict[str, str] = {}
    log = logging.getLogger("ncco_server")
    level = log.level
    log.setLevel(logging.CRITICAL)  # of exceptions, which are reported
    try:
        for flow in (each for each in project.flows.values() if each.handler is not None):
            trace = LineTrace()
            player = _Player(traced(flow, trace), env, trace)
            player.play()
            issues += player.issues
            file = flow.place.file
            issues += (unset_variable(Place(file, line, 1), name) for name, line in player.env.unset.items())
            if missed := trace.of(flow).never:
                shown = (f"{first}" if first == last else f"{first}-{last}" for first, last in missed)
                never[file] = f"line {', '.join(shown)}"
    finally:
        log.setLevel(level)
    return issues, never

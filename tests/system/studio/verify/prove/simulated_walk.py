"""Explores a flow by making calls: every call is played from its beginning, by the real server and the simulator.

The walk uses nothing from the proof. Whenever a call reaches a new state of the server, the same call is played again
with one more act, once for each act that the caller or a dialled party could do next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ncco_server.engine import Session
from ncco_server.flow.language.menu import Choices
from ncco_server.flow.model import Project
from ncco_server.flow.nodes import Entry, Map, Place, Text
from ncco_studio.pictures.graph import OutcomeKey
from ncco_studio.simulator.parties import PartyOutcome
from ncco_studio.verify.coverage import OutcomeCounter
from ncco_studio.verify.scenarios.answers import Answer, GivenAnswers, NoAnswer
from ncco_studio.verify.scenarios.model import Scenario
from ncco_studio.verify.scenarios.result import Result
from ncco_studio.verify.scenarios.script import (
    DialStep,
    HangUpStep,
    PressStep,
    ScriptedParty,
    ScriptStep,
    SilenceStep,
    WaitStep,
)
from ncco_studio.verify.scenarios.stage import LocalStage
from tests.system.studio.verify.prove.brute_force import told_apart

PLACE = Place("walk.yaml", 1, 1, 1)
KEYS = ("1", "2", "3")
DIGITS = ("12", "21", "22", "10", "2", "*")
OUTCOMES: Final[tuple[PartyOutcome, ...]] = ("completed", "busy", "timeout", "unanswered", "rejected", "failed")
WAITS_S = 3.5
"""Seconds until a caller with nothing more to do hangs up: digits have timed out, but no dial was answered yet."""
MOST = 40
"""The maximum number of calls to a flow."""
DEEPEST = 6
"""The maximum number of acts in a call."""


GIVEN: Final[Mapping[str, Answer | NoAnswer]] = {
    "gold": Answer(Map((Entry(Text("tier", PLACE), Text("gold", PLACE)),), PLACE)),
    "standard": Answer(Map((Entry(Text("tier", PLACE), Text("standard", PLACE)),), PLACE)),
    "down": NoAnswer(),
}


@dataclass(slots=True)
class Heard:
    """What the calls reached: outcomes, and steps that were entered or failed.

    `is_whole` says whether everything that calls can reach was explored.
    """

    taken: set[OutcomeKey] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    entered: set[str] = field(default_factory=set)
    is_whole: bool = True
    calls: int = 0


class Walk:
    """The exploration of one project, and what its calls have reached so far."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._stage = LocalStage(project)
        self._tally = OutcomeCounter(project.flows.values())
        self._known: set[bytes] = set()
        self.heard = Heard()

    async def walk(self) -> Heard:
        """Play calls until no new state is reached: at most MOST calls, each with at most DEEPEST acts."""
        waiting = deque[tuple[str, tuple[ScriptStep, ...]]]((given, ()) for given in GIVEN)
        while waiting:
            given, acts = waiting.popleft()
            if self.heard.calls >= MOST:
                self.heard.is_whole = False
                break
            result = await self._play(given, acts)
            following = self._following(result, given)
            self.heard.is_whole &= len(acts) < DEEPEST or not following
            waiting += [(given, (*acts, act)) for act in following if len(acts) < DEEPEST]
        return self.heard

    async def _play(self, given: str, acts: tuple[ScriptStep, ...]) -> Result:
        self.heard.calls += 1
        scenario = Scenario(
            name=f"{given} {acts}",
            script=(*acts, WaitStep(seconds=WAITS_S), HangUpStep()),
            given={"it": GivenAnswers(PLACE, (GIVEN[given],))},
        )
        result = await self._stage.play(scenario)
        self._take(result)
        return result

    def _take(self, result: Result) -> None:
        self.heard.taken |= self._tally.taken(result)
        self.heard.entered |= {line.step for line in result.decided if line.did == "entered"}
        self.heard.failed |= {line.step for line in result.decided if line.did == "failed" and line.step}

    def _following(self, result: Result, given: str) -> list[ScriptStep]:
        """The acts that are possible at the end of a call; none if another call has reached the same state."""
        session = result.records[0].session
        key = given.encode() + told_apart(session)
        if session.is_over or key in self._known:
            return []
        self._known.add(key)
        return list(self._acts(session))

    def _acts(self, session: Session) -> Iterator[ScriptStep]:
        flow = self._project.flows[session.at or session.flow]
        for wait in session.waits:
            if wait.kind == "input":
                keys = KEYS if isinstance(flow.steps[session.step].exit, Choices) else DIGITS
                yield from (PressStep(keys=digits) for digits in keys)
                yield SilenceStep()
            elif wait.kind == "event":
                yield from (
                    DialStep(party=ScriptedParty(outcome=outcome, rings=0.1, talks=0.1)) for outcome in OUTCOMES
                )

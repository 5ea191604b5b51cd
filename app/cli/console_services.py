"""What the console gets of `web` and `verify`: calls that a person plays, against the real application in process."""

from __future__ import annotations

import json
import os
import secrets
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from app.cli.console_subprocess import cover_flows, prove_flow
from app.cli.output import CannotRun
from app.cli.server_under_test import make_app
from app.cli.simulate.commands import asked_in, ways_of_input
from app.cli.simulate.saving import Recorder, answers_given, append
from app.console.services import (
    Act,
    CannotPlace,
    Decide,
    HangUp,
    Kept,
    Message,
    Observed,
    Placing,
    PlayedCall,
    Press,
    Served,
    Services,
    Silence,
    Speak,
    Ways,
)
from app.engine import Lookup, LookupAnswer, Session
from app.flow.model import Project
from app.service.turns import AnswerLookups
from app.settings import Settings
from app.simulator.delivery import Application
from app.simulator.legs import BETWEEN_KEYS_S, CallMoment, Leg
from app.simulator.parties import Parties
from app.simulator.scheduler import VirtualClock
from app.simulator.servers import Request, Response
from app.verify.scenarios import script as steps
from app.verify.scenarios.files import FOLDERS
from app.verify.scenarios.fitting import lookups_of
from app.verify.scenarios.model import Scenario, ScenarioCall
from app.verify.scenarios.result import Result
from app.verify.scenarios.runner import BASE, LocalStage
from app.verify.scenarios.server import CallConditions, FaultyServer, PlacedCall
from app.verify.scenarios.values import ScenarioReader

_SEED = "the phone of the console"
"""Of the ids of a call: the same call is the same whenever it is played again."""


_KEEPING = Lock()
"""Two calls may be kept in one file at once."""


class RecordedCall:
    """A placed call, which becomes the script of a scenario while it is played.

    Args:
        placed: the call. call: who calls whom.
        stage: where it is played; None: it plays an NCCO that no flow makes.
        folder: of the flows; None: it cannot be kept.
    """

    def __init__(
        self, placed: PlacedCall, call: ScenarioCall, stage: LocalStage | None = None, folder: Path | None = None
    ) -> None:
        self._placed = placed
        self._call = call
        self._stage = stage
        self._folder = folder
        self._result = Result(Scenario())
        self._recorder = Recorder(placed.call)
        self._is_ended = False
        self._waits_at = self._key_at = 0.0
        self._thought_s = 0.0
        """Seconds that the caller of a scenario does not take: it acts as soon as it is waited for."""

    @property
    def leg(self) -> Leg:
        """See `PlayedCall`."""
        return self._placed.call

    async def observe(self) -> Observed:
        """See `PlayedCall`."""
        result = self._result
        await self._placed.observe(result)
        records = result.records
        turns = sorted((turn for each in records for turn in each.turns), key=lambda turn: turn.created_at)
        return Observed(
            records[0].session if records else None,
            tuple(turns),
            result.hooks,
            (*result.broken, *(line for line in result.log if line not in result.broken), *self._placed.problems),
            result.ended == "failsafe",
        )

    def ways(self, moment: CallMoment, session: Session | None) -> Ways:
        """See `PlayedCall`."""
        if moment.waited is None or moment.kind != "input":
            return Ways("")
        flows = {flow.name: flow for flow in self._stage.flows} if self._stage is not None else {}
        hint = ways_of_input(moment.waited, asked_in(session, flows) if session is not None else None)
        said = tuple(offer.removeprefix("say ") for offer in hint.offers if offer.startswith("say "))
        return Ways(hint.text, said)

    def hear_out(self, moment: CallMoment) -> None:
        """See `PlayedCall`."""
        self._waits_at = moment.at
        self._recorder.hear_out(moment)

    def record(self, act: Act, moment: CallMoment) -> None:
        """See `PlayedCall`."""
        now = round(max(moment.at - self._thought_s, 0.0), 3)
        if isinstance(act, HangUp):
            self._recorder.hang_up(moment)
            last = self._recorder.script[-1]
            if isinstance(last, steps.HangUpStep) and last.when != "now":
                self._recorder.script[-1] = last.model_copy(update={"when": now})
            return
        if moment.kind in ("input", "record") and not isinstance(act, Silence):
            self._thought_s += moment.at - self._waits_at
        self._recorder.add(_step_of(act, now if moment.kind in ("until", "dial") else None), moment)
        self._key_at = moment.at

    def extend(self, keys: str) -> None:
        """See `PlayedCall`."""
        last, at = self._recorder.script[-1], self.leg.at
        if isinstance(last, steps.PressStep):
            self._recorder.script[-1] = last.model_copy(update={"keys": last.keys + keys})
        self._thought_s += at - self._key_at - BETWEEN_KEYS_S
        self._key_at = at

    def keep(self, answers: Sequence[tuple[Lookup, LookupAnswer]], observed: Observed, note: str = "") -> Kept:
        """See `PlayedCall`."""
        if self._folder is None or self._stage is None:
            raise CannotPlace("an NCCO without a flow cannot become a scenario", "paste a flow")
        self._end()
        session = observed.session
        path = self._folder.parent / FOLDERS[0] / f"{session.flow if session else 'calls'}.yaml"
        if not path.resolve().is_relative_to(self._folder.parent.resolve()):
            raise CannotPlace(f"{path} leads out of the project; put the folder or the file itself there")
        try:
            with _KEEPING:
                name = append(
                    path,
                    self._call,
                    self._recorder.script,
                    env={},
                    given=answers_given(answers, lookups_of(self._stage.flows)),
                    ended=self._result.ended if self.leg.is_over else "",
                    hooks=observed.hooks,
                    note=note,
                )
        except CannotRun as error:
            raise CannotPlace(f"the scenario cannot be written to {path}: {error}", error.cure) from error
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            cure = "let the server's user write there, and keep the call again"
            raise CannotPlace(f"the scenario cannot be written to {path}: {reason}", cure) from error
        return Kept(path, name, shlex.join(("ncco", "test", str(path))))

    def blocked(self) -> str:
        """See `PlayedCall`."""
        if self._folder is None:
            return "An NCCO without a flow cannot become a scenario."
        folder = self._folder.absolute().parent / FOLDERS[0]
        found = next(each for each in (folder, *folder.parents) if each.exists())
        if found.is_dir() and os.access(found, os.W_OK):
            return ""
        return f"{found} cannot be written by the server's user, so this call cannot be kept as a scenario."

    def _end(self) -> None:
        """End the script of a call that is over; once."""
        if self.leg.is_over and not self._is_ended:
            self._is_ended = True
            self._recorder.end()

    async def close(self) -> None:
        """See `PlayedCall`."""
        if self._stage is not None:
            await self._stage.store.close()


def _step_of(act: Press | Speak | Message | Decide | Silence, at: float | None) -> steps.ScriptStep:
    """The step of a script; `at` is the second of an act that interrupts what is played."""
    match act:
        case Press():
            return steps.PressStep(keys=act.keys, at_s=at)
        case Speak():
            speech = steps.SpokenInput(text=act.text, confidence=act.confidence)
            return steps.SpeakStep(speech=speech, at_s=at)
        case Message():
            return steps.RecordStep(message=steps.RecordedMessage(seconds=act.seconds, key=act.key))
        case Decide():
            party = steps.ScriptedParty(to=act.address, outcome=act.outcome, talks=act.talks_s)
            return steps.DialStep(party=party)
        case Silence():
            return steps.SilenceStep()


class NccoServer:
    """Replies to the answer webhook with one NCCO, and to every other webhook with nothing."""

    def __init__(self, ncco: Sequence[Mapping[str, Any]], clock: VirtualClock) -> None:
        self._body = json.dumps(list(ncco)).encode()
        self._clock = clock

    @property
    def now(self) -> Any:
        """See `Server`."""
        return self._clock()

    async def deliver(self, request: Request) -> Response:
        """See `Server`."""
        if request.url.startswith(f"{BASE}/answer"):
            return Response(200, {"content-type": "application/json"}, self._body)
        return Response(204)


class ProcessPlayer:
    """Plays each call on a stage of its own: the real application, a store in memory and a virtual clock.

    Args:
        settings: of the server.
    """

    def __init__(self, settings: Settings) -> None:
        self._policy = settings.policy()

    async def place(
        self, project: Project, placing: Placing, look_ups: Callable[[], AnswerLookups], folder: Path
    ) -> PlayedCall:
        """See `Player`."""
        stage = LocalStage(project, make_app, self._policy.dial_allow)
        reader = ScenarioReader()
        call = ScenarioCall(to=placing.to, from_=placing.caller, made_at=placing.made_at, flow=placing.flow)
        fitted = stage.fit_call(call, reader)
        for issue in reader.issues:
            raise CannotPlace(issue.message, issue.cure)
        conditions = CallConditions(Parties(other=None), {})
        env = self._policy.env if placing.is_live else {}
        # Servers that are asked may remember calls by their ids.
        seed = secrets.token_hex(16) if placing.is_live else _SEED
        placed = await stage.ring(fitted, conditions, look_ups=look_ups, env=env, seed=seed)
        return RecordedCall(placed, call if call.flow or call.to else fitted, stage, folder)

    async def place_ncco(self, ncco: Sequence[Mapping[str, Any]], placing: Placing) -> PlayedCall:
        """See `Player`."""
        clock = VirtualClock(placing.made_at)
        application = Application(f"{BASE}/answer", f"{BASE}/event")
        network = FaultyServer(NccoServer(ncco, clock))
        placed = PlacedCall(application, network, clock, CallConditions(Parties(other=None), {}), _SEED)
        call = ScenarioCall(to=placing.to, from_=placing.caller, made_at=placing.made_at)
        await placed.place(call)
        return RecordedCall(placed, call)


def console_services(settings: Settings, served: Served | None = None) -> Services:
    """The services of the console for a project, beside the server that is `served`."""
    proof = f"{prove_flow.__module__}:{prove_flow.__name__}"
    coverage = f"{cover_flows.__module__}:{cover_flows.__name__}"
    return Services(ProcessPlayer(settings), proof, served or Served(), coverage)

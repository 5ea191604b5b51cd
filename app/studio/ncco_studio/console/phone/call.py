"""One call of the phone: its flow, the world around it, and how it is saved as a scenario."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ncco_server.errors import AppError
from ncco_server.flow.files import SCENARIO_FOLDERS
from ncco_server.flow.language.agents import Agent
from ncco_server.service.hand_hours import HandHours
from ncco_server.table_rows import key_of, table_of
from ncco_studio.console.phone.world import ChosenAnswers, StoredRows, World
from ncco_studio.editor.source import Playable
from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.parties import Parties
from ncco_studio.simulator.servers import Request, Response
from ncco_studio.simulator.transcript import CallMoment
from ncco_studio.verify.kept_call import CannotKeep, keep
from ncco_studio.verify.played_call import CannotDo, PlayedCall
from ncco_studio.verify.scenarios.model import ScenarioCall
from ncco_studio.verify.scenarios.observed_call import CallConditions, ObservedCall
from ncco_studio.verify.scenarios.script import DialStep, RecordStep, ScriptedParty
from ncco_studio.verify.scenarios.server import FaultyServer
from ncco_studio.verify.scenarios.stage import BASE, LocalStage, with_number

_SEED: Final = "the phone of the console"
"""Replays have the same IDs."""
LONGEST_ACT_S: Final = 10.0
"""Real seconds for which a call is played in one go."""


class PhoneCall(PlayedCall):
    """One call. Await one method at a time.

    Attributes:
        stage: the server that answers; None for a plain NCCO.
        env: the variables of flows that the person has set.
        made_at: in the time zone of the flow.
        rows: the stored rows; None if the call uses none.
    """

    def __init__(
        self,
        placed: ObservedCall,
        call: ScenarioCall,
        answers: ChosenAnswers,
        playable: Playable,
        *,
        stage: LocalStage | None = None,
        folder: Path,
        env: Mapping[str, str],
        rows: StoredRows | None = None,
    ) -> None:
        super().__init__(placed, stage.flows if stage is not None else (), answers.outcome_of)
        self.id = secrets.token_urlsafe(12)
        self.answers = answers
        self.playable = playable
        self.made_at: datetime = call.made_at
        self.rows = rows
        self._call = call
        self._stage = stage
        self._folder = folder
        self._env = env

    @property
    def line(self) -> str:
        """Empty ("") for a plain NCCO."""
        return self.session.call.to if self.session is not None else ""

    @property
    def agent(self) -> Agent | None:
        """The agent that the caller is being connected to; None for another party."""
        session = self.session
        if self._stage is None or session is None or self.moment.kind != "dial":
            return None
        return self._stage.agent_in(session, self.made_at)

    @property
    def has_only_silence(self) -> bool:
        """Whether the call recorded only silence."""
        is_recorded = any(finished.position.waits == "record" for finished in self.finished_steps)
        return is_recorded and not any(isinstance(finished.step, RecordStep) for finished in self.finished_steps)

    @property
    def decided(self) -> ScriptedParty | None:
        """What the called party does; None if no phone is ringing."""
        rings = any(not leg.is_answered and not leg.is_over for leg in self.leg.dialled)
        last = self.finished_steps[-1].step if self.finished_steps else None
        return last.party if rings and isinstance(last, DialStep) else None

    async def guarded(self, playing: Callable[[], Awaitable[None]]) -> None:
        """Play for at most `LONGEST_ACT_S`. An error ends the call, with the reason in `stopped`.

        Raises CannotDo.
        """
        try:
            async with asyncio.timeout(LONGEST_ACT_S):
                await playing()
        except CannotDo:
            raise
        except TimeoutError:
            await self._stop(f"playing it took longer than {LONGEST_ACT_S:g} seconds")
        except AppError as error:
            await self._stop(str(error))

    async def _stop(self, why: str) -> None:
        self.stopped = f"The call cannot continue: {why}."
        self.leg.end("user")
        self.moment = CallMoment(self.leg.at, "end")

    async def change(self, world: World) -> None:
        self.answers.world = world
        await self.play(self.leg.at)

    def keep(self) -> dict[str, str]:
        """Write the call as a scenario. Raises CannotKeep.

        Return its file, its name, and the command that plays it.
        """
        if self._stage is None:
            raise CannotKeep("an NCCO without a flow cannot become a scenario", "paste a flow")
        project = self._folder.parent
        path = project / SCENARIO_FOLDERS[0] / f"{self.session.flow if self.session else 'calls'}.yaml"
        if not path.resolve().is_relative_to(project.resolve()):
            raise CannotKeep(f"{path} leads out of the project", "put the folder or the file itself there")
        try:
            name = keep(
                path,
                self._call,
                self,
                self.answers.as_given(),
                env=self._env,
                tables=self._rows_at_start(),
            )
        except CannotKeep as error:
            raise CannotKeep(f"the scenario cannot be written to {path}: {error}", error.cure) from error
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            cure = "give the server's user write permission there, and keep the call again"
            raise CannotKeep(f"the scenario cannot be written to {path}: {reason}", cure) from error
        shown = path.relative_to(project).as_posix()
        return {"path": shown, "name": name, "command": shlex.join(("ncco", "test", shown))}

    def _rows_at_start(self) -> dict[str, list[dict[str, Any]]]:
        """The rows that the call used, without sensitive values."""
        found = dict[str, list[dict[str, Any]]]()
        tables = self.playable.project.tables if self.playable.project is not None else {}
        for row in self.rows.found if self.rows is not None else ():
            if (table := tables.get(table_of(row.name))) is not None:
                shown = {
                    name: row.columns[name]
                    for name, column in table.columns.items()
                    if name in row.columns and not column.sensitive
                }
                key = dict(zip(table.key, key_of(row.name), strict=False))
                found.setdefault(table.name, []).append(key | shown)
        return found

    def blocked(self) -> str:
        """Why the call cannot become a scenario, for display, or ""."""
        if self._stage is None:
            return "An NCCO without a flow cannot become a scenario."
        folder = self._folder.absolute().parent / SCENARIO_FOLDERS[0]
        found = next(each for each in (folder, *folder.parents) if each.exists())
        if found.is_dir() and os.access(found, os.W_OK):
            return ""
        return f"{found} is not writable by the server's user, so this call cannot be kept as a scenario."

    async def close(self) -> None:
        if self._stage is not None:
            await self._stage.close()


@dataclass(frozen=True, slots=True)
class PhoneServer:
    """The server for the phone's calls. `dial_allow` has prefixes of computed numbers that may be dialled."""

    folder: Path
    dial_allow: tuple[str, ...]
    env: Mapping[str, str]

    async def place(
        self,
        playable: Playable,
        call: ScenarioCall,
        answers: ChosenAnswers,
        rows: StoredRows,
        by_hand: HandHours,
    ) -> PhoneCall:
        """Make a call on a stage of its own: real application, store in memory, virtual clock. Raises CannotPlace.

        Nothing is sent to anybody, except the lookups of `answers`. What it saves stays in memory. `by_hand` is as in
        `LocalStage.ring`.
        """
        conditions = CallConditions(Parties(other=None))
        if playable.project is None:
            clock = VirtualClock(call.made_at)
            network = FaultyServer(NccoServer(playable.ncco, clock))
            application = Application(f"{BASE}/answer", f"{BASE}/event")
            own = ObservedCall(application, network, clock, conditions, _SEED)
            await own.place(call)
            return PhoneCall(own, call, answers, playable, folder=self.folder, env={})
        stage = LocalStage(playable.project, self.dial_allow, read_rows=rows)
        fit = with_number(stage, call)
        placed = await stage.ring(
            fit,
            conditions,
            look_ups=answers.ask,
            env=self.env,
            seed=_SEED,
            rows=(),
            answers=answers,
            by_hand=by_hand,
        )
        shown = call if call.flow or call.to else fit
        return PhoneCall(placed, shown, answers, playable, stage=stage, folder=self.folder, env=self.env, rows=rows)


class NccoServer:
    """Replies to the answer webhook with an NCCO, and to all others with nothing."""

    def __init__(self, ncco: Sequence[Mapping[str, Any]], clock: VirtualClock) -> None:
        self._body = json.dumps(list(ncco)).encode()
        self._clock = clock

    @property
    def now(self) -> datetime:
        return self._clock()

    async def deliver(self, request: Request) -> Response:
        if request.url.startswith(f"{BASE}/answer"):
            return Response(200, {"content-type": "application/json"}, self._body)
        return Response(204)

"""Kills a server repeatedly while functions of handlers run, and finds which of them ran more than once."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import orjson

from tests.system.server.faults.killing import WEBHOOKS_PER_KILL, Losses, Rows, kill_again_and_again, told
from tests.system.server.faults.phone import Luck
from tests.system.trial import Outcome, Trial, counted

KITCHEN: Final = Path(__file__).with_name("kitchen")
TOO_LATE: Final = re.compile(b"timed out after|not made: |not asked: ")
TWICE: Final = 0.2
"""The share of webhooks that come twice at the same moment."""


class Run(NamedTuple):
    """One run of a function.

    Attributes:
        function: the leg of the call, and the number of the function in the call.
        kills: how often the server had been killed before.
        began_ms: when it began, in milliseconds since 1970.
    """

    function: str
    kills: int
    began_ms: float


@dataclass
class RanFunctions:
    """What the functions did.

    Attributes:
        runs: each run, by what identifies it, in the order in which they began.
        ended: when each run ended, in milliseconds since 1970.
        stored: the runs whose results were stored: with a turn, or alone when the server was killed.
        failed: how many turns failed, not because a function was too slow.
    editions: the texts of the module that callers heard, by the key of the call.
    """

    losses: Losses = field(default_factory=Losses)
    runs: dict[str, Run] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    failed: int = 0

    def read(self, file: Path, kills: int) -> None:
        """Read the lines that were written since the last time."""
        for word, leg, number, run, ns in map(str.split, file.read_text().splitlines()):
            if word == "ends":
                self.ended[run] = int(ns) / 1e6
            else:
                self.runs.setdefault(run, Run(f"{leg} {number}", kills, int(ns) / 1e6))

    def interrupted(self) -> list[str]:
        """The runs whose results were not stored, because the server was killed."""
        return [run for run in self.runs if run not in self.stored]

    def stored_after_ms(self) -> list[float]:
        """The milliseconds from the end of each `cook` to the beginning of the `serve` after it, sorted.

        In between, the result is stored and the handler goes on.
        """
        begun = {found[:2]: found.began_ms for found in self.runs.values()}
        followed = (
            (begun.get((found.function.replace("-cook", "-serve"), found.kills)), self.ended.get(run))
            for run, found in self.runs.items()
            if found.function.endswith("-cook")
        )
        return sorted(next_ms - end_ms for next_ms, end_ms in followed if next_ms and end_ms)

    def repeated(self, interrupted: list[str]) -> int:
        """How many of these runs were followed by another run of the same function."""
        last = {found.function: run for run, found in self.runs.items()}
        return sum(last[self.runs[run].function] != run for run in interrupted)

    def faults(self) -> Counter[str]:
        """What must never happen, and how often it did."""
        found = Counter(self.losses.faults)
        found["a turn failed"] += self.failed
        before: dict[str, str] = {}
        for run, (function, kills, _) in self.runs.items():
            earlier = before.get(function)
            found["a function ran again after its result was stored"] += earlier in self.stored
            found["a function ran twice without a kill"] += earlier in self.runs and self.runs[earlier].kills == kills
            before[function] = run
        return +found


async def kill_while_functions_run(
    folder: Path, kills: int, webhooks: int, *, url: str = "", seed: int = 1, phones: int = 24
) -> RanFunctions:
    """Kill and restart a server of handlers.

    `url` is that of its database, by default a SQLite file in `folder`.
    """
    ran = RanFunctions()
    project = Path(shutil.copytree(KITCHEN, folder / "kitchen"))
    file = folder / "ran"
    file.touch()

    def look(rows: Rows, killed: int) -> None:
        ran.read(file, killed)
        found = {orjson.loads(result)[0] for (result,) in rows("SELECT result FROM ncco_function_results")}
        ran.stored |= found & ran.runs.keys()  # a function that took too long has no result
        if killed == kills:
            failed = rows("SELECT trace FROM turns WHERE has_failed")
            ran.failed = sum(TOO_LATE.search(bytes(trace)) is None for (trace,) in failed)
            for (state,) in rows("SELECT state FROM calls"):
                recorded = orjson.loads(state)["variables"].get("recorded", ())  # none if no function has ended yet
                ran.stored |= {str(item[2]) for item in recorded[1:]} & ran.runs.keys()

    ran.losses = await kill_again_and_again(
        folder,
        kills,
        webhooks,
        seed=seed,
        phones=phones,
        luck=Luck(twice=TWICE),
        url=url,
        look=look,
        tells_ends=False,
        NCCO_FLOWS=str(project / "flows"),
        NCCO_PYTHON_FLOWS="kitchen.py",
        NCCO_KEY="a key of the kitchen, which is not secret",
        FLOW_RAN=str(file),
    )
    return ran


async def functions_killed(trial: Trial) -> Outcome:
    """Kill a server while functions of handlers run: none runs again after its result was stored.

    A function that was running may run again when its webhook is sent again.
    """
    ran = await kill_while_functions_run(
        trial.folder, trial.size, trial.size * WEBHOOKS_PER_KILL, url=trial.url(), seed=trial.seed
    )
    interrupted = ran.interrupted()
    returned = [run for run in interrupted if run in ran.ended]
    took = ran.stored_after_ms()
    seen = [
        *told(ran.losses),
        f"{len({found.function for found in ran.runs.values()})} functions were called, {len(ran.runs)} times",
        f"{len(interrupted)} runs were killed, {ran.repeated(interrupted)} of these functions ran again; "
        f"{len(returned)} had returned, but were not stored, {ran.repeated(returned)} of these ran again",
        f"from a return to the next function: {median(took):.1f} ms, 99 % within {took[len(took) * 99 // 100]:.1f} ms",
    ]
    return Outcome(seen, [*counted(ran.faults()), *([] if interrupted else ["no kill came while a function ran"])])

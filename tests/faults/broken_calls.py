"""Breaks one point after the other while a webhook is answered, and says what came of it.

After each, the fallback is asked while the point is still broken, again once it is whole, and a new call is made:
a server heals by itself.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple, TypeAlias
from uuid import uuid4

import asyncpg

from tests.faults.breaking import WAYS, Faults, How
from tests.faults.importing import all_points
from tests.faults.points import Point
from tests.faults.scenes import SCENES, Scene
from tests.faults.stage import DEADLINE_S, Heard, Request, Stage, ncco_problem, on_stage, refusal_problem

SLOWER: Final = 20
"""How much longer than an answer takes the deadline is, within these bounds: a busy machine is no fault."""
DEADLINES_S: Final = (0.15, 2.0)
TOLD_S: Final = 0.3
"""In which those are told who are."""
HEALED_S: Final = 30.0
"""In which a server must be well again: hooks are looked for every second, and a look may take three."""
MOST_PROBLEMS: Final = 40
TRIES: Final = 3
"""How often a run is begun, each time on a new stage, until the call that leads to it is played."""
BACKGROUND: Final = (
    "app/service/outbox.py:",
    "app/store/postgres.py:PostgresDatabase.write: await self._background",
    "app/store/postgres.py:_run:",
    "app/store/postgres.py:_transact:",
)
"""What works beside the webhooks, told by how names of points begin: after a fault there, hooks still go out."""
OWN_TASK: Final = ("app/service/outbox.py", "app/store/postgres.py")
"""What runs in a task of its own, which nobody gives up but who ends the server."""
LIMITED: Final = ("app/store/postgres.py:_GroupWriter._write: await self._connections.use(",)
"""What sets a limit of time for itself, so that it never hangs; what it waits for is broken so instead."""
OF_POSTGRES: Final = "app/store/postgres"

Databases: TypeAlias = Callable[[Path], Awaitable[str]]
"""Makes the URL of a new database for a stage with this folder."""

FRAME: Final = {
    ("app/web/app.py", "RequestHeadMiddleware.__call__"): "calls everything else, and sends the reply",
    ("app/service/outbox.py", "Sender.run"): "the loop that outlives all that it does",
    ("app/service/outbox.py", "Sender._succeeds"): "what it outlives it by",
    ("app/store/sqlite.py", "Writer._run"): "the loop that outlives all that it does",
    ("app/store/postgres.py", "_GroupWriter._run"): "the loop that outlives all that it does",
    (
        "app/store/postgres.py",
        "_Connections._once",
    ): "gives a connection back, which asyncpg does by itself",
}
"""What holds the rest. It is not broken, since nothing stands around it; each with its reason."""


class Run(NamedTuple):
    """One point, broken in one way, while one webhook is answered."""

    scene: Scene
    point: Point
    how: How

    def __str__(self) -> str:
        return f"{self.scene.name} | {self.point.name} | {self.how}"


class Report(NamedTuple):
    """What came of all runs.

    Attributes:
        problems: one line each, the run and what was wrong.
        reached: the points that a webhook has passed, with the names of its scenes.
    """

    runs: int
    struck: int
    problems: list[str]
    reached: dict[str, list[str]]
    points: list[str]


async def explore(stage: Stage, faults: Faults) -> tuple[dict[str, list[Scene]], float]:
    """Which points each webhook passes when nothing is broken, and how long the deadline may be on this machine."""
    found: dict[str, list[Scene]] = {}
    seconds: list[float] = []
    for scene in SCENES:
        if scene.needs_connections and not _is_postgres(stage.database):
            continue
        heard = await _passed(stage, faults, scene)
        seconds.append(heard.seconds)
        for name in faults.reached:
            found.setdefault(name, []).append(scene)
    shortest, longest = DEADLINES_S
    return found, min(max(SLOWER * statistics.median(seconds), shortest), longest)


async def _passed(stage: Stage, faults: Faults, scene: Scene) -> Heard:
    """Play a webhook while nothing is broken. Raises AssertionError when the reply is no good."""
    request = await scene.prepare(stage)
    faults.reached.clear()
    heard = await stage.ask(request)
    await asyncio.sleep(TOLD_S if scene.is_told else 0)
    problem = _reply_problem(scene, heard, "fails")
    assert not problem, (scene.name, problem)
    return heard


def _is_postgres(database: str) -> bool:
    return database.startswith("postgresql:")


def chosen(reached: dict[str, list[Scene]], ways: int, within: str) -> Iterator[Run]:
    """The runs: each point in so many ways, with one webhook each; 0: in every way with every webhook that passes.

    `within` is where the files of the points begin.
    """
    points = {point.name: point for point in all_points()}
    turn = itertools.count()
    for name, scenes in sorted(reached.items()):
        point = points[name]
        if (point.file, point.function) in FRAME or not point.file.startswith(within):
            continue
        if name.startswith(BACKGROUND):  # other webhooks only find it at work for one that came before
            scenes = [each for each in scenes if each.is_told] or scenes  # noqa: PLW2901 - the ones to choose from
        if not ways:
            yield from (Run(each, point, how) for each in scenes for how in ways_of(point))
        for number in [next(turn) for _ in range(ways)]:
            yield Run(scenes[number % len(scenes)], point, ways_of(point)[number % len(ways_of(point))])


def ways_of(point: Point) -> tuple[How, ...]:
    """In which ways a point is broken.

    Nobody gives up what works beside the webhooks, and a limit of time waits for nothing when it begins and ends.
    """
    if point.text.startswith("asyncio.timeout("):
        return ("raises",)
    left_out = {"given up"} if point.file.startswith(OWN_TASK) else set()
    if point.name.startswith(LIMITED):
        left_out.add("hangs")
    return tuple(how for how in WAYS[point.kind] if how not in left_out)


async def play(stage: Stage, faults: Faults, run: Run) -> tuple[str, int]:
    """What was wrong, "" when nothing was, and how often the point was passed while it was broken."""
    request = await run.scene.prepare(stage)
    with faults.breaking(run.point.name, run.how):
        heard = await stage.ask(request)
        if run.point.name.startswith(BACKGROUND) and run.scene.is_told:
            await asyncio.sleep(TOLD_S / 3)
        problem = _reply_problem(run.scene, heard, run.how)
        if not problem and run.how != "given up":
            problem = _named("fallback, still broken", await _fall_back(stage, run, request))
        struck = faults.struck
    problem = problem or _named("fallback", await _fall_back(stage, run, request))
    return problem or await _healed(stage, run), struck


async def _fall_back(stage: Stage, run: Run, request: Request) -> str:
    """What is wrong with what the platform gets from the fallback, "" when nothing is.

    After what is not played it asks nothing: then the fallback is asked for the call's answer webhook.
    """
    scene = run.scene
    if scene.is_fallback:
        return _reply_problem(scene, await stage.ask(request), run.how)
    heard = await stage.ask(stage.fallback(request if scene.is_played else stage.answer()))
    may_be_empty = run.how == "none" or scene.may_be_empty
    return "" if may_be_empty and heard.status == 200 and not heard.body else ncco_problem(heard)


def _reply_problem(scene: Scene, heard: Heard, how: How) -> str:
    """What is wrong with a reply, "" when it is one that keeps somebody from hearing nothing."""
    if heard.is_late:
        return f"it took {heard.seconds:.2f} s ({heard.status})"
    if how == "given up" and heard.status in (0, 500):  # the latter is what uvicorn says then
        return ""  # whoever gave it up waits for no reply
    if heard.status in (408, 503) and not scene.is_fallback:
        return refusal_problem(heard)
    if not scene.is_played or scene.may_be_empty or how == "none":
        return "" if heard.status in (200, 204) and not heard.body else ncco_problem(heard)
    return ncco_problem(heard)


def _named(name: str, problem: str) -> str:
    return f"{name}: {problem}" if problem else ""


async def _healed(stage: Stage, run: Run) -> str:
    """Why the server is not well again, "" when it is."""
    until = time.perf_counter() + HEALED_S
    problem = "nothing was tried"
    while problem and time.perf_counter() < until:
        problem = await _well(stage, is_told=run.point.name.startswith(BACKGROUND))
    return problem


async def _well(stage: Stage, *, is_told: bool) -> str:
    """What a new call finds wrong, "" when nothing is."""
    stage.leg = f"{stage.leg[:32]}-{time.perf_counter_ns():x}"
    heard = await stage.ask(stage.answer())
    if heard.status != 200 or b"Welcome" not in heard.body:
        await asyncio.sleep(0.1)
        return f"it does not heal: {heard.status} {heard.body[:100]!r}"
    if not is_told:
        return ""
    stage.ncco = json.loads(heard.body)
    heard = await stage.ask(stage.press("1"))
    if heard.status != 200:
        await asyncio.sleep(0.1)
        return f"it does not heal: {heard.status} {heard.body[:100]!r} to what was pressed"
    return await _told(stage, time.perf_counter() + HEALED_S / 4)


async def _told(stage: Stage, until: float) -> str:
    """Why nobody is told of this call, "" when somebody is."""
    while time.perf_counter() < until:
        if any(stage.leg.encode() in body for body in stage.office.told.get("/routed", ())):
            return ""
        await asyncio.sleep(0.02)
    return "no hook is sent any more"


async def play_all(faults: Faults, ways: int, server: str, only: str, part: str) -> Report:
    """Every run on one server; it is started anew once something was wrong with it.

    On PostgreSQL only what is PostgreSQL's own is broken.

    Args:
        faults: of the server.
        ways: see `chosen`.
        server: the URL of a database of a PostgreSQL server; "": a file of SQLite.
        only: what the names of runs hold.
        part: `3/16` plays the third of sixteen parts of the runs.
    """
    problems: list[str] = []
    runs = struck = 0
    databases = _on(server) if server else _in_a_file
    async with _whole_stage(DEADLINE_S, databases, is_broken=False) as stage:
        reached, deadline_s = await explore(stage, faults)
    wanted = chosen(reached, ways, OF_POSTGRES if server else "")
    number, _, parts = part.partition("/")
    waiting: Sequence[Run] = [run for run in wanted if only in str(run)][int(number) - 1 :: int(parts)]
    tries = 0
    while waiting and len(problems) < MOST_PROBLEMS:
        async with _whole_stage(deadline_s, databases) as stage:
            while waiting:
                try:
                    problem, times = await play(stage, faults, waiting[0])
                except Exception as error:  # noqa: BLE001 - of the call that leads to it: the machine may be busy
                    tries += 1
                    problem, times = f"it could not be played: {error!r}" if tries >= TRIES else "", 0
                    if not problem:
                        break
                runs, struck, tries = runs + 1, struck + (times > 0), 0
                run, waiting = waiting[0], waiting[1:]
                if problem:
                    problems.append(f"{run} | {problem}")
                    break
    names = {name: [each.name for each in scenes] for name, scenes in reached.items()}
    return Report(runs, struck, problems, names, [point.name for point in all_points()])


@asynccontextmanager
async def _whole_stage(deadline_s: float, databases: Databases, *, is_broken: bool = True) -> AsyncIterator[Stage]:
    """A stage on which nothing is broken yet. That one which `is_broken` later does not end well says nothing more."""
    with TemporaryDirectory(dir=_memory(), ignore_cleanup_errors=True) as name:
        folder = Path(name)
        playing = on_stage(folder, await databases(folder), deadline_s)
        stage = await playing.__aenter__()
        try:
            yield stage
        finally:
            with suppress(Exception, asyncio.CancelledError) if is_broken else nullcontext():
                async with asyncio.timeout(HEALED_S):
                    await playing.__aexit__(None, None, None)


async def _in_a_file(folder: Path) -> str:
    return f"sqlite:///{folder}/calls.db"


def _on(server: str) -> Databases:
    """New databases on the PostgreSQL server with this URL, that of a database which is there."""

    async def new_database(_: Path) -> str:
        name = f"stage_{uuid4().hex}"
        connection = await asyncpg.connect(server)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        return f"{server.rpartition('/')[0]}/{name}"

    return new_database


def _memory() -> str | None:
    """A folder that is kept in memory, where there is one: nothing here is about the disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of its own is made in it


def main(faults: Faults, words: Sequence[str]) -> None:
    """Play, and print the report as JSON; the words are what `play_all` takes."""
    ways, server, only, part = words
    report = asyncio.run(play_all(faults, int(ways), server, only, part))
    json.dump(report._asdict(), sys.stdout)

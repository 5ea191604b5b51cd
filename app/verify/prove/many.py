"""Proves many flows: in several processes if it takes long, and only those that have changed since the last time."""

from __future__ import annotations

import gc
import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

import app
from app.flow.loader import load
from app.flow.model import Flow
from app.verify.prove.proof import prove
from app.verify.prove.properties import CallLimits
from app.verify.prove.rehearsal import confirmed
from app.verify.prove.space import SearchLimits
from app.verify.prove.verdict import FlowVerdict
from app.verify.scenarios.stage import MakeApp, PathOf

_KEPT_OBJECTS: Final = 200_000
"""Number of new objects that start a garbage collection. It is high because every state is kept, so little is found."""
ALONE_S: Final = 2.0
"""How many seconds the first process works before others are started, which takes each of them about a second."""
KEPT: Final = timedelta(days=30)
"""How long a verdict that nobody asks for stays in the cache."""
_VERDICT: Final = TypeAdapter(FlowVerdict)

Progress = Callable[[str, int, int], None]
"""Called every few seconds with a flow, its number of states found, and the number still to explore."""


@dataclass(frozen=True, slots=True)
class ProofRequest:
    """What is to be proved of each flow: the arguments of `prove`, and those of `confirmed`."""

    now: datetime
    env: Mapping[str, str]
    bounds: SearchLimits
    call_limits: CallLimits
    make_app: MakeApp
    path_of: PathOf

    def key_of(self, flow: Flow) -> str:
        """The name of the verdict in the cache: a hash of everything that it depends on.

        That is the flow's revision, the request and the day, because opening hours have dates.
        """
        about = (flow.name, flow.revision, self.now.date(), sorted(self.env.items()), self.bounds, self.call_limits)
        return hashlib.sha256(repr((_code(), *about)).encode()).hexdigest()


def prove_flow(name: str, sources: Mapping[str, str], request: ProofRequest, progress: Progress) -> FlowVerdict:
    """Prove a flow and play its violations. It is loaded again, so that another process can do it."""
    gc.set_threshold(_KEPT_OBJECTS)
    project = load(sources, request.env)
    proof = prove(
        project.flows[name],
        request.now,
        env=request.env,
        bounds=request.bounds,
        call_limits=request.call_limits,
        progress=partial(progress, name),
    )
    return confirmed(project, proof, request.make_app, request.path_of)


def prove_all(
    flows: Iterable[Flow], request: ProofRequest, kept: Path | None, progress: Progress, *, alone_s: float = ALONE_S
) -> Iterator[FlowVerdict]:
    """Yield the verdict on each flow, in the order in which they are found.

    Raises BrokenProcessPool if one of the processes was killed, for example because memory ran out.

    Args:
        flows: flows of a project without errors.
        request: what is to be proved.
        kept: a folder that keeps verdicts; None for none.
        progress: called in this process or another one.
        alone_s: see `ALONE_S`.
    """
    stored = None if kept is None else VerdictCache(kept)
    waiting = []
    for flow in flows:
        verdict = None if stored is None else stored.get(request.key_of(flow))
        if verdict is None:
            waiting.append(flow)
        else:
            yield verdict
    for flow, verdict in _proved(waiting, request, progress, alone_s):
        if stored is not None and not verdict.stopped:
            stored.put(request.key_of(flow), verdict)
        yield verdict
    if stored is not None:
        stored.forget_old()


def _proved(
    flows: list[Flow], request: ProofRequest, progress: Progress, alone_s: float
) -> Iterator[tuple[Flow, FlowVerdict]]:
    """Prove the first flows in this process. If many are left after some seconds, start others."""
    until = time.monotonic() + alone_s
    left = list(flows)
    while left and (len(left) == 1 or time.monotonic() < until):
        flow = left.pop(0)
        yield flow, prove_flow(flow.name, flow.sources, request, progress)
    if not left:
        return
    context = get_context("spawn" if sys.platform == "win32" else "forkserver")
    with ProcessPoolExecutor(min(_processors(), len(left)), context, _end_quietly) as pool:
        jobs = {pool.submit(prove_flow, flow.name, dict(flow.sources), request, progress): flow for flow in left}
        try:
            for job in as_completed(jobs):
                yield jobs[job], job.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _end_quietly() -> None:
    """Let Ctrl-C, which reaches all processes of a terminal, end this one without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _processors() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class VerdictCache:
    """Verdicts in a folder that can be deleted at any time, a file for each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> FlowVerdict | None:
        """The verdict under a key; None if there is none, or if it cannot be read."""
        path = self._folder / f"{key}.json"
        try:
            verdict = _VERDICT.validate_json(path.read_bytes())
            path.touch()
        except (OSError, ValidationError):
            return None
        return verdict

    def put(self, key: str, verdict: FlowVerdict) -> None:
        """Keep a verdict. Does nothing if the folder cannot be written."""
        with suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            (self._folder / ".gitignore").write_text("*\n", encoding="utf-8")
            new = self._folder / f"{key}.{os.getpid()}"
            new.write_bytes(_VERDICT.dump_json(verdict))
            new.replace(self._folder / f"{key}.json")

    def forget_old(self) -> None:
        """Delete the verdicts that nobody has asked for in `KEPT`."""
        oldest = time.time() - KEPT.total_seconds()
        with suppress(OSError):
            for path in self._folder.glob("*.json"):
                if path.stat().st_mtime < oldest:
                    path.unlink(missing_ok=True)


@cache
def _code() -> str:
    """A hash of the installed code. Another version may find something else."""
    digest = hashlib.sha256()
    for path in sorted(Path(app.__file__).parent.rglob("*")):
        if path.suffix in (".py", ".yaml"):
            found = path.stat()
            digest.update(f"{path} {found.st_size} {found.st_mtime_ns}".encode())
    return digest.hexdigest()

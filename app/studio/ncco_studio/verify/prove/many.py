"""Proves many flows: in several processes if it takes long, and only those that have changed."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from multiprocessing import get_context
from typing import Final

from pydantic import TypeAdapter, ValidationError

from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow
from ncco_studio.verify.kept import KeptResults, key_of
from ncco_studio.verify.prove.handler_steps import explore
from ncco_studio.verify.prove.proof import FlowVerdict, prove
from ncco_studio.verify.prove.properties import CallLimits
from ncco_studio.verify.prove.rehearsal import confirmed
from ncco_studio.verify.prove.space import SearchLimits
from ncco_studio.verify.scenarios.stage import PathOf

_KEPT_OBJECTS: Final = 200_000
"""New objects before a garbage collection: many, since every state is kept and little is found."""
ALONE_S: Final = 2.0
"""Seconds until other processes are started, which takes each of them about one."""
VERDICT: Final = TypeAdapter(FlowVerdict)

Progress = Callable[[str, int, int], None]
"""Called every few seconds with a flow and its numbers of states found and still to explore."""


@dataclass(frozen=True, slots=True)
class ProofRequest:
    """What to prove of each flow: the arguments of `prove` and `confirmed`, and `load`'s `handlers`."""

    now: datetime
    env: Mapping[str, str]
    bounds: SearchLimits
    call_limits: CallLimits
    path_of: PathOf
    handlers: tuple[str, ...] = ()

    def key_of(self, flow: Flow) -> str:
        """It depends on the flow, the request, and the day, as opening hours do."""
        about = (flow.name, flow.revision, self.now.date(), sorted(self.env.items()), self.bounds, self.call_limits)
        return key_of("flow", *about)


def prove_flow(name: str, sources: Mapping[str, str], request: ProofRequest, progress: Progress) -> FlowVerdict:
    """Load the flow again: this may be another process."""
    gc.set_threshold(_KEPT_OBJECTS)
    project = load(sources, request.env, handlers=request.handlers, explore=explore)
    proof = prove(
        project.flows[name],
        request.now,
        env=request.env,
        bounds=request.bounds,
        call_limits=request.call_limits,
        progress=partial(progress, name),
    )
    return confirmed(project, proof, request.path_of)


def prove_all(
    flows: Iterable[Flow],
    request: ProofRequest,
    kept: KeptResults | None,
    progress: Progress,
    *,
    alone_s: float = ALONE_S,
) -> Iterator[FlowVerdict]:
    """Yield verdicts as they are found; `kept` has earlier ones, None to prove all flows.

    Raises BrokenProcessPool if a process was killed, for example because memory ran out. `progress` may be called in
    another process.
    """
    waiting = []
    for flow in flows:
        verdict = None if kept is None else _read(kept.get(request.key_of(flow)))
        if verdict is None:
            waiting.append(flow)
        else:
            yield verdict
    for flow, verdict in _proved(waiting, request, progress, alone_s):
        if kept is not None and not verdict.stopped:
            kept.put(request.key_of(flow), VERDICT.dump_json(verdict))
        yield verdict
    if kept is not None:
        kept.forget_old()


def _read(stored: bytes | None) -> FlowVerdict | None:
    try:
        return None if stored is None else VERDICT.validate_json(stored)
    except ValidationError:
        return None


def _proved(
    flows: list[Flow], request: ProofRequest, progress: Progress, alone_s: float
) -> Iterator[tuple[Flow, FlowVerdict]]:
    """Start other processes if many flows are left after some seconds."""
    until = time.monotonic() + alone_s
    left = list(flows)
    while left and (len(left) == 1 or time.monotonic() < until):
        flow = left.pop(0)
        yield flow, prove_flow(flow.name, flow.sources, request, progress)
    if not left:
        return
    context = get_context("spawn" if sys.platform == "win32" else "forkserver")
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ProcessPoolExecutor(min(processors, len(left)), context, _end_quietly) as pool:
        jobs = {pool.submit(prove_flow, flow.name, dict(flow.sources), request, progress): flow for flow in left}
        try:
            for job in as_completed(jobs):
                yield jobs[job], job.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _end_quietly() -> None:
    """Ctrl-C, which reaches all processes of a terminal, ends this one without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)

"""What the studio adds to `ncco doctor`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from ncco_server.desk.findings import Finding, ok, unchecked, warning
from ncco_server.flow.model import Flow
from ncco_server.settings import Settings
from ncco_server.wording import counted
from ncco_studio.verify.prove import SearchLimits, prove, roots_of

PROOF_S: Final = 10.0
"""The time limit for all proofs together."""


def check_proof(settings: Settings, flows: Mapping[str, Flow]) -> Iterator[Finding]:
    until = time.monotonic() + PROOF_S
    now = datetime.now(UTC)
    faults = 0
    unfinished = []
    roots = roots_of(flows)
    for flow in sorted(roots, key=lambda flow: flow.name):
        left = until - time.monotonic()
        proof = prove(flow, now, env=settings.flow_env, bounds=SearchLimits(seconds=max(left, 0.01)))
        faults += sum(violation.is_error for violation in proof.violations)
        if proof.space.stopped:
            unfinished.append(flow.name)
    if faults:
        message = f"`ncco prove` finds {counted(faults, 'fault')} in the flows"
        yield warning(message, "Run `ncco prove`, which prints the shortest call that leads to each of them.")
    elif unfinished:
        message = f"{', '.join(unfinished)}: not proved in {PROOF_S:g} seconds"
        yield unchecked(message, "Run `ncco prove`, which takes longer.")
    elif roots:
        yield ok(f"no caller gets lost in {counted(len(roots), 'flow')}")

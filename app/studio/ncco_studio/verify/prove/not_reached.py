"""Checks that hooks of placed calls that reach nobody can be sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import product
from typing import Final

from ncco_server.engine import new_session, not_reached
from ncco_server.flow.language.outbound import EXPIRED, REFUSED, UNKNOWN
from ncco_server.flow.model import Flow
from ncco_server.ncco.statuses import DIAL_FAILURES
from ncco_studio.verify.faults import FAULTS
from ncco_studio.verify.prove.environment import Arrival
from ncco_studio.verify.prove.explore import Env
from ncco_studio.verify.prove.properties import Violation
from ncco_studio.verify.prove.triggers import context_at

OUTCOMES: Final = (*DIAL_FAILURES, EXPIRED, REFUSED, UNKNOWN)


def untold(flow: Flow, arrivals: Sequence[Arrival], envs: Sequence[Env], moment: datetime) -> Iterator[Violation]:
    """Warn once for each reason why a hook cannot be sent."""
    outbound = flow.outbound
    if outbound is None:
        return
    found = set[tuple[str, str]]()
    for outcome, arrival, env in product(OUTCOMES, arrivals, envs):
        session = new_session(flow, "leg", arrival.call, arrival.given)
        for hook in not_reached(flow, session, outcome, context_at(moment, env)):
            if hook.problem and (hook.name, hook.problem) not in found:
                found.add((hook.name, hook.problem))
                message = f"after `{outcome}` the hook {hook.name} cannot be sent: {hook.problem}"
                cure = FAULTS["untold"].cure
                yield Violation("untold", flow.name, "", outbound.place, message, cure, severity="warning")

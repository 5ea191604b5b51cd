"""The scenarios that a proof gives: the shortest call to each fault, and a few calls that take every outcome."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from app.verify.prove.proof import Proof
from app.verify.prove.scenario import Written, until, written
from app.verify.prove.violation import NOWHERE, Violation
from app.verify.prove.walked import Edge
from app.verify.scenarios.model import BOUNDS, COUNTED

_TOLD_OTHERWISE: Final = frozenset({"error_exit", "invalid_ncco", "refused_ncco", "failsafe"})
"""What is heard of these is heard no more when the flow is mended."""
_SILENT: Final = frozenset({"silence", "silent_party"})


def counter_example(proof: Proof, violation: Violation) -> Written | None:
    """The shortest call in which it happens; None for what never happens."""
    if violation.edge == NOWHERE or violation.kind not in BOUNDS:
        return None
    way = proof.ways.to(violation.edge)
    if violation.kind in _SILENT:
        way = [_in_silence(proof, edge) for edge in way]
    call = written(proof, way, f"{violation.kind} in {violation.flow}.{violation.step}")
    shown = f"{violation.place.file}:{violation.place.line}"
    remarks = [f"{violation.message} ({shown})", *call.remarks]
    return Written(call.name, _spared(dict(call.body), proof, violation), remarks)


def _in_silence(proof: Proof, edge: Edge) -> Edge:
    """The same turn of a caller who does nothing, where that leads to the same."""
    others = (each for each in proof.walk.edges if (each.source, each.target) == (edge.source, edge.target))
    return next((each for each in others if "silence" in each.happened.told), edge)


def _spared(body: dict[str, Any], proof: Proof, violation: Violation) -> dict[str, Any]:
    """The same call, which expects that the fault does not happen: it differs until the flow is mended."""
    script = list(body["script"])
    if violation.kind in _TOLD_OTHERWISE and script and "hear" in script[-1]:
        script.pop()
    if violation.kind == "lost_webhook":
        heard = proof.walk.edges[violation.edge].heard
        script += [{"fault": "gone"}, "silence"] if heard.listens else [until(heard.prompt), {"fault": "gone"}]
    if violation.kind in _SILENT:
        script.append({"wait": f"{_borne(proof, violation.kind) + 1:g}s"})
    without: Any = violation.kind
    if violation.kind in COUNTED:
        without = {violation.kind: _borne(proof, violation.kind)}
    expect = {"without": without}
    return body | {"script": script, "expect": expect}


def _borne(proof: Proof, kind: str) -> float:
    """How much of it a caller may be asked to bear."""
    limit = proof.flow.limits.get(kind)
    permitted = {**dict.fromkeys(_SILENT, proof.permitted.silence_s), "steps": proof.permitted.steps}
    return limit.most if limit else permitted.get(kind, BOUNDS[kind])


def counter_examples(proof: Proof) -> list[Written]:
    """The shortest call to each violation that happens in one, each with a name of its own."""
    found = (counter_example(proof, violation) for violation in proof.violations)
    return named_apart(each for each in found if each is not None)


def named_apart(scenarios: Iterable[Written]) -> list[Written]:
    """The same, those of one name numbered."""
    found: dict[str, Written] = {}
    for each in scenarios:
        number = 2 + sum(name.startswith(f"{each.name} (") for name in found)
        name = each.name if each.name not in found else f"{each.name} ({number})"
        found[name] = replace(each, name=name)
    return list(found.values())


def covering(proof: Proof, wanted: Iterable[tuple[str, str, str]]) -> list[Written]:
    """A small set of scenarios that takes every outcome of `wanted` that can be taken."""
    ways = proof.ways.covering(set(wanted))
    return [_covering(proof, way, at, number) for number, (at, way) in enumerate(ways, 1)]


def _covering(proof: Proof, way: list[Edge], at: datetime, number: int) -> Written:
    last = way[-1].taken[-1] if way[-1].taken else (proof.flow.name, proof.flow.start, "entered")
    return written(proof, way, f"{proof.flow.name} {number:02}: {last[1]}, {last[2]}", at)

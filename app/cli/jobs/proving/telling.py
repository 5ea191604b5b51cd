"""What `ncco prove` tells of proofs: for people a few lines, for programs a document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from app.cli.jobs.counted import counted
from app.cli.jobs.project import Source, as_named
from app.cli.jobs.rehearsal import Rehearsed
from app.flow.report import Format
from app.verify.prove import Proof, Violation
from app.verify.prove.scenario import text_of


def tell(
    proofs: Sequence[Proof], wrong: Sequence[tuple[Proof, Violation]], examples: Mapping[int, Rehearsed], form: Format
) -> None:
    """One line a flow, for people; on standard error when standard output is for a machine."""
    for number, example in examples.items() if form == "text" else ():
        violation = wrong[number][1]
        click.echo(f"\nthe shortest call to {number + 1}, {violation.kind} in {violation.step}:")
        click.echo("".join(f"  {line}\n" for line in text_of([example.written]).splitlines()), nl=False)
        if example.problem:
            click.echo(f"  # the simulator does not come to it: {example.problem}")
    for proof in proofs:
        click.echo(_summary(proof), err=form != "text")


def _how(proof: Proof) -> str:
    """The verdict, with how many faults there are and where the walk has stopped."""
    faults = sum(violation.is_error for violation in proof.violations)
    how = f"refuted by {counted(faults, 'fault')}" if faults else proof.verdict
    if proof.walk.stopped:
        return f"{how}{', stopped' if faults else ''} at {proof.walk.stopped}"
    return how


def _summary(proof: Proof) -> str:
    walk = proof.walk
    walked = {"state": len(walk.states), "edge": len(walk.edges), "NCCO": walk.nccos}
    counts = ", ".join(counted(number, noun) for noun, number in walked.items())
    lines = [f"{proof.flow.name}: {_how(proof)}: {counts}, {walk.seconds:.2f} s"]
    for name, values in proof.representatives.items():
        shown = ", ".join(json.dumps(value, ensure_ascii=False) for value in values[:6])
        lines.append(f"  {name} stands for others: {shown}{', ...' if len(values) > 6 else ''}")
    if proof.never and not walk.stopped:
        never = ", ".join(f"{each.step}: {each.name}" for each in proof.never[:5])
        said = "never" if proof.is_certain else "not come to with these values"
        lines.append(f"  {said}: {never}{f' and {len(proof.never) - 5} more' if len(proof.never) > 5 else ''}")
    return "\n".join(lines)


def as_json(
    proofs: Iterable[Proof],
    wrong: Sequence[tuple[Proof, Violation]],
    lost: Iterable[Violation],
    examples: Mapping[int, Rehearsed],
    source: Source,
) -> str:
    """The proofs as JSON: what was walked in each flow, and every violation with the scenario that shows it."""
    flows = [
        {
            "flow": proof.flow.name,
            "verdict": proof.verdict,
            "stopped": proof.walk.stopped,
            "states": len(proof.walk.states),
            "edges": len(proof.walk.edges),
            "nccos": proof.walk.nccos,
            "seconds": round(proof.walk.seconds, 3),
            "representatives": {name: list(values) for name, values in proof.representatives.items()},
            "never": [{"step": each.step, "outcome": each.name} for each in proof.never],
            "certain": proof.is_certain,
        }
        for proof in proofs
    ]
    faults = [_fault(violation, examples.get(number), source) for number, (_, violation) in enumerate(wrong)]
    faults += [_fault(violation, None, source) for violation in lost]
    return json.dumps({"flows": flows, "violations": faults}, indent=2, ensure_ascii=False)


def _fault(violation: Violation, example: Rehearsed | None, source: Source) -> dict[str, Any]:
    place = violation.place
    return {
        "kind": violation.kind,
        "flow": violation.flow,
        "step": violation.step,
        "file": as_named(place.file, source),
        "severity": violation.severity,
        "line": place.line,
        "column": place.column,
        "message": violation.message,
        "cure": violation.cure,
        "scenario": text_of([example.written]) if example else None,
    }

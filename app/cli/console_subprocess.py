"""Proves a flow for the console, in its subprocess: plain values in, plain values out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from app.cli.server_under_test import make_app
from app.flow.loader import load
from app.verify.prove import CallLimits, SearchLimits, prove
from app.verify.prove.counterexample import WrittenScenario
from app.verify.prove.rehearsal import FoundViolation, confirmed

MOST_STATES: Final = 50_000
_BY_CALLER: Final = ("press", "speak", "silence", "record", "hangup")
_WORDS: Final = {"dial": "the called party:"}


def prove_flow(texts: Mapping[str, str], env: Mapping[str, str], flow: str, seconds: float) -> dict[str, Any]:
    """The verdict on a flow with its violations, and for each the shortest call in which it happens.

    Args:
        texts: display path → text of the whole project; the flow has no error.
        env: the variables that flows may read.
        flow: its name.
        seconds: stop exploring after as long.
    """
    project = replace(load(texts, env, extent="project"), issues=())  # other flows may have errors
    bounds = SearchLimits(MOST_STATES, seconds)
    proof = prove(project.flows[flow], datetime.now(UTC), env=env, bounds=bounds, call_limits=CallLimits())
    (proof,), found = confirmed(project, [proof], make_app)
    return {
        "verdict": proof.status,
        "stopped": proof.space.stopped,
        "states": len(proof.space.states),
        "sampled": sorted(proof.representatives),
        "violations": [_document(each) for each in found],
    }


def _document(found: FoundViolation) -> dict[str, Any]:
    violation = found.violation
    written = found.example
    return {
        **{name: getattr(violation, name) for name in ("kind", "severity", "flow", "step", "message", "cure")},
        "file": violation.place.file,
        "line": violation.place.line,
        "call": list(_conversation(written)) if written else [],
    }


def _conversation(written: WrittenScenario) -> Iterator[tuple[str, str]]:
    """The call in lines: who (`said`, `caller` or `note`), and what."""
    for name, answer in written.body.get("given", {}).items():
        yield "note", f"{name} answers {answer}"
    for line in written.body["script"]:
        word, value = (line, "") if isinstance(line, str) else next(iter(line.items()))
        if word == "dial":
            value = value["outcome"] if isinstance(value, Mapping) and "outcome" in value else value or "answered"
        elif isinstance(value, Mapping):
            value = ", ".join(f"{name} {each}" for name, each in value.items())
        if word == "hear":
            yield "said", str(value)
        else:
            yield "caller" if word in _BY_CALLER else "note", f"{_WORDS.get(word, word)} {value}".strip()

"""Whether what no call came to on a walk is come to by none at all.

A test that has never held may only have missed the value for which it holds, where its values stand for others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.flow.model import Flow, Step
from app.verify.outcomes import Outcome, outcomes_of
from app.verify.prove.flows import family, tested_by
from app.verify.prove.literals import Literals
from app.verify.prove.reading import ENTRY, LENGTH, Path, paths_in, trees_of
from app.verify.prove.walked import Walk


def is_certain(walk: Walk, literals: Literals, chosen: Mapping[str, tuple[Any, ...]]) -> bool:
    """Whether no test that has failed to hold looks at a value that stands for others."""
    if walk.stopped:
        return False
    flows = family(walk.root)
    missed = dict.fromkeys((each.flow, each.step) for each in missed_in(flows.values(), walk))
    steps = [(name, flows[name].steps[step]) for name, step in missed]
    return not any(_is_one_of(chosen, literals, name, path) for name, step in steps for path in _tested(step))


def missed_in(flows: Iterable[Flow], walk: Walk) -> Iterator[Outcome]:
    """The outcomes that no call has taken, of steps that one has come to."""
    taken = {key for edge in walk.edges for key in edge.taken}
    entered = {key for edge in walk.edges for key in edge.entered}
    for flow in flows:
        for each in outcomes_of(flow):
            if (each.flow, each.step) in entered and (each.flow, each.step, each.name) not in taken:
                yield each


def _tested(step: Step) -> Iterator[Path]:
    for use in tested_by(step):
        for tree in trees_of(use.source):
            yield from paths_in(tree.node)


def _is_one_of(chosen: Mapping[str, tuple[Any, ...]], literals: Literals, flow: str, path: Path) -> bool:
    """Whether a value, or one that it is made of or held against, is among those that stand for others.

    Those of a value that is only held against what is written stand for all others exactly, unless they were not tried
    with all values beside it.
    """
    is_exact = literals.of(flow, path).is_exact
    names = [path, *((name[1:] if name[0] == "\0returned" else name) for name in literals.of(flow, path).names)]
    written = {".".join(part for part in name[cut:] if part not in (ENTRY, LENGTH)) for name in names for cut in (0, 1)}
    return any(
        any((each == key and not is_exact) or each.startswith(f"{key}.") for each in written)
        for keys in chosen
        for key in keys.split(", ")
    )

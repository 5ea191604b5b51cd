"""Flows that lead to other flows: each gets those that a call may come to from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.flow.language.flow import ReadFlow
from app.flow.model import Flow


def link(
    read: Mapping[str, ReadFlow], sources: Mapping[str, Mapping[str, str]]
) -> dict[str, tuple[Flow, dict[str, str]]]:
    """Each flow with its `subs`, and the sources of all of them.

    A flow that leads to one with an error is left out, as that one is.

    Args:
        read: the flows without errors, by name.
        sources: path → text of what each is made of, by name.
    """
    found: dict[str, tuple[Flow, dict[str, str]]] = {}
    for name, one in read.items():
        names = _reach(name, read)
        if one.flow is None or names is None:
            continue
        subs = {other: _own(read[other].flow) for other in names if other != name}
        kept = {other: sub for other, sub in subs.items() if sub is not None}
        texts = {path: text for other in names for path, text in sources[other].items()}
        found[name] = (replace(one.flow, subs=kept), texts)
    return found


def _own(flow: Flow | None) -> Flow | None:
    """A flow with memos of its own: what is laid out depends on the flow that a call began in."""
    return replace(flow, sound=set()) if flow is not None else None


def _reach(start: str, read: Mapping[str, ReadFlow]) -> list[str] | None:
    """Every flow that a call may come to from `start`, itself first; None when one of them cannot be played."""
    names, waiting = dict.fromkeys((start,)), [start]
    while waiting:
        for name in sorted(read[waiting.pop()].runs):
            if name not in read:
                return None
            if name not in names:
                names[name] = None
                waiting.append(name)
    return list(names)

"""Which variables may hold a setting of the server, by way of `set`, `with` and what flows give back.

They are found before the flows are read, so that what may not be said of `env` may not be said of them either (E330).
A condition on a setting, and what only tells of it (`env.NAME is defined`), says nothing of the setting itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from app.flow.nodes import Map, Node, Seq, Text
from app.flow.templates.references import occurrences, references_in
from app.flow.templates.syntax import read_template
from app.flow.templates.tree import Template

_OPENERS = ("{{", "{%")


class _Holder(NamedTuple):
    """A variable of a flow, or with `is_back` what the flow gives back under the name."""

    flow: str
    name: str
    is_back: bool = False


class _Move(NamedTuple):
    """A value that is computed of some names, and what it fills."""

    names: frozenset[str]
    flow: str
    to: _Holder


class _Run(NamedTuple):
    """A flow that runs another."""

    by: str
    flow: str


def kept_settings(flows: Mapping[str, Map]) -> dict[str, frozenset[str]]:
    """The variables that may hold a setting of the server, by flow; `flows` are the nodes of each, by its name."""
    found = [each for name, node in flows.items() for each in _moves_in(node, name)]
    moves = [move for move in found if isinstance(move, _Move) and not _is_harmless(flows, move.to)]
    backs = {move.to for move in moves if move.to.is_back}
    for run in (each for each in found if isinstance(each, _Run)):
        # What comes back fills the variable of the same name.
        moves += [_Move(frozenset(), back.flow, _Holder(run.by, back.name)) for back in backs if back.flow == run.flow]
    kept = _followed(moves)
    return {name: frozenset(one.name for one in kept if one.flow == name and not one.is_back) for name in flows}


def _followed(moves: Iterable[_Move]) -> frozenset[_Holder]:
    """What holds a setting when everything has moved."""
    kept: set[_Holder] = set()
    waiting = list(moves)
    while filled := [move for move in waiting if _carries(move, kept)]:
        kept.update(move.to for move in filled)
        waiting = [move for move in waiting if move not in filled]
    return frozenset(kept)


def _carries(move: _Move, kept: set[_Holder]) -> bool:
    if not move.names:
        return _Holder(move.flow, move.to.name, is_back=True) in kept
    return "env" in move.names or any(_Holder(move.flow, name) in kept for name in move.names)


def _is_harmless(flows: Mapping[str, Map], to: _Holder) -> bool:
    """Whether it is declared as true or false, or as one of some words: a setting in it gives nothing away."""
    node = flows.get(to.flow)
    for section in ("vars", "params", "returns"):
        declared = node.get(section) if node is not None else None
        about = declared.get(to.name) if isinstance(declared, Map) else None
        type_ = about.get("type") if isinstance(about, Map) else about
        if isinstance(type_, Seq) or (isinstance(type_, Text) and type_.value == "bool"):
            return True
    return False


def _moves_in(node: Node, flow: str) -> Iterator[_Move | _Run]:
    """Everything in the nodes of a flow that fills a variable, and the flows that it runs."""
    if isinstance(node, Seq):
        for item in node.items:
            yield from _moves_in(item, flow)
    if isinstance(node, Map):
        yield from _assigned(node.get("set"), flow, flow, is_back=node.get("return") is not None)
        other = node.get("run")
        if isinstance(other, Text):
            yield _Run(flow, other.value)
            yield from _assigned(node.get("with"), flow, other.value)
        for entry in node.entries:
            yield from _moves_in(entry.value, flow)


def _assigned(node: Node | None, flow: str, to: str, *, is_back: bool = False) -> Iterator[_Move]:
    for entry in node.entries if isinstance(node, Map) else ():
        if names := frozenset(_held_in(entry.value)):
            yield _Move(names, flow, _Holder(to, entry.key.value, is_back))


def _held_in(node: Node) -> Iterator[str]:
    """The names whose values may be in what is written."""
    if isinstance(node, Seq):
        yield from (name for item in node.items for name in _held_in(item))
    elif isinstance(node, Map):
        yield from (name for entry in node.entries for name in _held_in(entry.value))
    elif any(opener in node.value for opener in _OPENERS):
        template = Template(node)
        template.body, _ = read_template(template, node)
        found = (occurrence for occurrence in occurrences(template) if occurrence.role != "test")
        yield from (each.name for occurrence in found for each in references_in(occurrence) if each.is_held)

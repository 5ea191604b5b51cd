"""Circles in which a call dials: they come to an end, since a call may only dial so often.

A walk forgets how often a call has dialled. So each such circle is gone round with a call that remembers it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import cycle, islice
from typing import Final

from app.engine import Session
from app.verify.prove.driving import Played
from app.verify.prove.inputs import Input
from app.verify.prove.walked import UNROLLED, Edge, State, Walk

DIALS: Final = 10
"""How often a call may dial where no setting says otherwise."""
_ROUNDS: Final = DIALS + 1

Play = Callable[[Session, Input, datetime], Iterator[Played]]
Add = Callable[[int, Edge, Played, int | None], None]


def go_round(walk: Walk, circle: list[Edge], play: Play, add: Add) -> None:
    """Go round until the call may dial no more, or goes another way; each turn is added to the walk."""
    source = circle[0].source
    first = walk.states[source]
    dialled = min(DIALS, sum(edge.dials for edge in walk.way_to(first.edge)))
    session = first.session._replace(dialled=dialled)
    for edge in islice(cycle(circle), _ROUNDS * len(circle)):
        turns = play(session, edge.happened, edge.moment)
        played = next((each for each in turns if each.answers == edge.answers), None)
        if played is None or played.turn is None:
            return
        session = played.turn.session
        entered = [line.step for line in played.turn.trace if line.did == "entered"]
        goes_on = not session.is_over and entered == [step for _, step in edge.entered]
        target = len(walk.states) if goes_on else None
        if goes_on:
            key = (UNROLLED, len(walk.states))
            walk.states.append(State(session, len(walk.edges), edge.moment, False, key, edge.env))
        add(source, edge, played, target)
        if target is None:
            return
        source = target

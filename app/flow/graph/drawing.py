"""What a drawing of flows is made of; the languages that it is written in come after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Look = Literal["start", "step", "ask", "decide", "hold", "run", "end"]
"""What a node is: where calls begin, a step (asking, deciding, waiting, running another flow), or an end."""

Stroke = Literal["plain", "dotted", "error", "taken", "missed"]
"""What an arrow is: a way of the call, a way into another flow, what follows an error; or one that calls have taken, or
have never taken."""


@dataclass(frozen=True, slots=True)
class Node:
    """One box. `lines` are what stands in it, the name first; any characters may be in them."""

    key: str
    look: Look
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrow:
    """A way from one node to another, by their keys. `lines` are its label, () for none."""

    start: str
    end: str
    lines: tuple[str, ...] = ()
    stroke: Stroke = "plain"


@dataclass(frozen=True, slots=True)
class Frame:
    """The nodes of one flow."""

    key: str
    title: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """Flows, each in its frame, and the arrows within and between them."""

    frames: tuple[Frame, ...]
    arrows: tuple[Arrow, ...]

"""Flows as a drawing: steps, and the ways from one to the next."""

from __future__ import annotations

from app.flow.graph.dot import as_dot
from app.flow.graph.draw import draw
from app.flow.graph.drawing import Arrow, Drawing, Frame, Node
from app.flow.graph.mermaid import as_mermaid

__all__ = ["Arrow", "Drawing", "Frame", "Node", "as_dot", "as_mermaid", "draw"]

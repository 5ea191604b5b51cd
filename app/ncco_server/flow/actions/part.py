"""What a step plays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ncco_server.flow.action import Action
from ncco_server.flow.actions.connect import ConnectTarget
from ncco_server.flow.effects import Effect, Phase
from ncco_server.flow.frame import Draft, Frame
from ncco_server.flow.nodes import Place


class Part(Protocol):
    """One item of `do`."""

    @property
    def place(self) -> Place: ...

    @property
    def actions(self) -> tuple[Action, ...]:
        """Only the known actions; one for each target of a connect."""

    @property
    def targets(self) -> tuple[ConnectTarget, ...]: ...

    def effects(self, phase: Phase) -> Iterator[Effect]: ...

    def render(self, frame: Frame) -> list[Draft]:
        """Raises RenderError."""

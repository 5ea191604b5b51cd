"""What came of the look-ups of a turn, and what of it is sensitive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from app.engine.echoes import Echoes
from app.engine.masking import leading_to
from app.engine.standing import Standing
from app.flow.language.returned import Hushing
from app.flow.model import Asking

Read: TypeAlias = list[tuple[Asking, Mapping[str, Any], str]]
"""Answers that came together, each with why it is not real; "" when it is."""


class Answers:
    """The answers of one turn.

    Attributes:
        echoes: the sensitive values that the turn has received so far. None is forgotten when a step is taken back.
        kept: what came of each look-up, by name, as the turn row has it.
    """

    def __init__(self, mask: Callable[[str], str]) -> None:
        self.echoes = Echoes()
        self.kept: dict[str, Any] = {}
        self._mask = mask

    def keep(self, here: Standing, read: Read) -> list[str]:
        """Put answers into the scope of `here`, with tokens for what they should not tell; why each is not real."""
        for asking, answer, problem in read:
            for secret in leading_to(answer, here.flow.hushed.get(asking.name, ())) if not problem else ():
                self.echoes.learn(secret)
        return [self._keep(here, asking, answer, problem) for asking, answer, problem in read]

    def _keep(self, here: Standing, asking: Asking, answer: Mapping[str, Any], problem: str) -> str:
        if self.echoes and not problem:
            answer, problem = asking.hush(answer, Hushing(self.echoes, self._mask))
        here.keep(asking.name, answer)
        self.kept[asking.name] = here.masked(asking.name, self._mask)
        return problem

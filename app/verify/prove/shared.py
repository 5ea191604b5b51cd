"""What values that are held against each other may have in common: what a caller may key in, who calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from app.flow.language.collect import Collect
from app.flow.model import Flow
from app.verify.prove.flows import family
from app.verify.prove.reading import Path

NUMBER: Final = "442079460000"
"""The number that is called where a flow has none."""
CALLER: Final = "447700900123"
"""Who calls."""


def shared_by(root: Flow, paths: Iterable[Path]) -> Iterator[str]:
    """Texts that each of some values may be."""
    for path in paths:
        if path == ("", "call", "from"):
            yield CALLER
        elif path == ("", "call", "to"):
            yield root.numbers[0] if root.numbers else NUMBER
        elif len(path) == 2 and path[0]:
            yield from _keyed_in(root, path)


def _keyed_in(root: Flow, path: Path) -> Iterator[str]:
    """Two texts of digits that a data entry takes."""
    for step in family(root)[path[0]].steps.values() if path[0] in family(root) else ():
        exit_ = step.exit
        if isinstance(exit_, Collect) and exit_.into == path[1] and exit_.digits:
            yield from (digit * exit_.digits[0] for digit in "23")

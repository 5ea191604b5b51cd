"""What is wrong with an argument of a method, where no type can say it."""

from __future__ import annotations

from typing import Final

from ncco_server.flow.language.selection import MOST_ROWS

RANGES: Final = {"limit_ms": range(50, 3501), "first": range(1, MOST_ROWS + 1)}
"""The numbers that an argument can be."""


class WrongArgument(TypeError):
    """An argument of a method cannot have this value.

    Attributes:
        message: what is wrong.
        cure: what to write instead.
    """

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(f"{message}: {cure}")
        self.message = message
        self.cure = cure


def out_of_range(name: str, value: object) -> WrongArgument:
    return WrongArgument(f"`{name}` is {value!r}", f"write {RANGES[name][0]} to {RANGES[name][-1]}")

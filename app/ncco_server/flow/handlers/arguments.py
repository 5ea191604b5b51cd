"""What is wrong with an argument of a method, where no type can say it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final, NewType

from ncco_server.flow.language.selection import MOST_ROWS

Phone = NewType("Phone", str)
"""The type of a handler's argument that is a phone number: the digits with the country code."""
TYPE_NAMES: Final[Mapping[Any, str]] = {
    str: "text",
    int: "int",
    float: "number",
    bool: "bool",
    date: "date",
    time: "time",
    datetime: "datetime",
    Phone: "phone",
}
"""The types of flow files, by those of Python."""
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

"""What stands in the way of reading or computing an expression."""

from __future__ import annotations

import re
from typing import Final

_OF_SERVER: Final = re.compile(r"env\.(\w+)")


class Fault(Exception):
    """A text that cannot be read on; whoever knows the file makes an issue of it.

    Attributes:
        code: the rule that is broken.
        start, length: where, in characters of the text.
        message, cure: plain sentences; no cure: the rule's own.
    """

    def __init__(self, code: str, start: int, length: int, message: str, cure: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.start = start
        self.length = length
        self.message = message
        self.cure = cure


class Absent(Exception):
    """A value that this call does not have; `default` catches it."""


def lacking(what: object) -> str:
    """The sentence for a value that is not there, as it is written; a variable of the server is named as it is set."""
    variable = _OF_SERVER.match(str(what))
    return f"FLOW_{variable[1]} is not set" if variable else f"this call has no {what}"


class Unfit(Exception):
    """A value that cannot be computed with; the message never repeats the value."""

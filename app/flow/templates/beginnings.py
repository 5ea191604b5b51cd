"""What is written of a URL before its first value: a scheme or a host that no call can make right."""

from __future__ import annotations

import re
from typing import Final

from app.flow.expressions.check import Check
from app.flow.types import ValueType

_WRITTEN: Final = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://[^{]*")
_PORT: Final = re.compile(r"://[^/?#]*:[0-9]*$")


def check_beginning(check: Check, type_: ValueType, what: str) -> None:
    """E313 when a URL with braces is no URL already before the first of them, whatever they make of a call."""
    found = _WRITTEN.match(check.text.value)
    if found is None or found[0].endswith("["):  # braces may give an address between brackets
        return
    written = found[0]
    try:
        type_.cast(written + ("1" if _PORT.search(written) else "x"))
    except ValueError as error:
        start = len(written) - len(written.lstrip())
        message = f'{what} cannot begin with "{written.strip()}"'
        check.report_at("E313", start, len(written) - start, message, str(error))

"""Braces that Jinja2 takes for text, though the author meant a value."""

from __future__ import annotations

import re

from app.flow.expressions.check import Check
from app.flow.templates.scanner import Data

_CLOSER = re.compile(r"\}\}|%\}|#\}")
_SINGLE = re.compile(
    r"(?P<sign>\$?)\{\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\s*(?P<end>\}+)"
)


def stray_braces(check: Check, data: Data) -> None:
    """Report closing braces that nothing opens (E320), and single braces around a known name (W303)."""
    singles = list(_SINGLE.finditer(data.text))
    for match in singles:
        _single(check, data, match)
    for match in _CLOSER.finditer(data.text):
        if any(single.start() < match.start() < single.end() for single in singles):
            continue
        opener = {"}}": "{{", "%}": "{%", "#}": "{#"}[match.group()]
        message = f'nothing opens this "{match.group()}"'
        check.report_at("E320", data.start + match.start(), 2, message, f'write "{opener}" before it, or leave it out')


def _single(check: Check, data: Data, match: re.Match[str]) -> None:
    inner = match.group("name") + match.group("rest")
    start, length = data.start + match.start(), len(match.group())
    cure = f"write {{{{ {inner} }}}}"
    if len(match.group("end")) > 1:
        check.report_at("E320", start, length, f'"{match.group()}" is not opened by two braces', cure)
    elif match.group("name") in check.scope:
        check.report_at("W303", start, length, f'"{match.group()}" is said as it is', cure)

"""Converts columns between characters, as here, and UTF-16 code units, as in JavaScript and LSP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ncco_server.flow.nodes import LINE_BREAK


class Utf16Columns:
    """Converts columns in these texts (path → text) from characters to UTF-16 code units; both count from 1."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._lines: dict[str, list[str]] = {}

    def __call__(self, file: str, line: int, column: int) -> int:
        return utf16_column(self.line(file, line), column)

    def range(self, file: str, start: tuple[int, int], end: tuple[int, int]) -> dict[str, Any]:
        """As JSON; `start` and `end` are a line and a column."""
        return {
            "file": file,
            "line": start[0],
            "column": self(file, *start),
            "end_line": end[0],
            "end_column": self(file, *end),
        }

    def line(self, file: str, line: int) -> str:
        """Lines count from 1; "" after the last line."""
        known = self._lines.get(file)
        if known is None:
            known = self._lines[file] = LINE_BREAK.split(self._texts.get(file, ""))
        return known[line - 1] if line <= len(known) else ""


def utf16_column(line: str, column: int) -> int:
    return column + utf16_units(line[: column - 1]) - len(line[: column - 1])


def character_column(line: str, column: int) -> int:
    data = line.encode("utf-16-le", "surrogatepass")[: 2 * (column - 1)]
    return len(data.decode("utf-16-le", "ignore")) + 1


def utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2

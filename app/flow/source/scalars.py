"""What a YAML scalar says, and where each of its characters is written.

A parser gives the value of a scalar and its extent; error messages need the place of each character of the value,
through folded lines, escapes and block indentation. Positions are offsets into the file's text.
"""

from __future__ import annotations

from collections.abc import Iterator

_BREAKS = "\r\n"
_BLANKS = " \t"
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_CODE_LENGTHS = {"x": 2, "u": 4, "U": 8}

Piece = tuple[str, int]
"""One character of a value and the offset where it is written."""


def spell(text: str, start: int, end: int, style: str | None, value: str) -> list[Piece]:
    """Each character of `value` with its offset, for a scalar that stands at `start` to `end` of `text`.

    `style` is YAML's: None or "" for plain, a quote, `|` or `>`. A spelling that does not come to `value` (a bug in
    this file, never the author's) gives every character the offset `start`.
    """
    if style in ("|", ">"):
        pieces = list(_block(text, start, end, value))
    elif style in ("'", '"'):
        pieces = list(_flow(text, start + 1, end - 1, style))
    else:
        pieces = list(_flow(text, start, end, ""))
    if "".join(char for char, _ in pieces) == value:
        return pieces
    return [(char, start) for char in value]  # pragma: no cover - kept so that a bug here costs a column, not a load


def _after_break(text: str, at: int) -> int:
    return at + 2 if text.startswith("\r\n", at) else at + 1


def _skip(text: str, at: int, end: int, chars: str) -> int:
    while at < end and text[at] in chars:
        at += 1
    return at


def _flow(text: str, at: int, end: int, quote: str) -> Iterator[Piece]:
    while at < end:
        blanks_end = _skip(text, at, end, _BLANKS)
        if blanks_end < end and text[blanks_end] in _BREAKS:
            folds, at = _fold(text, blanks_end, end)
            yield from folds
        elif blanks_end > at:
            yield from ((text[index], index) for index in range(at, blanks_end))
            at = blanks_end
        elif text.startswith("''", at) and quote == "'":
            yield "'", at
            at += 2
        elif text[at] == "\\" and quote == '"':
            pieces, at = _escape(text, at, end)
            yield from pieces
        else:
            yield text[at], at
            at += 1


def _fold(text: str, at: int, end: int, *, escaped: bool = False) -> tuple[list[Piece], int]:
    """One line break is a space (nothing when escaped); n breaks are n - 1 line breaks."""
    breaks: list[int] = []
    while at < end and text[at] in _BREAKS:
        breaks.append(at)
        at = _skip(text, _after_break(text, at), end, _BLANKS)
    if len(breaks) == 1:
        return ([] if escaped else [(" ", breaks[0])]), at
    return [("\n", index) for index in breaks[1:]], at


def _escape(text: str, at: int, end: int) -> tuple[list[Piece], int]:
    code = text[at + 1]
    if code in _BREAKS:
        return _fold(text, at + 1, end, escaped=True)
    if code in _CODE_LENGTHS:
        after = at + 2 + _CODE_LENGTHS[code]
        return [(chr(int(text[at + 2 : after], 16)), at)], after
    return [(_ESCAPES[code], at)], at + 2


def _block(text: str, start: int, end: int, value: str) -> Iterator[Piece]:
    at = _line_end(text, start, end)
    at = _after_break(text, at) if at < end else at
    indent = _indent(text, at, end, value)
    at = _indented(text, at, end, indent)
    for char in value:
        if char == "\n" or (char == " " and at < end and text[at] in _BREAKS):
            at = _line_end(text, at, end)
            yield char, at
            at = _indented(text, _after_break(text, at), end, indent) if at < end else at
            continue
        while at < end and text[at] in _BREAKS:
            at = _indented(text, _after_break(text, at), end, indent)
        yield char, at
        at += 1


def _line_end(text: str, at: int, end: int) -> int:
    while at < end and text[at] not in _BREAKS:
        at += 1
    return at


def _indented(text: str, at: int, end: int, indent: int) -> int:
    return _skip(text, at, min(end, at + indent), " ")


def _indent(text: str, at: int, end: int, value: str) -> int:
    """How many spaces of each line belong to the file and not to the text."""
    while at < end:
        stop = _line_end(text, at, end)
        line = text[at:stop]
        if line.strip(" "):
            first = next(found for found in value.split("\n") if found.strip(" "))
            return _spaces(line) - _spaces(first)
        at = _after_break(text, stop) if stop < end else stop
    return 0


def _spaces(line: str) -> int:
    return len(line) - len(line.lstrip(" "))

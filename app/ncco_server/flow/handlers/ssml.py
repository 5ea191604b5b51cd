"""SSML that a handler says, with escaped values."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import NamedTuple, Self

from ncco_server.flow.templates.escaping import ssml


class SsmlPiece(NamedTuple):
    """Part of an `Ssml`: of `source`, a text with tags; or a value to escape, if `source` is None."""

    text: str
    source: str | None


class Ssml(str):
    """SSML in which values are escaped, as `markupsafe.Markup` does it for HTML.

        await call.talk(Ssml("<speak>Hello <emphasis>{}</emphasis></speak>").format(name))

    The text with the tags must be written in the file of the handler. Join texts with `+` and `join`: what is no `Ssml`
    is escaped. Any other operation gives a computed text, which is spoken as plain words.

    Attributes:
        pieces: what it is made of.
    """

    __slots__ = ("pieces",)
    pieces: tuple[SsmlPiece, ...]

    def __new__(cls, text: str) -> Self:
        return cls._of(text.pieces if isinstance(text, Ssml) else (SsmlPiece(text, text),))

    @classmethod
    def _of(cls, pieces: Iterable[SsmlPiece]) -> Self:
        found = tuple(pieces)
        made = super().__new__(cls, "".join(text if source is not None else ssml(text) for text, source in found))
        made.pieces = found
        return made

    @staticmethod
    def _pieces(value: object) -> tuple[SsmlPiece, ...]:
        return value.pieces if isinstance(value, Ssml) else (SsmlPiece(str(value), None),)

    def format(self, *args: object, **kwargs: object) -> Self:
        """Put values in place of `{}`, `{0}` and `{name}`, as `str.format` does. An `Ssml` keeps its tags."""
        return self._of(self._formatted(args, kwargs))

    def _formatted(self, args: Sequence[object], kwargs: Mapping[str, object]) -> Iterator[SsmlPiece]:
        formatter = string.Formatter()
        positions = count()
        for piece in self.pieces:
            if piece.source is None:
                yield piece
                continue
            for text, name, spec, conversion in formatter.parse(piece.text):
                if text:
                    yield SsmlPiece(text, piece.source)
                if name is None:
                    continue
                value, _ = formatter.get_field(name or str(next(positions)), args, kwargs)
                if conversion or spec:
                    value = format(formatter.convert_field(value, conversion or None), spec or "")
                yield from self._pieces(value)

    def join(self, parts: Iterable[object]) -> Self:
        """All parts, with this text between them."""
        each = map(self._pieces, parts)
        return self._of(piece for number, part in enumerate(each) for piece in (*self.pieces * (number > 0), *part))

    def __add__(self, other: object) -> Self:
        return self._of((*self.pieces, *self._pieces(other)))

    def __radd__(self, other: object) -> Self:
        return self._of((*self._pieces(other), *self.pieces))

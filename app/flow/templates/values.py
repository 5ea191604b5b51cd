"""A field of a flow file, compiled."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import unquote

from jinja2.exceptions import TemplateError, UndefinedError

from app.errors import RenderError
from app.flow.expressions.evaluator import Run
from app.flow.expressions.fault import Absent, Unfit, lacking
from app.flow.nodes import Place
from app.flow.templates.escapes import Refused
from app.flow.templates.plan import Shown, Unit
from app.flow.templates.straight import Pieces
from app.flow.types import ValueType

Escape: TypeAlias = typing.Literal["talk", "ssml", "url", "number", "header", "json", "text", "kept"]

MAX_OUTPUT: dict[str, int] = {
    "talk": 10_000,
    "ssml": 10_000,
    "url": 8_000,
    "number": 100,
    "header": 1_000,
    "json": 200_000,
    "text": 10_000,
    "kept": 10_000,
}
"""Characters that a rendered value may have, by kind of place; our choice."""

_DOTS = re.compile(r"/\.{1,2}(?:/|$)")
_CONTROL = re.compile("%(?:[01][0-9A-Fa-f]|7[Ff])")


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is the same in every call."""

    value: Any
    place: Place
    used_names: frozenset[str] = frozenset()
    used_env: frozenset[str] = frozenset()
    used_files: frozenset[str] = frozenset()

    @property
    def is_literal(self) -> bool:
        """True."""
        return True

    def render(self, names: Mapping[str, Any]) -> Any:
        """The value."""
        return self.value


@dataclass(frozen=True, slots=True)
class Native:
    """`"{{ expression }}"` and nothing else, in a place that takes no text: the value itself, cast to its type."""

    place: Place
    type: ValueType
    run: Run
    source: str
    unit: Unit = field(compare=False, repr=False)
    used_names: frozenset[str] = frozenset()
    used_env: frozenset[str] = frozenset()
    used_files: frozenset[str] = frozenset()

    @property
    def is_literal(self) -> bool:
        """False."""
        return False

    def render(self, names: Mapping[str, Any]) -> Any:
        """The value in this call. Raises RenderError."""
        try:
            return self.type.cast(self.run(names))
        except Absent as absent:
            raise self._error("E391", lacking(absent)) from None
        except Unfit as unfit:
            raise self._error("E395", str(unfit)) from None
        except ValueError as error:
            raise self._error("E392", f"{self.source} does not fit: {error}") from None

    def _error(self, code: str, message: str) -> RenderError:
        return RenderError(code, message, str(self.place))


@dataclass(frozen=True, slots=True)
class Computed:
    """A text with braces: rendered for each call, then cast to its type."""

    place: Place
    type: ValueType
    escape: Escape
    pieces: Pieces
    values: tuple[Shown, ...]
    unit: Unit = field(compare=False, repr=False)
    used_names: frozenset[str] = frozenset()
    used_env: frozenset[str] = frozenset()
    used_files: frozenset[str] = frozenset()

    @property
    def is_literal(self) -> bool:
        """False."""
        return False

    def render(self, names: Mapping[str, Any]) -> Any:
        """The value in this call. Raises RenderError."""
        try:
            return self._finished(self._text(names))
        except Refused as refused:
            raise self._refused(refused) from None
        except UndefinedError as error:
            raise self._error("E391", str(error)) from None
        except (Unfit, TemplateError, TypeError, ArithmeticError, RecursionError) as error:
            raise self._error("E395", str(error)) from None
        except ValueError as error:
            raise self._error("E392", f"the result does not fit: {error}") from None

    def _text(self, names: Mapping[str, Any]) -> str:
        pieces = self.pieces(names if isinstance(names, dict) else dict(names))
        text = "".join(pieces if isinstance(pieces, list) else self._bounded(pieces))
        if len(text) > MAX_OUTPUT[self.escape]:
            raise self._too_long()
        return text

    def _bounded(self, pieces: Iterable[str]) -> Iterator[str]:
        """The pieces, until there are too many: a loop may write for ever."""
        size = 0
        for piece in pieces:
            size += len(piece)
            if size > MAX_OUTPUT[self.escape]:
                raise self._too_long()
            yield piece

    def _too_long(self) -> RenderError:
        return self._error("E394", f"the result is longer than {MAX_OUTPUT[self.escape]:,} characters")

    def _finished(self, text: str) -> Any:
        if self.escape in ("talk", "ssml"):
            text = text.strip()
        elif self.escape == "url":
            self._check_path(re.split("[?#]", text, maxsplit=1)[0])
        return text if self.type.name == "text" else self.type.cast(text)

    def _check_path(self, path: str) -> None:
        """Refuse what a server may take for another path once it has decoded it: `..%2F`, line ends."""
        if _DOTS.search(path) or ("%" in path and _DOTS.search(unquote(path).replace("\\", "/"))):
            raise self._error("E393", 'a URL whose path goes up with ".."')
        if _CONTROL.search(path):
            raise self._error("E393", "a URL with control characters in its path")

    def _refused(self, refused: Refused) -> RenderError:
        shown = self.values[refused.index]
        message = f"{shown.source}: {refused.message}"
        if refused.code == "E391":
            message = lacking(shown.source)
        return RenderError(refused.code, message, str(shown.place))

    def _error(self, code: str, message: str) -> RenderError:
        return RenderError(code, message, str(self.place))

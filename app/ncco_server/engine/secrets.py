"""Sensitive values, also where a lookup answer repeats them in fields not declared sensitive.

A server that receives a PIN may return it in any text. Case, width, URL encoding and the script of digits are
ignored. A value of four or five characters must be a whole word or number, because one phone number in a thousand
contains 2580 by chance; a shorter one must be the whole text. Our choice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

import orjson

from ncco_server.engine.session import TurnContext
from ncco_server.flow.language.returns import Redactor
from ncco_server.flow.phrases import COMPARED_CHARACTERS
from ncco_server.flow.scope import Path, by_first_key
from ncco_server.ncco.value_types import ANY

NOT_SHOWN: Final = "not shown: it may contain a sensitive value"
ANYWHERE_LENGTH: Final = 6

PART_LENGTH: Final = 4


class Secrets:
    """Sensitive values, to be found in texts."""

    def __init__(self) -> None:
        self._whole: set[str] = set()
        self._parts: dict[str, re.Pattern[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._whole)

    def learn(self, value: object) -> None:
        for text in _texts(value):  # the start of a long text is enough to find it
            self._whole.add(text)
            if len(text) >= PART_LENGTH:
                self._parts.setdefault(text, _as_part(text))

    def are_in(self, text: str) -> bool:
        folded = _folded(text)
        return folded in self._whole or self._is_part_of(folded)

    def are_part_of(self, value: object) -> bool:
        """Short values are ignored."""
        return self._is_part_of(_folded(str(value)))

    def _is_part_of(self, folded: str) -> bool:
        return any(part.search(folded) for part in self._parts.values())


class TurnSecrets(Secrets):
    """The sensitive values of a turn, also of steps that were rolled back, and the tokens that replace them."""

    def __init__(self, session: str, context: TurnContext) -> None:
        super().__init__()
        self._session = session
        self._context = context

    def mask(self, secret: str) -> str:
        return self._context.mask(self._session, secret)

    def encrypted(self, value: Any) -> str:
        """A token that the call can still decrypt: for a `spoken` param, and an option that contains one."""
        cipher = self._context.cipher
        return self.mask(str(value)) if cipher is None else cipher.encrypt(orjson.dumps(value, default=str).decode())

    def redactor(self) -> Callable[[Any], Any] | None:
        """None if the turn has no sensitive value."""
        if not self:
            return None
        redactor = Redactor(self, self.mask)
        return lambda result: redactor.redact(ANY, result, ())


def _as_part(secret: str) -> re.Pattern[str]:
    written = re.escape(secret)
    if len(secret) >= ANYWHERE_LENGTH:
        return re.compile(written)
    more = "[0-9]" if secret.isdecimal() else r"[^\W_]"
    return re.compile(f"(?<!{more}){written}(?!{more})")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(key)
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
        yield _folded(str(value)[:COMPARED_CHARACTERS])


def _folded(text: str) -> str:
    decoded = unquote_plus(text) if "%" in text else text
    if not decoded.isascii():
        decoded = "".join(_digit(char) for char in unicodedata.normalize("NFKC", decoded))
    return decoded.casefold().strip()


def _digit(char: str) -> str:
    return str(unicodedata.decimal(char)) if char.isdecimal() else char


def masked(value: Any, paths: Collection[Path], mask: Callable[[str], str]) -> Any:
    if () in paths:
        return mask(str(value))
    inner = by_first_key(paths)
    if isinstance(value, dict):
        return {name: masked(each, inner[name], mask) if name in inner else each for name, each in value.items()}
    if isinstance(value, list) and None in inner:
        return [masked(each, inner[None], mask) for each in value]
    return value


def values_at(value: Any, paths: Collection[Path]) -> Iterator[Any]:
    if () in paths:
        yield value
        return
    for step, inner in by_first_key(paths).items():
        if isinstance(value, dict) and step in value:
            yield from values_at(value[step], inner)
        elif isinstance(value, list) and step is None:
            for each in value:
                yield from values_at(each, inner)


def without(value: Any, paths: Collection[Path]) -> Any:
    inner = by_first_key(paths)
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if () not in inner.get(name, ())}
        return {name: without(each, inner[name]) if name in inner else each for name, each in kept.items()}
    if isinstance(value, list) and None in inner:
        return [without(each, inner[None]) for each in value]
    return value

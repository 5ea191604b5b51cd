"""Reads what names a key: `1`, `the star key`, `1, 2 or 3`, `1 to 5`; and what is another number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from app.flow.checks.prompts.tokens import Token
from app.flow.checks.prompts.tongues import Words

NOTHING = Token("p", "", 0, 0)
"""What stands before the first and behind the last piece of a text."""

_ARTICLES = frozenset({"one", "un", "uno", "una", "um", "uma"})
"""Number words that are articles or pronouns as well."""
_BETWEEN = frozenset({"between", "zwischen", "entre", "tra", "fra"})
_OF = frozenset({"de", "por", "pour", "per", "of"})
_CURRENCIES = frozenset("$€£")


class Key(NamedTuple):
    """One key with the offsets of the words that name it."""

    key: str
    start: int
    end: int


class Read(NamedTuple):
    """One key or several, and the token behind them."""

    keys: tuple[Key, ...]
    behind: int
    is_range: bool


@dataclass(slots=True)
class Naming:
    """Reads the pieces of one text; those in `taken` belong to a key already."""

    tokens: Sequence[Token]
    taken: set[int] = field(default_factory=set)

    def token(self, number: int) -> Token:
        """The piece with this number, or `NOTHING`."""
        return self.tokens[number] if 0 <= number < len(self.tokens) else NOTHING

    def keys_at(self, at: int, words: Words, *, is_plain: bool = False) -> Read | None:
        """One key, several, or a range of them, from the token `at`."""
        one = self.one_key(at, words, is_plain)
        if one is None:
            return None
        key, behind = one
        until = self._range(key, behind, words, at)
        if until is not None:
            return until
        keys = [key]
        while (more := self._another(behind, words)) is not None:
            key, behind = more
            keys.append(key)
        return Read(tuple(keys), behind, False)

    def _range(self, low: Key, behind: int, words: Words, at: int) -> Read | None:
        until = self.token(behind)
        is_between = any(self.token(number).word in _BETWEEN for number in range(at - 3, at))
        if not (until.word in words.until or until.word == "-" or (is_between and until.word in words.joints)):
            return None
        high = self.token(behind + 1)
        for number in (behind + 1, behind + 2, behind + 3):
            high = self.token(number)
            digit = words.numbers.get(high.word, high.word)
            if high.kind in {"n", "w"} and digit.isdigit():
                break
        else:
            return None
        if len(digit) != 1 or len(low.key) != 1 or not low.key.isdigit() or digit <= low.key:
            return None
        if self._is_quantity(number, words):
            return None
        keys = tuple(Key(str(key), low.start, high.end) for key in range(int(low.key), int(digit) + 1))
        return Read(keys, number + 1, True)

    def _another(self, at: int, words: Words) -> tuple[Key, int] | None:
        """The next key of `1, 2 or 3`."""
        start = at
        while self.token(at).word in words.joints or self.token(at).word in {",", "/"}:
            at += 1
        if at == start:
            return None
        for _ in range(3):
            one = self.one_key(at, words, is_plain=False)
            if one is not None:
                return one
            if self.token(at).word not in words.fillers or self.token(at).word in words.say:
                return None
            at += 1
        return None

    def one_key(self, at: int, words: Words, is_plain: bool) -> tuple[Key, int] | None:
        """The key that the token names, and what comes behind it; `is_plain`: a word is none unless nothing follows."""
        token = self.token(at)
        key = self._name(at, token, words, is_plain)
        if key is None or at in self.taken:
            return None
        behind = at + 1
        if self.token(behind).word == "-" and self.token(behind + 1).word in words.nouns:
            behind += 1
        if self.token(behind).word in words.nouns:
            behind += 1
        return Key(key, token.start, self.token(behind - 1).end), behind

    def _name(self, at: int, token: Token, words: Words, is_plain: bool) -> str | None:
        if token.kind == "k":
            return token.word
        if token.kind == "n":
            return None if self._is_quantity(at, words) else token.word
        if token.kind != "w" or not self._may_stand_alone(at, words, is_plain):
            return None
        if token.word in words.star:
            return "*"
        if token.word in words.hash or token.word in words.near_hash:
            return "#"
        return words.numbers.get(token.word)

    def _may_stand_alone(self, at: int, words: Words, is_plain: bool) -> bool:
        """Whether a word can be a key, by what comes behind it: `press one for sales`, not `press one of the keys`."""
        token, behind = self.token(at), self.token(at + 1)
        if behind.kind in {"p", "k"}:
            return not (is_plain and token.word in _ARTICLES)
        if is_plain:
            return token.word not in _ARTICLES and behind.word in words.purpose
        if token.word in _ARTICLES:
            return behind.word in words.purpose or behind.word in words.joints
        return behind.word in words.behind or behind.kind == "n"

    def _is_quantity(self, at: int, words: Words) -> bool:
        """Whether a number is a time, a price, a date, part of a phone number."""
        before, behind, second = self.token(at - 1), self.token(at + 1), self.token(at + 2)
        if before.word in _CURRENCIES or behind.word in _CURRENCIES or behind.word == "%":
            return True
        if behind.kind in {"n", "x"} or before.kind in {"n", "x"}:
            return True
        if behind.word == "-" and second.kind == "n" and not self._is_short_range(at):
            return True
        if before.word == "-" and self.token(at - 2).kind in {"n", "x"} and not self._is_short_range(at - 2):
            return True
        return behind.word in words.units or (behind.word in _OF and second.word in words.units)

    def is_explained(self, at: int, words: Words) -> bool:
        """Whether a number is no key for sure: a quantity, or an end of "from 9 to 5"."""
        before = self.token(at - 1)
        is_end = before.word in words.until and self.token(at - 2).kind in {"n", "x"}
        return before.word in words.ago or is_end or self._is_quantity(at, words)

    def _is_short_range(self, at: int) -> bool:
        low, high = self.token(at).word, self.token(at + 2).word
        return len(low) == len(high) == 1 and low < high and self.token(at + 3).word != "-"

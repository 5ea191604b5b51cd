"""Finds the keys that a text tells its caller to press."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.flow.checks.prompts.naming import NOTHING, Key, Naming, Read
from app.flow.checks.prompts.tokens import Token
from app.flow.checks.prompts.tongues import Tongue, Words, lexicon

_DETERMINERS = frozenset({"le", "die", "el", "il", "o", "lo", "the"})
"""In front of a number word they make it a key: `faites le neuf`."""
_KEY_AFTER = frozenset({"key", "button", "taste"})
_ENDS = frozenset(".!?;,")


@dataclass(frozen=True, slots=True)
class Told:
    """Keys that are told together.

    Attributes:
        keys: in order.
        way: `press` or `dial` for the verb, `noun` ("key 1"), `list` where the verb is left out.
        first, behind: the tokens that it covers.
        tongue: the language of its words.
        is_range: "1 to 5".
        is_word: the key is told as a word that may mean something else.
    """

    keys: tuple[Key, ...]
    way: str
    first: int
    behind: int
    tongue: Tongue
    is_range: bool = False
    is_word: bool = False


@dataclass(slots=True)
class KeyFinder:
    """Reads one text.

    Attributes:
        tokens: the text.
        tongues: the six languages, the likeliest first.
    """

    tokens: Sequence[Token]
    tongues: Sequence[Tongue]
    found: list[Told] = field(default_factory=list)
    naming: Naming = field(init=False)

    def __post_init__(self) -> None:
        self.naming = Naming(self.tokens)

    @property
    def _taken(self) -> set[int]:
        return self.naming.taken

    def find(self) -> list[Told]:
        """Every place where keys are told, in order."""
        starting, _, _ = lexicon()
        for number, token in enumerate(self.tokens):
            if token.word in starting and number not in self._taken:
                self._keep(self._at_word(number, token.word))
        for number, token in enumerate(self.tokens):
            if token.word in _KEY_AFTER and number not in self._taken:
                self._keep(self._before_noun(number))
        if self.found:
            self._find_lists()
        return sorted(self.found, key=lambda told: told.first)

    def _keep(self, told: Told | None) -> None:
        if told is not None:
            self.found.append(told)
            self._taken.update(range(told.first, told.behind))

    def _at_word(self, number: int, word: str) -> Told | None:
        for tongue in self.tongues:
            words = tongue.words
            told = None
            if word in words.verbs:
                told = self._behind_verb(number, tongue, "press" if word in words.press else "dial")
            if told is None and word in words.final:
                told = self._before_verb(number, tongue)
            if told is None and word in words.nouns:
                told = self._behind_noun(number, tongue)
            if told is None and word in words.by:
                told = self._behind_by(number, tongue)
            if told is not None:
                return told
        return None

    def _behind_verb(self, number: int, tongue: Tongue, way: str) -> Told | None:
        """`press 1`, `drücken Sie bitte die 1`, `press, or say, 1`."""
        at = number + 1
        is_key = way == "press"
        while True:
            read = self.naming.keys_at(at, tongue.words, is_plain=not is_key)
            if read is not None:
                return self._told(read, way, number, tongue)
            token = self.naming.token(at)
            if token.kind == "w" and token.word in tongue.words.fillers:
                is_key = is_key or token.word in tongue.words.nouns or token.word in _DETERMINERS
            elif not self._is_passed(at, tongue.words):
                return None
            at += 1

    def _is_passed(self, at: int, words: Words) -> bool:
        """Whether a mark may stand between verb and key."""
        mark = self.naming.token(at).word
        behind = self.naming.token(at + 1).word
        before = self.naming.token(at - 1).word
        return mark in {":", "-"} or (mark == "," and (behind in words.joints or before in words.say))

    def _before_verb(self, number: int, tongue: Tongue) -> Told | None:
        """`die 1 drücken`."""
        at = number - 1
        while self.naming.token(at).word in {"jetzt", "bitte", "einfach", "taste"}:
            at -= 1
        read = self.naming.keys_at(at, tongue.words)
        if read is None or at in self._taken:
            return None
        start, end = read.keys[0].start, self.tokens[number].end
        return Told((read.keys[0]._replace(start=start, end=end),), "press", at, number + 1, tongue)

    def _behind_noun(self, number: int, tongue: Tongue) -> Told | None:
        """`key 1`, `Taste 1`, `keys 1 through 9`."""
        at = number + 1
        while (
            at < number + 4
            and self.naming.token(at).word in tongue.words.fillers
            and not self.naming.keys_at(at, tongue.words)
        ):
            at += 1
        read = self.naming.keys_at(at, tongue.words)
        return self._told(read, "noun", number, tongue) if read else None

    def _behind_by(self, number: int, tongue: Tongue) -> Told | None:
        """`mit der 1`."""
        at = number + 1
        while self.naming.token(at).word in {"der", "die", "dem", "taste", "ziffer"}:
            at += 1
        if at == number + 1:
            return None
        read = self.naming.keys_at(at, tongue.words)
        if read is not None:
            return self._told(read, "noun", number, tongue)
        token = self.naming.token(at)
        digit = tongue.words.numbers.get(token.word)
        key = (Key(digit, token.start, token.end),) if digit else ()
        return Told(key, "noun", number, at + 1, tongue, is_word=True) if key else None

    def _before_noun(self, number: int) -> Told | None:
        """`the star key`, `1-Taste`."""
        at = number - 2 if self.naming.token(number - 1).word == "-" else number - 1
        for tongue in self.tongues:
            if at not in self._taken and self.naming.token(number).word in tongue.words.nouns:
                key = self.naming.one_key(at, tongue.words, is_plain=False)
                if key is not None:
                    return Told((key[0],), "noun", at, number + 1, tongue)
        return None

    def _told(self, read: Read, way: str, first: int, tongue: Tongue) -> Told:
        start = self.tokens[first].start
        keys = read.keys
        if len(keys) == 1 or read.is_range:
            keys = tuple(key._replace(start=start) for key in keys)
        return Told(keys, way, first, read.behind, tongue, read.is_range)

    def _find_lists(self) -> None:
        """The keys whose verb is left out: `press 1 for sales, 2 for support`; `for sales press 1, for support 2`."""
        tongues = list(dict.fromkeys(told.tongue for told in self.found))
        for number, token in enumerate(self.tokens):
            if number in self._taken or token.kind not in {"n", "k", "w"}:
                continue
            for tongue in tongues:
                told = self._listed(number, tongue)
                if told is not None:
                    self._keep(told)
                    break

    def _listed(self, number: int, tongue: Tongue) -> Told | None:
        words = tongue.words
        one = self.naming.one_key(number, words, is_plain=False)
        if one is None or len(one[0].key) > 1 or self.naming.token(number - 1).word in words.ago:
            return None
        key, behind = one
        if self.naming.token(behind).word in words.until and self.naming.token(behind + 1).kind in {"n", "x"}:
            return None
        first = number
        while self.naming.token(first - 1).word in words.fillers - words.joints and first - 1 not in self._taken:
            first -= 1
        starts = (
            first - 1 in self._taken
            or self.naming.token(first - 1).kind == "p"
            or self.naming.token(first - 1).word in words.joints
        )
        if starts and self.naming.token(behind).word in words.purpose:
            return Told((key,), "list", first, behind, tongue)
        if starts and self.naming.token(behind).word in {"-", ":", "="}:
            return Told((key,), "list", first, behind, tongue, is_word=True)
        if self._ends_clause(behind, words) and (starts or self._begins_with_purpose(first, words)):
            return Told((key,), "list", first, behind, tongue, is_word=starts)
        return None

    def _ends_clause(self, behind: int, words: Words) -> bool:
        token, second = self.naming.token(behind), self.naming.token(behind + 1)
        if token.word in words.joints:
            return second.word in words.purpose
        return token is NOTHING or (token.word in _ENDS and second.word not in words.verbs)

    def _begins_with_purpose(self, at: int, words: Words) -> bool:
        """Whether the clause in front of the token says what for, right behind another key."""
        start = at - 1
        while start >= 0 and self.tokens[start].kind in {"w", "v"} and start not in self._taken:
            start -= 1
        is_behind_key = start in self._taken or (
            self.naming.token(start).word in {",", ";", "."} and start - 1 in self._taken
        )
        first = start + 1
        while self.naming.token(first).word in words.joints:
            first += 1
        return is_behind_key and self.naming.token(first).word in words.purpose and at - first >= 2

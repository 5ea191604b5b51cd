"""The keys that one prompt names: `press 1`, `the star key`, `1, 2 or 3`, `1 to 5`; and what is another number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

from app.flow.checks.prompts.language import Language, likeliest_languages, names_of_signs, words_that_begin_a_key
from app.flow.phrases import fold

SENTENCE_ENDS = frozenset(".!?;:")

_VALUE = "\ue001"
"""Takes the place of each character of a `{{ value }}`."""
_MARKUP = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|</?[A-Za-z][^<>]*>|<!--.*?-->|&#?\w{1,8};", re.DOTALL)
_ALTERNATIVE = re.compile(r"\{%[-+]?\s*(?:else|elif)\b")
_LOOP = re.compile(r"\{%[-+]?\s*for\b")
_PAUSE = re.compile(r"<(?:break|/?p|/?s)\b")
_DASHES = "\u2013\u2014"
_TOKEN = re.compile(
    rf"(?P<value>{_VALUE}+)|(?P<ampm>[ap]\.\s?m\b\.?)|(?P<amount>\d+(?:[.,:/]\d+)+|\d+[^\W\d_]+)|(?P<number>\d+)"
    r"|(?P<word>[^\W\d_]+)|(?P<key>[*#])|(?P<mark>[.!?;:,()\-\u2013\u2014/%$€£…])",
    re.IGNORECASE,
)
_ARTICLES = frozenset({"one", "un", "uno", "una", "um", "uma"})
"""Number words that are articles or pronouns too."""
_DETERMINERS = frozenset({"le", "die", "el", "il", "o", "lo", "the"})
"""Before a number word they make it a key: `faites le neuf`."""
_GERMAN_FILLERS = frozenset({"jetzt", "bitte", "einfach", "taste"})
_GERMAN_ARTICLES = frozenset({"der", "die", "dem", "taste", "ziffer"})
_NOUNS_AFTER_KEY = frozenset({"key", "button", "taste"})
_ANY = frozenset({"any", "beliebige", "quelle", "quelconque", "cualquier", "qualsiasi", "qualunque", "qualquer"})
_BETWEEN = frozenset({"between", "zwischen", "entre", "tra", "fra"})
_OF = frozenset({"de", "por", "pour", "per", "of"})
_CURRENCIES = frozenset("$€£")


class Token(NamedTuple):
    """One piece of a text.

    Attributes:
        kind: `word`, `number` (whole), `amount` (a time, a price, `3rd`), `key` (* or #), `mark`, `value` (computed).
        word: folded; a number or a mark as written.
        start, end: offsets in the text.
    """

    kind: str
    word: str
    start: int
    end: int


NOTHING = Token("mark", "", 0, 0)
"""The token before the first and after the last one."""


class Key(NamedTuple):
    """One key with the offsets of the words that name it."""

    key: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mention:
    """Keys that are named together.

    Attributes:
        keys: in order.
        way: how they are named: after a verb, by a noun ("key 1"), or in a list whose verb is left out.
        first, after: the tokens that it covers, from `first` up to and without `after`.
        is_word: the key is written as a word that can mean something else.
    """

    keys: tuple[Key, ...]
    way: Literal["press", "dial", "noun", "list"]
    first: int
    after: int
    language: Language
    is_range: bool = False
    is_word: bool = False


@dataclass(frozen=True, slots=True)
class PromptText:
    """A text with what it says about keys.

    Attributes:
        possible_keys: keys that it may name in a way that is not understood.
        language: the one it is most likely in.
        is_open: a value, a loop or "any key" can name more keys than can be seen.
    """

    tokens: tuple[Token, ...]
    mentions: tuple[Mention, ...]
    possible_keys: frozenset[str]
    language: Language
    is_open: bool

    @property
    def words(self) -> str:
        """All its words, folded, with one blank between them."""
        return " ".join(token.word for token in self.tokens if token.kind != "mark")


@lru_cache(maxsize=2048)
def read_prompt(text: str, voice: str) -> PromptText:
    """Read a text that a voice with this language code speaks ("" when it is not known)."""
    tokens = tuple(_tokens(text))
    by_likelihood = likeliest_languages((token.word for token in tokens if token.kind == "word"), voice)
    finder = _MentionFinder(tokens, by_likelihood)
    mentions = tuple(finder.find())
    language = by_likelihood[0]
    is_open = bool(_LOOP.search(text)) or _has_open_value(text, tokens, by_likelihood) or _takes_any(tokens, language)
    return PromptText(tokens, mentions, frozenset(_possible_keys(tokens, language)), language, is_open)


def _tokens(text: str) -> Iterator[Token]:
    if "{" in text or "<" in text or "&" in text:
        text = _MARKUP.sub(_blank, text)
    for match in _TOKEN.finditer(text):
        kind, word = match.lastgroup or "", match.group()
        if kind == "ampm":
            kind, word = "word", f"{word[0]}m"
        elif word in _DASHES:
            word = "-"
        yield Token(kind, fold(word) if kind == "word" else word, match.start(), match.end())


def _blank(found: re.Match[str]) -> str:
    """A text of the same length that sounds alike: a value, a pause or nothing."""
    piece = found.group()
    if piece.startswith("{{"):
        return _VALUE * len(piece)
    mark = "." if _ALTERNATIVE.match(piece) else "," if _PAUSE.match(piece) else ""
    return mark.ljust(len(piece))


def _has_open_value(text: str, tokens: Sequence[Token], languages: Sequence[Language]) -> bool:
    """Whether a computed value is a sentence of its own, or takes the place of a key."""
    for number, token in enumerate(tokens):
        if token.kind != "value":
            continue
        before = tokens[number - 1].word if number else "."
        after = tokens[number + 1] if number + 1 < len(tokens) else None
        ends = after is None or after.word in SENTENCE_ENDS or text[after.start].isupper()
        if (before in SENTENCE_ENDS and ends) or any(before in each.verbs | each.nouns for each in languages):
            return True
    return False


def _takes_any(tokens: Sequence[Token], language: Language) -> bool:
    return any(first.word in _ANY and second.word in language.nouns for first, second in pairwise(tokens))


def _possible_keys(tokens: Sequence[Token], language: Language) -> Iterator[str]:
    reader = _KeyReader(tokens)
    for number, token in enumerate(tokens):
        if token.kind == "key":
            yield token.word
        elif token.kind == "number" and len(token.word) == 1:
            before = reader.token(number - 1)
            ends_range = before.word in language.range and reader.token(number - 2).kind in {"number", "amount"}
            is_other = before.word in language.before_quantities or ends_range or reader.is_quantity(number, language)
            if not is_other:
                yield token.word
        elif token.word in names_of_signs():
            yield names_of_signs()[token.word]


class _Keys(NamedTuple):
    """One key or several, and the token after them."""

    keys: tuple[Key, ...]
    after: int
    is_range: bool = False


@dataclass(slots=True)
class _KeyReader:
    """Reads keys at a token; tokens in `taken` belong to a key already."""

    tokens: Sequence[Token]
    taken: set[int] = field(default_factory=set)

    def token(self, number: int) -> Token:
        return self.tokens[number] if 0 <= number < len(self.tokens) else NOTHING

    def keys_at(self, at: int, language: Language, *, is_plain: bool = False) -> _Keys | None:
        """One key, several, or a range of them, from the token `at`; `is_plain`: as in `key_at`."""
        one = self.key_at(at, language, is_plain=is_plain)
        if one is None:
            return None
        key, after = one
        found = self._range(key, after, language, at)
        if found is not None:
            return found
        keys = [key]
        while (more := self._next_key(after, language)) is not None:
            key, after = more
            keys.append(key)
        return _Keys(tuple(keys), after)

    def _range(self, low: Key, after: int, language: Language, at: int) -> _Keys | None:
        until = self.token(after)
        is_between = any(self.token(number).word in _BETWEEN for number in range(at - 3, at))
        if not (
            until.word in language.range or until.word == "-" or (is_between and until.word in language.conjunctions)
        ):
            return None
        for number in (after + 1, after + 2, after + 3):
            high = self.token(number)
            digit = language.numbers.get(high.word, high.word)
            if high.kind in {"number", "word"} and digit.isdigit():
                break
        else:
            return None
        if len(digit) != 1 or len(low.key) != 1 or not low.key.isdigit() or digit <= low.key:
            return None
        if self.is_quantity(number, language):
            return None
        keys = tuple(Key(str(key), low.start, high.end) for key in range(int(low.key), int(digit) + 1))
        return _Keys(keys, number + 1, is_range=True)

    def _next_key(self, at: int, language: Language) -> tuple[Key, int] | None:
        """The next key of `1, 2 or 3`."""
        start = at
        while self.token(at).word in language.conjunctions or self.token(at).word in {",", "/"}:
            at += 1
        if at == start:
            return None
        for _ in range(3):
            one = self.key_at(at, language)
            if one is not None:
                return one
            if self.token(at).word not in language.fillers or self.token(at).word in language.say:
                return None
            at += 1
        return None

    def key_at(self, at: int, language: Language, *, is_plain: bool = False) -> tuple[Key, int] | None:
        """The key that the token names, and the token after it. `is_plain`: a word counts only if nothing follows."""
        token = self.token(at)
        key = self._name(at, token, language, is_plain)
        if key is None or at in self.taken:
            return None
        after = at + 1
        if self.token(after).word == "-" and self.token(after + 1).word in language.nouns:
            after += 1
        if self.token(after).word in language.nouns:
            after += 1
        return Key(key, token.start, self.token(after - 1).end), after

    def _name(self, at: int, token: Token, language: Language, is_plain: bool) -> str | None:
        if token.kind == "key":
            return token.word
        if token.kind == "number":
            return None if self.is_quantity(at, language) else token.word
        if token.kind != "word" or not self._can_be_key(at, language, is_plain):
            return None
        if token.word in language.star:
            return "*"
        if token.word in language.hash or token.word in language.hash_beside_key:
            return "#"
        return language.numbers.get(token.word)

    def _can_be_key(self, at: int, language: Language, is_plain: bool) -> bool:
        """Whether a word can be a key, by what follows: `press one for sales`, not `press one of the keys`."""
        token, after = self.token(at), self.token(at + 1)
        if after.kind in {"mark", "key"}:
            return not (is_plain and token.word in _ARTICLES)
        if is_plain:
            return token.word not in _ARTICLES and after.word in language.purpose
        if token.word in _ARTICLES:
            return after.word in language.purpose or after.word in language.conjunctions
        return after.word in language.after_key or after.kind == "number"

    def is_quantity(self, at: int, language: Language) -> bool:
        """Whether a number is a time, a price, a date or part of a phone number."""
        before, after, second = self.token(at - 1), self.token(at + 1), self.token(at + 2)
        if before.word in _CURRENCIES or after.word in _CURRENCIES or after.word == "%":
            return True
        if after.kind in {"number", "amount"} or before.kind in {"number", "amount"}:
            return True
        if after.word == "-" and second.kind == "number" and not self._is_short_range(at):
            return True
        if before.word == "-" and self.token(at - 2).kind in {"number", "amount"} and not self._is_short_range(at - 2):
            return True
        return after.word in language.units or (after.word in _OF and second.word in language.units)

    def _is_short_range(self, at: int) -> bool:
        low, high = self.token(at).word, self.token(at + 2).word
        return len(low) == len(high) == 1 and low < high and self.token(at + 3).word != "-"


@dataclass(slots=True)
class _MentionFinder:
    """Finds every mention of keys in one text; the likeliest of `languages` comes first."""

    tokens: Sequence[Token]
    languages: Sequence[Language]
    found: list[Mention] = field(default_factory=list)
    reader: _KeyReader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = _KeyReader(self.tokens)

    def find(self) -> list[Mention]:
        """The mentions in their order."""
        for number, token in enumerate(self.tokens):
            if token.word in words_that_begin_a_key() and number not in self.reader.taken:
                self._keep(self._at_word(number, token.word))
        for number, token in enumerate(self.tokens):
            if token.word in _NOUNS_AFTER_KEY and number not in self.reader.taken:
                self._keep(self._before_noun(number))
        if self.found:
            self._find_lists()
        return sorted(self.found, key=lambda mention: mention.first)

    def _keep(self, mention: Mention | None) -> None:
        if mention is not None:
            self.found.append(mention)
            self.reader.taken.update(range(mention.first, mention.after))

    def _at_word(self, number: int, word: str) -> Mention | None:
        for language in self.languages:
            mention = None
            if word in language.verbs:
                mention = self._after_verb(number, language, "press" if word in language.press else "dial")
            if mention is None and word in language.final_verbs:
                mention = self._before_verb(number, language)
            if mention is None and word in language.nouns:
                mention = self._after_noun(number, language)
            if mention is None and word in language.with_:
                mention = self._after_with(number, language)
            if mention is not None:
                return mention
        return None

    def _after_verb(self, number: int, language: Language, way: Literal["press", "dial"]) -> Mention | None:
        """`press 1`, `drücken Sie bitte die 1`, `press, or say, 1`."""
        at = number + 1
        is_key = way == "press"
        while True:
            keys = self.reader.keys_at(at, language, is_plain=not is_key)
            if keys is not None:
                return self._mention(keys, way, number, language)
            token = self.reader.token(at)
            if token.kind == "word" and token.word in language.fillers:
                is_key = is_key or token.word in language.nouns or token.word in _DETERMINERS
            elif not self._can_separate(at, language):
                return None
            at += 1

    def _can_separate(self, at: int, language: Language) -> bool:
        """Whether a mark may come between verb and key."""
        before, mark, after = (self.reader.token(number).word for number in (at - 1, at, at + 1))
        return mark in {":", "-"} or (mark == "," and (after in language.conjunctions or before in language.say))

    def _before_verb(self, number: int, language: Language) -> Mention | None:
        """`die 1 drücken`."""
        at = number - 1
        while self.reader.token(at).word in _GERMAN_FILLERS:
            at -= 1
        keys = self.reader.keys_at(at, language)
        if keys is None or at in self.reader.taken:
            return None
        key = keys.keys[0]._replace(end=self.tokens[number].end)
        return Mention((key,), "press", at, number + 1, language)

    def _after_noun(self, number: int, language: Language) -> Mention | None:
        """`key 1`, `Taste 1`, `keys 1 through 9`."""
        at = number + 1
        while (
            at < number + 4 and self.reader.token(at).word in language.fillers and not self.reader.keys_at(at, language)
        ):
            at += 1
        keys = self.reader.keys_at(at, language)
        return self._mention(keys, "noun", number, language) if keys else None

    def _after_with(self, number: int, language: Language) -> Mention | None:
        """`mit der 1`."""
        at = number + 1
        while self.reader.token(at).word in _GERMAN_ARTICLES:
            at += 1
        if at == number + 1:
            return None
        keys = self.reader.keys_at(at, language)
        if keys is not None:
            return self._mention(keys, "noun", number, language)
        token = self.reader.token(at)
        digit = language.numbers.get(token.word)
        if digit is None:
            return None
        return Mention((Key(digit, token.start, token.end),), "noun", number, at + 1, language, is_word=True)

    def _before_noun(self, number: int) -> Mention | None:
        """`the star key`, `1-Taste`."""
        at = number - 2 if self.reader.token(number - 1).word == "-" else number - 1
        for language in self.languages:
            if at not in self.reader.taken and self.reader.token(number).word in language.nouns:
                key = self.reader.key_at(at, language)
                if key is not None:
                    return Mention((key[0],), "noun", at, number + 1, language)
        return None

    def _mention(self, read: _Keys, way: Literal["press", "dial", "noun"], first: int, language: Language) -> Mention:
        start = self.tokens[first].start
        keys = read.keys
        if len(keys) == 1 or read.is_range:
            keys = tuple(key._replace(start=start) for key in keys)
        return Mention(keys, way, first, read.after, language, read.is_range)

    def _find_lists(self) -> None:
        """The keys whose verb is left out: `press 1 for sales, 2 for support`; `for sales press 1, for support 2`."""
        languages = list(dict.fromkeys(mention.language for mention in self.found))
        for number, token in enumerate(self.tokens):
            if number in self.reader.taken or token.kind not in {"number", "key", "word"}:
                continue
            for language in languages:
                mention = self._in_list(number, language)
                if mention is not None:
                    self._keep(mention)
                    break

    def _in_list(self, number: int, language: Language) -> Mention | None:
        token = self.reader.token
        one = self.reader.key_at(number, language)
        if one is None or len(one[0].key) > 1 or token(number - 1).word in language.before_quantities:
            return None
        key, after = one
        if token(after).word in language.range and token(after + 1).kind in {"number", "amount"}:
            return None
        first = number
        while token(first - 1).word in language.fillers - language.conjunctions and first - 1 not in self.reader.taken:
            first -= 1
        previous = token(first - 1)
        starts = first - 1 in self.reader.taken or previous.kind == "mark" or previous.word in language.conjunctions
        if starts and token(after).word in language.purpose:
            return Mention((key,), "list", first, after, language)
        if starts and token(after).word in {"-", ":", "="}:
            return Mention((key,), "list", first, after, language, is_word=True)
        if self._ends_clause(after, language) and (starts or self._begins_with_purpose(first, language)):
            return Mention((key,), "list", first, after, language, is_word=starts)
        return None

    def _ends_clause(self, after: int, language: Language) -> bool:
        token, second = self.reader.token(after), self.reader.token(after + 1)
        if token.word in language.conjunctions:
            return second.word in language.purpose
        return token is NOTHING or (token.word in {*".!?;,"} and second.word not in language.verbs)

    def _begins_with_purpose(self, at: int, language: Language) -> bool:
        """Whether the clause before the token says what a key is for, right after another key."""
        taken, token = self.reader.taken, self.reader.token
        start = at - 1
        while start >= 0 and self.tokens[start].kind in {"word", "value"} and start not in taken:
            start -= 1
        follows_key = start in taken or (token(start).word in {",", ";", "."} and start - 1 in taken)
        first = start + 1
        while token(first).word in language.conjunctions:
            first += 1
        return follows_key and token(first).word in language.purpose and at - first >= 2

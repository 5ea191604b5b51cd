"""Finds what a prompt says about keys: `press 1`, `the star key`, `1, 2 or 3`, `1 to 5`.

A grammar of regular expressions, filled with a language's words, finds mentions of keys in a text's tokens (`" press 1
for sales , 2 for support ."`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from ncco_server.flow.phrases import fold

_FOLDER: Final = Path(__file__).parent

LONGEST_PROMPT: Final = 10_000
"""Characters examined of a text. Our choice: a talk speaks at most 1,500."""

_VALUE: Final = "\ue001"
"""Replaces each character of a `{{ value }}`."""
_AMOUNT: Final = "¤"
"""Replaces a time, a price, a date or an ordinal."""
_NAMED: Final = "§"
"""Replaces each character that already names a key."""

_MARKUP: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|</?[A-Za-z][^<>]*>|<!--.*?-->|&#?\w{1,8};", re.DOTALL)
_ALTERNATIVE: Final = re.compile(r"\{%[-+]?\s*(?:else|elif)\b")
_LOOP: Final = re.compile(r"\{%[-+]?\s*for\b")
_PAUSE: Final = re.compile(r"<(?:break|/?p|/?s)\b")
_TOKEN: Final = re.compile(
    rf"(?P<value>{_VALUE}+)|(?P<ampm>[ap])\.\s?m\b\.?|(?P<amount>\d+(?:[.,:/]\d+)+|\d+[^\W\d_]+)|(?P<number>\d+)"
    r"|(?P<word>[^\W\d_]+)|(?P<sign>[*#.!?;:,()/%$€£…])|(?P<dash>[\-\u2013\u2014])",
    re.IGNORECASE,
)
_WORD: Final = re.compile(rf"[^\W\d_{_VALUE}]+|[*#]|\d+|{_VALUE}+")

GRAMMAR: Final[Mapping[str, Any]] = yaml.load(_FOLDER.joinpath("prompt_grammar.yaml").read_bytes(), yaml.CSafeLoader)


@dataclass(frozen=True, eq=False)
class Language:
    """A language's case-folded words, by purpose, and the number (0 to 12) of each numeral."""

    code: str
    words: Mapping[str, frozenset[str]]
    counts: Mapping[str, int]

    @property
    def triggers(self) -> frozenset[str]:
        return self.words["press"] | self.words["dial"] | self.words["nouns"] | self.words["with"]

    def key_of(self, word: str) -> str:
        if word in self.words["star"]:
            return "*"
        return "#" if word in self.words["hash"] | self.words["hash_beside_key"] else str(self.counts.get(word, word))

    @cache  # noqa: B019 - there are six languages, and they are kept anyway
    def pattern(self, rule: str) -> re.Pattern[str]:
        while (filled := re.sub(r"\{([a-z_]+)\}", self._piece, rule)) != rule:
            rule = filled
        return re.compile(rule)

    def _piece(self, found: re.Match[str]) -> str:
        name = found[1]
        if name in GRAMMAR["pieces"]:
            return str(GRAMMAR["pieces"][name])
        words = "|".join(sorted(self.words[name])) or "(?!)"
        return f"(?:[ ](?:{words})(?![^ ]))"


@cache
def languages() -> tuple[Language, ...]:
    """English comes first."""
    written = yaml.load(_FOLDER.joinpath("prompt_words.yaml").read_bytes(), yaml.CSafeLoader)
    every = written.pop("every")
    return tuple(_language(code, {**every, **lists}) for code, lists in written.items())


def _language(code: str, lists: Mapping[str, str]) -> Language:
    words = defaultdict[str, frozenset[str]](frozenset)
    words |= {name: frozenset(map(fold, said.split())) for name, said in lists.items()}
    words["after_key"] |= words["purpose"] | words["conjunctions"] | words["nouns"] | words["range_words"]
    counts = {fold(word): count for count, each in enumerate(lists["counts"].split()) for word in each.split("/")}
    words["counts"] = frozenset(counts)
    words["numbers"] = frozenset(word for word, count in counts.items() if count < 10)
    words["article"] &= words["numbers"]
    words["named"] = words["numbers"] | words["star"] | words["hash"] | words["hash_beside_key"]
    return Language(code, words, counts)


def _by_likelihood(words: Iterable[str], voice: str) -> list[Language]:
    """The most likely language for these words first; `voice` is the voice's language code, or ""."""
    weights: Counter[str] = Counter()
    for word in set(words):
        weights.update(_weights().get(word, {}))
    spoken = voice.partition("-")[0].lower()
    return sorted(languages(), key=lambda language: (-weights[language.code], language.code != spoken))


@cache
def _weights() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for language in languages():
        for name, weight in (("common", 1), ("press", 1), ("say", 1), ("typical", 2)):
            for word in language.words[name]:
                found.setdefault(word, {})[language.code] = weight
    return found


class NamedKey(NamedTuple):
    """A key, and where the words that name it start and end in `PromptText.tokens`."""

    key: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mention:
    """Keys named together, and where their words start and end.

    `way` is one of the `ways` in the grammar, or `list`.
    """

    keys: tuple[NamedKey, ...]
    way: str
    start: int
    end: int
    language: Language
    is_range: bool = False


@dataclass(frozen=True)
class PromptText:
    """A text with its mentions of keys.

    Attributes:
        tokens: case-folded words, numbers and signs, each after a space.
        places: offset of each token in `tokens` → its start and end in the text.
        is_open: it may name more keys than can be found.
    """

    tokens: str
    places: Mapping[int, tuple[int, int]]
    mentions: tuple[Mention, ...]
    possible_keys: frozenset[str]
    language: Language
    is_open: bool

    def has(self, rule: str) -> bool:
        return self.language.pattern(rule).search(self.tokens) is not None

    def written(self, start: int, end: int) -> tuple[int, int]:
        found = [place for at, place in self.places.items() if start <= at < end]
        return found[0][0], found[-1][1]

    @property
    def words(self) -> str:
        return " ".join(_WORD.findall(self.tokens))


@lru_cache(maxsize=2048)
def read_prompt(text: str, voice: str) -> PromptText:
    """`voice` is the voice's language code; "" if unknown."""
    is_long = len(text) > LONGEST_PROMPT
    text = text[:LONGEST_PROMPT]
    tokens, places = _tokens(_MARKUP.sub(_placeholder, text))
    words = set(tokens.split())
    each = _by_likelihood(words, voice)
    mentions = list(_mentions(tokens, [language for language in each if language.triggers & words]))
    mentions += _lists(tokens, mentions)
    language = each[0]
    is_open = is_long or bool(_LOOP.search(text) or language.pattern("{any}{nouns}").search(tokens))
    is_open = is_open or (_VALUE in tokens and _has_open_value(text, tokens, places))
    possible = frozenset(
        language.key_of(word) for word in language.pattern(GRAMMAR["with"]).findall(tokens)
    ) | frozenset(key.key for key in _keys(tokens, 0, len(tokens), language) if not _is_counted(tokens, key, language))
    mentions.sort(key=lambda mention: mention.start)
    return PromptText(tokens, places, tuple(mentions), frozenset(possible), language, is_open)


def _tokens(text: str) -> tuple[str, dict[int, tuple[int, int]]]:
    found = []
    places = {}
    length = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        word = match.group()
        plain = {"amount": _AMOUNT, "dash": "-", "ampm": f"{match['ampm']}m".lower(), "word": fold(word)}
        token = plain.get(kind, word)
        places[length] = match.span()
        length += len(token) + 1
        found.append(f" {token}")
    return "".join(found), places


def _placeholder(found: re.Match[str]) -> str:
    piece = found.group()
    if piece.startswith("{{"):
        return _VALUE * len(piece)
    mark = "." if _ALTERNATIVE.match(piece) else "," if _PAUSE.match(piece) else ""
    return mark.ljust(len(piece))


def _has_open_value(text: str, tokens: str, places: Mapping[int, tuple[int, int]]) -> bool:
    """Whether a computed value is a sentence of its own, or replaces a key."""
    for found in re.finditer(f"(?P<stop>^|[ ][.!?;:]) {_VALUE}+(?=(?P<end>$|[ ][.!?;:])|)", tokens):
        if found["end"] is not None or text[places[found.end()][0]].isupper():
            return True
    return any(
        language.pattern(f"(?:{{press}}|{{dial}}|{{nouns}})[ ]{_VALUE}").search(tokens) for language in languages()
    )


def _mentions(tokens: str, among: list[Language]) -> Iterator[Mention]:
    found = [
        (way == "before", match.start(), rank, _mention(tokens, match, way, language))
        for rank, language in enumerate(among)
        for way, rule in GRAMMAR["ways"].items()
        for match in language.pattern(rule).finditer(tokens)
    ]
    taken = set[int]()
    for *_, mention in sorted(found, key=lambda each: each[:3]):
        covered = range(mention.start, mention.end)
        if taken.isdisjoint(covered):
            taken.update(covered)
            yield mention


def _mention(tokens: str, match: re.Match[str], way: str, language: Language) -> Mention:
    start, end = match.span()
    digits = language.pattern("{digit}").findall(match["range"] or "") if "range" in match.re.groupindex else ()
    keys = tuple(_keys(tokens, *match.span("keys"), language))
    if digits:
        low, high = (int(language.key_of(digit.strip())) for digit in (digits[0], digits[-1]))
        keys = tuple(NamedKey(str(key), start, end) for key in range(low, max(low, high) + 1))
    elif len(keys) == 1:
        keys = (NamedKey(keys[0].key, start, end),)
    return Mention(keys, "press" if way == "final" else way, start, end, language, bool(digits))


def _keys(tokens: str, start: int, end: int, language: Language) -> Iterator[NamedKey]:
    pattern = language.pattern("{key}|{named}{key_noun}")
    while (match := pattern.search(tokens, start)) and match.start() < end:
        yield NamedKey(language.key_of(match.group().split()[0]), *match.span())
        start = match.end()


def _is_counted(tokens: str, key: NamedKey, language: Language) -> bool:
    """Whether a number means something other than a key: `room 3`, `from 9 to 5`."""
    before = language.pattern(rf"(?:{{before_quantities}}|[\d{_AMOUNT}]{{range_words}})$")
    return len(key.key) > 1 or before.search(tokens[: key.start]) is not None


def _lists(tokens: str, mentions: list[Mention]) -> Iterator[Mention]:
    """Keys without a verb, after keys with one: `press 1 for sales, 2 for support`."""
    for mention in mentions:
        tokens = _replaced(tokens, mention.start, mention.end, _NAMED)
    patterns = [
        (language, language.pattern(rule))
        for language in dict.fromkeys(mention.language for mention in mentions)
        for rule in GRAMMAR["lists"]
    ]
    at = 0
    while each := [(match.start(), match, lang) for lang, rule in patterns if (match := rule.search(tokens, at))]:
        at, match, language = min(each, key=lambda one: one[0])
        start, end = match.span("keys")
        keys = tuple(_keys(tokens, start, end, language))
        is_key = len(keys[0].key) == 1 and not _is_counted(tokens, keys[0], language)
        tokens = _replaced(tokens, start, end, _NAMED if is_key else _AMOUNT)
        if is_key:
            yield Mention(keys, "list", start, end, language)


def _replaced(tokens: str, start: int, end: int, sign: str) -> str:
    return f"{tokens[:start]}{sign * (end - start)}{tokens[end:]}"

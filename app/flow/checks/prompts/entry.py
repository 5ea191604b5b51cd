"""Whether the prompts of a data entry and what it takes agree (W605, W606, W607)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from app.flow.checks.prompts.language import Language
from app.flow.checks.prompts.spoken import SpokenText
from app.flow.checks.prompts.text import Key, Mention, PromptText, Token
from app.flow.issues import Issue
from app.flow.phrases import fold
from app.flow.rules import RULES

_STOPS = frozenset(".!?;")
_ONE = frozenset({"one", "un", "uno", "una", "um", "uma", "eins"})
_A = frozenset({"a", "an", "ein", "eine", "une"}) | _ONE
_SPELLED = frozenset(
    {"letter", "letters", "buchstabe", "buchstaben", "lettre", "lettres", "letra", "letras", "lettera", "lettere"}
    | {"decimal", "dezimal", "komma", "point", "virgule", "punto", "coma", "virgola", "virgula"}
)
"""Where keys mean letters or the decimal point, they are part of the entry."""
_EACH = frozenset({"each", "je", "jeweils", "chacun", "chacune", "cada", "ciascuno", "ciascuna", "ognuno"})
_TEN_TO_TWELVE = "ten/zehn/dix/diez/dieci/dez eleven/elf/onze/once/undici twelve/zwölf/douze/doce/dodici/doze"


@dataclass(frozen=True, slots=True)
class DataEntry:
    """What a `collect` takes.

    Attributes:
        lengths: fewest and most digits; None when it takes none.
        ends_with_hash: whether the hash key ends the entry.
    """

    lengths: tuple[int, int] | None
    ends_with_hash: bool = False

    @property
    def shown(self) -> str:
        """What it takes, in words."""
        if self.lengths is None:
            return "speech only"
        low, high = self.lengths
        return f"{low if low == high else f'{low} to {high}'} digit{'' if high == 1 else 's'}"


class _Count(NamedTuple):
    """How many digits a text asks for: fewest and most, with the offsets of its words."""

    low: int
    high: int
    start: int
    end: int


def check_entry(heard: Sequence[tuple[SpokenText, PromptText]], entry: DataEntry) -> Iterator[Issue]:
    """The warnings on a data entry, by every text that a caller can hear in its step."""
    for spoken, text in heard:
        yield from _check_keys(spoken, text, entry)
        if spoken.is_inherited or entry.lengths is None:
            continue
        yield from _check_count(spoken, text, entry, *entry.lengths)
        if entry.lengths[0] == entry.lengths[1] and not entry.ends_with_hash:
            yield from _check_hash(spoken, text)


def _check_keys(spoken: SpokenText, text: PromptText, entry: DataEntry) -> Iterator[Issue]:
    """W605: a key as in a menu, where digits or speech are taken."""
    if any(token.word in _SPELLED for token in text.tokens):
        return
    for mention in text.mentions:
        if mention.way != "press" or mention.is_range or not _ends_or_explains(text, mention):
            continue
        for key in mention.keys:
            if not _is_taken(key, entry):
                which = "not every step that says so" if spoken.is_inherited else "this step"
                message = f'the prompt says "{spoken.words(key.start, key.end)}", and {which} takes {entry.shown}'
                yield RULES["W605"].at(spoken.place(key.start, key.end), message)


def _ends_or_explains(text: PromptText, mention: Mention) -> bool:
    """Whether a key is named as one: `press 0 for help`, not `enter the 8 figures`."""
    after = text.tokens[mention.after] if mention.after < len(text.tokens) else None
    return after is None or after.kind == "mark" or after.word in mention.language.after_key


def _is_taken(key: Key, entry: DataEntry) -> bool:
    if entry.lengths is None or key.key == "*":
        return False
    return key.key == "#" or len(key.key) != 1 or entry.lengths[0] <= 1


def _check_hash(spoken: SpokenText, text: PromptText) -> Iterator[Issue]:
    """W607: the hash key after an entry that ends by itself."""
    for number, token in enumerate(text.tokens):
        if _is_hash(text, number) and not _is_denied(text, number):
            words = spoken.words(token.start, token.end)
            message = f'the prompt asks for "{words}" at the end, and this entry ends with its last digit'
            yield RULES["W607"].at(
                spoken.place(token.start, token.end), message, "leave the hash key out of the prompt"
            )
            return


def _is_hash(text: PromptText, number: int) -> bool:
    token, language = text.tokens[number], text.language
    if token.word == "#" or token.word in language.hash:
        return True
    if token.word not in language.hash_beside_key:
        return False
    around = text.tokens[max(0, number - 4) : number] + text.tokens[number + 1 : number + 2]
    return any(near.word in language.nouns | language.end_of_entry | language.press for near in around)


def _is_denied(text: PromptText, number: int) -> bool:
    start, end = _sentence(text.tokens, number)
    return any(token.word in text.language.negations for token in text.tokens[start:end])


def _sentence(tokens: Sequence[Token], number: int) -> tuple[int, int]:
    start = next((at + 1 for at in range(number, -1, -1) if tokens[at].word in _STOPS), 0)
    end = next((at for at in range(number, len(tokens)) if tokens[at].word in _STOPS), len(tokens))
    return start, end


def _check_count(spoken: SpokenText, text: PromptText, entry: DataEntry, low: int, high: int) -> Iterator[Issue]:
    """W606: another number of digits than the entry takes."""
    if any(token.word in _EACH for token in text.tokens):
        return
    counts = _asked_counts(text)
    if not counts or any(low <= count.low and count.high <= high for count in counts):
        return
    first = counts[0]
    parts = [count.high for count in counts] + list(_further_parts(text, first))
    if low <= sum(parts) <= high and len(parts) > 1:
        return
    message = f'the prompt says "{spoken.words(first.start, first.end)}", and this step takes {entry.shown}'
    digits = first.low if first.low == first.high else f"{first.low}..{first.high}"
    cure = f"say {entry.shown}, or write `digits: {digits}`"
    yield RULES["W606"].at(spoken.place(first.start, first.end), message, cure)


def _asked_counts(text: PromptText) -> list[_Count]:
    """The numbers of digits in the sentences that ask for an entry; in all sentences if none does so by its verb."""
    found = list(_counts(text.tokens, text.language))
    asked = []
    for at, count in found:
        start, end = _sentence(text.tokens, at)
        if any(token.word in text.language.enter for token in text.tokens[start:end]):
            asked.append(count)
    return asked or [count for _, count in found]


def _further_parts(text: PromptText, first: _Count) -> Iterator[int]:
    """Parts without a number of digits: `two digits for the day, two for the month`, `six digits and a check digit`."""
    language = text.language
    begin = next(number for number, token in enumerate(text.tokens) if token.start == first.start)
    _, end = _sentence(text.tokens, begin)
    tokens = text.tokens[begin:end]
    for number in range(1, len(tokens) - 1):
        before, token, after = tokens[number - 1 : number + 2]
        if before.word != "," and before.word not in language.conjunctions:
            continue
        count = _number(token.word, language)
        if count is not None and after.word in language.purpose:
            yield count
        elif token.word in _A and any(near.word in language.digits for near in tokens[number + 1 : number + 3]):
            yield 1


def _counts(tokens: Sequence[Token], language: Language) -> Iterator[tuple[int, _Count]]:
    for number, token in enumerate(tokens):
        count = _in_compound(token, language) if language.code == "de" else None
        if count is None and token.word in language.digits:
            count = _count_before(tokens, number, language)
        if count is not None:
            yield number, count


def _in_compound(token: Token, language: Language) -> _Count | None:
    """`vierstellig`."""
    head, found, ending = token.word.partition("stellig")
    if not head or not found or ending not in {"", "e", "en", "er", "es", "em"}:
        return None
    count = _number(head, language)
    return None if count is None else _Count(count, count, token.start, token.end)


def _number(word: str, language: Language) -> int | None:
    if word.isdigit() and len(word) <= 2:
        return int(word)
    if word in language.numbers:
        return int(language.numbers[word])
    return _ten_to_twelve().get(word)


@cache
def _ten_to_twelve() -> dict[str, int]:
    groups = enumerate(_TEN_TO_TWELVE.split(), 10)
    return {fold(word): number for number, group in groups for word in group.split("/")}


def _count_before(tokens: Sequence[Token], number: int, language: Language) -> _Count | None:
    """`4 digits`, `4-digit`, `6 to 8 digits`, `up to 8 digits`."""
    at = number - 1
    if at >= 0 and tokens[at].word == "-":
        at -= 1
    if at >= 1 and tokens[at].kind == "word" and _number(tokens[at].word, language) is None:
        at -= 1
    high = _number(tokens[at].word, language) if at >= 0 else None
    if high is None or tokens[at].word in _ONE:
        return None
    low, first = high, at
    if at >= 2 and (tokens[at - 1].word in language.range | language.conjunctions or tokens[at - 1].word == "-"):
        lower = _number(tokens[at - 2].word, language)
        if lower is not None and lower < high:
            low, first = lower, at - 2
    before = {token.word for token in tokens[max(0, first - 3) : first]}
    if before & language.at_most or before & language.at_least:
        return None
    return _Count(low, high, tokens[first].start, tokens[number].end)

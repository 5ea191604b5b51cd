"""Whether the prompts of a data entry and what it takes agree (W605, W606, W607)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from app.flow.checks.prompts.keys import Told
from app.flow.checks.prompts.naming import Key
from app.flow.checks.prompts.places import place_of
from app.flow.checks.prompts.reading import Reading
from app.flow.checks.prompts.texts import DataEntry, SpokenText
from app.flow.checks.prompts.tokens import Token
from app.flow.checks.prompts.tongues import Tongue, Words
from app.flow.issues import Issue
from app.flow.phrases import fold
from app.flow.rules import RULES

_STOPS = frozenset(".!?;")
_ARTICLES = frozenset({"one", "un", "uno", "una", "um", "uma", "eins"})
_SPELLED = frozenset(
    {"letter", "letters", "buchstabe", "buchstaben", "lettre", "lettres", "letra", "letras", "lettera", "lettere"}
    | {"decimal", "dezimal", "komma", "point", "virgule", "punto", "coma", "virgola", "virgula"}
)
"""Where keys stand for letters or the decimal point, they are part of what is entered."""
_EACH = frozenset({"each", "je", "jeweils", "chacun", "chacune", "cada", "ciascuno", "ciascuna", "ognuno"})
_TEENS = """
ten/zehn/dix/diez/dieci/dez eleven/elf/onze/once/undici twelve/zwölf/douze/doce/dodici/doze
"""


class Count(NamedTuple):
    """How many digits a text asks for: fewest and most, with the offsets of its words."""

    low: int
    high: int
    start: int
    end: int


def check_entry(heard: Sequence[tuple[SpokenText, Reading]], entry: DataEntry) -> Iterator[Issue]:
    """Everything that does not agree."""
    for spoken, reading in heard:
        yield from _check_keys(spoken, reading, entry)
        if spoken.is_inherited:
            continue
        if entry.lengths is not None:
            yield from _check_count(spoken, reading, entry.lengths)
            if entry.lengths[0] == entry.lengths[1] and not entry.ends_with_hash:
                yield from _check_hash(spoken, reading, entry.lengths[0])


def _check_keys(spoken: SpokenText, reading: Reading, entry: DataEntry) -> Iterator[Issue]:
    """W605: a key as in a menu, where digits or speech are taken."""
    if any(token.word in _SPELLED for token in reading.tokens):
        return
    for told in reading.told:
        if told.way != "press" or told.is_range or not _ends_or_explains(reading, told):
            continue
        for key in told.keys:
            if _is_taken(key, entry):
                continue
            shown = " ".join(spoken.text.value[key.start : key.end].split())
            which = "not every step that says so" if spoken.is_inherited else "this step"
            message = f'the prompt says "{shown}", and {which} {_takes(entry)}'
            yield RULES["W605"].at(place_of(spoken.text, key.start, key.end), message)


def _ends_or_explains(reading: Reading, told: Told) -> bool:
    """Whether a key is told as one: `press 0 for help`, not `enter the 8 figures`."""
    behind = reading.tokens[told.behind] if told.behind < len(reading.tokens) else None
    words = told.tongue.words
    return behind is None or behind.kind == "p" or behind.word in words.behind


def _is_taken(key: Key, entry: DataEntry) -> bool:
    if key.key == "#":
        return entry.lengths is not None
    if key.key == "*" or entry.lengths is None:
        return False
    return len(key.key) != 1 or entry.lengths[0] <= 1


def _takes(entry: DataEntry) -> str:
    if entry.lengths is None:
        return "takes speech only"
    low, high = entry.lengths
    return f"takes {low} digits" if low == high else f"takes {low} to {high} digits"


def _check_hash(spoken: SpokenText, reading: Reading, digits: int) -> Iterator[Issue]:
    """W607: the hash key behind an entry that ends by itself."""
    for number, token in enumerate(reading.tokens):
        if _is_hash(reading, number) and not _is_denied(reading.tokens, number, reading.tongue.words):
            shown = spoken.text.value[token.start : token.end]
            message = f'the prompt asks for "{shown}" at the end, and this entry ends with its last digit'
            cure = "leave the hash key out of the prompt"
            if digits > 1:
                cure += f", or take fewer digits too, which it then ends: `digits: {digits - 1}..{digits}`"
            yield RULES["W607"].at(place_of(spoken.text, token.start, token.end), message, cure)
            return


def _is_hash(reading: Reading, number: int) -> bool:
    token, words = reading.tokens[number], reading.tongue.words
    if token.word == "#" or token.word in words.hash:
        return True
    if token.word not in words.near_hash:
        return False
    around = reading.tokens[max(0, number - 4) : number] + reading.tokens[number + 1 : number + 2]
    return any(near.word in words.nouns | words.followed or near.word in words.press for near in around)


def _is_denied(tokens: Sequence[Token], number: int, words: Words) -> bool:
    start, end = _sentence(tokens, number)
    return any(token.word in words.negations for token in tokens[start:end])


def _sentence(tokens: Sequence[Token], number: int) -> tuple[int, int]:
    start = next((at + 1 for at in range(number, -1, -1) if tokens[at].word in _STOPS), 0)
    end = next((at for at in range(number, len(tokens)) if tokens[at].word in _STOPS), len(tokens))
    return start, end


def _check_count(spoken: SpokenText, reading: Reading, lengths: tuple[int, int]) -> Iterator[Issue]:
    """W606: another number of digits than the entry takes."""
    if any(token.word in _EACH for token in reading.tokens):
        return
    counts = _asked(reading)
    low, high = lengths
    if not counts or any(low <= count.low and count.high <= high for count in counts):
        return
    parts = [count.high for count in counts] + list(_elided(reading, counts[0]))
    if low <= sum(parts) <= high and len(parts) > 1:
        return
    first = counts[0]
    shown = " ".join(spoken.text.value[first.start : first.end].split())
    taken = f"{low} digits" if low == high else f"{low} to {high} digits"
    message = f'the prompt says "{shown}", and this step takes {taken}'
    written = f"{first.low}" if first.low == first.high else f"{first.low}..{first.high}"
    yield RULES["W606"].at(
        place_of(spoken.text, first.start, first.end), message, f"say {taken}, or write `digits: {written}`"
    )


def _asked(reading: Reading) -> list[Count]:
    """The numbers of digits in the sentences that ask for an entry; in all when none does so by its verb."""
    found = list(_counts(reading.tokens, reading.tongue))
    entering = reading.tongue.words.entering
    spans = [_sentence(reading.tokens, at) for at, _ in found]
    asked = [
        count
        for (_, count), (start, end) in zip(found, spans, strict=True)
        if any(token.word in entering for token in reading.tokens[start:end])
    ]
    return asked or [count for _, count in found]


def _elided(reading: Reading, first: Count) -> Iterator[int]:
    """The parts that leave out the word behind the first: `two digits for the day, two for the month`."""
    tokens, words = reading.tokens, reading.tongue.words
    begin = next(number for number, token in enumerate(tokens) if token.start == first.start)
    _, end = _sentence(tokens, begin)
    for before, token, behind in zip(tokens[begin:end], tokens[begin + 1 : end], tokens[begin + 2 : end], strict=False):
        number = _number(token.word, words)
        starts = before.word == "," or before.word in words.joints
        if number is not None and starts and behind.word in words.purpose:
            yield number


def _counts(tokens: Sequence[Token], tongue: Tongue) -> Iterator[tuple[int, Count]]:
    words = tongue.words
    for number, token in enumerate(tokens):
        whole = _compound(token.word, words) if tongue.code == "de" else None
        if whole is not None:
            yield number, Count(whole, whole, token.start, token.end)
        elif token.word in words.digits:
            count = _count_before(tokens, number, words)
            if count is not None:
                yield number, count


def _compound(word: str, words: Words) -> int | None:
    """`vierstellig`."""
    head, found, rest = word.partition("stellig")
    return _number(head, words) if head and found and len(rest) <= 2 and rest.strip("enrms") == "" else None


def _number(word: str, words: Words) -> int | None:
    if word.isdigit() and len(word) <= 2:
        return int(word)
    if word in words.numbers:
        return int(words.numbers[word])
    return _teens().get(word)


@cache
def _teens() -> dict[str, int]:
    return {fold(word): 10 + number for number, group in enumerate(_TEENS.split()) for word in group.split("/")}


def _count_before(tokens: Sequence[Token], number: int, words: Words) -> Count | None:
    """`4 digits`, `4-digit`, `6 to 8 digits`, `up to 8 digits`."""
    at = number - 1
    if at >= 0 and tokens[at].word == "-":
        at -= 1
    if at >= 1 and tokens[at].kind == "w" and _number(tokens[at].word, words) is None:
        at -= 1
    high = _number(tokens[at].word, words) if at >= 0 else None
    if high is None or tokens[at].word in _ARTICLES:
        return None
    low, first = high, at
    if at >= 2 and (tokens[at - 1].word in words.until | words.joints or tokens[at - 1].word == "-"):
        lower = _number(tokens[at - 2].word, words)
        if lower is not None and lower < high:
            low, first = lower, at - 2
    before = {token.word for token in tokens[max(0, first - 3) : first]}
    if before & words.most or before & words.least:
        return None
    return Count(low, high, tokens[first].start, tokens[number].end)

"""What a language says about keys: a table of words for each of six languages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from app.flow.phrases import fold


@dataclass(frozen=True, eq=False)
class Tongue:
    """The words of one language; each field is a text of words, accents and case do not count.

    Attributes:
        code: as in `en`.
        shown: how messages call it.
        example: a language code that the platform speaks.
        press: verbs that ask for a key and nothing else.
        dial: verbs that may also ask for a number or another thing.
        final: verbs that may stand behind the key.
        say: verbs that ask for speech.
        numbers: the words for 0 to 9, those of one number joined by `/`.
        star, hash: words for these keys wherever they stand.
        near_hash: words that mean the hash key only behind a verb or beside a noun of keys.
        nouns: key, button and the like.
        by: what stands before a key that is used for something ("mit der 1").
        fillers: what may stand between a verb and its key.
        purpose: what begins the description of a choice.
        behind: what may stand behind a key that is told as a word.
        joints: and, or.
        until: what stands between the ends of a range.
        ago: words that stand before a number which is a time or a quantity.
        units: words that stand behind a number which is no key.
        digits: nouns that count the digits of an entry.
        most, least: "up to", "at least".
        followed: what stands before the key that ends an entry.
        entering: verbs that ask for an entry.
        negations: not, without.
        examples: words that name examples, not alternatives.
        common: frequent words by which the language is known.
        marks: words that hardly any other of the six languages has, and that prompts often hold.
    """

    code: str
    shown: str
    example: str
    press: str
    dial: str
    say: str
    numbers: str
    star: str
    hash: str
    near_hash: str
    nouns: str
    fillers: str
    purpose: str
    behind: str
    joints: str
    until: str
    ago: str
    units: str
    digits: str
    most: str
    least: str
    followed: str
    entering: str
    negations: str
    examples: str
    common: str
    marks: str
    final: str = ""
    by: str = ""

    @cached_property
    def words(self) -> Words:
        """The table, folded; made when a text of this language is read for the first time."""
        return Words(self)


class Words:
    """The words of a `Tongue` as sets."""

    def __init__(self, tongue: Tongue) -> None:
        self.press, self.dial = _set(tongue.press), _set(tongue.dial)
        self.verbs = self.press | self.dial
        self.final, self.by, self.say = _set(tongue.final), _set(tongue.by), _set(tongue.say)
        self.numbers = {
            word: str(digit)
            for digit, words in enumerate(tongue.numbers.split())
            for word in _set(words.replace("/", " "))
        }
        self.star, self.hash = _set(tongue.star), _set(tongue.hash)
        self.near_hash = _set(tongue.near_hash)
        self.nouns, self.fillers = _set(tongue.nouns), _set(tongue.fillers)
        self.purpose, self.joints, self.until = _set(tongue.purpose), _set(tongue.joints), _set(tongue.until)
        self.behind = self.purpose | self.joints | self.nouns | self.until | _set(tongue.behind)
        self.ago, self.units, self.digits = _set(tongue.ago), _set(tongue.units), _set(tongue.digits)
        self.most, self.least, self.followed = _set(tongue.most), _set(tongue.least), _set(tongue.followed)
        self.entering, self.negations, self.examples = (
            _set(tongue.entering),
            _set(tongue.negations),
            _set(tongue.examples),
        )
        self.marks = _set(tongue.marks)
        self.common = _set(tongue.common) | self.marks


def _set(words: str) -> frozenset[str]:
    return frozenset(fold(word) for word in words.split())

"""Whether the prompts of a menu and its choices agree (W600 to W603)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.flow.checks.prompts.choices import is_about, names_surely, others_named, terms_of
from app.flow.checks.prompts.descriptions import Described
from app.flow.checks.prompts.keys import Told
from app.flow.checks.prompts.naming import Key
from app.flow.checks.prompts.offers import Offer, Said
from app.flow.checks.prompts.places import place_of
from app.flow.checks.prompts.reading import Reading
from app.flow.checks.prompts.texts import MenuEntry, SpokenText
from app.flow.issues import Issue
from app.flow.phrases import find
from app.flow.rules import RULES

_ANY = frozenset({"any", "beliebige", "quelle", "quelconque", "cualquier", "qualsiasi", "qualunque", "qualquer"})
_THEN = frozenset(
    {"then", "followed", "dann", "danach", "anschliessend", "puis", "ensuite", "luego", "despues", "poi", "depois"}
)

Heard = tuple[SpokenText, Reading]


@dataclass(slots=True)
class MenuCheck:
    """One menu with everything that is said for it.

    Attributes:
        heard: each text and what it tells.
        menu: every choice.
        is_whole: there is nothing else, such as audio, that may tell keys.
        heard_elsewhere: keys that another action of the step listens for.
        explained: choices that another issue speaks of already.
        strays: keys that are told and that no choice has.
    """

    heard: Sequence[Heard]
    menu: Sequence[MenuEntry]
    is_whole: bool
    heard_elsewhere: frozenset[str] = frozenset()
    explained: set[str] = field(default_factory=set)
    strays: set[str] = field(default_factory=set)

    def issues(self) -> Iterator[Issue]:
        """Everything that does not agree."""
        for spoken, reading in self.heard:
            yield from self._keys(spoken, reading)
        if any(entry.keys for entry in self.menu):
            for spoken, reading in self.heard:
                yield from self._descriptions(spoken, reading)
        for spoken, reading in self.heard:
            yield from self._words(spoken, reading)
        yield from self._unmentioned()

    # W600: a key that no choice has

    def _keys(self, spoken: SpokenText, reading: Reading) -> Iterator[Issue]:
        if not reading.told:
            return
        known = {key for entry in self.menu for key in entry.keys} | self.heard_elsewhere
        longest = max((len(key) for key in known), default=1)
        in_turn = _told_in_turn(reading, known)
        for told in reading.told:
            if told in in_turn or _is_forbidden(reading, told):
                continue
            for key in told.keys:
                if key.key not in known and _is_sure(told, key, longest):
                    self.strays.add(key.key)
                    yield self._stray(spoken, reading, told, key)

    def _stray(self, spoken: SpokenText, reading: Reading, told: Told, key: Key) -> Issue:
        shown = _shown(spoken, key)
        which = "not every menu that says so" if spoken.is_inherited else "no choice of this menu"
        message = f'the prompt says "{shown}", and {which} has the key {key.key}'
        meant = self._meant(reading, told)
        if meant is not None:
            self.explained.add(meant.name)
        return RULES["W600"].at(place_of(spoken.text, key.start, key.end), message, self._stray_cure(key, meant))

    def _meant(self, reading: Reading, told: Told) -> MenuEntry | None:
        """The choice that a text describes beside a wrong key."""
        item = next((item for item in reading.described if item.told is told), None)
        if item is None:
            return None
        named = [entry for entry in self.menu if names_surely(entry, item.before or item.behind)]
        return named[0] if len(named) == 1 else None

    def _stray_cure(self, key: Key, meant: MenuEntry | None) -> str:
        if meant is not None and meant.keys:
            return f'"{meant.name}" has the key {meant.keys[0]}: say that one'
        keys = [key for entry in self.menu for key in entry.keys]
        if not keys:
            return f"add `dtmf: {_written(key.key)}` to the choice that is meant, or say what to say"
        return f"the keys are {', '.join(keys)}: say one of them, or add a choice with `dtmf: {_written(key.key)}`"

    # W602: a key told for another choice

    def _descriptions(self, spoken: SpokenText, reading: Reading) -> Iterator[Issue]:
        if spoken.is_inherited:
            return
        by_key = {key: entry for entry in self.menu for key in entry.keys}
        for item in reading.described:
            key = item.told.keys[0]
            if item.told.is_word:
                continue
            entry = by_key.get(key.key)
            other = self._other(item, entry, reading, by_key) if entry else None
            if entry is not None and other is not None:
                self.explained.update((entry.name, other.name))
                message = f'the prompt says "{_shown(spoken, key)}" for "{other.name}", but that key is "{entry.name}"'
                cure = f'the key of "{other.name}" is {other.keys[0]}' if other.keys else f'"{other.name}" has no key'
                yield RULES["W602"].at(place_of(spoken.text, key.start, key.end), message, cure)

    def _other(
        self, item: Described, entry: MenuEntry, reading: Reading, by_key: dict[str, MenuEntry]
    ) -> MenuEntry | None:
        """The choice that the text means beside the key of `entry`; None when it may well be `entry`."""
        sides = [side for side in (item.before, item.behind) if side]
        named = [others_named(side, entry, self.menu) for side in sides]
        if not named or not all(named) or is_about(entry, " ".join(sides)):
            return None
        other = named[0][0]
        is_right_elsewhere = any(
            by_key.get(found.told.keys[0].key) is other and is_about(other, f"{found.before} {found.behind}")
            for found in reading.described
            if found is not item
        )
        return None if is_right_elsewhere else other

    # W603: words that no choice listens for

    def _words(self, spoken: SpokenText, reading: Reading) -> Iterator[Issue]:
        if spoken.is_inherited:
            return
        phrases = [phrase for entry in self.menu for phrase in terms_of(entry).phrases]
        for offer in reading.offers:
            if phrases:
                yield from self._unheard_words(spoken, reading, offer, phrases)
            elif not spoken.is_retry and offer.alternatives and not _is_of_key(offer, reading):
                said = Said(offer.alternatives[0].said, offer.start, offer.alternatives[0].end)
                yield self._unheard(spoken, said, "this menu listens for keys only")

    def _unheard_words(
        self, spoken: SpokenText, reading: Reading, offer: Offer, phrases: Sequence[str]
    ) -> Iterator[Issue]:
        """Alternatives that fit no phrase, where it is sure that they are words to be said."""
        heard = [said for said in offer.alternatives if _is_heard(said.said, phrases)]
        if heard or self._stands_beside_key(offer, reading):
            for said in offer.alternatives:
                if said not in heard:
                    yield self._unheard(spoken, said, "no choice of this menu listens for that")

    def _stands_beside_key(self, offer: Offer, reading: Reading) -> bool:
        """Whether the offer is one half of `press 1 or say sales`."""
        return len(offer.alternatives) == 1 and any(
            0 <= offer.first - told.behind <= 1 and told.way == "press" for told in reading.told
        )

    def _unheard(self, spoken: SpokenText, said: Said, reason: str) -> Issue:
        shown = spoken.text.value[said.start : said.end]
        message = f'the prompt asks to say "{shown}", and {reason}'
        for entry in self.menu:
            if names_surely(entry, said.said):
                self.explained.add(entry.name)
        cure = f"add the words to the `speech` of a choice: `speech: [{said.said}]`, or leave them out"
        return RULES["W603"].at(place_of(spoken.text, said.start, said.end), message, cure)

    # W601: a choice that no prompt mentions

    def _unmentioned(self) -> Iterator[Issue]:
        own = [reading for spoken, reading in self.heard if not spoken.is_inherited]
        if not self.is_whole or any(map(self._is_vague, own)) or not any(map(self._tells, own)):
            return
        told = {key.key for _, reading in self.heard for one in reading.told for key in one.keys}
        told |= {key for _, reading in self.heard for key in reading.loose}
        missing = [entry for entry in self.menu if not entry.is_inherited and not self._is_mentioned(entry, told, own)]
        missing = [entry for entry in missing if entry.name not in self.explained]
        if len(missing) <= len(self.strays) or len(missing) == sum(not entry.is_inherited for entry in self.menu):
            return
        for entry in missing:
            yield RULES["W601"].at(entry.place, _missing(entry), _missing_cure(entry))

    def _is_vague(self, reading: Reading) -> bool:
        """Whether the text may mention any choice: by a computed value, "any key", words that are not alternatives."""
        if reading.is_open or _takes_any(reading):
            return True
        return any(not offer.alternatives for offer in reading.offers) and not self._names_offered(reading)

    def _tells(self, reading: Reading) -> bool:
        """Whether the text tells keys or words, and not only that there is a choice."""
        return bool(reading.told) or self._names_offered(reading)

    def _names_offered(self, reading: Reading) -> bool:
        phrases = [phrase for entry in self.menu for phrase in terms_of(entry).names]
        return any(find(phrase, words) for words in reading.offered for phrase in phrases)

    def _is_mentioned(self, entry: MenuEntry, told: set[str], own: Sequence[Reading]) -> bool:
        if told & set(entry.keys):
            return True
        return any(_offers(reading, entry) for reading in own)


def _is_sure(told: Told, key: Key, longest: int) -> bool:
    """Whether the text surely tells this key of a menu."""
    if told.is_word:
        return False
    if len(key.key) > 1:
        return len(key.key) == longest or (len(key.key) == 2 and told.way == "press" and longest == 1)
    return True


def _told_in_turn(reading: Reading, known: set[str]) -> list[Told]:
    """What tells a choice of several keys one after another: `press 1 and then 2`, `press 1, then press 2`."""
    found = list[Told]()
    for start in range(len(reading.told)):
        pressed = ""
        for behind, told in enumerate(reading.told[start:], start + 1):
            pressed += "".join(key.key for key in told.keys)
            said = {token.word for token in reading.tokens[reading.told[start].first : told.behind]}
            if pressed in known and said & _THEN:
                found += reading.told[start:behind]
    return found


def _is_forbidden(reading: Reading, told: Told) -> bool:
    """Whether it says not to press the key."""
    before = [token.word for token in reading.tokens[max(0, told.first - 2) : told.first]]
    negations = told.tongue.words.negations
    return before[-1:] != [] and (before[-1] in negations or "".join(before) in negations)


def _takes_any(reading: Reading) -> bool:
    """Whether the text says to press any key."""
    pairs = zip(reading.tokens, reading.tokens[1:], strict=False)
    return any(first.word in _ANY and second.word in reading.tongue.words.nouns for first, second in pairs)


def _is_of_key(offer: Offer, reading: Reading) -> bool:
    """Whether it is the key that may be said: `press or say one`."""
    return any(told.first <= offer.first < told.behind for told in reading.told)


def _is_heard(said: str, phrases: Sequence[str]) -> bool:
    return any(find(phrase, said) for phrase in phrases)


def _offers(reading: Reading, entry: MenuEntry) -> bool:
    """Whether a text offers the choice by its words: behind "say", or in a question."""
    if any(token.word in reading.tongue.words.examples for token in reading.tokens):
        return True
    names = terms_of(entry).names
    if any(find(name, words) for words in reading.offered for name in names):
        return True
    return bool(entry.phrases) and any(find(name, question) for question in reading.questions for name in names)


def _missing(entry: MenuEntry) -> str:
    if entry.keys:
        return f'no prompt of this menu tells the key {" or ".join(entry.keys)} of the choice "{entry.name}"'
    return f'no prompt of this menu offers the choice "{entry.name}", which is chosen by speech'


def _missing_cure(entry: MenuEntry) -> str:
    if entry.keys:
        return f'say e.g. "for {entry.name.replace("_", " ")}, press {entry.keys[0]}", or delete the choice'
    return f'say e.g. "say {entry.phrases[0]}", or delete the choice'


def _shown(spoken: SpokenText, key: Key) -> str:
    return " ".join(spoken.text.value[key.start : key.end].split())


def _written(key: str) -> str:
    return key if key.isdigit() else f'"{key}"'

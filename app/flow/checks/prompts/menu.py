"""Whether the prompts of a menu and the keys of its choices agree (W600, W601)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.flow.checks.prompts.spoken import SpokenText
from app.flow.checks.prompts.text import Key, Mention, PromptText
from app.flow.issues import Issue
from app.flow.nodes import Place
from app.flow.phrases import find, fold
from app.flow.rules import RULES

_THEN = frozenset(
    {"then", "followed", "dann", "danach", "anschliessend", "puis", "ensuite", "luego", "despues", "poi", "depois"}
)


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One choice.

    Attributes:
        name: as written.
        keys: digits, `*` or `#`.
        phrases: what a caller may say, as written.
        place: of its name.
        is_inherited: it is one of the flow's defaults, so that not every menu has to mention it.
    """

    name: str
    keys: tuple[str, ...]
    phrases: tuple[str, ...]
    place: Place
    is_inherited: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """Its name and phrases, folded."""
        folded = (fold(term.replace("_", " ")) for term in (self.name, *self.phrases))
        return tuple(term for term in folded if term)


def check_menu(
    heard: Sequence[tuple[SpokenText, PromptText]],
    menu: Sequence[MenuEntry],
    *,
    is_complete: bool,
    other_keys: frozenset[str],
) -> Iterator[Issue]:
    """The warnings on a menu.

    Args:
        heard: every text that a caller can hear in the step.
        menu: its choices, the inherited ones included.
        is_complete: nothing else is heard there, such as audio files; otherwise no choice is missed.
        other_keys: keys that another action of the step listens for, such as the one that ends a recording.
    """
    known = {key for entry in menu for key in entry.keys} | other_keys
    unknown = [(spoken, key) for spoken, text in heard for key in _unknown_keys(text, known)]
    for spoken, key in unknown:
        yield _unknown_key(spoken, key, menu)
    missed = {key.key for _, key in unknown}
    unmentioned = _unmentioned(heard, menu) if is_complete else []
    if len(unmentioned) > len(missed):
        for entry in unmentioned:
            yield _not_mentioned(entry)


def _unknown_keys(text: PromptText, known: set[str]) -> Iterator[Key]:
    """The keys that a text surely names and that no choice has."""
    longest = max((len(key) for key in known), default=1)
    sequences = _pressed_in_turn(text, known)
    for mention in text.mentions:
        if mention.is_word or mention in sequences or _is_forbidden(text, mention):
            continue
        for key in mention.keys:
            length = len(key.key)
            is_sure = length in {1, longest} or (length == 2 and mention.way == "press" and longest == 1)
            if key.key not in known and is_sure:
                yield key


def _pressed_in_turn(text: PromptText, known: set[str]) -> list[Mention]:
    """The mentions of a choice of several keys one after another: `press 1 and then 2`, `press 1, then press 2`."""
    found: list[Mention] = []
    for start in range(len(text.mentions)):
        pressed = ""
        for after, mention in enumerate(text.mentions[start:], start + 1):
            pressed += "".join(key.key for key in mention.keys)
            said = {token.word for token in text.tokens[text.mentions[start].first : mention.after]}
            if pressed in known and said & _THEN:
                found += text.mentions[start:after]
    return found


def _is_forbidden(text: PromptText, mention: Mention) -> bool:
    """Whether the text says not to press the key."""
    before = [token.word for token in text.tokens[max(0, mention.first - 2) : mention.first]]
    negations = mention.language.negations
    return bool(before) and (before[-1] in negations or "".join(before) in negations)


def _unknown_key(spoken: SpokenText, key: Key, menu: Sequence[MenuEntry]) -> Issue:
    which = "not every menu that says so" if spoken.is_inherited else "no choice of this menu"
    message = f'the prompt says "{spoken.words(key.start, key.end)}", and {which} has the key {key.key}'
    keys = [key for entry in menu for key in entry.keys]
    written = key.key if key.key.isdigit() else f'"{key.key}"'
    if keys:
        cure = f"the keys are {', '.join(keys)}: say one of them, or add a choice with `dtmf: {written}`"
    else:
        cure = f"add `dtmf: {written}` to the choice that is meant, or ask the caller to speak"
    return RULES["W600"].at(spoken.place(key.start, key.end), message, cure)


def _unmentioned(heard: Sequence[tuple[SpokenText, PromptText]], menu: Sequence[MenuEntry]) -> list[MenuEntry]:
    """The menu's own choices that no prompt mentions; none if a prompt can mean any choice, or no prompt offers one."""
    own_texts = [text for spoken, text in heard if not spoken.is_inherited]
    own_entries = [entry for entry in menu if not entry.is_inherited]
    terms = [term for entry in menu for term in entry.terms]
    if any(_can_mean_any(text, terms) for text in own_texts):
        return []
    if not any(text.mentions or _asks_to_speak(text) for text in own_texts):
        return []
    named = {key.key for _, text in heard for mention in text.mentions for key in mention.keys}
    named |= {key for _, text in heard for key in text.possible_keys}
    words = [text.words for text in own_texts]
    missing = [
        entry
        for entry in own_entries
        if not named & set(entry.keys) and not any(find(term, text) for text in words for term in entry.terms)
    ]
    return missing if len(missing) < len(own_entries) else []


def _can_mean_any(text: PromptText, terms: Sequence[str]) -> bool:
    """Whether a text can mean any choice: by a computed value, by examples, or by words that are not understood."""
    if text.is_open or any(token.word in text.language.example for token in text.tokens):
        return True
    return _asks_to_speak(text) and not any(find(term, text.words) for term in terms)


def _asks_to_speak(text: PromptText) -> bool:
    return any(token.word in text.language.say for token in text.tokens)


def _not_mentioned(entry: MenuEntry) -> Issue:
    if entry.keys:
        message = f'no prompt of this menu names the key {" or ".join(entry.keys)} of the choice "{entry.name}"'
        cure = f'say e.g. "for {entry.name.replace("_", " ")}, press {entry.keys[0]}", or delete the choice'
    else:
        message = f'no prompt of this menu offers the choice "{entry.name}", which is chosen by speech'
        cure = f'say e.g. "say {entry.phrases[0]}", or delete the choice'
    return RULES["W601"].at(entry.place, message, cure)

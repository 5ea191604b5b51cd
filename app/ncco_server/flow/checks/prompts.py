"""Compares a step's prompts with its input (W600 to W609).

A caller told to press a missing key 3 is lost. When in doubt, the check does not warn: a false alarm costs more than a
missed error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Final, NamedTuple, TypeAlias

from ncco_server.flow.action import Action, may_be_true
from ncco_server.flow.actions.part import Part
from ncco_server.flow.checks.prompt_text import GRAMMAR, Language, Mention, NamedKey, PromptText, read_prompt
from ncco_server.flow.grammar.reader import Resolver
from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.language.exits import StepSource
from ncco_server.flow.language.flow import ReadFlow
from ncco_server.flow.language.step import ReadStep
from ncco_server.flow.model import Step
from ncco_server.flow.nodes import Map, Node, Place, Seq, Text
from ncco_server.flow.phrases import find, fold
from ncco_server.flow.runtime import Exit
from ncco_server.flow.templates.tree import Located, TemplateFile
from ncco_server.flow.templates.values import Computed, Literal
from ncco_server.flow.values import Localised, Object, in_locale

_AFTER_THE_TONE: Final = re.compile(
    r"\bafter the (?:tone|beep|signal)|\bnach dem (?:\w*ton|signal)|\baprès le (?:bip|signal)"
    r"|\bdespués de(?:l tono| la señal)|\bdopo il (?:segnale|bip)|\bapós o (?:sinal|bipe|bip)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SpokenPrompt:
    """A text that a caller hears. An inherited text comes from the flow's defaults, so other menus use it too."""

    source: Located
    text: PromptText
    is_inherited: bool = False

    def words(self, start: int, end: int) -> str:
        first, last = self.text.written(start, end)
        return " ".join(self.source.value[first:last].split())

    def place(self, start: int, end: int) -> Place:
        """Cut at the end of the first line."""
        first, last = self.text.written(start, end)
        place = self.source.at(first)
        places = (self.source.at(offset) for offset in range(last - 1, first - 1, -1))
        end_place = next(each for each in places if each.line == place.line)
        return place._replace(length=max(1, end_place.column - place.column + 1))


def check_prompts(flow: ReadFlow) -> Iterator[FlowIssue]:
    steps = {**flow.steps, **flow.made}
    for read in steps.values():
        yield from _check_step(read.step, read.source)
    yield from _check_promises(steps, flow.reader)


def _check_step(step: Step, source: StepSource) -> list[FlowIssue]:
    found = dict.fromkeys(_check_order(source.fields.get("do")))
    if step.exit.asked is not None:
        for locale in source.reader.locales or ("",):
            found |= dict.fromkeys(_check_asked(source, step.parts, step.exit, locale))
    keys = {issue.cure: issue for issue in reversed(found) if issue.code == "W600"}  # one key in several prompts
    found = dict.fromkeys(issue for issue in found if issue.code != "W600" or issue is keys[issue.cure])
    counts = [issue for issue in found if issue.code == "W606"]
    if len(counts) == len(source.reader.locales) and len({issue.cure for issue in counts}) == 1:
        return [issue for issue in found if issue not in counts[1:]]  # `digits` is wrong: one issue is enough
    return list(found)


def _check_order(do: Node | None) -> Iterator[FlowIssue]:
    items = [item for item in do.items if isinstance(item, Map)] if isinstance(do, Seq) else []
    for before, item in pairwise(items):
        text = item.get("talk")
        said = before.get("talk")
        if not isinstance(text, Text):
            continue
        if isinstance(said, Text) and said.value == text.value:
            yield RULES["W608"].at(text.place, "the caller hears this text twice in a row")
        record = next((entry.key for entry in before.entries if entry.key.value == "record"), None)
        if record is not None and (found := _AFTER_THE_TONE.search(text.value)):
            message = f'the recording has already begun, and the tone has played, when the caller hears "{found[0]}"'
            yield RULES["W609"].at(record.place, message)


def _check_asked(source: StepSource, played: tuple[Part, ...], exit_: Exit, locale: str) -> Iterator[FlowIssue]:
    retry = source.fields.get("retry")
    written = retry.keys() if isinstance(retry, Map) else ()
    own = list(played)
    inherited = list[Part]()
    for failure, prompts in exit_.prompts.items():
        (own if failure in written else inherited).extend(part for parts in prompts for part in parts)
    heard = [prompt for part in own for prompt in _prompts(part, locale, source.reader)]
    heard += [prompt for part in inherited for prompt in _prompts(part, locale, source.reader, is_inherited=True)]
    actions = [action for part in own for action in part.actions]
    choices = exit_.offers
    if not choices:
        digits = exit_.asked.lengths if exit_.asked is not None else None
        ends_with_hash = any(map(_ends_with_hash, actions))
        for prompt in heard:
            yield from check_entry(prompt, digits, ends_with_hash=ends_with_hash)
        return
    node = source.fields.values[exit_.word]
    names = node.keys() if isinstance(node, Map) else ()
    menu = [
        MenuEntry(
            choice.name, choice.keys, tuple(choice.said_in(locale)), choice.place, is_inherited=choice.name not in names
        )
        for choice in choices
    ]
    played_words = {action.word for action in actions}
    is_complete = all(part.actions and not part.targets for part in own) and "stream" not in played_words
    other_keys = frozenset("*#" if "record" in played_words else "")
    yield from check_menu(heard, menu, is_complete=is_complete, other_keys=other_keys)


def _check_promises(steps: Mapping[str, ReadStep], reader: Resolver) -> Iterator[FlowIssue]:
    found = dict[FlowIssue, None]()
    for read in steps.values():
        parts = read.step.parts if read.step.exit.fills is None else ()
        is_recorded = any(action.word == "record" for part in parts for action in part.actions)
        for part, locale in product(() if is_recorded else parts, reader.locales or ("",)):
            for prompt in _prompts(part, locale, reader):
                for key in _promised(prompt.text):
                    menu = _menu_without(key.key, read.step.name, steps)
                    if menu:
                        words = prompt.words(key.start, key.end)
                        message = (
                            f'the prompt says "{words}" at any time, but '
                            f'the menu "{menu}" does not have the key {key.key}'
                        )
                        cure = (
                            "add the choice to that menu, or to every menu "
                            "under `defaults`; or mention it only where it works"
                        )
                        found[RULES["W600"].at(prompt.place(key.start, key.end), message, cure)] = None
    yield from found


def _promised(text: PromptText) -> Iterator[NamedKey]:
    for start, end in _sentences(text):
        for said in text.language.pattern(GRAMMAR["any time"]).finditer(text.tokens, start, end):
            near = [mention for mention in text.mentions if start <= mention.start < end and not mention.is_range]
            near.sort(key=lambda each: max(each.start - said.end(), said.start() - each.end))
            yield from (near[0].keys if near and not _is_forbidden(text, near[0]) else ())


def _menu_without(key: str, start: str, steps: Mapping[str, ReadStep]) -> str:
    """The name of a menu that lacks a key, if a call can get there without pressing it or dialling; else "".

    The menu of `start` itself is left out: its keys are compared with its own prompts.
    """
    seen = {start}
    waiting = [start]
    for name in waiting:
        exit_ = steps[name].step.exit if name in steps else None
        ways = exit_.ways if exit_ is not None and not exit_.dials else []
        if exit_ is not None and exit_.offers:
            others = [way for way in ways if way.choice is None or key not in way.choice.keys]
            if len(others) == len(ways):
                return name if name != start else ""
            ways = others
        ahead = dict.fromkeys(way.target.step for way in ways if way.target.step is not None)
        waiting += [step for step in ahead if step not in seen]
        seen |= ahead.keys()
    return ""


def _prompts(part: Part, locale: str, reader: Resolver, *, is_inherited: bool = False) -> Iterator[SpokenPrompt]:
    talk = next((action for action in part.actions if action.word == "talk" and "text" in action.fields), None)
    if talk is None:
        return
    value = in_locale(talk.fields["text"], locale)
    if not isinstance(value, Literal | Computed):
        return
    text = value.text if isinstance(value, Literal) else value.template.text
    included = value.template.files if isinstance(value, Computed) else ()
    files = (TemplateFile(file, reader.templates[file]) for file in sorted(included))
    voice = _voice(talk, locale, reader)
    for each in (text, *(file for file in files if file != text)):
        yield SpokenPrompt(each, read_prompt(each.value, voice), is_inherited)


def _voice(talk: Action, locale: str, reader: Resolver) -> str:
    """The language code of a talk's voice; "" if it is unknown, or one text is spoken in several languages."""
    text = talk.fields["text"]
    first = in_locale(text, locale).place
    is_one = not isinstance(text, Localised) or all(in_locale(text, each).place == first for each in reader.locales)
    if is_one and isinstance(talk.fields.get("language"), Localised):
        return ""
    return talk.in_locale(locale).literal("language") or ""


def _ends_with_hash(action: Action) -> bool:
    dtmf = action.fields.get("dtmf")
    return isinstance(dtmf, Object) and may_be_true(dtmf.members, "submitOnHash")


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One choice of a menu. Not every menu has to mention an inherited one."""

    name: str
    keys: tuple[str, ...]
    phrases: tuple[str, ...]
    place: Place
    is_inherited: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        folded = (fold(term.replace("_", " ")) for term in (self.name, *self.phrases))
        return tuple(term for term in folded if term)


def check_menu(
    heard: Sequence[SpokenPrompt], menu: Sequence[MenuEntry], *, is_complete: bool, other_keys: frozenset[str]
) -> Iterator[FlowIssue]:
    """Report keys that prompts name but no choice has (W600), and choices that no prompt mentions (W601).

    `is_complete`: nothing else is heard in the step, such as an audio file; otherwise W601 is not reported.
    `other_keys` are those of another action.
    """
    known = {key for entry in menu for key in entry.keys} | other_keys
    unknown = [(prompt, key) for prompt in heard for key in _unknown_keys(prompt.text, known)]
    for prompt, key in unknown:
        yield _unknown_key(prompt, key, menu)
    for prompt in heard:
        yield from _exchanged(prompt, menu)
    unmentioned = _unmentioned(heard, menu) if is_complete else []
    if len(unmentioned) > len({key.key for _, key in unknown}):
        yield from map(_not_mentioned, unmentioned)


def _exchanged(prompt: SpokenPrompt, menu: Sequence[MenuEntry]) -> Iterator[FlowIssue]:
    """Report W600 for two choices whose keys the prompt says the other way round."""
    owners = {key: entry for entry in menu for key in entry.keys}
    said: dict[str, MenuEntry] = {}
    for key, words in _offers(prompt.text):
        named = [entry for entry in menu if any(find(term, words) for term in entry.terms)]
        if len(named) != 1 or key.key not in owners:
            continue
        said[key.key] = named[0]
        owner = owners[key.key]
        other = next((each for each in named[0].keys if said.get(each) is owner), None)
        if owner is not named[0] and other is not None:
            message = (
                f'the prompt says {other} for "{owner.name}" and {key.key} for "{named[0].name}", '
                f"but {other} leads to the latter, and {key.key} to the former"
            )
            yield RULES["W600"].at(prompt.place(key.start, key.end), message, "exchange the two keys")


def _offers(text: PromptText) -> Iterator[tuple[NamedKey, str]]:
    for start, end in _sentences(text):
        near = [mention for mention in text.mentions if start <= mention.start < end]
        comes_first = bool(near) and not text.tokens[start : near[0].start].strip(" .!?;,")
        ends = [each.start for each in near[1:]] if comes_first else [each.end for each in near[:-1]]
        for mention, first, last in zip(near, [start, *ends], [*ends, end], strict=False):
            if len(mention.keys) == 1 and not mention.is_range and not _is_forbidden(text, mention):
                yield mention.keys[0], " ".join(re.findall(r"[^\W_]+", text.tokens[first:last]))


def _unknown_keys(text: PromptText, known: set[str]) -> Iterator[NamedKey]:
    longest = max((len(key) for key in known), default=1)
    in_turn = _pressed_in_turn(text, known)
    for mention in text.mentions:
        for key in mention.keys if mention not in in_turn and not _is_forbidden(text, mention) else ():
            length = len(key.key)
            is_sure = length in {1, longest} or (length == 2 and mention.way == "press" and longest == 1)
            if key.key not in known and is_sure:
                yield key


def _pressed_in_turn(text: PromptText, known: set[str]) -> list[Mention]:
    """Mentions that together name one choice with several keys: `press 1 and then 2`, `press 1, then press 2`."""
    found: list[Mention] = []
    for first, start in enumerate(text.mentions):
        pressed = ""
        for last, mention in enumerate(text.mentions[first:], first + 1):
            pressed += "".join(key.key for key in mention.keys)
            if pressed in known and mention.language.pattern("{then}").search(text.tokens, start.start, mention.end):
                found += text.mentions[first:last]
    return found


def _is_forbidden(text: PromptText, mention: Mention) -> bool:
    return mention.language.pattern(GRAMMAR["forbidden"]).search(text.tokens[: mention.start]) is not None


def _unknown_key(prompt: SpokenPrompt, key: NamedKey, menu: Sequence[MenuEntry]) -> FlowIssue:
    which = "not every menu that plays it" if prompt.is_inherited else "no choice of this menu"
    message = f'the prompt says "{prompt.words(key.start, key.end)}", and {which} has the key {key.key}'
    keys = ", ".join(key for entry in menu for key in entry.keys) or "none"
    written = key.key if key.key.isdigit() else f'"{key.key}"'
    place = prompt.place(key.start, key.end)
    named = next((entry for entry in menu if entry.name == key.key and not entry.place.is_in_python), None)
    if named is not None:
        return RULES["W600"].at(named.place, message, f"the name of a choice is no key: add `dtmf: {written}` to it")
    choice = f"Choice({written})" if place.is_in_python else f"dtmf: {written}"
    cure = f"the keys are {keys}: mention one of them, or add a choice with `{choice}`"
    return RULES["W600"].at(place, message, cure)


def _unmentioned(heard: Sequence[SpokenPrompt], menu: Sequence[MenuEntry]) -> list[MenuEntry]:
    """[] if a prompt may mean any choice, or none offers one."""
    own = [prompt.text for prompt in heard if not prompt.is_inherited]
    entries = [entry for entry in menu if not entry.is_inherited]
    terms = [term for entry in menu for term in entry.terms]
    if any(_can_mean_any(text, terms) for text in own) or not any(text.mentions or text.has("{say}") for text in own):
        return []
    named = {key.key for prompt in heard for mention in prompt.text.mentions for key in mention.keys}
    named |= {key for prompt in heard for key in prompt.text.possible_keys}
    missing = [
        entry
        for entry in entries
        if not named & set(entry.keys) and not any(find(term, text.words) for text in own for term in entry.terms)
    ]
    return missing if len(missing) < len(entries) else []


def _can_mean_any(text: PromptText, terms: Sequence[str]) -> bool:
    if text.is_open or text.has("{example}"):
        return True
    return text.has("{say}") and not any(find(term, text.words) for term in terms)


def _not_mentioned(entry: MenuEntry) -> FlowIssue:
    said = f"press {entry.keys[0]}" if entry.keys else f"say {entry.phrases[0]}"
    message = f'no prompt of this menu mentions the choice "{entry.name}"'
    cure = f'say e.g. "for {entry.name.replace("_", " ")}, {said}", or delete the choice'
    return RULES["W601"].at(entry.place, message, cure)


Lengths: TypeAlias = tuple[int, int] | None
"""The fewest and most digits of a `collect`; None if it takes no digits."""


def check_entry(prompt: SpokenPrompt, lengths: Lengths, *, ends_with_hash: bool) -> Iterator[FlowIssue]:
    yield from _check_keys(prompt, lengths)
    if not prompt.is_inherited and lengths is not None:
        miscounted = tuple(_check_count(prompt, *lengths))
        yield from miscounted
        if not miscounted and lengths[0] == lengths[1] and not ends_with_hash:
            yield from _check_hash(prompt)


def _shown(lengths: Lengths) -> str:
    if lengths is None:
        return "speech only"
    low, high = lengths
    return f"{low if low == high else f'{low} to {high}'} digit{'' if high == 1 else 's'}"


def _check_keys(prompt: SpokenPrompt, lengths: Lengths) -> Iterator[FlowIssue]:
    if prompt.text.has("{spelled}"):
        return
    for mention in prompt.text.mentions:
        if mention.way != "press" or mention.is_range or not _ends_or_explains(prompt.text, mention):
            continue
        for key in (key for key in mention.keys if not _is_taken(key.key, lengths)):
            which = "not every step that plays it" if prompt.is_inherited else "this step"
            message = f'the prompt says "{prompt.words(key.start, key.end)}", and {which} takes {_shown(lengths)}'
            place = prompt.place(key.start, key.end)
            cure = "leave out the key, or ask with `choose` first" if place.is_in_python else None
            yield RULES["W605"].at(place, message, cure)


def _ends_or_explains(text: PromptText, mention: Mention) -> bool:
    """Whether a mention means a key, as in `press 0 for help`, not a number, as in `enter the 8 figures`."""
    return mention.language.pattern("{end}|{after_key}").match(text.tokens, mention.end) is not None


def _is_taken(key: str, lengths: Lengths) -> bool:
    if lengths is None or key == "*":
        return False
    return key == "#" or len(key) != 1 or lengths[0] <= 1


class _Count(NamedTuple):
    """The fewest and most digits a text asks for, and where the words that say so start and end."""

    low: int
    high: int
    start: int
    end: int


_STOP: Final = re.compile(r" [.!?;]")


def _sentences(text: PromptText) -> Iterator[tuple[int, int]]:
    start = 0
    for stop in _STOP.finditer(f"{text.tokens} ."):
        yield start, stop.start()
        start = stop.end()


def _check_hash(prompt: SpokenPrompt) -> Iterator[FlowIssue]:
    text = prompt.text
    for start, end in _sentences(text):
        found = text.language.pattern(GRAMMAR["hash"]).search(text.tokens, start, end)
        if found and not text.language.pattern("{negations}").search(text.tokens, start, end):
            last = text.tokens.rindex(" ", start, found.end())
            words = prompt.words(last, found.end())
            message = f'the prompt asks for "{words}" at the end, but this entry ends with its last digit'
            yield RULES["W607"].at(prompt.place(last, found.end()), message, "leave the hash key out of the prompt")
            return


def _check_count(prompt: SpokenPrompt, low: int, high: int) -> Iterator[FlowIssue]:
    text = prompt.text
    language = prompt.text.language
    if text.has("{each}"):
        return
    found = {(start, end): list(_counts(text, start, end)) for start, end in _sentences(text)}
    asking = [
        each for each, counts in found.items() if language.pattern("{enter}").search(text.tokens, *each) and counts
    ]
    counts = [count for sentence in asking or found for count in found[sentence]]
    if not counts or any(low <= count.low and count.high <= high for count in counts):
        return
    first = counts[0]
    end = next(end for _, end in found if end > first.start)
    rest = language.pattern(GRAMMAR["part"]).finditer(text.tokens, first.start, end)
    parts = [count.high for count in counts] + [_number(each["count"] or " 1", language) for each in rest]
    if len(parts) > 1 and low <= sum(parts) <= high:
        return
    message = f'the prompt says "{prompt.words(first.start, first.end)}", and this step takes {_shown((low, high))}'
    digits = first.low if first.low == first.high else f"{first.low}..{first.high}"
    place = prompt.place(first.start, first.end)
    yield RULES["W606"].at(place, message, f"say {_shown((low, high))}, or write `digits: {digits}`")


def _counts(text: PromptText, start: int, end: int) -> Iterator[_Count]:
    """The numbers of digits in a sentence: `4 digits`, `4-digit`, `6 to 8 digits`, `vierstellig`."""
    language = text.language
    for found in language.pattern(GRAMMAR["digits"]).finditer(text.tokens, start, end):
        high = _number(found["high"] or found["compound"], language)
        low = _number(found["low"], language) if found["low"] else high
        before = text.tokens[start : found.start()]
        is_bound = language.pattern(GRAMMAR["limit"]).search(before)
        if high and not is_bound and not language.pattern("{article}").fullmatch(found["high"] or ""):
            first = found.start() if low < high else found.start("high") if found["high"] else found.start()
            yield _Count(min(low, high), high, first, found.end())


def _number(token: str, language: Language) -> int:
    word = token.strip()
    return int(word) if word.isdigit() else language.counts.get(word, 0)

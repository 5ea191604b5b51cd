"""Compares a step's prompts with what it takes (W600, W608, W609)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from ncco_server.flow.action import Action
from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.language.exits import StepSource
from ncco_server.flow.language.flow import ReadFlow
from ncco_server.flow.model import Step
from ncco_server.flow.nodes import Map, Node, Place, Seq, Text
from ncco_server.flow.templates.values import Computed, Literal, Value
from ncco_server.flow.values import in_locale

_AFTER_THE_TONE: Final = re.compile(
    r"\bafter the (?:tone|beep|signal)|\bnach dem (?:\w*ton|signal)|\baprès le (?:bip|signal)"
    r"|\bdespués de(?:l tono| la señal)|\bdopo il (?:segnale|bip)|\bapós o (?:sinal|bipe|bip)",
    re.IGNORECASE,
)
_UNSPOKEN: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<[^>]*>|&#?\w+;", re.DOTALL)
# A time or an amount, such as 9:30 or $5, is one word; punctuation stands between words.
_WORD: Final = re.compile(r"[^\s.,;:!?()\"«»“”„]+(?:[.,:]\d+)*|[.,;:!?]")


def check_prompts(flow: ReadFlow) -> Iterator[FlowIssue]:
    for read in (*flow.steps.values(), *flow.made.values()):
        yield from _check_order(read.source.fields.get("do"))
        if read.step.exit.offers:
            yield from _check_menu(read.step, read.source)


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


class _Digit(NamedTuple):
    """A digit that a prompt speaks, and the words beside it."""

    value: str
    beside: frozenset[str]
    place: Place


def _check_menu(step: Step, source: StepSource) -> Iterator[FlowIssue]:
    """Compare the digits that a menu's own prompts speak with its keys, without knowing any word.

    A digit that is not a key counts only beside a word that is also beside a key: "press 3", not "3 offices".
    A choice between two spoken keys may be part of a range: "from 1 to 5".
    """
    keys = {digit for choice in step.exit.offers for key in choice.keys for digit in key if digit.isdigit()}
    retry = source.fields.get("retry")
    failures = retry.keys() if isinstance(retry, Map) else ()
    repeated = [part for failure in failures for parts in step.exit.prompts.get(failure, ()) for part in parts]
    actions = [
        action for part in (*step.parts, *repeated) for action in part.actions if action.word in {"talk", "stream"}
    ]
    texts = [_text(action, locale) for action in actions for locale in source.reader.locales or ("",)]
    digits = list(dict.fromkeys(digit for text in texts for digit in _digits(text)))
    words = {word for digit in digits if digit.value in keys for word in digit.beside}
    wrong: dict[str, _Digit] = {}
    for digit in digits:
        if keys and digit.value not in keys and (digit.beside & words or not words):
            wrong.setdefault(digit.value, digit)
    for digit in wrong.values():
        yield RULES["W600"].at(digit.place, f"the prompt says {digit.value}, which is not a key of this menu")
    said = {digit.value for digit in digits} & keys
    if wrong or not said or not all(isinstance(text, Literal) for text in texts):
        return
    own = source.fields.values[step.exit.word]
    names = own.keys() if isinstance(own, Map) else ()
    for choice in step.exit.offers:
        is_offered = choice.phrases or any(min(said) <= key <= max(said) or not key.isdigit() for key in choice.keys)
        if not is_offered and choice.name in names:
            yield RULES["W600"].at(choice.place, f'no prompt of this menu says the key of "{choice.name}"')


def _text(action: Action, locale: str) -> Value | None:
    return in_locale(action.fields["text"], locale) if "text" in action.fields else None


def _digits(value: Value | None) -> Iterator[_Digit]:
    if not isinstance(value, Literal | Computed):
        return
    text = value.text if isinstance(value, Literal) else value.template.text
    words = list(_WORD.finditer(_UNSPOKEN.sub(lambda found: " " * len(found[0]), text.value)))
    for before, word, after in zip([None, *words], words, [*words[1:], None], strict=False):
        if re.fullmatch(r"\d", word[0]):
            beside = frozenset(each[0].casefold() for each in (before, after) if each and each[0].isalnum())
            yield _Digit(word[0], beside, text.at(word.start()))

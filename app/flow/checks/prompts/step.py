"""Compares what a step says with what it listens for.

A caller who is told to press 3 where there is no 3 is lost, and no other check sees it. Prompts in English, German,
French, Spanish, Italian and Portuguese are understood. When in doubt there is no warning: a false alarm costs more than
a fault that is missed.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.flow.actions.action import Action
from app.flow.actions.values import Object
from app.flow.checks.prompts.entry import DataEntry, check_entry
from app.flow.checks.prompts.menu import MenuEntry, check_menu
from app.flow.checks.prompts.spoken import SpokenText, Voice, spoken_in
from app.flow.checks.prompts.text import read_prompt
from app.flow.issues import Issue
from app.flow.language.collect import Collect
from app.flow.language.exits import StepSource, Wired
from app.flow.language.menu import Choices
from app.flow.language.reader import Reader
from app.flow.language.retry import FAILURES, as_item, prompt_items
from app.flow.nodes import Map, Node, Seq

_MAY_SAY_ANYTHING = frozenset({"stream", "ncco"})
_ENDS_RECORDING = frozenset("*#")
_LONGEST = 10_000
"""Characters of a text that is looked at. Our choice: a talk speaks 1,500 at most."""


def check_prompts_of(source: StepSource, wired: Wired, reader: Reader) -> list[Issue]:
    """The warnings on the prompts of a step without errors; none for a step that asks nothing."""
    exit_ = wired.exit
    if not isinstance(exit_, Choices | Collect):
        return []
    found: dict[Issue, None] = {}
    for locale in reader.locales or ("",):
        texts = list(_texts(source, locale, reader))
        readable = [text for text in texts if len(text.text.value) <= _LONGEST]
        heard = [(text, read_prompt(text.text.value, text.language)) for text in readable]
        if isinstance(exit_, Collect):
            issues = check_entry(heard, DataEntry(exit_.digits, _ends_with_hash(wired)))
        else:
            is_complete = len(readable) == len(texts) and _is_all_text(source, reader)
            other_keys = _ENDS_RECORDING if source.first("record") else frozenset[str]()
            menu = _menu(exit_, source, locale)
            issues = check_menu(heard, menu, is_complete=is_complete, other_keys=other_keys)
        found |= dict.fromkeys(issues)
    return list(found)


def _texts(source: StepSource, locale: str, reader: Reader) -> Iterator[SpokenText]:
    """Everything that a caller can hear in one locale: `do`, then the prompts of `retry`."""
    voice = Voice(locale, reader.locales, reader.inherited.get("talk"), reader.templates)
    do = source.fields.get("do")
    yield from spoken_in(_items(do), voice, is_inherited=False)
    own = _own_prompts(source, reader)
    for failure in FAILURES:
        if failure in own:
            yield from spoken_in(own[failure], voice, is_inherited=False)
        else:
            inherited = source.defaults.retry.prompts.get(failure, ()) if source.defaults.retry else ()
            yield from spoken_in((prompt.item for prompt in inherited), voice, is_inherited=True)


def _items(node: Node | None) -> list[Map]:
    return [item for item in node.items if isinstance(item, Map)] if isinstance(node, Seq) else []


def _own_prompts(source: StepSource, reader: Reader) -> dict[str, list[Map]]:
    retry = source.fields.get("retry")
    if not isinstance(retry, Map):
        return {}
    found = {failure: node for failure in FAILURES if (node := retry.get(failure)) is not None}
    return {
        failure: [item for prompt in prompt_items(node, reader) if (item := as_item(prompt)) is not None]
        for failure, node in found.items()
    }


def _is_all_text(source: StepSource, reader: Reader) -> bool:
    """Whether all that the step and its own retry play is text."""
    prompts = (item for items in _own_prompts(source, reader).values() for item in items)
    streamed = any(item.get("stream") is not None for item in prompts)
    return not streamed and not any(item.kind in _MAY_SAY_ANYTHING for item in source.played)


def _menu(exit_: Choices, source: StepSource, locale: str) -> list[MenuEntry]:
    own = source.fields.values["choices"]
    names = own.keys() if isinstance(own, Map) else ()
    return [
        MenuEntry(
            choice.name,
            choice.keys,
            tuple(choice.said_in(locale)),
            choice.place,
            is_inherited=choice.name not in names,
        )
        for choice in exit_.choices.values()
    ]


def _ends_with_hash(wired: Wired) -> bool:
    """Whether the hash key ends the `input` of the step, or can do so."""
    asking = next(part for part in wired.parts if isinstance(part, Action) and part.word == "input")
    dtmf = asking.fields.get("dtmf")
    value = dtmf.members.get("submitOnHash") if isinstance(dtmf, Object) else None
    return value is not None and (not value.is_literal or value.render({}) is True)

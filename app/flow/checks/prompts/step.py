"""What a step says and listens for, out of what was read of it."""

from __future__ import annotations

from collections.abc import Iterator

from app.flow.checks.prompts.check import check_prompts
from app.flow.checks.prompts.spoken import Voice, spoken_in
from app.flow.checks.prompts.texts import DataEntry, MenuEntry, SpokenText
from app.flow.issues import Issue
from app.flow.language.collect import Collect
from app.flow.language.exits import StepSource, Wired
from app.flow.language.menu import Choices
from app.flow.language.retry import FAILURES, as_item, prompt_items
from app.flow.model import Exit
from app.flow.nodes import Map, Node, Seq
from app.flow.parts.action import Action
from app.flow.parts.values import Object
from app.flow.reader import Reader

_UNHEARD = frozenset({"stream", "ncco"})
"""What may say anything."""
_ENDS_RECORDING = frozenset("*#")


def check_prompts_of(source: StepSource, wired: Wired, reader: Reader) -> list[Issue]:
    """The warnings on what a step without errors says; for one that asks nothing only on the language of its texts."""
    exit_ = wired.exit
    found: dict[Issue, None] = {}
    for locale in reader.locales or ("",):
        texts = list(_texts(source, exit_, locale, reader))
        if not isinstance(exit_, Choices | Collect):
            issues = check_prompts(texts)
        elif isinstance(exit_, Choices):
            menu = _menu(exit_, source, locale)
            also = _ENDS_RECORDING if source.first("record") else frozenset[str]()
            issues = check_prompts(texts, menu, is_whole=_is_whole(source, reader), heard_elsewhere=also)
        else:
            entry = DataEntry(exit_.digits, _ends_with_hash(wired))
            issues = check_prompts(texts, entry=entry)
        found |= dict.fromkeys(issues)
    return list(found)


def _texts(source: StepSource, exit_: Exit, locale: str, reader: Reader) -> Iterator[SpokenText]:
    """Everything that a caller may hear in one locale: `do`, then the prompts of `retry`."""
    voice = Voice(locale, reader.locales, reader.inherited.get("talk"), reader.templates)
    do = source.fields.get("do")
    yield from spoken_in(_items(do), voice, is_inherited=False, is_retry=False)
    if not isinstance(exit_, Choices | Collect):
        return
    own = _own_prompts(source, reader)
    for failure in FAILURES:
        if failure in own:
            yield from spoken_in(own[failure], voice, is_inherited=False, is_retry=True)
        else:
            inherited = source.defaults.retry.prompts.get(failure, ()) if source.defaults.retry else ()
            items = (prompt.item for prompt in inherited)
            yield from spoken_in(items, voice, is_inherited=True, is_retry=True)


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


def _is_whole(source: StepSource, reader: Reader) -> bool:
    """Whether all that the step and its own retry play is text."""
    prompts = (item for items in _own_prompts(source, reader).values() for item in items)
    streamed = any(item.get("stream") is not None for item in prompts)
    return not streamed and not any(item.kind in _UNHEARD for item in source.played)


def _menu(exit_: Choices, source: StepSource, locale: str) -> list[MenuEntry]:
    own = source.fields.values["choices"]
    names = own.keys() if isinstance(own, Map) else ()
    return [
        MenuEntry(
            choice.name,
            choice.keys,
            tuple(choice.said_in(locale)),
            choice.place,
            choice.target.step or "",
            is_inherited=choice.name not in names,
        )
        for choice in exit_.choices.values()
    ]


def _ends_with_hash(wired: Wired) -> bool:
    """Whether the `input` that the step asks with takes the hash key for the end, or may do so."""
    asking = next(part for part in wired.parts if isinstance(part, Action) and part.word == "input")
    dtmf = asking.fields.get("dtmf")
    value = dtmf.members.get("submitOnHash") if isinstance(dtmf, Object) else None
    return value is not None and (not value.is_literal or value.render({}) is True)

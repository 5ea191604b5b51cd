"""Checks what one step says in one language against its menu or its data entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.flow.checks.prompts.entries import check_entry
from app.flow.checks.prompts.language import check_language
from app.flow.checks.prompts.menus import MenuCheck
from app.flow.checks.prompts.reading import read_text
from app.flow.checks.prompts.texts import DataEntry, MenuEntry, SpokenText
from app.flow.issues import Issue

LONGEST = 10_000
"""Characters of a text that is looked at. Our choice: a talk says 1,500 at most."""


def check_prompts(
    spoken: Sequence[SpokenText],
    menu: Sequence[MenuEntry] = (),
    entry: DataEntry | None = None,
    *,
    is_whole: bool = True,
    heard_elsewhere: frozenset[str] = frozenset(),
) -> Iterator[Issue]:
    """The warnings on what a step says.

    Args:
        spoken: every text that a caller may hear in the step, its retry prompts included, in one of the flow's locales.
        menu: its choices, those that it inherits included; none for a step that has no menu.
        entry: what its `collect` takes; None for a step that has none.
        is_whole: nothing else is heard there, such as audio files; else no choice is missed.
        heard_elsewhere: keys that another action of the step listens for, such as the one that ends a recording.
    """
    readable = [text for text in spoken if len(text.text.value) <= LONGEST]
    is_whole = is_whole and len(readable) == len(spoken)
    yield from check_language(readable)
    heard = [(text, read_text(text.text.value, text.language)) for text in readable]
    if menu:
        yield from MenuCheck(heard, menu, is_whole, heard_elsewhere).issues()
    if entry is not None:
        yield from check_entry(heard, entry)

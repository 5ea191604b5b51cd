"""Words of a step that stand beside it, among the steps: a line that is indented too little."""

from __future__ import annotations

from app.flow.nodes import Entry, Map, Text
from app.flow.played import STEP_WORDS
from app.flow.reader import Reader


def put_back(steps: Map, reader: Reader) -> Map:
    """The steps, each with the words that stand right behind it in their column; E201 for each such word.

    So that one line in the wrong column is one issue. A step may have the name of a word: then its value is a step.
    """
    kept: list[Entry] = []
    for entry in steps.entries:
        before = kept[-1] if kept else None
        if before is None or not isinstance(before.value, Map) or not _is_displaced(entry):
            kept.append(entry)
            continue
        _report(entry.key, before.key, before.value, reader)
        if before.value.get(entry.key.value) is None:
            kept[-1] = Entry(before.key, before.value._replace(entries=(*before.value.entries, entry)))
    return steps._replace(entries=tuple(kept))


def _is_displaced(entry: Entry) -> bool:
    is_step = isinstance(entry.value, Map) and any(key in STEP_WORDS for key in entry.value.keys())  # noqa: SIM118 - no dict
    return entry.key.value in STEP_WORDS and not is_step and _has_value(entry)


def _has_value(entry: Entry) -> bool:
    return not isinstance(entry.value, Text) or entry.value.quoted or bool(entry.value.value)


def _report(word: Text, step: Text, inner: Map, reader: Reader) -> None:
    indent = inner.entries[0].key.place.column - 1 if inner.entries else step.place.column + 1
    cure = f'indent it by {indent} spaces: it belongs to the step "{step.value}"'
    reader.report("E201", word.place, f"`{word.value}` stands among the steps", cure)

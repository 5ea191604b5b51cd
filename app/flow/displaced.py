"""Lines in another column than they are meant to be in: a step's words among the steps, a step among a step's words."""

from __future__ import annotations

from collections.abc import Iterator

from app.flow.exits import STEP_WORDS
from app.flow.nodes import Entry, Map, Node, Text
from app.flow.reader import Reader
from app.ncco.suggest import nearest


def put_back(steps: Map, reader: Reader) -> Map:
    """The steps, each with the words that stand right behind it in their column; E201 for each such word.

    A step that stands among the words of the one before it is a step of its own, with E202. So one line in the wrong
    column is one issue. A step may have the name of a word: then its value is a step.
    """
    kept: list[Entry] = []
    for entry in [each for written in steps.entries for each in _apart(written, reader)]:
        before = kept[-1] if kept else None
        if before is None or not isinstance(before.value, Map) or not _is_displaced(entry):
            kept.append(entry)
            continue
        _report(entry.key, before.key, before.value, reader)
        if before.value.get(entry.key.value) is None:
            kept[-1] = Entry(before.key, before.value._replace(entries=(*before.value.entries, entry)))
    return steps._replace(entries=tuple(kept))


def _apart(entry: Entry, reader: Reader) -> Iterator[Entry]:
    """The step without the steps in it, then those."""
    step = entry.value
    if not isinstance(step, Map):
        yield entry
        return
    inner = [each for each in step.entries if _is_step(each.value) and nearest(each.key.value, STEP_WORDS) is None]
    yield Entry(entry.key, step._replace(entries=tuple(each for each in step.entries if each not in inner)))
    for each in inner:
        cure = f"indent it by {entry.key.place.column - 1} spaces: it is a step of its own"
        reader.report("E202", each.key.place, f'step "{entry.key.value}" has no "{each.key.value}"', cure)
        yield each


def _is_step(node: Node) -> bool:
    keys = set(node.keys()) if isinstance(node, Map) else set[str]()
    return not keys.isdisjoint(STEP_WORDS) and keys.isdisjoint({"dtmf", "speech"})


def _is_displaced(entry: Entry) -> bool:
    return entry.key.value in STEP_WORDS and not _is_step(entry.value) and _has_value(entry)


def _has_value(entry: Entry) -> bool:
    return not isinstance(entry.value, Text) or entry.value.quoted or bool(entry.value.value)


def _report(word: Text, step: Text, inner: Map, reader: Reader) -> None:
    indent = inner.entries[0].key.place.column - 1 if inner.entries else step.place.column + 1
    cure = f'indent it by {indent} spaces: it belongs to the step "{step.value}"'
    reader.report("E201", word.place, f"`{word.value}` stands among the steps", cure)

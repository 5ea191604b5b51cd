"""Other typical texts, such as digits or a date, for filters that reject a text of letters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import product
from typing import Any, Final

from app.flow.types import SAMPLE, Sample

TEXTS: Final = ("2026-03-05", "12", "2026-03-05T09:30")
"""One of them fits each filter: a date in digits, a number, a point in time."""

MOST_TEXTS: Final = 3
"""How many texts are tried in every combination; of more, all are the same."""


def others(names: Mapping[str, Any], used: Collection[str]) -> Iterator[dict[str, Any]]:
    """The same names with other texts, for a value that cannot be computed with these.

    Args:
        names: what is in scope, with samples for what only a call knows.
        used: the names that the value looks up.
    """
    roots = {name.partition(".")[0] for name in used}
    own = {name: sample for name, sample in names.items() if name in roots}
    count = _count(own)
    rows: Iterable[tuple[str, ...]] = product(TEXTS, repeat=count)
    if not count or count > MOST_TEXTS:
        rows = ((text,) * count for text in TEXTS if count)
    for row in rows:
        yield {**names, **_with_texts(own, iter(row))}


def _count(sample: Any) -> int:
    if _is_text(sample):
        return 1
    if isinstance(sample, Mapping):
        return sum(map(_count, sample.values()))
    return sum(map(_count, sample)) if isinstance(sample, list | tuple) else 0


def _is_text(sample: Any) -> bool:
    return (isinstance(sample, Sample) and sample.text == SAMPLE) or (isinstance(sample, str) and sample == SAMPLE)


def _with_texts(sample: Any, texts: Iterator[str]) -> Any:
    if _is_text(sample):
        return Sample(next(texts)) if isinstance(sample, Sample) else next(texts)
    if isinstance(sample, Mapping) and not isinstance(sample, Sample):
        return {name: _with_texts(inner, texts) for name, inner in sample.items()}
    return type(sample)(_with_texts(inner, texts) for inner in sample) if isinstance(sample, list | tuple) else sample

"""Finds recorded calls by number, name, flow, result, day or spoken word."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ncco_server.flow.model import Flow
from ncco_server.service.call_results import NO_FLOWS, results_of
from ncco_server.service.masks import MaskedText, body_document, encrypted_options, without_marks
from ncco_server.store import CallFilter, CallRow, Records, ResultRow

WORD_CALLS: Final = 500
WORD_S: Final = 1.5
"""A search for a word then stops; it can be continued."""
_TAG: Final = re.compile("<[^>]*>")


FoundCall: TypeAlias = tuple[CallRow, ResultRow | None]
"""No result for called parties and for placed calls in progress."""


@dataclass
class FoundCalls:
    """Calls that match a search, newest first.

    Attributes:
        next: more calls may match after this key; None if there are none.
        searched_until: how far a stopped search for a word got (milliseconds since 1970).
    """

    calls: list[FoundCall] = field(default_factory=list)
    next: int | None = None
    searched_until: int | None = None


async def find_calls(
    records: Records,
    wanted: CallFilter,
    limit: int,
    now_ms: int,
    *,
    before: int | None = None,
    word: str = "",
    within_s: float = WORD_S,
    flows: Mapping[str, Flow] = NO_FLOWS,
) -> FoundCalls:
    """Return the newest calls first, after the key `before`. Raises StoreError.

    `word` is searched for in names, numbers, prompts, what was said and messages, for at most `within_s`.
    """
    if not word:
        rows = await records.calls(limit + 1, before, wanted)
        known = await results_of(records, rows[:limit], now_ms, flows)
        calls = [(row, known.get(row.key)) for row in rows[:limit]]
        return FoundCalls(calls, rows[limit - 1].key if len(rows) > limit else None)
    found = FoundCalls(next=before)
    until = time.monotonic() + within_s
    while rows := await records.calls(WORD_CALLS, found.next, wanted):
        for pair in await _with_word(records, rows, word, now_ms, flows):
            found.calls.append(pair)
            found.next = pair[0].key
            if len(found.calls) == limit:
                return found
        if len(rows) < WORD_CALLS:
            break
        found.next = rows[-1].key
        if time.monotonic() > until:
            found.searched_until = rows[-1].session.created_at
            return found
    found.next = None
    return found


async def _with_word(
    records: Records, rows: Sequence[CallRow], word: str, now_ms: int, flows: Mapping[str, Flow]
) -> list[FoundCall]:
    """Drop what the store also finds: the word in URLs and field names."""
    holding = await records.holding(word, [row.key for row in rows])
    folded = word.casefold()
    saying = await asyncio.to_thread(
        lambda: {key for key, body in holding if any(folded in text.casefold() for text in spoken_in(body))}
    )
    transcripts = await records.transcripts([row.session.id for row in rows])
    dictated = {session for session, words in transcripts if folded in " ".join(words.split()).casefold()}
    known = await results_of(records, rows, now_ms, flows)
    found = []
    for row in rows:
        result = known.get(row.key)
        names = (row.session.flow, result.caller, result.to, result.name) if result else (row.session.flow,)
        if row.key in saying or row.session.id in dictated or any(folded in name.casefold() for name in names):
            found.append((row, result))
    return found


def spoken_in(body: bytes) -> Iterator[str]:
    """Return the texts without SSML tags."""
    waiting = [body_document(body)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            waiting += part.values()
            text = part.get("text")
            if "action" not in part:
                text = without_marks(text)
            elif "text" in encrypted_options(part):
                continue
            if isinstance(text, str) and not isinstance(text, MaskedText):
                yield _TAG.sub("", text)

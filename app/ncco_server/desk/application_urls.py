"""Changes an application's webhook URLs at Vonage, and puts back the former ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
from pydantic import BaseModel, TypeAdapter, ValidationError

from ncco_server.desk.output import CannotRun
from ncco_server.errors import VonageApiError
from ncco_server.flow.files import replace_text
from ncco_server.service.phone_numbers import readable
from ncco_server.terminal import printable
from ncco_server.vonage.applications import (
    Account,
    read_document,
    read_numbers,
    webhooks_of,
    with_webhooks,
    write_document,
)

RECORD: Final = Path(".ncco-urls-before.json")
"""The URLs at Vonage before `ncco go-live`, in the project's folder, readable only by its owner."""
_SENTENCES: Final = {
    "answer_url": "At the start of a call, Vonage requests",
    "fallback_answer_url": "If that fails, Vonage requests",
    "event_url": "Vonage reports the progress of calls to",
}


class ConfiguredEntry(BaseModel):
    """The parts of a webhook URL that `ncco go-live` changes; None if not set."""

    address: str | None = None
    http_method: str | None = None


class UrlHistory(BaseModel):
    """A webhook URL of an application.

    Attributes:
        before: the former one; None for none.
        written: all that `ncco go-live` has written or tried to write, oldest first.
    """

    before: ConfiguredEntry | None
    written: list[ConfiguredEntry]


History = dict[str, UrlHistory]
HISTORY: Final = TypeAdapter(History)
_RECORDS: Final = TypeAdapter(dict[str, History])


def history_of(application_id: str) -> History:
    """Return {} if nothing was changed. Raises CannotRun."""
    return _records().get(application_id, {})


def changes_in_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    old, new = _entries(before), _entries(after)
    for name, sentence in _SENTENCES.items():
        was, will = old.get(name) or ConfiguredEntry(), new.get(name) or ConfiguredEntry()
        if was != will:
            yield f"{sentence} {_shown(will)} instead of {_shown(was)}."


async def numbers_of(account: Account, application_id: str) -> str:
    """Return "" if there are no numbers or they cannot be read."""
    try:
        found = await read_numbers(account, application_id)
    except VonageApiError:
        return ""
    return " and ".join(readable(number.msisdn) for number in found.numbers)


async def replace_document(
    account: Account, application_id: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Write `after` if the application is still as `before`, and check what was stored. Raises VonageApiError."""
    if (await read_document(account, application_id))[1] != before:
        raise VonageApiError(
            "the application has changed at Vonage in the meantime, so nothing was written", "Look again."
        )
    await write_document(account, application_id, after)
    if others := list(_differences(after, (await read_document(account, application_id))[1])):
        rows = "; ".join(f"{path}: {_value(old)} -> {_value(new)}" for path, old, new in others)
        raise VonageApiError(f"Vonage stored something else: {rows}", "Correct it in the Vonage dashboard.")


def record(application_id: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Store what is about to be replaced, so that it can be put back even if this process dies now.

    What an earlier `ncco go-live` wrote is not remembered, but what was there before it.
    """
    records = _records()
    note_changes(records.setdefault(application_id, {}), before, after)
    _store(records)


def note_changes(history: History, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    old = _entries(before)
    for name, entry in _entries(after).items():
        if entry is None or entry == old[name]:
            continue
        known = history.get(name)
        if known is None or old[name] not in known.written:
            known = history[name] = UrlHistory(before=old[name], written=[])
        known.written.append(entry)


def forget(application_id: str) -> None:
    records = _records()
    records.pop(application_id, None)
    _store(records)


def put_back(document: Mapping[str, Any], history: History) -> tuple[dict[str, Any], list[str]]:
    """Return a copy with the URLs from before `ncco go-live`.

    Also returns a sentence for each URL that stays because somebody else has changed it since.
    """
    now = _entries(document)
    entries: dict[str, dict[str, Any] | None] = {}
    kept = []
    for name, known in history.items():
        if now[name] in known.written:
            entries[name] = known.before.model_dump() if known.before else None
        elif now[name] != known.before:
            kept.append(f"Somebody has changed {name} to {_shown(now[name])} since, so it stays.")
    return (with_webhooks(document, entries) if entries else dict(document)), kept


def print_changes(name: str, lines: Sequence[str], numbers: str) -> None:
    affected = f", which decides what callers of {numbers} hear" if numbers else ""
    click.echo(f'The application "{printable(name)}" at Vonage{affected}, will change as follows, and nothing else:')
    for line in lines:
        click.echo(f"  {printable(line)}")


def _entries(document: Mapping[str, Any]) -> dict[str, ConfiguredEntry | None]:
    webhooks = webhooks_of(document)
    return {
        name: ConfiguredEntry(address=entry.get("address"), http_method=entry.get("http_method"))
        if (entry := webhooks.get(name))
        else None
        for name in _SENTENCES
    }


def _shown(entry: ConfiguredEntry | None) -> str:
    if entry is None or not entry.address:
        return "nothing"
    return f"{entry.address} ({entry.http_method})" if entry.http_method else entry.address


def _value(value: Any) -> str:
    return "nothing" if value is None else printable(str(value))


def _differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield paths and both values; a missing value is None."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif before != after:
        yield path, before, after


def _records() -> dict[str, History]:
    try:
        return _RECORDS.validate_json(RECORD.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise CannotRun(f"{RECORD} cannot be read", "restore it, or delete it if you do not need --undo") from error


def _store(records: Mapping[str, History]) -> None:
    """Replace the file atomically and durably, or remove it if nothing is left to put back."""
    if not any(records.values()):
        RECORD.unlink(missing_ok=True)
        return
    replace_text(RECORD, _RECORDS.dump_json(dict(records), indent=2).decode() + "\n", mode=0o600)

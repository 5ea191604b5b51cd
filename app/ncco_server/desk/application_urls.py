"""Changes an application's webhook URLs at Vonage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click

from ncco_server.errors import VonageApiError
from ncco_server.service.phone_numbers import readable
from ncco_server.terminal import printable
from ncco_server.vonage.applications import (
    Account,
    read_document,
    read_numbers,
    webhooks_of,
    write_document,
)

_SENTENCES: Final = {
    "answer_url": "At the start of a call, Vonage requests",
    "fallback_answer_url": "If that fails, Vonage requests",
    "event_url": "Vonage reports the progress of calls to",
}


def changes_in_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name, sentence in _SENTENCES.items():
        was, will = _url(before, name), _url(after, name)
        if was != will:
            yield f"{sentence} {will} instead of {was}."


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


def print_changes(name: str, lines: Sequence[str], numbers: str) -> None:
    affected = f", which decides what callers of {numbers} hear" if numbers else ""
    click.echo(f'The application "{printable(name)}" at Vonage{affected}, will change as follows, and nothing else:')
    for line in lines:
        click.echo(f"  {printable(line)}")


def _url(document: Mapping[str, Any], name: str) -> str:
    entry = webhooks_of(document).get(name) or {}
    address, method = entry.get("address"), entry.get("http_method")
    if not address:
        return "nothing"
    return f"{address} ({method})" if method else str(address)


def _value(value: Any) -> str:
    return "nothing" if value is None else printable(str(value))


def _differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield paths and both values; a missing value is None."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif before != after:
        yield path, before, after

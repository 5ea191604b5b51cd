"""`ncco forget`: reads the numbers strictly, and tells what is gone."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import click

from app.cli.jobs.counted import counted
from app.cli.jobs.outbox import find_store, opened
from app.cli.work import FINE, ISSUES, CannotRun
from app.store import Forgotten, Store

REWRITTEN_BYTES: Final = 256 * 1024 * 1024
"""Files up to this size are written anew without being asked to: it takes a second or two."""

LEAST_DIGITS: Final = 11
"""Digits of a number without a +: one with fewer may lack its country code, and would mean somebody else."""

_UNSEEN: Final = (
    "no row names it any more; free parts of PostgreSQL's files and its log were not searched",
    "  they are used anew in time; --rewrite cuts them out of the files, which holds up calls meanwhile",
)

_FILLING: Final = re.compile(r"[ ().\-]")
_NUMBER: Final = re.compile(r"[1-9][0-9]{6,14}")


def run(numbers: Sequence[str], dry_run: bool, rewrite: bool, form: Literal["text", "json"]) -> int:
    """Forget the numbers, or count. Raises CannotRun."""
    wanted = sorted({read_number(number) for number in numbers})
    store = find_store()
    is_file = store.path is not None
    may_rewrite = rewrite or (store.path is not None and store.path.stat().st_size <= REWRITTEN_BYTES)
    found = asyncio.run(_forget(store, wanted, dry_run, may_rewrite))
    if form == "json":
        seen = found._asdict() if is_file else {**found._asdict(), "traces": None}
        click.echo(json.dumps({"numbers": wanted, "dry_run": dry_run, **seen}, indent=2))
    else:
        click.echo("\n".join([*_told(wanted, found, dry_run), *([] if is_file or dry_run else _UNSEEN)]))
    return ISSUES if found.traces else FINE


async def _forget(store: Store, numbers: Sequence[str], dry_run: bool, may_rewrite: bool) -> Forgotten:
    async with opened(store):
        return await store.forget(numbers, dry_run=dry_run, may_rewrite=may_rewrite)


def read_number(written: str) -> str:
    """The digits of a number that means one party in the world. Raises CannotRun for any other."""
    text = _FILLING.sub("", written.strip())
    is_whole = text.startswith(("+", "00"))
    digits = text.removeprefix("+") if text.startswith("+") else text.removeprefix("00")
    if not (digits.isascii() and digits.isdecimal()):
        raise CannotRun(f'"{written}" is no phone number', "write it with + and the country code: +447700900123")
    if digits.startswith("0") or not (is_whole or len(digits) >= LEAST_DIGITS):
        cure = "write it with + and the country code, such as +447700900123 for 07700 900123"
        raise CannotRun(f'"{written}" does not say of which country it is', cure)
    if not _NUMBER.fullmatch(digits):
        raise CannotRun(f'"{written}" has {len(digits)} digits, and phone numbers have 7 to 15', "write all of it")
    return digits


def _told(numbers: Sequence[str], found: Forgotten, dry_run: bool) -> Iterator[str]:
    shown = ", ".join(f"+{number}" for number in numbers)
    done = "would be deleted" if dry_run else "deleted"
    nouns = ("call", "turn", "webhook", "hook")
    parts = ", ".join(counted(getattr(found, f"{noun}s"), noun) for noun in nouns)
    yield f"{shown}: {parts} {done}" if any(found[:5]) else f"{shown}: nothing names it"
    if found.running:
        yield f"{counted(found.running, 'call')} of them had not ended"
    if found.revisions:
        yield f"{counted(found.revisions, 'revision')} of your flows name it: written by their author, they stay"
    if found.traces:
        yield f"older copies stand in free parts of the file ({found.traces} of them)"
        yield "  cure: end what reads the database, or run it with --rewrite, which holds up calls meanwhile"

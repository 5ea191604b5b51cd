"""A group of writes in one transaction, with one statement for all of a kind.

Items of one call never share a statement, since it does not see what it writes itself: they come in rounds, one after
the other in the order in which they came. What an item may not write is found by what its statement returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

from app.errors import AlreadyOpen, Conflict
from app.store.contract import HookRow, SessionRow, TurnRow, WebhookRow
from app.store.postgres import outbox, statements
from app.store.postgres.connecting import transaction
from app.store.postgres.texts import stored, stored_all

if TYPE_CHECKING:
    from app.store.postgres.connecting import Connection

ROUNDS: Final = 16
"""Rounds of one group at most, so that a flood of webhooks of one call holds nobody else up for long."""


class Kind(Enum):
    """What an item does; each is a method of the store."""

    OPEN = auto()
    ADVANCE = auto()
    RECORD = auto()
    END = auto()


@dataclass(slots=True, eq=False)
class Item:
    """One unit of writing, and the task that waits for it.

    Attributes:
        done: of the task that waits.
        webhook: what every item writes.
        hooks: written with it.
        session, turn: of OPEN and ADVANCE.
        leg: of END.
        result: how many calls ended.
        error: why nothing of it was written.
    """

    kind: Kind
    done: asyncio.Future[int]
    webhook: WebhookRow
    hooks: Sequence[HookRow] = ()
    session: SessionRow | None = None
    turn: TurnRow | None = None
    leg: str = ""
    result: int = 0
    error: Exception | None = None

    def keys(self) -> set[str]:
        """Names of the calls and legs that it may touch."""
        named = {self.webhook.session, self.leg}
        if self.session is not None:
            named |= {self.session.id, self.session.leg}
        return named - {""} | {hook.session for hook in self.hooks}

    def settle(self) -> None:
        """Wake the task. One that was cancelled meanwhile hears nothing."""
        if self.done.done():
            return
        if self.error is None:
            self.done.set_result(self.result)
        else:
            self.done.set_exception(self.error)
            self.done.exception()  # seen: a task that is cancelled at this very moment leaves no complaint in the log


def in_rounds(items: Iterable[Item]) -> list[list[Item]]:
    """The items in rounds without two of one call; each keeps its place behind the earlier ones of its calls."""
    rounds: list[list[Item]] = []
    last: dict[str, int] = {}
    for item in items:
        keys = item.keys()
        number = max((last.get(key, 0) for key in keys), default=0)
        last.update(dict.fromkeys(keys, number + 1))
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(item)
    return rounds


async def write(connection: Connection, rounds: list[list[Item]]) -> None:
    """Write all rounds, in a transaction. What an item may not write is its `error`."""
    if len(rounds) == 1 and _is_one_statement(rounds[0]):
        await _write_round(connection, rounds[0])  # a statement is a transaction
        return
    async with transaction(connection):
        for items in rounds:
            await _write_round(connection, items)


async def write_apart(connection: Connection, items: Iterable[Item], refuse: Callable[[Exception], Exception]) -> None:
    """Write items one by one in one transaction, so that one that PostgreSQL refuses does not fail the others.

    Args:
        connection: idle.
        items: in their order.
        refuse: the error of an item whose rows cannot be written; raises what is no fault of the item.
    """
    async with transaction(connection):
        for item in items:
            await connection.execute("SAVEPOINT item")
            try:
                await _write_round(connection, [item])
            except Exception as error:  # noqa: BLE001 - `refuse` raises again what it does not know
                item.error = refuse(error)
                await connection.execute("ROLLBACK TO item")
            await connection.execute("RELEASE item")


def _is_one_statement(items: Sequence[Item]) -> bool:
    kind = items[0].kind
    return kind is not Kind.END and all(item.kind is kind and not item.hooks for item in items)


async def _write_round(connection: Connection, items: Sequence[Item]) -> None:
    for item in items:
        item.error, item.result = None, 0
    opened = [item for item in items if item.kind is Kind.OPEN]
    advanced = [item for item in items if item.kind is Kind.ADVANCE]
    recorded = [item for item in items if item.session is None]
    telling: list[Item] = []
    if opened:
        telling += await _write_turns(connection, statements.OPEN_CALLS, opened, AlreadyOpen)
    if advanced:
        telling += await _write_turns(connection, statements.ADVANCE_CALLS, advanced, Conflict)
    if recorded:
        await _end(connection, [item for item in recorded if item.leg])
        telling += await _record(connection, recorded)
    await _write_hooks(connection, telling)


def _columns(rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    """Rows as the columns that a statement takes; texts as PostgreSQL keeps them."""
    return [stored_all(column) if isinstance(column[0], str) else column for column in zip(*rows, strict=True)]


async def _write_turns(connection: Connection, sql: str, items: list[Item], refusal: type[Exception]) -> Sequence[Item]:
    """Write calls and their turns, in the order of their ids, so that two hosts wait for each other in one order."""
    items.sort(key=_id_of)
    columns = _columns(
        (*item.session, *item.turn[1:], *item.webhook)
        for item in items
        if item.session is not None and item.turn is not None
    )
    written = {row[0] for row in await connection.fetch(sql, *columns)}
    if len(written) == len(items):
        return items
    kept = []
    for item, id_ in zip(items, columns[0], strict=True):
        if id_ in written:
            kept.append(item)
        else:
            item.error = refusal(_id_of(item))
    return kept


def _id_of(item: Item) -> str:
    return item.session.id if item.session is not None else ""


async def _end(connection: Connection, items: Sequence[Item]) -> None:
    if not items:
        return
    legs = stored_all([item.leg for item in items])
    ended = [
        row[0]
        for row in await connection.fetch(statements.END_CALLS, legs, [item.webhook.received_at for item in items])
    ]
    for item, leg in zip(items, legs, strict=True):
        item.result = ended.count(leg)


async def _record(connection: Connection, items: Sequence[Item]) -> Sequence[Item]:
    """Write webhooks that steer nothing. Returns those whose hooks are to be written."""
    telling = sorted((item for item in items if _may_tell(item)), key=lambda item: item.webhook.session)
    if len(telling) < len(items):
        plain = [item for item in items if item not in telling] if telling else items
        await connection.execute(statements.RECORD, *_columns(item.webhook for item in plain))
    if not telling:
        return ()
    rows = await connection.fetch(statements.RECORD_AND_TELL, *_columns(item.webhook for item in telling))
    told = {row[0] for row in rows}
    return [item for item in telling if stored(item.webhook.session) in told]


def _may_tell(item: Item) -> bool:
    return bool(item.hooks) and (item.webhook.wait >= 0 or item.kind is not Kind.END or item.result > 0)


async def _write_hooks(connection: Connection, items: Iterable[Item]) -> None:
    rows = [(*hook[:8], hook.problem, hook.is_parked) for item in items for hook in item.hooks]
    if rows:
        await connection.execute(outbox.INSERT_HOOKS, *_columns(rows))

"""Connections to PostgreSQL, with the time-outs that a caller who listens can bear."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from app.store.address import Address

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]

CONNECT_S: Final = 3.0
"""Seconds that a new connection may take."""

READ_S: Final = 2.0
"""Seconds that one read may take with all that it waits for."""

COMMIT_S: Final = 3.5
"""Seconds that one group of writes may take with all that it waits for; Vonage gives up after 5."""

_SESSION: Final = {
    "statement_timeout": "3000",
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "5000",
    "jit": "off",
}
"""Milliseconds. PostgreSQL itself ends what a host has begun that hangs or died in the middle."""

_DURABLE: Final = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
"""What was acknowledged is on disk, whatever the database's own setting says."""


def options(address: Address, statement_s: float | None = None) -> dict[str, Any]:
    """How to connect. A pooler by transactions keeps neither settings nor prepared statements of a session."""
    session = _SESSION if statement_s is None else {**_SESSION, "statement_timeout": str(int(statement_s * 1000))}
    name = {} if "application_name=" in address.dsn else {"application_name": "ncco-server"}
    return {
        "dsn": address.dsn,
        "timeout": CONNECT_S,
        "server_settings": name if address.is_pooled else {**name, **session},
        "statement_cache_size": 0 if address.is_pooled else 200,
        "max_cached_statement_lifetime": 0,
    }


async def connect(address: Address) -> Connection:
    """A new connection. Raises what the driver raises."""
    connection: Connection = await asyncpg.connect(**options(address))
    if address.is_pooled:
        return connection
    try:
        await make_durable(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def make_durable(connection: Connection) -> None:
    """Let commits of a connection wait for the disk."""
    await connection.execute(_DURABLE)


def make_pool(address: Address, size: int, statement_s: float | None = None) -> Pool:
    """Up to `size` connections, made when they are needed. Nothing is asked of one that comes back."""
    init = None if address.is_pooled else make_durable
    return asyncpg.create_pool(min_size=0, max_size=size, init=init, reset=_stay, **options(address, statement_s))


async def _stay(_: object) -> None:
    """A connection that comes back has no state that the next one could see: nothing here sets any."""


@asynccontextmanager
async def transaction(connection: Connection) -> AsyncIterator[None]:
    """BEGIN, and COMMIT unless an exception passes. What passes may be a COMMIT whose outcome nobody knows."""
    await connection.execute("BEGIN")
    try:
        yield
    except Exception:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")

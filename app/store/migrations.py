"""The tables of both databases, version by version. A released version is never changed: another one follows it.

While hosts are restarted one after another, old ones go on with the newer tables: a version adds, and removes nothing
that the one before needs.

Keys are integers that grow, so that what is written together is stored together. The call's id is the only index with
random entries: each such index costs a commit one more page. In PostgreSQL texts sort by their bytes, as in SQLite.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from app.errors import StoreUnusable
from app.store.database import Work
from app.store.rows import Schema

VERSION_TABLE: Final = "ncco_schema"
"""Where a database says its version. A database with our tables but without this one belongs to another program."""

FIRST_READABLE: Final = "0002"
"""The oldest version that can be read without being migrated."""

TABLES: Final = ("calls", "turns", "webhooks", "revisions", "probes", "hooks", VERSION_TABLE)


class Migration(NamedTuple):
    """The step from one version to the next."""

    version: str
    statements: tuple[str, ...]


# webhooks.call_key is NULL when the webhook belongs to no stored call; session is what it names all the same.
# probes is always empty: a row is written and deleted to see whether there is room.
# hooks.due_at is NULL behind an earlier hook of the same session.
SQLITE: Final = (
    Migration(
        "0001",
        (
            """
            CREATE TABLE calls (
                key          INTEGER PRIMARY KEY,
                id           TEXT    NOT NULL UNIQUE,
                leg          TEXT    NOT NULL,
                conversation TEXT    NOT NULL,
                flow         TEXT    NOT NULL,
                revision     TEXT    NOT NULL,
                version      INTEGER NOT NULL,
                is_over      INTEGER NOT NULL,
                created_at   INTEGER NOT NULL,
                updated_at   INTEGER NOT NULL,
                state        BLOB    NOT NULL
            )
            """,
            "CREATE INDEX open_calls_by_leg ON calls (leg) WHERE is_over = 0",
            """
            CREATE TABLE webhooks (
                key          INTEGER PRIMARY KEY,
                call_key     INTEGER REFERENCES calls (key) ON DELETE CASCADE,
                id           TEXT    NOT NULL,
                kind         TEXT    NOT NULL,
                session      TEXT    NOT NULL,
                turn         INTEGER NOT NULL,
                wait         INTEGER NOT NULL,
                status       TEXT    NOT NULL,
                leg          TEXT    NOT NULL,
                conversation TEXT    NOT NULL,
                method       TEXT    NOT NULL,
                received_at  INTEGER NOT NULL,
                body         BLOB    NOT NULL
            )
            """,
            "CREATE INDEX webhooks_by_call ON webhooks (call_key, turn) WHERE call_key IS NOT NULL",
            """
            CREATE TABLE turns (
                key          INTEGER PRIMARY KEY,
                call_key     INTEGER NOT NULL REFERENCES calls (key) ON DELETE CASCADE,
                number       INTEGER NOT NULL,
                webhook      TEXT    NOT NULL,
                cause_turn   INTEGER NOT NULL,
                cause_wait   INTEGER NOT NULL,
                cause_status TEXT    NOT NULL,
                created_at   INTEGER NOT NULL,
                ncco         BLOB    NOT NULL,
                trace        BLOB    NOT NULL,
                inputs       BLOB    NOT NULL,
                UNIQUE (call_key, number)
            )
            """,
            """
            CREATE TABLE revisions (
                hash         TEXT    PRIMARY KEY,
                flow         TEXT    NOT NULL,
                created_at   INTEGER NOT NULL,
                sources      BLOB    NOT NULL
            )
            """,
            "CREATE TABLE probes (body BLOB NOT NULL)",
        ),
    ),
    Migration(
        "0002",
        (
            """
            CREATE TABLE hooks (
                key          INTEGER PRIMARY KEY,
                id           TEXT    NOT NULL UNIQUE,
                session      TEXT    NOT NULL,
                name         TEXT    NOT NULL,
                url          TEXT    NOT NULL,
                created_at   INTEGER NOT NULL,
                due_at       INTEGER,
                leased_until INTEGER NOT NULL DEFAULT 0,
                tries        INTEGER NOT NULL DEFAULT 0,
                problem      TEXT    NOT NULL DEFAULT '',
                is_parked    INTEGER NOT NULL DEFAULT 0,
                headers      BLOB    NOT NULL,
                body         BLOB    NOT NULL
            )
            """,
            "CREATE INDEX waiting_hooks_by_session ON hooks (session, key) WHERE is_parked = 0",
            "CREATE INDEX due_hooks ON hooks (due_at) WHERE is_parked = 0 AND due_at IS NOT NULL",
        ),
    ),
    # Nearly every call has its leg for an id: only the others need an index.
    Migration(
        "0003",
        (
            "DROP INDEX open_calls_by_leg",
            "CREATE INDEX open_calls_by_other_leg ON calls (leg) WHERE is_over = 0 AND leg <> id",
        ),
    ),
    # Open calls are counted by it. It grows at its end, as its table does.
    Migration(
        "0004",
        ("CREATE INDEX open_calls_by_beginning ON calls (created_at, is_over) WHERE is_over = 0",),
    ),
)

# webhooks.tells belongs to hosts of version 0.1, which marked the delivery whose hooks were written.
POSTGRES: Final = (
    Migration(
        "0001",
        (
            """
            CREATE TABLE calls (
                key          bigint  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
                version      bigint  NOT NULL,
                created_at   bigint  NOT NULL,
                updated_at   bigint  NOT NULL,
                is_over      boolean NOT NULL,
                id           text    COLLATE "C" NOT NULL UNIQUE,
                leg          text    COLLATE "C" NOT NULL,
                conversation text    COLLATE "C" NOT NULL,
                flow         text    COLLATE "C" NOT NULL,
                revision     text    COLLATE "C" NOT NULL,
                state        bytea   NOT NULL
            ) WITH (fillfactor = 80)
            """,
            "CREATE INDEX open_calls_by_other_leg ON calls (left(leg, 200)) WHERE NOT is_over AND leg <> id",
            """
            CREATE TABLE turns (
                call_key     bigint  NOT NULL REFERENCES calls (key) ON DELETE CASCADE,
                number       bigint  NOT NULL,
                cause_turn   bigint  NOT NULL,
                cause_wait   bigint  NOT NULL,
                created_at   bigint  NOT NULL,
                cause_status text    COLLATE "C" NOT NULL,
                webhook      text    COLLATE "C" NOT NULL,
                ncco         bytea   NOT NULL,
                trace        bytea   NOT NULL,
                inputs       bytea   NOT NULL,
                PRIMARY KEY (call_key, number)
            )
            """,
            """
            CREATE TABLE webhooks (
                key          bigint  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
                call_key     bigint  REFERENCES calls (key) ON DELETE CASCADE,
                turn         bigint  NOT NULL,
                wait         bigint  NOT NULL,
                received_at  bigint  NOT NULL,
                tells        boolean NOT NULL DEFAULT false,
                id           text    COLLATE "C" NOT NULL,
                kind         text    COLLATE "C" NOT NULL,
                session      text    COLLATE "C" NOT NULL,
                status       text    COLLATE "C" NOT NULL,
                leg          text    COLLATE "C" NOT NULL,
                conversation text    COLLATE "C" NOT NULL,
                method       text    COLLATE "C" NOT NULL,
                body         bytea   NOT NULL
            )
            """,
            "CREATE INDEX webhooks_by_call ON webhooks (call_key, turn) WHERE call_key IS NOT NULL",
            "CREATE UNIQUE INDEX told_once ON webhooks (call_key, turn, wait, left(status, 200)) WHERE tells",
            """
            CREATE TABLE revisions (
                created_at   bigint  NOT NULL,
                hash         text    COLLATE "C" PRIMARY KEY,
                flow         text    COLLATE "C" NOT NULL,
                sources      bytea   NOT NULL
            )
            """,
            "CREATE TABLE probes (body bytea NOT NULL)",
        ),
    ),
    Migration(
        "0002",
        (
            """
            CREATE TABLE hooks (
                key          bigint  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
                created_at   bigint  NOT NULL,
                due_at       bigint,
                leased_until bigint  NOT NULL DEFAULT 0,
                tries        bigint  NOT NULL DEFAULT 0,
                is_parked    boolean NOT NULL DEFAULT false,
                id           text    COLLATE "C" NOT NULL UNIQUE,
                session      text    COLLATE "C" NOT NULL,
                name         text    COLLATE "C" NOT NULL,
                url          text    COLLATE "C" NOT NULL,
                problem      text    COLLATE "C" NOT NULL DEFAULT '',
                headers      bytea   NOT NULL,
                body         bytea   NOT NULL
            ) WITH (fillfactor = 70)
            """,
            "CREATE INDEX waiting_hooks_by_session ON hooks (session, key) WHERE NOT is_parked",
            "CREATE INDEX due_hooks ON hooks (due_at) WHERE NOT is_parked AND due_at IS NOT NULL",
        ),
    ),
    Migration(
        "0003",
        ("CREATE INDEX open_calls_by_beginning ON calls (created_at) WHERE NOT is_over",),
    ),
)


def find_schema(migrations: tuple[Migration, ...], list_tables: str, label: str) -> Work[Schema]:
    """Which version the database has. Raises StoreUnusable for a newer one, and for that of another program.

    Args:
        migrations: of this kind of database.
        list_tables: gives the names of tables, of which only ours may be there.
        label: names the database.
    """
    tables = {row[0] for row in (yield list_tables, ())}
    rows = (yield f"SELECT max(version_num) FROM {VERSION_TABLE}", ()) if VERSION_TABLE in tables else []
    found = str(rows[0][0] or "") if rows else ""
    versions = tuple(migration.version for migration in migrations)
    if found == "" and (others := sorted(tables - {VERSION_TABLE})):
        cure = "name an empty database in NCCO_DATABASE_URL"
        raise StoreUnusable(f"{label} belongs to another program: it has a table {others[0]}", cure)
    if found not in ("", *versions):
        cure = "start the newer version that made it, or name another database in NCCO_DATABASE_URL"
        raise StoreUnusable(f"{label} has schema {found}, and this version knows none after {versions[-1]}", cure)
    return Schema(found, versions[-1], tuple(version for version in versions if version > found))


def upgrade(migrations: tuple[Migration, ...], list_tables: str, label: str) -> Work[None]:
    """Run the migrations that the database lacks, inside a transaction that locks others out. Raises StoreUnusable."""
    missing = (yield from find_schema(migrations, list_tables, label)).missing
    if not missing:
        return
    yield f"CREATE TABLE IF NOT EXISTS {VERSION_TABLE} (version_num text NOT NULL)", ()
    for migration in migrations:
        if migration.version in missing:
            for statement in migration.statements:
                yield statement, ()
    yield f"DELETE FROM {VERSION_TABLE}", ()
    yield f"INSERT INTO {VERSION_TABLE} (version_num) VALUES ($1)", (missing[-1],)


def require_readable(schema: Schema, label: str) -> None:
    """Raise StoreUnusable for a database that is empty, or too old to be read as it is."""
    if not schema.found:
        raise StoreUnusable(f"{label} is empty", "name the server's database in NCCO_DATABASE_URL, or start the server")
    if schema.found < FIRST_READABLE:
        raise StoreUnusable(f"{label} has the old schema {schema.found}", "run `ncco db upgrade`")

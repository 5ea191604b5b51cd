"""A PostgreSQL that cannot be connected to: what is wrong, and what to change."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from ncco_server.errors import StoreError, StoreUnavailable, StoreUnusable
from ncco_server.store import open_store
from ncco_server.store.postgres_faults import unusable
from tests.support import postgres_server
from tests.support.cases import each_case
from tests.support.keys import self_signed
from tests.support.pooler import running_pooler

SECRET = "wr0ng"
VARIABLES = ("PGSSLMODE", "PGSSLROOTCERT", "PGPORT", "PGHOST", "PGSSLMINPROTOCOLVERSION", "PGTARGETSESSIONATTRS")


@pytest.fixture(scope="module")
def server() -> Iterator[postgres_server.Server]:
    if reason := postgres_server.why_not():
        pytest.skip(reason)
    with postgres_server.running_server() as own:
        own.ask("CREATE ROLE guarded LOGIN PASSWORD 'right'")
        own.ask("CREATE ROLE single LOGIN CONNECTION LIMIT 0")
        own.ask("CREATE ROLE away NOLOGIN")
        own.ask("CREATE DATABASE closed ALLOW_CONNECTIONS false")
        yield own


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without files of PostgreSQL, with certificates for tests."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, age_days in (("good", 0), ("other", 0), ("old", 9)):
        self_signed(tmp_path, "localhost", 1, name=name, age_days=age_days)
    (tmp_path / "empty.pem").write_text("no certificate")
    return tmp_path


@asynccontextmanager
async def tls_in_front(folder: Path, name: str, to: int) -> AsyncIterator[int]:
    """Serve TLS with a certificate, and pass everything on to PostgreSQL at port `to`. Yields the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(65_536):
            writer.write(block)
        writer.close()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readexactly(8)
            writer.write(b"S")
            await writer.start_tls(context)
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to)
            await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
        except OSError:  # the client refuses the certificate
            writer.close()

    listening = await asyncio.start_server(take, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


class Refusal(NamedTuple):
    """Parts of an error's message and of its fix."""

    kind: type[StoreError]
    message: str
    cure: str

    def require(self, found: StoreError) -> None:
        assert (self.kind, True, True) == (type(found), self.message in str(found), self.cure in found.cure), found


async def refusal(url: str) -> StoreError:
    with pytest.raises(StoreError) as refused:
        await open_store(url).open()
    assert SECRET not in f"{refused.value} {refused.value.cure}"
    assert "a value does not fit" not in str(refused.value)
    return refused.value


@each_case(
    ("expected", "database", "user"),
    [
        (Refusal(StoreUnusable, "refuses the user or the password", "percent"), "postgres", f"guarded:{SECRET}"),
        (Refusal(StoreUnusable, "refuses the user or the password", "PGPASSFILE"), "postgres", "guarded"),
        (Refusal(StoreUnusable, "refuses the user (role", "pg_hba.conf"), "postgres", "nobody"),
        (Refusal(StoreUnusable, "refuses the user (role", "name another one"), "postgres", "away"),
        (Refusal(StoreUnusable, "does not exist", "createdb --owner=USER NAME"), "nowhere", "ncco"),
        (Refusal(StoreUnavailable, "has too many connections", "the role's CONNECTION LIMIT"), "postgres", "single"),
        (Refusal(StoreUnavailable, "takes no connections", "ALLOW_CONNECTIONS true"), "closed", "ncco"),
    ],
)
async def test_what_postgresql_refuses_is_named_with_its_fix(
    server: postgres_server.Server, expected: Refusal, database: str, user: str
) -> None:
    expected.require(await refusal(server.url(database, user)))


async def test_without_a_primary_the_wanted_role_is_named(server: postgres_server.Server) -> None:
    expected = Refusal(StoreUnavailable, "has no host of the wanted role", "name the primary")

    expected.require(await refusal(server.url("postgres") + "&target_session_attrs=standby"))


ROOT, CERT, KEY, TLS = (
    Refusal(StoreUnusable, "root.crt of sslrootcert cannot be read", "add &sslrootcert=FILE"),
    Refusal(StoreUnusable, "none.pem of sslcert cannot be read", "sslcert=FILE"),
    Refusal(StoreUnusable, "none.key of sslkey cannot be read", "sslkey=FILE"),
    Refusal(StoreUnusable, "fails to set up TLS", "sslcert and sslkey"),
)


@each_case(
    ("expected", "options"),
    [
        (ROOT, "sslmode=verify-full"),
        (ROOT, "sslmode=verify-ca"),
        (ROOT, "sslmode=verify-full&sslrootcert={home}/root.crt"),
        (ROOT, "sslmode=require&sslrootcert={home}/root.crt"),
        (ROOT._replace(message="of sslrootcert cannot be read"), "sslmode=verify-full&sslrootcert={home}"),
        (ROOT._replace(message="(it has no PEM certificate)"), "sslmode=verify-ca&sslrootcert={home}/empty.pem"),
        (CERT, "sslmode=require&sslcert={home}/none.pem&sslkey={home}/good.key"),
        (KEY, "sslmode=require&sslcert={home}/good.pem&sslkey={home}/none.key"),
        (TLS, "sslmode=require&sslcert={home}/good.pem&sslkey={home}/old.key"),
    ],
)
async def test_a_file_that_cannot_be_used_is_named(
    server: postgres_server.Server, home: Path, expected: Refusal, options: str
) -> None:
    expected.require(await refusal(server.url("postgres").replace("sslmode=disable", options.format(home=home))))


@each_case(
    ("expected", "host", "certificate", "root"),
    [
        (Refusal(StoreUnusable, "certificate of an unknown authority", "sslrootcert"), "localhost", "good", "other"),
        (Refusal(StoreUnusable, "certificate for another host", "sslmode=verify-ca"), "127.0.0.1", "good", "good"),
        (Refusal(StoreUnavailable, "has a certificate that is not valid today", "renew"), "localhost", "old", "old"),
    ],
)
async def test_a_certificate_that_is_refused_says_why(
    home: Path, expected: Refusal, host: str, certificate: str, root: str
) -> None:
    async with tls_in_front(home, certificate, 1) as port:
        url = f"postgresql://ncco@{host}:{port}/postgres?sslmode=verify-full&sslrootcert={home}/{root}.pem"
        expected.require(await refusal(url))


@pytest.mark.parametrize("is_in_the_url", [True, False])
async def test_the_fix_of_a_missing_root_certificate_helps(
    server: postgres_server.Server, home: Path, monkeypatch: pytest.MonkeyPatch, is_in_the_url: bool
) -> None:
    async with tls_in_front(home, "good", server.port) as port:
        url = f"postgresql://ncco@localhost:{port}/{server.new_database()}?sslmode=verify-full"
        await refusal(url)
        if is_in_the_url:
            url += f"&sslrootcert={home}/good.pem"
        else:
            monkeypatch.setenv("PGSSLROOTCERT", f"{home}/good.pem")
        store = open_store(url)
        await store.open()
        found = await store.load("leg-1")
        await store.close()

    assert found is None


async def test_a_server_without_tls_is_named_with_both_fixes(server: postgres_server.Server) -> None:
    found = await refusal(server.url("postgres").replace("disable", "require"))

    assert "does not start TLS" in str(found)
    assert "switch on ssl in postgresql.conf" in found.cure
    assert "?sslmode=disable" in found.cure


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGPORT", "abc"),
        ("PGSSLMODE", "on"),
        ("PGTARGETSESSIONATTRS", "x"),
        ("PGSSLMINPROTOCOLVERSION", "9"),
        ("PGHOST", "..db"),
    ],
)
async def test_an_unreadable_variable_of_libpq_is_refused_like_an_option(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    expected = Refusal(StoreUnusable, "cannot be used with these options", "the variable of libpq")
    monkeypatch.setenv(variable, value)

    expected.require(await refusal("postgresql:///ncco"))


def test_an_unknown_host_is_told_apart_from_a_server_that_is_down() -> None:
    expected = Refusal(StoreUnavailable, "has an unknown host name", "this machine's DNS")

    expected.require(unusable("postgresql://db/ncco", socket.gaierror(socket.EAI_NONAME, "unknown")))


def test_an_unknown_error_does_not_mean_that_the_server_is_down() -> None:
    assert "cannot be used" in str(unusable("postgresql://db/ncco", asyncpg.PostgresError("odd")))


async def test_a_pooler_that_refuses_the_session_settings_is_named_with_its_option(
    server: postgres_server.Server,
) -> None:
    with running_pooler(server, server.new_database()) as url:
        found = await refusal(url.replace("&pooler=transaction", ""))
        other = await refusal(url.replace("calls_", "nowhere_"))
        store = open_store(url)
        await store.open()
        await store.close()

    assert "is behind a pooler that refuses the connection" in str(found)
    assert "add ?pooler=transaction" in found.cure
    assert "the database and the user in the pooler's settings" in other.cure

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ncco_server.store import Store, open_store
from ncco_server.store.address import read_address
from tests.support.cases import each_case


@each_case(
    ("expected", "url"),
    [
        (Path("calls.db"), "sqlite:///calls.db"),
        (Path("data/my calls%20.db"), "sqlite:///data/my calls%20.db"),
        (Path("../calls"), "sqlite:///../calls"),
        (Path("/var/lib/ncco/calls.db"), "sqlite:////var/lib/ncco/calls.db"),
        (Path("calls.db"), " SQLite:///calls.db\n"),
        (Path.home() / "calls.db", "sqlite:///~/calls.db"),
        (Path("~calls.db"), "sqlite:///~calls.db"),
    ],
)
def test_sqlite_url_names_a_file(expected: Path, url: str) -> None:
    store = open_store(url)

    assert isinstance(store, Store)
    assert expected == store.path


@each_case("url", ["memory://", "memory:///", "Memory://"])
def test_a_memory_url_persists_nothing(url: str) -> None:
    assert not open_store(url).is_durable


@each_case(
    ("expected", "url"),
    [
        ("a database URL starts with a scheme and ://; write sqlite:///calls.db", ""),
        ("a database URL starts with a scheme and ://; write sqlite:///calls.db", "calls.db"),
        ("a database URL starts with a scheme and ://; write sqlite:///calls.db", "sqlite:calls.db"),
        ("does not support mysql://; write sqlite:///calls.db", "mysql://ann:secret@db/ncco"),
        ("it does not name a database", "postgresql://ann:secret@db"),
        ("does not support ://; write sqlite:///calls.db", "://calls.db"),
        ("sqlite:// takes no host, so a third slash comes before the path; write", "sqlite://calls.db"),
        ("sqlite:// takes no host, so a third slash comes before the path; write", "sqlite://"),
        ("sqlite:/// needs the name of a file; write", "sqlite:///"),
        ("sqlite:/// needs the name of a file; write", "sqlite:////"),
        ("sqlite:/// needs the name of a file; write", "sqlite:///:memory:"),
        ("data/ is the name of a folder; write sqlite:///data/calls.db", "sqlite:///data/"),
        ("this database URL takes no options and no control characters", "sqlite:///calls.db?mode=ro"),
        ("this database URL takes no options and no control characters", "sqlite:///calls\0.db"),
        ("memory:// takes no path; write memory://", "memory://calls.db"),
    ],
)
def test_an_unsupported_url_is_refused_with_a_fix(expected: str, url: str) -> None:
    with pytest.raises(ValueError, match="write") as refused:
        open_store(url)

    assert expected in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["postgresql://ann:secret@db/ncco", "postgres://ann:secret@db/ncco"])
def test_postgresql_url_names_a_database(url: str) -> None:
    store = open_store(url)

    assert ("postgresql://db/ncco", None, True) == (store.label, store.path, store.is_durable)


def test_importing_the_store_imports_no_driver_and_without_it_it_says_what_to_install() -> None:
    program = """
import sys
from ncco_server.store import open_store
print({"asyncpg"} & {*sys.modules})
sys.modules["asyncpg"] = None
try:
    open_store("postgresql://ann:secret@db/ncco")
except ValueError as refused:
    print(refused)
"""

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    cure = 'run pip install ".[postgres]" in a copy of the repository, or add [postgres] to the wheel'
    assert ["set()", f"PostgreSQL needs its driver; {cure}"] == ran.stdout.splitlines()


DSN = "postgresql://ann:s%2Fcret@db.example.com:6432/ncco"


@each_case(
    ("label", "url"),
    [
        ("postgresql://db.example.com/ncco", "postgresql://ann:secret@db.example.com/ncco"),
        ("postgresql://db.example.com:6432/ncco", "postgres://ann:se%40cret@db.example.com:6432/ncco"),
        ("postgresql://a:5432,b:5433/ncco", "postgresql://ann:secret@a:5432,b:5433/ncco"),
        ("postgresql://[::1]:5432/ncco", "postgresql://ann:secret@[::1]:5432/ncco"),
        ("postgresql:///run/postgresql/ncco", "postgresql:///ncco?host=/run/postgresql"),
        ("postgresql://db/my calls", " postgresql://db/my%20calls\n"),
        ("postgresql://db/ncco", "postgresql://ann:secret@db/ncco?sslmode=verify-full&sslrootcert=/ca.pem"),
    ],
)
def test_a_label_names_the_host_and_the_database_but_no_user(label: str, url: str) -> None:
    assert label == read_address(url).label


def test_the_connection_string_keeps_the_password_and_is_not_shown() -> None:
    address = read_address(f"{DSN}?sslmode=require")

    assert f"{DSN}?sslmode=require" == address.dsn
    assert "Address(label='postgresql://db.example.com:6432/ncco', is_pooled=False)" == repr(address)


@pytest.mark.parametrize(("is_pooled", "pooler"), [(True, "transaction"), (False, "session")])
def test_the_pooler_option_is_ours_and_not_passed_on(is_pooled: bool, pooler: str) -> None:
    address = read_address(f"{DSN}?pooler={pooler}")

    assert (is_pooled, DSN) == (address.is_pooled, address.dsn)


@each_case(
    ("expected", "url"),
    [
        ("it does not name a database", "postgresql://ann:secret@db"),
        ("it does not name a database", "postgresql://ann:secret@db/"),
        ("with %2F for a / in the password", "postgresql://ann:secret/x@db/ncco"),
        ("a # in a password is written %23", "postgresql://ann:secret#x@db/ncco"),
        ("a port is a number from 1 to 65535", "postgresql://ann:secret@db:secret/ncco"),
        ("a port is a number from 1 to 65535", "postgresql://ann:secret@db:0/ncco"),
        ("a port is a number from 1 to 65535", "postgresql://ann:secret@a:65535,b:65536/ncco"),
        ("it is not a URL", "postgresql://ann:secret@[::1/ncco"),
        ("'sslmod' is not an option of a PostgreSQL URL", "postgresql://ann:secret@db/ncco?sslmod=require"),
        ("sslmode is one of disable, allow", "postgresql://ann:secret@db/ncco?sslmode=on"),
        ("target_session_attrs is one of any, primary", "postgresql://ann:secret@db/ncco?target_session_attrs=master"),
        ("it names the host or port twice", "postgresql://ann:secret@db/ncco?port=6432"),
        ("it names the host or port twice", "postgresql://ann:secret@db/ncco?host=other"),
        ("a port is a number from 1 to 65535, one for all", "postgresql:///ncco?host=db&port=abc"),
        ("a port is a number from 1 to 65535, one for all", "postgresql:///ncco?host=a,b,c&port=5432,5433"),
        ("pooler is transaction or session", "postgresql://ann:secret@db/ncco?pooler=pgbouncer"),
    ],
)
def test_an_invalid_url_is_refused_with_a_fix_and_without_the_password(expected: str, url: str) -> None:
    with pytest.raises(ValueError, match="write") as refused:
        read_address(url)

    assert expected in str(refused.value)
    assert "secret" not in str(refused.value)

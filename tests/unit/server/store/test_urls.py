from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ncco_server.store import Store, open_store
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

    missing = 'PostgreSQL needs its driver; run pip install ".[postgres]" in a copy of the repository'
    assert ["set()", missing] == ran.stdout.splitlines()

"""`ncco db`, on databases with an older schema, with the newest one and with none."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.support.command import ncco
from tests.support.earlier_version import old_sqlite
from tests.support.postgres_stores import ask, empty_database


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "calls.db"
    old_sqlite(path)
    monkeypatch.setenv("NCCO_DATABASE_URL", f"sqlite:///{path}")
    return path


def test_the_status_of_an_older_schema_names_the_fix_and_changes_nothing(old: Path) -> None:
    shown = ncco("db", "status")

    assert 1 == shown.exit_code
    assert f"{old} has schema 0015; this version needs" in shown.output
    assert "fix: run `ncco db upgrade`" in shown.output
    assert shown.output == ncco("db", "status").output


def test_an_upgrade_migrates_to_the_newest_schema_once(old: Path) -> None:
    first, second, status = ncco("db", "upgrade"), ncco("db", "upgrade"), ncco("db", "status")

    assert [0, 0, 0] == [ran.exit_code for ran in (first, second, status)]
    assert f"{old} was upgraded from schema 0015 to" in first.output
    assert "nothing to do" in second.output
    assert "fix:" not in status.output


def test_newer_schema_cannot_be_used(old: Path) -> None:
    connection = sqlite3.connect(old)
    connection.execute("UPDATE ncco_schema SET version_num = '9999'")
    connection.commit()
    connection.close()

    for words in (("db", "status"), ("db", "upgrade")):
        refused = ncco(*words)
        assert 2 == refused.exit_code
        assert "has tables of another version, 9999" in refused.output
        assert "fix: start the version that created it" in refused.output


def test_postgresql_is_named_without_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NCCO_DATABASE_URL", empty_database())
    ask("DROP SCHEMA public CASCADE")
    ask("CREATE SCHEMA public")
    made, status = ncco("db", "upgrade"), ncco("db", "status")

    assert [0, 0] == [made.exit_code, status.exit_code]
    assert "postgresql://127.0.0.1:" in made.output
    assert "ncco@" not in made.output + status.output


def test_an_unavailable_postgresql_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NCCO_DATABASE_URL", "postgresql://ann:s3cret@127.0.0.1:1/ncco")

    refused = ncco("db", "upgrade")

    assert 2 == refused.exit_code
    assert "postgresql://127.0.0.1:1/ncco cannot be reached" in refused.output
    assert "fix: check that PostgreSQL runs" in refused.output.replace("; check", "\n  fix: check")
    assert "s3cret" not in refused.output

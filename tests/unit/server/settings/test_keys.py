"""The keys of callback URLs: the same after a restart, and known to no one else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ncco_server.errors import SettingsError
from ncco_server.settings import load_settings
from ncco_server.settings.secrets import console_keys, derived_keys, stored_secret, wait_keys
from tests.support.cases import each_case

KEY, OLD_KEY = "a-key-of-more-than-16-letters", "an-older-key-of-16-letters"
SECRET, OLD_SECRET = "the-secret-of-the-account", "the-secret-before"


def keys_of(**values: Any) -> tuple[bytes, ...]:
    return wait_keys(load_settings(None, **values))


def test_every_secret_gives_a_key_and_the_first_one_signs() -> None:
    given = keys_of(key=KEY, key_previous=OLD_KEY, signature_secret=SECRET, signature_secret_previous=OLD_SECRET)

    assert given == derived_keys([KEY, OLD_KEY, SECRET, OLD_SECRET])


def test_a_key_does_not_reveal_its_secret() -> None:
    [key] = keys_of(signature_secret=SECRET)

    assert (32, False) == (len(key), SECRET.encode() in key)


def test_a_secret_set_twice_gives_one_key() -> None:
    assert 1 == len(keys_of(key=KEY, key_previous=KEY))


def test_without_a_secret_the_key_is_kept_beside_the_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new/calls.db"
    first = keys_of(database_url=url)
    file = tmp_path / "new" / "calls.db-key"

    assert first == keys_of(database_url=url)
    assert 0o600 == file.stat().st_mode & 0o777
    assert [file] == list(file.parent.iterdir())


def test_another_database_has_another_key(tmp_path: Path) -> None:
    assert keys_of(database_url=f"sqlite:///{tmp_path}/a.db") != keys_of(database_url=f"sqlite:///{tmp_path}/b.db")


def test_calls_in_memory_have_a_temporary_key() -> None:
    assert keys_of(database_url="memory://") != keys_of(database_url="memory://")


def test_processes_that_start_together_use_the_same_key(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: stored_secret(url), range(32)))

    assert 1 == len(found)


@each_case("content", [b"", b"short", b"\xff" * 64])
def test_an_invalid_key_file_is_reported(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "calls.db-key").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        keys_of(database_url=f"sqlite:///{tmp_path}/calls.db")

    assert "NCCO_KEY" == caught.value.setting
    assert "NCCO_KEY" in caught.value.cure


def test_a_read_only_folder_for_the_key_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"calls\.db-key cannot be used: File exists") as caught:
        keys_of(database_url=f"sqlite:///{tmp_path}/file/calls.db")

    assert "write" in caught.value.cure


def test_a_shared_database_needs_a_shared_key() -> None:
    with pytest.raises(SettingsError, match="several hosts"):
        stored_secret("postgresql:///calls")


def test_the_console_has_keys_of_its_own(tmp_path: Path) -> None:
    shared = load_settings(None, key=KEY, key_previous=OLD_KEY, signature_secret=SECRET)
    alone = load_settings(None, database_url=f"sqlite:///{tmp_path}/calls.db")

    assert 3 == len(console_keys(shared)) == len(wait_keys(shared))
    assert 8 == len({*console_keys(shared), *wait_keys(shared), *console_keys(alone), *wait_keys(alone)})
    assert console_keys(alone) == console_keys(alone)
    assert ["calls.db-console-key", "calls.db-key"] == sorted(path.name for path in tmp_path.iterdir())
    assert {0o600} == {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}

"""The file of logins: permissions, simultaneous changes, and files that others may have put in its place."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ncco_server.errors import SettingsError
from ncco_server.settings.logins import NAME, Login, changed_logins, read_logins, tidy_name
from ncco_studio.console.passwords import Logins
from tests.support.cases import each_case

HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
SHARED = Login("", "change", HASH)


ADD = """\
import sys
from pathlib import Path
from ncco_server.settings.logins import Login, changed_logins
print(flush=True)
for name in sys.argv[3:]:
    with changed_logins(Path(sys.argv[1]), 60) as logins:
        logins[name] = Login(name, "listen", sys.argv[2])
"""


def add(file: Path, name: str) -> None:
    with changed_logins(file, 60) as logins:
        logins[name] = Login(name, "listen", HASH)


def names(file: Path) -> list[str]:
    return [login.name for login in read_logins(file)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "logins.json"


def test_only_its_owner_may_read_it_and_nothing_else_is_left(file: Path) -> None:
    before = os.umask(0)
    try:
        add(file, "anna")
        add(file, "ben")
    finally:
        os.umask(before)
    assert [file] == list(file.parent.iterdir())
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert ["anna", "ben"] == names(file)
    assert HASH not in repr(read_logins(file))


def test_removing_the_last_login_deletes_the_file(file: Path) -> None:
    add(file, "anna")
    with changed_logins(file) as logins:
        logins.clear()
    assert [] == list(file.parent.iterdir())
    assert () == read_logins(file)


def test_simultaneous_changes_are_all_kept(file: Path) -> None:
    people = [f"anna{number:02}" for number in range(80)]
    words = [sys.executable, "-c", ADD, str(file), HASH, *people[::2]]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for name in people[1::2]:
            add(file, name)
    assert 0 == process.returncode
    assert people == names(file)
    assert [file] == list(file.parent.iterdir())


def test_a_reader_beside_a_writer_sees_the_old_file_or_the_new_one(file: Path) -> None:
    add(file, "anna")
    with changed_logins(file) as logins:
        logins["ben"] = Login("ben", "change", HASH)
        assert ["anna"] == names(file)
    assert ["anna", "ben"] == names(file)


def test_a_failed_change_changes_nothing_and_releases_the_lock(file: Path) -> None:
    add(file, "anna")
    with pytest.raises(RuntimeError), changed_logins(file) as logins:
        logins.clear()
        raise RuntimeError
    add(file, "ben")
    assert ["anna", "ben"] == names(file)


def test_the_leftover_of_a_killed_command_is_named(file: Path) -> None:
    draft = file.with_name(".logins.json.new")
    draft.touch()
    with pytest.raises(SettingsError) as raised, changed_logins(file, wait_s=0):
        pytest.fail("somebody else is changing it")
    assert f"remove {draft}" in raised.value.cure
    assert draft.exists()


@pytest.mark.parametrize("is_there", [True, False])
def test_no_link_is_followed(file: Path, is_there: bool) -> None:
    target = file.with_name("target")
    if is_there:
        target.write_text("{}")
    file.symlink_to(target)
    with pytest.raises(SettingsError, match="is a link"):
        add(file, "anna")
    assert ("{}" if is_there else "") == (target.read_text() if target.exists() else "")
    assert file.is_symlink()


def test_a_draft_that_is_a_symlink_is_not_followed(file: Path) -> None:
    target = file.with_name("target")
    file.with_name(".logins.json.new").symlink_to(target)
    with pytest.raises(SettingsError), changed_logins(file, wait_s=0):
        pytest.fail("the draft is there")
    assert not target.exists()


def test_a_folder_that_is_missing_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file or directory"):
        add(tmp_path / "no" / "logins.json", "anna")


@each_case(
    "text",
    [
        "",
        "anna:secret",
        "[]",
        '{"anna": "secret"}',
        '{"anna": {"role": "change"}}',
        '{"anna": {"role": "owner", "hash": "%s"}}',
        '{"anna": {"role": "change", "hash": "secret"}}',
        '{"anna": {"role": "change", "hash": ""}}',
        '{"anna": {"role": "change", "hash": "%s", "secret": 1}}',
        '{"": {"role": "change", "hash": "%s"}}',
        '{"Anna": {"role": "change", "hash": "%s"}}',
        '{"../anna": {"role": "change", "hash": "%s"}}',
        '{"anna\\n": {"role": "change", "hash": "%s"}}',
        '{"\\u202eanna": {"role": "change", "hash": "%s"}}',
        '{"\\ud800": {"role": "change", "hash": "%s"}}',
        " " * 2_000_000 + '{"anna": {"role": "change", "hash": "%s"}}',
    ],
)
def test_a_file_with_other_content_logs_nobody_in_and_is_not_quoted(file: Path, text: str) -> None:
    file.write_text(text.replace("%s", HASH))
    with pytest.raises(SettingsError) as raised:
        read_logins(file)
    assert "secret" not in str(raised.value)
    with capture_logs() as lines:
        logins = Logins(file, (SHARED,))
        assert [(SHARED,)] * 3 == [logins.current() for _ in range(3)]
    assert ["logins cannot be used"] == [line["event"] for line in lines]


def test_a_pipe_or_a_folder_is_not_read_as_a_file(file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(SettingsError, match="is not a file"):
        read_logins(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(SettingsError, match="is not a file"):
        read_logins(file)


def test_a_change_is_seen_at_once(file: Path) -> None:
    logins = Logins(file, (SHARED,))
    found = [logins.current()]
    add(file, "anna")
    found.append(logins.current())
    file.write_text("broken")
    with capture_logs():
        found.append(logins.current())
    file.unlink()
    add(file, "ben")
    found.append(logins.current())
    assert [[""], ["", "anna"], [""], ["", "ben"]] == [[login.name for login in each] for each in found]


@each_case("name", ["anna", "Anna ", "anna.lee@example.com", "a", "7", "a" * 32])
def test_names(name: str) -> None:
    assert NAME.fullmatch(tidy_name(name))


@each_case(
    "name", ["", " ", "a b", "../a", ".a", "-a", "a,b", "a/b", "a\nb", "a\x00", "änne", "\u0430", "a" * 33, "a\u202e"]
)
def test_no_names(name: str) -> None:
    assert not NAME.fullmatch(tidy_name(name))

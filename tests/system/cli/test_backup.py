"""`ncco backup` while calls come in, and `ncco restore` elsewhere, where the calls continue."""

from __future__ import annotations

import io
import re
import shutil
import sqlite3
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from subprocess import CompletedProcess, run
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx
import pytest
from click.testing import Result

from tests.support import loopback, postgres_server
from tests.support.command import ncco
from tests.support.fork_server import NCCO
from tests.support.server import Server, plain_environment, running_server
from tests.support.webhooks import callback, facts, keys
from tests.system.cli.projects import write_project

KEY = "invented-key-of-the-backups-for-tests-only"
LINE = """\
flow: line
default: true
start: first
steps:
  first:
    do: [{talk: "For the second menu, press 1."}]
    choices: {on: {dtmf: 1, goto: second}}
    retry: {then: end}
  second:
    do: [{talk: "For the end, press 1."}]
    choices: {out: {dtmf: 1, goto: last}}
    retry: {then: end}
  last: {do: [{talk: "You came from {{ call.from }}."}], goto: end}
"""
SHARED = "shared: true\ntables: {customers: {key: {number: phone}, columns: {name: text}}}\n"
RECORDING = "0f" * 16
LATER = "1f" * 16
SmallDisk: TypeAlias = tuple[Path, Callable[[str], CompletedProcess[str]]]
databases = count(1)
client = httpx.Client(timeout=60)


@pytest.fixture(scope="module", autouse=True)
def _closed_connections() -> Iterator[None]:
    yield
    client.close()


def new_database(kind: str, home: Path) -> dict[str, str]:
    """The settings for a new database; PostgreSQL also needs a key."""
    if kind == "sqlite":
        return {"NCCO_DATABASE_URL": f"sqlite:///{home}/data/ncco.db"}
    if reason := postgres_server.why_not():
        pytest.skip(reason)
    name, server = f"backup_{next(databases)}", postgres_server.shared_server()
    server.ask(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    server.ask(f"CREATE DATABASE {name}")
    return {"NCCO_DATABASE_URL": server.url(name), "NCCO_KEY": KEY}


@dataclass
class Home:
    """A folder with a project and settings."""

    path: Path
    env: dict[str, str]

    def ncco(self, *words: str | Path) -> Result:
        return ncco(*words, cwd=self.path, env=plain_environment(self.path, **self.env))

    @contextmanager
    def serving(self) -> Iterator[Server]:
        with running_server(self.path, cwd=self.path, env=self.env) as server:
            server.wait_until_ready()
            yield server
            server.stop()


def new_home(folder: Path, kind: str) -> Home:
    write_project(folder, line=LINE, shared=SHARED)
    return Home(folder, new_database(kind, folder))


def post(address: str, url: str, leg: str, **fields: Any) -> list[dict[str, Any]]:
    response = client.post(f"http://{address}{urlsplit(url).path}", json=facts(leg, **fields))
    response.raise_for_status()
    ncco: list[dict[str, Any]] = response.json()
    return ncco


def press(address: str, url: str, leg: str) -> list[dict[str, Any]]:
    return post(address, url, leg, **keys("1"))


@dataclass
class Load:
    """Calls that come in until `stopped` is set.

    Attributes:
        waiting: by leg: the URL of the input that the call waits for, and what the caller hears after pressing 1.
    """

    address: str
    waiting: dict[str, tuple[str, str]] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self, name: str) -> None:
        for number in count():
            if self.stopped.is_set():
                return
            leg = f"{name}-{number}"
            url, says = callback(post(self.address, "/webhooks/answer", leg)), "For the end, press 1."
            if number % 2:
                url, says = callback(press(self.address, url, leg)), "You came from 447700900123."
            self.waiting[leg] = url, says

    @contextmanager
    def running(self) -> Iterator[Load]:
        threads = [threading.Thread(target=self.run, args=(f"leg-{number}",)) for number in range(3)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.stopped.set()
            for thread in threads:
                thread.join(30)


def wait_for(load: Load, calls: int) -> None:
    for _ in range(600):
        if len(load.waiting) >= calls:
            return
        load.stopped.wait(0.05)
    raise AssertionError(f"{len(load.waiting)} calls came in")


@dataclass
class Backup:
    """A backup made while calls came in.

    Attributes:
        before: the calls that were waiting when the backup began.
        rows: the rows of a table at that time, as JSON.
    """

    archive: Path
    before: dict[str, tuple[str, str]]
    rows: str


@pytest.fixture(scope="module")
def made_under_load(tmp_path_factory: pytest.TempPathFactory) -> Backup:
    folder = tmp_path_factory.mktemp("made_under_load")
    old, archive = new_home(folder / "old", "sqlite"), folder / "ncco.tar.gz"
    with old.serving() as server, Load(server.address).running() as load:
        wait_for(load, 40)
        before = dict(load.waiting)
        assert 0 == old.ncco("table", "customers", "set", "447700900123", "name=Ada").exit_code
        rows = rows_of(old)
        made = old.ncco("backup", archive)
        after = dict(load.waiting)
    assert 0 == made.exit_code, made.output
    assert len(after) > len(before), "no call came in while the backup was made"
    assert 0o600 == archive.stat().st_mode & 0o777
    return Backup(archive, before, rows)


def rows_of(home: Home) -> str:
    return home.ncco("table", "customers", "--format", "json").stdout


@pytest.mark.parametrize("target", ["sqlite", "postgres"])
def test_calls_acknowledged_before_a_backup_continue_after_its_restore(
    target: str, made_under_load: Backup, tmp_path: Path
) -> None:
    archive, before = made_under_load.archive, made_under_load.before
    new = new_home(tmp_path / "new", target)
    if target == "postgres":
        with tarfile.open(archive) as opened, opened.extractfile("key") or io.BytesIO() as key:
            new.env["NCCO_KEY"] = key.read().decode().strip()
    restored = new.ncco("restore", archive)
    assert (made_under_load.rows, True) == (rows_of(new), '"name": "Ada"' in made_under_load.rows)
    heard = {}
    with new.serving() as server:
        for leg, (url, _) in before.items():
            heard[leg] = press(server.address, url, leg)[0].get("text")
        fresh = post(server.address, "/webhooks/answer", "leg-new")

    assert 0 == restored.exit_code, restored.output
    assert "" == restored.stderr
    assert {leg: says for leg, (_, says) in before.items()} == heard
    assert "For the second menu, press 1." == fresh[0]["text"]


def test_postgres_is_left_to_its_own_tools(tmp_path: Path) -> None:
    refused = new_home(tmp_path, "postgres").ncco("backup", ".")

    assert 2 == refused.exit_code
    assert "fix: run `pg_dump --format=custom`" in refused.stderr


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose server has handled a call and ended, with a recording; its backup is `ncco.tar.gz` beside it."""
    folder = tmp_path_factory.mktemp("backed_up")
    home = new_home(folder / "shop", "sqlite")
    with home.serving() as server:
        post(server.address, "/webhooks/answer", "leg-1")
    recordings = home.path / "data" / "ncco.db-recordings"
    recordings.mkdir(exist_ok=True)
    (recordings / RECORDING).write_bytes(b"RIFF....")
    (recordings / f"{RECORDING}.00ff00ff.part").write_bytes(b"half of one")
    assert 0 == home.ncco("backup", folder / "ncco.tar.gz").exit_code
    return folder


@pytest.fixture
def backed_up(shop: Path, tmp_path: Path) -> tuple[Home, Path]:
    """Copies of the home in `shop` and of its backup."""
    folder = shutil.copytree(shop, tmp_path / "copy")
    return Home(folder / "shop", new_database("sqlite", folder / "shop")), folder / "ncco.tar.gz"


def test_time_of_the_last_backup_is_a_metric(backed_up: tuple[Home, Path]) -> None:
    home, archive = backed_up
    with home.serving() as server:
        for _ in range(100):
            text = loopback.get(f"http://{server.address}/metrics").text
            found = float(re.findall(r"^ncco_last_backup_timestamp_seconds (\S+)$", text, re.MULTILINE)[0])
            if found:
                break
            time.sleep(0.1)

    assert abs(found - archive.stat().st_mtime) < 60
    assert re.search(r'ncco_build_info\{commit="[0-9a-f]*",python="3\.1\d\.\d+",version="0\.\d\.\d"\} 1\.0', text)


def state_of(home: Home) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted((home.path / "data").rglob("*")) if path.is_file()}


def test_a_restore_recovers_deleted_data_and_asks_before_it_deletes(backed_up: tuple[Home, Path]) -> None:
    home, archive = backed_up
    data = home.path / "data"
    key = (data / "ncco.db-key").read_text()
    assert 0 == home.ncco("forget", "--number", "+447700900123").exit_code
    (data / "ncco.db-recordings" / RECORDING).unlink()
    (data / "ncco.db-recordings" / LATER).write_bytes(b"later")
    (data / "ncco.db-key").write_text("another")
    here = state_of(home)

    refused = home.ncco("restore", archive)
    unchanged = state_of(home)
    done = home.ncco("restore", archive, "--replace")

    assert 2 == refused.exit_code
    assert "fix: add --replace to delete it" in refused.stderr
    assert here == unchanged
    assert 0 == done.exit_code, done.stderr
    assert "1 recording was added" in done.stdout
    assert "leg-1" in home.ncco("calls").stdout
    assert {RECORDING, LATER} == {path.name for path in (data / "ncco.db-recordings").iterdir()}
    assert b"RIFF...." == (data / "ncco.db-recordings" / RECORDING).read_bytes()
    assert key == (data / "ncco.db-key").read_text()
    assert [] == list(data.rglob(".ncco-*"))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_restore_refuses_while_a_server_runs(kind: str, tmp_path: Path, backed_up: tuple[Home, Path]) -> None:
    home = new_home(tmp_path / "busy", kind)
    with home.serving() as server:
        url = callback(post(server.address, "/webhooks/answer", "leg-2"))
        refused = home.ncco("restore", backed_up[1], "--replace")
        played = press(server.address, url, "leg-2")

    assert 2 == refused.exit_code
    assert "is in use" in refused.stderr
    assert "fix: stop every server" in refused.stderr
    assert "For the end, press 1." == played[0]["text"]


def test_a_restore_keeps_the_log_of_a_database_that_was_moved_away(backed_up: tuple[Home, Path]) -> None:
    home, archive = backed_up
    home.env["NCCO_RETENTION_DAYS"] = "0"  # otherwise the server empties the WAL file some time after it starts
    database = home.path / "data" / "ncco.db"
    moved = database.with_name("moved.db")
    with home.serving() as server:
        post(server.address, "/webhooks/answer", "leg-2")
        database.rename(moved)
        refused = [home.ncco("restore", archive, *option) for option in ((), ("--replace",))]
    database.with_name("ncco.db-wal").rename(moved.with_name("moved.db-wal"))
    with closing(sqlite3.connect(moved)) as kept:
        calls = kept.execute("SELECT count(*) FROM calls").fetchone()[0]
    done = home.ncco("restore", archive, "--replace")

    assert [2, 2] == [each.exit_code for each in refused]
    assert "contains calls of a database that is not next to it" in refused[1].stderr
    assert "fix: restore its database as ncco.db" in refused[1].stderr
    assert 2 == calls
    assert 0 == done.exit_code, done.stderr


def test_a_damaged_archive_changes_nothing(backed_up: tuple[Home, Path]) -> None:
    home, archive = backed_up
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    before = state_of(home)

    refused = home.ncco("restore", archive, "--replace")

    assert 2 == refused.exit_code
    assert "fix: name another backup\n" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert before == state_of(home)


@pytest.fixture
def disk(backed_up: tuple[Home, Path]) -> SmallDisk:
    """A folder for a 1 MB disk, and a function that mounts it and runs a script. Only the script sees the disk."""
    home, archive = backed_up
    folder = archive.parent / "disk"
    folder.mkdir()

    def shell(script: str) -> CompletedProcess[str]:
        words = ("unshare", "--map-root-user", "--mount", "sh", "-c")
        env = plain_environment(home.path, **home.env)
        text = f"mount -t tmpfs -o size=1m small {folder} && {{ {script}; }}"
        return run([*words, text], cwd=home.path, env=env, capture_output=True, text=True, check=False)

    if shell("true").returncode:
        pytest.skip("this user may mount nothing")
    return folder, shell


def test_a_backup_on_a_full_disk_names_that_disk_and_leaves_nothing(
    disk: SmallDisk, backed_up: tuple[Home, Path]
) -> None:
    folder, shell = disk
    free = round((backed_up[0].path / "data" / "ncco.db").stat().st_size * 0.5)
    fill = f"head -c {(1 << 20) - free} /dev/zero > {folder}/other"
    tried = shell(f"{fill}; {NCCO} backup {folder}/ncco.tar.gz; echo $?; ls -A {folder}")

    assert "2\nother\n" == tried.stdout, tried.stderr
    assert str(folder) in tried.stderr
    assert re.search(r"fix: free (some )?space", tried.stderr)


def test_a_restore_on_a_full_disk_names_the_disk_and_leaves_nothing(
    disk: SmallDisk, backed_up: tuple[Home, Path]
) -> None:
    folder, shell = disk
    fill = f"head -c 950K /dev/zero > {folder}/other; export NCCO_DATABASE_URL=sqlite:///{folder}/ncco.db"
    tried = shell(f"{fill}; {NCCO} restore {backed_up[1]}; echo $?; find {folder} -type f")

    assert f"2\n{folder}/other\n" == tried.stdout, tried.stderr
    assert f"Error: {folder}: No space left on device" in tried.stderr
    assert "fix: free some space there" in tried.stderr


OPENED = """\
import sqlite3, subprocess, sys
server = sqlite3.connect(sys.argv[1])
server.execute("SELECT id FROM calls").fetchall()
sys.exit(subprocess.call(["sh", "-c", sys.argv[2]]))
"""
"""Runs a script while another process has a database open, as a server does."""


def test_a_database_on_a_full_disk_is_backed_up_elsewhere(disk: SmallDisk, tmp_path: Path) -> None:
    folder, shell = disk
    moved = f"cp data/ncco.db data/ncco.db-key {folder}; export NCCO_DATABASE_URL=sqlite:///{folder}/ncco.db"
    script = f"head -c 2M /dev/zero > {folder}/other; {NCCO} backup {tmp_path}/elsewhere.tar.gz"
    tried = shell(f"{moved}; {sys.executable} -c '{OPENED}' {folder}/ncco.db '{script}'")

    assert 0 == tried.returncode, tried.stderr
    assert "was backed up to" in tried.stdout


def test_a_backup_into_a_folder_names_the_file_and_keeps_existing_files(backed_up: tuple[Home, Path]) -> None:
    home, archive = backed_up
    folder = home.path / "backups"
    folder.mkdir()
    exists, nowhere = home.ncco("backup", archive), home.ncco("backup", "no/such/folder.tar.gz")
    names = ["ncco-20200101T000000Z.tar.gz", "ncco-20210101T000000Z.tar.gz", "mine.tar.gz"]
    for name in names:
        (folder / name).touch()
    assert 0 == home.ncco("backup", "--keep", "2", "backups").exit_code
    kept = {path.name for path in folder.iterdir()}
    new = kept - set(names)

    assert {*new, "ncco-20210101T000000Z.tar.gz", "mine.tar.gz"} == kept
    assert [True] == [bool(re.fullmatch(r"ncco-\d{8}T\d{6}Z\.tar\.gz", name)) for name in new]
    assert 2 == exists.exit_code
    assert "fix: name another file" in exists.stderr
    assert "there is no folder no/such" in nowhere.stderr

"""The server as docker-compose.yml starts it: unprivileged, and able to write only to /data and /tmp.

The mounts are in their own namespace, so nothing on this machine becomes read-only for anybody else.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from tests.support import loopback
from tests.support.fork_server import NCCO
from tests.support.server import plain_environment, running_server
from tests.support.waiting import happens
from tests.system.cli.projects import SHOP, write_project

NO_RIGHTS = ("setpriv", "--no-new-privs", "--bounding-set", "-all", "--inh-caps", "-all")
KEYS = ("an-invented-key-of-the-deployment", "another-invented-key-of-the-deployment")


def sealed(data: Path, temporary: Path, *, is_data_writable: bool = True) -> Sequence[str]:
    """A command prefix: everything except these two folders is read-only."""
    names = [shlex.quote(str(folder)) for folder in (data, temporary)]
    mounts = f"""
        set -e
        mount --make-rprivate /
        mount --bind {names[0]} {names[0]}
        mount -t tmpfs tmpfs {names[1]}
        mount -o remount,ro,bind /
        {"" if is_data_writable else f"mount -o remount,ro,bind {names[0]}"}
        exec {" ".join(NO_RIGHTS)} "$@"
    """
    return ["unshare", "--mount", "sh", "-c", mounts, "sealed"]


def may_mount(folder: Path) -> bool:
    """Whether this user can run commands with the prefix from `sealed`."""
    if not shutil.which("unshare") or not shutil.which("setpriv"):
        return False
    here, other = folder / "here", folder / "other"
    here.mkdir()
    other.mkdir()
    tried = [*sealed(here, other), "sh", "-c", f"touch {here}/x && ! touch {folder}/x"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "probe").mkdir()
    if not may_mount(tmp_path / "probe"):
        pytest.skip("a namespace of mounts needs unshare, setpriv and the right to mount (root)")
    for name in ("srv", "data", "tmp"):
        (tmp_path / name).mkdir()
    write_project(tmp_path / "srv", shop=SHOP)
    (tmp_path / "key").write_text(KEYS[0])
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    """The image's environment, with folders of this machine; coverage is not measured in a sealed process."""
    return {
        "NCCO_DATABASE_URL": f"sqlite:///{home}/data/ncco.db",
        "NCCO_INSECURE": "1",
        "NCCO_KEY_FILE": f"{home}/key",
        "NCCO_LOG": "json",
        "TMPDIR": str(home / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "COVERAGE_PROCESS_START": "",
        "COVERAGE_PROCESS_CONFIG": "",
    }


def test_it_answers_loads_new_flows_and_stops_cleanly(home: Path) -> None:
    def answer(leg: str) -> httpx.Response:
        call = {"to": "442079460000", "from": "447700900123", "uuid": leg}
        return loopback.post(f"http://{server.address}/webhooks/answer", json=call)

    program = (*sealed(home / "data", home / "tmp"), NCCO, "serve")
    with running_server(home, "--port", "0", cwd=home / "srv", env=environment(home), program=program) as server:
        first = answer("leg-0")
        write_project(home / "srv", shop=SHOP.replace("For sales", "For our sales"))
        has_new_flows = happens(lambda: "For our sales" in answer(f"leg-{time.monotonic_ns()}").text)
        code = server.stop()

    assert 200 == first.status_code
    assert "For sales" in first.text
    assert has_new_flows, server.printed
    assert 0 == code
    assert {"ncco.db"} == {path.name for path in (home / "data").iterdir()}


def test_a_read_only_volume_is_reported_before_anything_listens(home: Path) -> None:
    command = [*sealed(home / "data", home / "tmp", is_data_writable=False), NCCO, "serve"]
    env = plain_environment(home, **environment(home))
    ended = subprocess.run(command, cwd=home / "srv", env=env, capture_output=True, text=True, check=False, timeout=60)

    assert 2 == ended.returncode
    assert f"{home}/data/ncco.db cannot be opened" in ended.stderr
    assert "give the user who runs the server permission to write to the file and its folder" in ended.stderr
    assert "Traceback" not in ended.stderr

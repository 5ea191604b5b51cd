"""Flows that the console can or cannot save: in another user's folder, an image or a ConfigMap."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import httpx
import pytest
import yaml

from ncco_studio.editor.project import ProjectFolder
from tests.support import loopback
from tests.support.fork_server import NCCO
from tests.support.server import free_port, plain_environment, running_server
from tests.support.tracked import ROOT
from tests.support.waiting import happens
from tests.system.cli.projects import SHOP, write_project
from tests.system.deploy.test_read_only import NO_RIGHTS
from tests.system.repository.dockerfile import stages

PAGE: Final = (ROOT / "docs" / "how-to" / "docker.md").read_text(encoding="utf-8")
GIVING: Final = re.findall(r"```sh\n(sudo chown .*?)```", PAGE, re.S)[0].replace("sudo ", "")
USER: Final = int(next(each.rest for each in stages()[2] if each.word == "USER").partition(":")[0])
SOMEBODY: Final = 1000
SAVES: Final = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from ncco_studio.editor.project import CannotSave, ProjectFolder, digest_of
home = Path(sys.argv[1])
folder = ProjectFolder(home / "flows", home / "templates", {{}}, ())
text = folder.current().texts["flows/shop.yaml"]
print(folder.blocked("flows/shop.yaml") or "free")
try:
    folder.save("flows/shop.yaml", text + "# changed\\n", digest_of(text))
except CannotSave as error:
    print(error)
"""
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="root becomes the user of the image by setpriv"
)


def as_user(user: int, *words: str) -> subprocess.CompletedProcess[str]:
    before: Sequence[str] = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs")
    env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([*before, *words], env=env, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def home() -> Iterator[Path]:
    """A project owned by another user and readable by everybody."""
    folder = Path(tempfile.mkdtemp())
    write_project(folder, shop=SHOP)
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "tests/scenarios").mkdir(parents=True)
    folder.chmod(0o755)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, SOMEBODY, SOMEBODY)
    yield folder
    shutil.rmtree(folder)


@needs_root
def test_the_image_can_save_flows_after_the_commands_of_the_page(home: Path) -> None:
    if as_user(USER, sys.executable, "-c", "import ncco_server.errors").returncode:
        pytest.skip("other users of this machine may not read the server")
    shop = home / "flows/shop.yaml"
    refused = as_user(USER, sys.executable, "-c", SAVES, str(home))
    before = shop.read_text()
    subprocess.run(["sh", "-euc", GIVING], cwd=home, check=True)
    saved = as_user(USER, sys.executable, "-c", SAVES, str(home))
    edited = as_user(SOMEBODY, "sh", "-c", f"echo '# by hand' >> {shop}")

    assert "is not writable by the server's user, so nothing can be saved here" in refused.stdout
    assert "flows/shop.yaml cannot be written: permission denied" in refused.stdout
    assert SHOP == before
    assert ("free\n", "") == (saved.stdout, saved.stderr)
    assert 0 == edited.returncode, edited.stderr
    assert f"{SHOP}# changed\n# by hand\n" == shop.read_text()


@needs_root
def test_a_read_only_mount_is_reported_as_such(home: Path) -> None:
    mounts = f"""
        mount --make-rprivate /
        mount --bind {home}/flows {home}/flows && mount -o remount,ro,bind {home}/flows && exec "$@"
    """
    words = ["unshare", "--mount", "sh", "-c", mounts, "sealed", sys.executable, "-c", SAVES, str(home)]
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    if "mount:" in ran.stderr or "unshare:" in ran.stderr:
        pytest.skip("this user may not mount")

    assert f"The folder {home}/flows is read-only on this server, as in an image or a ConfigMap" in ran.stdout
    assert "Change the files at their source." in ran.stdout
    assert "flows/shop.yaml cannot be written: read-only file system" in ran.stdout


def config_map(folder: Path, text: str, version: str) -> None:
    """Write a ConfigMap's files as a kubelet does: symlinks to symlinks, one of which is replaced."""
    (folder / f"..{version}").mkdir(parents=True)
    (folder / f"..{version}" / "shop.yaml").write_text(text)
    (folder / "..next").symlink_to(f"..{version}")
    (folder / "..next").rename(folder / "..data")
    if not (folder / "shop.yaml").is_symlink():
        (folder / "shop.yaml").symlink_to("..data/shop.yaml")


def test_flows_of_a_config_map_are_loaded_and_reloaded(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    config_map(flows, SHOP, "2026_11_21")

    def answer(address: str) -> str:
        call = {"to": "442079460000", "from": "447700900123"}
        return loopback.post(f"http://{address}/webhooks/answer", json=call).text

    with running_server(tmp_path, cwd=tmp_path) as server:
        assert "For sales" in answer(server.address)
        config_map(flows, SHOP.replace("For sales", "For our sales"), "2026_11_22")
        assert happens(lambda: "For our sales" in answer(server.address), 30)
    shown = ProjectFolder(flows, tmp_path / "templates", {}, ()).current()
    assert ["flows/shop.yaml"] == list(shown.texts)
    assert [] == [issue for issue in shown.project.issues if issue.is_error]


def sealed(home: Path) -> Sequence[str]:
    """A command prefix that drops privileges and makes everything read-only except for the mounted folders."""
    writable = [f"{home}/{name}" for name in ("data", "flows", "templates", "tests/scenarios")]
    temporary = home / "temporary"
    mounts = f"""
        set -e
        mount --make-rprivate /
        {"; ".join(f"mount --bind {path} {path}" for path in writable)}
        mount -t tmpfs tmpfs {temporary}
        mount -o remount,ro,bind /
        exec {" ".join(NO_RIGHTS)} "$@"
    """
    return ["unshare", "--mount", "sh", "-c", mounts, "sealed"]


@needs_root
def test_the_service_of_the_compose_file_is_the_whole_product(home: Path) -> None:
    """What Docker would run, started directly: a login, the console, metrics, and a change that is saved."""
    for name, mode in (("data", 0o755), ("temporary", 0o777)):
        (home / name).mkdir()
        (home / name).chmod(mode)
    for path in (home, *home.rglob("*")):
        os.chown(path, os.geteuid(), os.getegid())
    if subprocess.run([*sealed(home), "test", "-r", str(ROOT / "app")], check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount")
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["ncco"]
    image = dict(pair.split("=", 1) for each in stages()[2] if each.word == "ENV" for pair in each.rest.split())
    ports = {name: str(free_port()) for name in ("NCCO_PORT", "NCCO_METRICS_PORT", "NCCO_CONSOLE_PORT")}
    unset = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", text) for name, text in service["environment"].items()}
    env = {
        name: text.replace("/data/", f"{home}/data/").replace("/srv/", f"{home}/")
        for name, text in (image | unset | ports).items()
        if name.startswith("NCCO_")
    }
    env |= {
        "NCCO_CONSOLE": "1",
        "NCCO_INSECURE": "1",
        "NCCO_LOG": "json",
        "TMPDIR": f"{home}/temporary",
        "COVERAGE_PROCESS_START": "",
    }
    before = sealed(home)
    password = [*before, NCCO, "console", "password", "--name", "you", "--role", "change"]
    made = subprocess.run(
        password, cwd=home, env=plain_environment(home, **env), input="the password of you\n", text=True, check=False
    )
    assert 0 == made.returncode

    with running_server(home, "--port", ports["NCCO_PORT"], env=env, program=(*before, NCCO, "serve")) as server:
        console = f"http://127.0.0.1:{ports['NCCO_CONSOLE_PORT']}"
        with httpx.Client(base_url=console, timeout=120) as you:
            assert happens(lambda: f"console in a browser: {console}/" in server.printed)
            assert 401 == you.get("/flows").status_code
            opened = you.post("/login", data={"name": "you", "password": "the password of you", "next": "/flows"})
            assert (303, "/flows") == (opened.status_code, opened.headers["location"])
            cookie = opened.headers["set-cookie"].partition(";")[0]  # for TLS only, but browsers send it to loopback
            you.headers["Cookie"] = cookie
            page = you.get("/flows")
            token = re.findall(r'name="csrf-token" content="(\w+)"', page.text)[0]
            form = you.get("/change/flows/shop.yaml").text
            digest = re.findall(r'name="digest" value="(\w+)"', form)[0]
            text = {"file": "flows/shop.yaml", "text": SHOP.replace("For sales", "For our sales"), "digest": digest}
            saved = you.post("/phone/save", json=text, headers={"X-CSRF-Token": token})
            assert 200 == saved.status_code, saved.text
        call = {"to": "442079460000", "from": "447700900123"}
        url = f"http://127.0.0.1:{ports['NCCO_PORT']}/webhooks/answer"
        assert happens(lambda: "For our sales" in loopback.post(url, json=call).text, 30)
        assert "ncco_webhooks_total" in loopback.get(f"http://127.0.0.1:{ports['NCCO_METRICS_PORT']}/metrics").text
        assert 404 == loopback.get(f"http://127.0.0.1:{ports['NCCO_PORT']}/metrics").status_code
    assert {"console-logins.json", "ncco.db"} <= {path.name for path in (home / "data").iterdir()}
    assert 0o600 == (home / "data/console-logins.json").stat().st_mode & 0o777

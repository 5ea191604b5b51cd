"""Flows that the console may save, or may not: a folder of another user, an image, a ConfigMap."""

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

import pytest

from app.console.project import ProjectFolder
from tests.support import loopback
from tests.support.tracked import ROOT
from tests.system.cli.projects import SHOP, write_project
from tests.system.cli.running import happens, running_server
from tests.system.repository.dockerfile import stages

PAGE: Final = (ROOT / "docs" / "how-to" / "docker.md").read_text(encoding="utf-8")
GIVING: Final = re.findall(r"```sh\n(sudo chown .*?)```", PAGE, re.S)[0].replace("sudo ", "")
USER: Final = int(next(each.rest for each in stages()[1] if each.word == "USER").partition(":")[0])
SOMEBODY: Final = 1000
SAVES: Final = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from app.console.project import CannotSave, ProjectFolder, digest_of
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
    """A project of somebody, whom everybody may read."""
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
def test_the_image_saves_flows_once_the_lines_of_the_page_gave_it_the_folders(home: Path) -> None:
    if as_user(USER, sys.executable, "-c", "import app.errors").returncode:
        pytest.skip("other users of this machine may not read the server")
    shop = home / "flows/shop.yaml"
    refused = as_user(USER, sys.executable, "-c", SAVES, str(home))
    before = shop.read_text()
    subprocess.run(["sh", "-euc", GIVING], cwd=home, check=True)
    saved = as_user(USER, sys.executable, "-c", SAVES, str(home))
    edited = as_user(SOMEBODY, "sh", "-c", f"echo '# by hand' >> {shop}")

    assert "cannot be written by the server's user, so nothing can be saved here" in refused.stdout
    assert "flows/shop.yaml cannot be written: permission denied" in refused.stdout
    assert SHOP == before
    assert ("free\n", "") == (saved.stdout, saved.stderr)
    assert 0 == edited.returncode, edited.stderr
    assert f"{SHOP}# changed\n# by hand\n" == shop.read_text()


@needs_root
def test_a_folder_that_is_mounted_read_only_is_said_to_be_so(home: Path) -> None:
    mounts = f"""
        mount --make-rprivate /
        mount --bind {home}/flows {home}/flows && mount -o remount,ro,bind {home}/flows && exec "$@"
    """
    words = ["unshare", "--mount", "sh", "-c", mounts, "sealed", sys.executable, "-c", SAVES, str(home)]
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    if "mount:" in ran.stderr or "unshare:" in ran.stderr:
        pytest.skip("this user may not mount")

    assert f"The folder {home}/flows is read-only on this server, as in an image or a ConfigMap" in ran.stdout
    assert "Change the files where they come from." in ran.stdout
    assert "flows/shop.yaml cannot be written: read-only file system" in ran.stdout


def config_map(folder: Path, text: str, version: str) -> None:
    """The files of a ConfigMap as a kubelet writes them: links to links, of which one is replaced."""
    (folder / f"..{version}").mkdir(parents=True)
    (folder / f"..{version}" / "shop.yaml").write_text(text)
    (folder / "..next").symlink_to(f"..{version}")
    (folder / "..next").rename(folder / "..data")
    if not (folder / "shop.yaml").is_symlink():
        (folder / "shop.yaml").symlink_to("..data/shop.yaml")


def test_flows_of_a_config_map_are_loaded_and_loaded_again(tmp_path: Path) -> None:
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
    assert [] == [issue for issue in shown.issues if issue.is_error]

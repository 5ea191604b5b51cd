"""The two wheels, installed without a clone as the README says: a project, a call and the console.

The server's alone answers calls, and says where the rest is.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urljoin
from uuid import uuid4

import httpx
import pytest

from ncco_server.version import VERSION
from ncco_server.vonage.keys import new_private_key
from tests.support.cases import each_case
from tests.support.server import Server, free_port, running_server
from tests.support.tracked import ROOT, text_of, tracked_files
from tests.system.repository.release import Wheels, build, run, section_of, write_bill_of_materials

STARTS_WITHIN_S = 120.0
LINKED = re.compile(r"(?:src|href)=\"(/static/[^\"]+)\"")
IMPORTED = re.compile(r"(?:^(?:import|export)\s[^;]*?|\bimport\()\"(\.[^\"]+)\"", re.MULTILINE)
CSRF = re.compile(r"name=\"csrf-token\" content=\"(\w+)\"")


@dataclass(frozen=True)
class Installed:
    """An environment with one wheel or both, and a project created with it."""

    environment: Path
    project: Path

    def settings(self) -> dict[str, str]:
        path = f"{self.environment / 'bin'}:/usr/bin:/bin"
        return {"PATH": path, "HOME": str(self.project), "NCCO_PORT": "0", "NCCO_CONSOLE_PORT": str(free_port())}

    def ncco(self, *words: str, cwd: Path | None = None) -> str:
        """Run the installed `ncco`, which must succeed. Returns its output."""
        return run(f"{self.environment}/bin/ncco", *words, cwd=cwd or self.project, env=self.settings())

    def serving(self, **settings: str) -> Server:
        """`ncco serve --dev`."""
        env = {**self.settings(), "NCCO_CONSOLE": "1", **settings}
        program = (f"{self.environment}/bin/ncco", "serve")
        return running_server(self.project, cwd=self.project, env=env, program=program)


CALL = {"to": "442079460000", "from": "447700900123", "uuid": "a", "conversation_uuid": "b"}
PLACED = """
flow: reminder
outbound: {from: "442079460000"}
start: hello
steps:
  hello: {do: [{talk: "This is a reminder."}], goto: end}
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheels: Wheels) -> Installed:
    """Install both as the README says."""
    page = text_of("README.md")
    [install] = re.findall(r"^uv tool install .*\n", page, re.MULTILINE)
    [init] = re.findall(r"^(ncco init .*\n)ncco serve --dev\n", page, re.MULTILINE)
    run("sh", "-ec", install + init, cwd=wheels.home, env=wheels.env)
    return Installed(wheels.home / "tools" / "ncco-server", wheels.home / "shop")


@pytest.fixture(scope="module")
def server_alone(wheels: Wheels) -> Installed:
    """Install only the server's wheel, and create a project."""
    made = Installed(wheels.home / "alone", wheels.home / "office")
    run("uv", "venv", str(made.environment), cwd=wheels.home, env=wheels.env)
    run("uv", "pip", "install", "--python", str(made.environment), str(wheels.server), cwd=wheels.home, env=wheels.env)
    made.ncco("init", "office", cwd=wheels.home)
    return made


def next_asset(replies: Mapping[str, httpx.Response]) -> str | None:
    """A URL that a page links to or a module imports and that was not fetched yet; None if there is none."""
    for url, reply in replies.items():
        pattern = LINKED if reply.headers["content-type"].startswith("text/html") else IMPORTED
        for path in pattern.findall(reply.text):
            found = urljoin(url, str(path))
            if found not in replies:
                return found
    return None


@each_case(
    ("product", "folder", "more"),
    [
        ("server", "app/ncco_server/", ("ncco_server/commit.txt",)),
        # a copy of docs/errors.md, which `ncco check` links to
        ("studio", "app/studio/ncco_studio/", ("ncco_studio/commands/errors.md",)),
    ],
)
def test_a_wheel_contains_every_file_of_its_package_and_nothing_else(
    wheels: Wheels, product: str, folder: str, more: tuple[str, ...]
) -> None:
    with zipfile.ZipFile(getattr(wheels, product)) as wheel:
        names = wheel.namelist()
    held = {name for name in names if ".dist-info/" not in name}

    package = folder.split("/")[-2]
    files = {f"{package}/{name.removeprefix(folder)}" for name in tracked_files() if name.startswith(folder)}
    assert {*files, *more} == held
    assert f"{package}/py.typed" in held, "without it, the types of author_types.py are not those of an author"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_a_wheel_has_the_version_and_the_commit_of_the_clone(server_alone: Installed) -> None:
    commit = run("git", "rev-parse", "HEAD", cwd=ROOT).strip()

    assert f"ncco, version {VERSION} ({commit[:9]})\n" == server_alone.ncco("--version")


def test_a_build_without_a_clone_has_the_commit_of_its_variable(tmp_path: Path) -> None:
    """Like that of the image."""
    for name in tracked_files():
        if name.startswith("app/ncco_server/") or "/" not in name:
            (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / "copy" / name)
    words = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path))
    run(*words, cwd=tmp_path / "copy", env={"PATH": "/usr/bin:/bin", "COMMIT": "0123456789abcdef"})
    [built] = tmp_path.glob("*.whl")

    with zipfile.ZipFile(built) as wheel:
        assert b"0123456789abcdef" == wheel.read("ncco_server/commit.txt")


def test_a_studio_of_another_version_is_refused(installed: Installed, tmp_path: Path) -> None:
    """As `pip install --upgrade ncco-server` alone would leave it."""
    info = tmp_path / "ncco_studio-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: ncco-studio\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[ncco_server.studio]\nstudio = ncco_studio.extension\n")
    words = [f"{installed.environment}/bin/ncco", "check"]
    env = {**installed.settings(), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(words, cwd=installed.project, env=env, capture_output=True, text=True, check=False)

    assert 2 == done.returncode
    assert done.stderr.startswith(f"Error: ncco-studio 0.1.0 is installed beside ncco-server {VERSION}\n")


def test_a_release_is_described_by_its_section_of_the_changelog() -> None:
    text = "# Changelog\n\n## 0.4.0 (2027-01-05)\n\nNew.\n\n### Calls\n- One.\n\n## 0.3.0\n\nOld.\n"

    assert ("0.4.0 (2027-01-05)", "New.\n\n### Calls\n- One.\n") == section_of(text, "0.4.0")
    assert ("0.3.0", "Old.\n") == section_of(text, "0.3.0")


def test_the_bill_of_materials_names_every_package_and_no_path(wheels: Wheels, tmp_path: Path) -> None:
    write_bill_of_materials(wheels, tmp_path / "sbom.json")
    text = (tmp_path / "sbom.json").read_text()
    packages = [str(component["purl"]) for component in json.loads(text)["components"]]

    assert {f"pkg:pypi/ncco-server@{VERSION}", f"pkg:pypi/ncco-studio@{VERSION}"} < set(packages)
    assert "file://" not in text


def test_the_server_alone_checks_renders_and_explains(server_alone: Installed) -> None:
    assert "no issues" in server_alone.ncco("check")
    assert "talk" in server_alone.ncco("render", "main")
    assert "E214" in server_alone.ncco("explain", "E214")
    assert "Commands of the studio" not in server_alone.ncco("--help")
    assert not (server_alone.project / ".vscode/flow.schema.json").exists()


def test_a_command_of_the_studio_says_what_to_install(server_alone: Installed) -> None:
    words = [f"{server_alone.environment}/bin/ncco", "prove", "--anything"]
    done = subprocess.run(words, env=server_alone.settings(), capture_output=True, text=True, check=False)

    assert 2 == done.returncode
    assert done.stderr.startswith("Error: `ncco prove` is a command of the studio, which is not installed\n  fix: ")


def test_the_server_alone_answers_calls_in_development_without_a_console_and_rings_no_phone(
    server_alone: Installed,
) -> None:
    flow = server_alone.project / "flows/reminder.yaml"
    flow.write_text(PLACED, encoding="utf-8")
    key = server_alone.project / "private.key"
    key.write_text(new_private_key(), encoding="ascii")
    account = {"VONAGE_APPLICATION_ID": str(uuid4()), "VONAGE_PRIVATE_KEY": str(key)}
    try:
        with server_alone.serving(**account) as server:
            answer = httpx.get(f"http://{server.address}/webhooks/answer", params=CALL, timeout=STARTS_WITHIN_S)
            said = server.wait_for(r"No calls are placed: [^\n]*")
    finally:
        flow.unlink()

    assert "talk" == answer.json()[0]["action"]
    assert "there is no console without the studio" in server.printed
    assert said.startswith("No calls are placed: there is no console in which they could ring")


def test_a_new_project_of_the_installed_wheel_has_no_issues(installed: Installed) -> None:
    assert "no issues" in installed.ncco("check")
    assert re.search("proved|walked", installed.ncco("prove"))
    assert installed.ncco("graph", "main", "--format", "svg").startswith("<svg")


def test_the_installed_wheel_answers_a_call_and_shows_the_console_with_its_assets(installed: Installed) -> None:
    with installed.serving() as server:
        answer = httpx.get(f"http://{server.address}/webhooks/answer", params=CALL, timeout=STARTS_WITHIN_S)
        link = server.wait_for(r'http://127\.0\.0\.1:\d+/\S*token=[^\s"]+')
        with httpx.Client(follow_redirects=True, timeout=STARTS_WITHIN_S) as browser:
            page = browser.get(link)
            replies = {str(page.url): page}
            while found := next_asset(replies):
                replies[found] = browser.get(found)
            [token] = CSRF.findall(page.text)
            called = called_on_phone(browser, page, token)

    assert ["talk", "talk", "input"] == [action["action"] for action in answer.json()][:3]
    assert "<flow-editor" in page.text
    assert {"console.css", "phone.js", "editor.js", "codemirror.js"} <= {url.rpartition("/")[2] for url in replies}
    assert [] == [url for url, reply in replies.items() if reply.status_code != 200 or not reply.content]
    assert "Thank you for calling" in called.text


def called_on_phone(browser: httpx.Client, page: httpx.Response, token: str) -> httpx.Response:
    """Call again while the machine is too busy, as the reply asks."""
    until = monotonic() + STARTS_WITHIN_S
    while True:
        called = browser.post(
            str(page.url.join("/phone/calls")), json={"file": "flows/main.yaml"}, headers={"X-CSRF-Token": token}
        )
        if called.status_code != httpx.codes.SERVICE_UNAVAILABLE or monotonic() > until:
            return called


@each_case("program", [("ncco", "serve", "--dev", "main.py"), ("uvicorn", "main:app")])
def test_the_one_file_of_the_readme_answers_its_curl(
    installed: Installed, tmp_path: Path, program: tuple[str, ...]
) -> None:
    page = text_of("README.md").partition("\n## One file\n")[2]
    [code] = re.findall(r'^```python title="main\.py"\n(.*?)^```$', page, re.DOTALL | re.MULTILINE)
    [(curl, shown)] = re.findall(r"^```bash\n(curl .*?)^```\n```json\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "main.py").write_text(code)
    port = str(free_port())
    words = [f"{installed.environment}/bin/{program[0]}", *program[1:], "--port", port]
    env = {**installed.settings(), "NCCO_PORT": port, "HOME": str(tmp_path)}
    log = tmp_path / "log"
    with log.open("w") as out, subprocess.Popen(words, cwd=tmp_path, env=env, stdout=out, stderr=out) as server:
        answered(f"http://127.0.0.1:{port}/webhooks/answer", CALL, server, log)
        printed = run("sh", "-c", curl.replace("8000", port), cwd=tmp_path, env=env)
        server.terminate()

    assert json.loads(shown.replace("8000", port)) == json.loads(printed)


CRM_FLOW = """
flow: main
default: true
lookups:
  customer: {python: "app.crm:customer", with: {number: "{{ call.from }}"}, returns: {name: text}}
start: greet
steps:
  greet:
    lookup: customer
    do: [{talk: "Hello {{ customer.name }}."}]
    goto: end
"""
CRM = """
def customer(number: str) -> dict[str, str]:
    return {"name": "Ada" if number == "447700900123" else "stranger"}
"""
BUILT = """
from app.crm import customer
from ncco_server import Ncco, check, create_app
print(check([{"action": "talk"}])[0].code, customer("447700900123")["name"])
"""


@pytest.fixture(scope="module")
def crm(installed: Installed) -> Path:
    """A project whose own package is called `app`, like that of most FastAPI projects."""
    home = installed.project.with_name("crm")
    (home / "app").mkdir(parents=True)
    (home / "flows").mkdir()
    (home / "app" / "__init__.py").touch()
    for name in ("ncco", "console", "studio"):
        (home / f"{name}.py").write_text("raise RuntimeError('the server must not import this')")
    (home / "app" / "crm.py").write_text(CRM)
    (home / "flows" / "main.yaml").write_text(CRM_FLOW)
    return home


def test_a_project_whose_package_is_called_app_answers_calls_under_uvicorn_with_its_own_functions(
    installed: Installed, crm: Path
) -> None:
    port = free_port()
    own = {"NCCO_PYTHON_LOOKUPS": "app.crm", "NCCO_INSECURE": "1", "NCCO_PUBLIC_URL": "https://calls.example.com"}
    env = {**installed.settings(), **own, "NCCO_DATABASE_URL": f"sqlite:///{crm}/calls.db"}
    python = f"{installed.environment}/bin/python"
    built = run(python, "-c", BUILT, cwd=crm, env=env)
    checked = run(f"{installed.environment}/bin/ncco", "check", cwd=crm, env=env)
    words = [python, "-m", "uvicorn", "ncco_server.web.app:create_app", "--factory", "--port", str(port)]
    with (crm / "log").open("w") as log, subprocess.Popen(words, cwd=crm, env=env, stdout=log, stderr=log) as server:
        answer = answered(f"http://127.0.0.1:{port}/webhooks/answer", CALL, server, crm / "log")
        server.terminate()

    assert "N106 Ada" == built.strip()
    assert "no issues" in checked
    assert [{"action": "talk", "text": "Hello Ada."}] == answer.json()


def answered(url: str, call: Mapping[str, str], server: subprocess.Popen[bytes], log: Path) -> httpx.Response:
    """The response to a webhook, which may have to wait until the server listens."""
    until = monotonic() + STARTS_WITHIN_S
    while monotonic() < until and server.poll() is None:
        try:
            return httpx.post(url, json=call, timeout=STARTS_WITHIN_S)
        except httpx.ConnectError:
            sleep(0.1)
    server.kill()
    raise AssertionError(log.read_text())

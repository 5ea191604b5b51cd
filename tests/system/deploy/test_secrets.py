"""deploy/compose.secrets.yml with docker-compose.yml, and a secret that is changed as the page says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from ncco_server.desk.commands.init import SKELETON
from ncco_server.settings.secrets import FILE_SUFFIX
from tests.support.cases import each_case
from tests.support.server import running_server
from tests.support.tracked import ROOT
from tests.support.webhooks import facts, signed_status
from tests.system.cli.projects import SHOP, write_project
from tests.system.repository.dockerfile import is_sent

FILE = ROOT / "deploy" / "compose.secrets.yml"
SECRET_FILES = yaml.safe_load(FILE.read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "how-to" / "secrets.md").read_text(encoding="utf-8")
DOCKER_PAGE = (ROOT / "docs" / "how-to" / "docker.md").read_text(encoding="utf-8")
SERVERS = ("ncco", "ncco-1", "ncco-2", "migrate")
MOUNT = "/run/secrets"
OLD, NEW = "the-old-signature-secret-of-the-account", "the-new-signature-secret-of-the-account"
PUBLIC = {"NCCO_PUBLIC_URL": "https://calls.example.com", "NCCO_LOG": "json"}


def merged(name: str) -> dict[str, Any]:
    """A service as Compose merges it from both files: mappings are merged, lists are concatenated."""
    own: dict[str, Any] = COMPOSE["services"][name]
    added = SECRET_FILES["services"][name]
    environment = own["environment"] | added["environment"]
    return own | {"environment": environment, "volumes": own.get("volumes", []) + added["volumes"]}


def test_every_server_of_the_compose_file_reads_the_secrets_and_no_other_service_does() -> None:
    ours = [name for name, service in COMPOSE["services"].items() if service.get("image", "").startswith("ncco-")]

    assert set(SERVERS) == set(ours) == set(SECRET_FILES["services"])


@each_case("name", SERVERS)
def test_every_named_file_is_in_the_mounted_folder(name: str) -> None:
    service = merged(name)
    files = {key: value for key, value in service["environment"].items() if key.endswith(FILE_SUFFIX)}

    assert [f"./secrets:{MOUNT}:ro"] == [mount for mount in service["volumes"] if MOUNT in mount]
    assert {MOUNT} == {str(Path(file).parent) for file in files.values()}
    assert {"VONAGE_SIGNATURE_SECRET_FILE", "VONAGE_SIGNATURE_SECRET_PREVIOUS_FILE"} == set(files)


def test_the_compose_file_alone_asks_for_no_file_of_a_secret() -> None:
    assert [] == [
        (name, key)
        for name, service in COMPOSE["services"].items()
        for key in service.get("environment", ())
        if key.endswith(FILE_SUFFIX)
    ]


def test_a_project_gets_the_overlay_with_its_only_server_as_the_page_says() -> None:
    expression = re.findall(r"^sed -E '(.*)' \.\./ncco-server/deploy/compose\.secrets\.yml", DOCKER_PAGE, re.M)[0]
    kept = subprocess.run(["sed", "-E", expression, FILE], capture_output=True, text=True, check=True).stdout
    project = yaml.safe_load((SKELETON / "docker-compose.yml").read_text(encoding="utf-8"))

    assert {"ncco"} == set(project["services"])
    assert {"ncco": SECRET_FILES["services"]["ncco"]} == yaml.safe_load(kept)["services"]


def test_the_files_are_neither_in_git_nor_in_the_image() -> None:
    asked = subprocess.run(["git", "check-ignore", "-q", "secrets/signature_secret"], cwd=ROOT, check=False)

    assert 0 == asked.returncode
    assert not is_sent("secrets/signature_secret")


def test_a_secret_is_changed_as_the_page_says(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "signature_secret").write_text(OLD)
    write_project(tmp_path, shop=SHOP)
    environment = merged("ncco")["environment"]
    files = {key: value.replace(MOUNT, str(secrets)) for key, value in environment.items() if key.endswith(FILE_SUFFIX)}
    changing = re.findall(r"```sh\n( +cd secrets\n.*?)```", PAGE, re.S)[0].replace("the new one", NEW)

    def accepted() -> tuple[int, int]:
        """The statuses of a webhook signed with the old secret and of one signed with the new, after a restart."""
        with running_server(tmp_path, "--port", "0", cwd=tmp_path, env=files | PUBLIC) as server:
            return signed_status(server.url, OLD, facts()), signed_status(server.url, NEW, facts())

    before = accepted()
    subprocess.run(["sh", "-euc", changing], cwd=tmp_path, check=True)
    both = accepted()
    (secrets / "signature_secret_previous").unlink()
    after = accepted()

    assert ((200, 401), (200, 200), (401, 200)) == (before, both, after)

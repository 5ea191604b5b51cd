"""`ncco init`: the new project works at once, and no existing file is ever overwritten."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from ncco_server.desk.commands.init import NEXT_COMMANDS
from ncco_server.desk.starters import LIKE
from ncco_server.version import VERSION
from tests.support import loopback
from tests.support.cases import each_case
from tests.support.command import json_of, ncco
from tests.support.server import running_server
from tests.support.tracked import ROOT
from tests.unit.studio.schema.editor_yaml import as_editor_reads

OF_CALLERS = (
    "backups/ncco-20261225T031500Z.tar.gz",
    "ncco-20261225T031500Z.tar.gz",
    ".ncco-backup-x/ncco.db",
    "ncco.db",
    "ncco.db-wal",
    "ncco.db-recordings/0f",
    "recordings/0f",
    ".history/flows/main.yaml",
)
SECRETS = ("ncco.db-key", "ncco.db-console-key", "private.key", "key.pem", ".env", "secrets/VONAGE_PRIVATE_KEY")


def test_the_next_steps_that_it_prints_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ncco("init", "shop")
    monkeypatch.chdir(tmp_path / "shop")
    called, tested, proved = (ncco(*command.split()[1:]) for command, _ in NEXT_COMMANDS[2:5])
    with running_server(tmp_path, *NEXT_COMMANDS[0][0].split()[2:], cwd=tmp_path / "shop") as server:
        answered = loopback.post(
            f"http://{server.address}/webhooks/answer",
            json={"to": "442079460000", "from": "447700900123", "uuid": "u", "conversation_uuid": "CON-1"},
        )

    assert ["serve", "check", "simulate", "test", "prove", "go-live"] == [
        command.split()[1] for command, _ in NEXT_COMMANDS
    ]
    assert (0, 0, 0) == (called.exit_code, tested.exit_code, proved.exit_code)
    assert "Thank you for calling" in called.stdout
    assert ["talk", "talk", "input"] == [action["action"] for action in answered.json()][:3]


@each_case(("like", "commands"), [((), 8), (("--python",), 7), *((("--like", like), 6) for like in LIKE)])
def test_every_command_of_its_page_works_and_no_caller_gets_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, like: tuple[str, ...], commands: int
) -> None:
    monkeypatch.chdir(tmp_path)
    assert 0 == ncco("init", "shop", *like).exit_code
    monkeypatch.chdir(tmp_path / "shop")
    page = (tmp_path / "shop" / "README.md").read_text()
    lines = [re.split(r"  +| >", line)[0].split()[1:] for line in re.findall(r"^ncco .*", page, re.MULTILINE)]

    assert commands == len(lines)
    assert [] == [words for words in lines if words[0] != "serve" and ncco(*words).exit_code]
    assert [] == json_of(ncco("prove", "--format", "json"))["violations"]


def test_callers_of_a_salon_that_is_closed_by_hand_hear_the_reason(tmp_path: Path) -> None:
    scenarios = tmp_path / "tests/scenarios"
    ncco("init", tmp_path, "--like", "salon")
    scenarios.mkdir(parents=True)
    (scenarios / "closed.yaml").write_text(
        """\
closed by hand:
  at: 2026-11-26T10:00
  by_hand: {main.salon: {state: closed, reason: staff training}}
  script: [hear: [Thank you, "We are closed today for staff training. We open again"], hangup]
"""
    )
    played = ncco("test")

    assert (0, "") == (played.exit_code, played.stderr)


@each_case(
    ("file", "kind"),
    [("flows/main.yaml", "flow"), ("flows/shared.yaml", "flow"), ("tests/scenarios/main.yaml", "scenario")],
)
def test_a_file_is_valid_by_the_schema_that_its_editor_reads(tmp_path: Path, file: str, kind: str) -> None:
    shop = tmp_path / "shop"
    ncco("init", shop)
    schema = json.loads((shop / f".vscode/{kind}.schema.json").read_text())

    assert jsonschema.Draft7Validator(schema).is_valid(as_editor_reads((shop / file).read_text()))
    assert kind == "scenario" or '"welcome.j2"' in json.dumps(schema)


@pytest.mark.parametrize(("kind", "folder"), [("flow", "flows"), ("scenario", "tests/scenarios")])
def test_its_editor_finds_the_schemas_in_both_ways(kind: str, folder: str, tmp_path: Path) -> None:
    ncco("init", "shop")
    shop, schema = tmp_path / "shop", f".vscode/{kind}.schema.json"
    settings = json.loads((shop / ".vscode/settings.json").read_text())
    first = (shop / folder / "main.yaml").read_text().splitlines()[0]
    line = first.removeprefix("# yaml-language-server: $schema=")

    assert (shop / schema) == (shop / folder / line).resolve()
    assert [f"{folder}/**/*.yaml", f"{folder}/**/*.yml"] == settings["yaml.schemas"][schema]


def test_a_project_in_python_has_no_fault_and_no_secret_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ncco("init", "shop", "--python")
    monkeypatch.chdir(tmp_path / "shop")

    assert {"main.py", "flows/ring.yaml", "flows/shared.yaml"} == {
        each.as_posix() for each in (*Path().glob("flows/*"), *Path().glob("*.py"))
    }
    assert "| `main.py`, `flows/` |" in Path("README.md").read_text()
    mounted = yaml.safe_load(Path("docker-compose.yml").read_text())["services"]["ncco"]
    assert "/srv/main.py" == mounted["environment"]["NCCO_FLOWS"]
    assert "./main.py:/srv/main.py:ro" in mounted["volumes"]
    assert 0o600 == stat.S_IMODE(Path(".env").stat().st_mode)
    assert "no issues: 2 flows in 3 files\n" == ncco("check").output
    assert 0 == ncco("test", "--min", "100").exit_code
    assert "rings     447700900111" in ncco("simulate", "main", "1").stdout
    proved = ncco("prove")
    assert (0, "left to their scenarios, because proofs are of flow files: main\n") == (proved.exit_code, proved.stderr)
    assert "reportUnnecessaryComparison" in Path("pyproject.toml").read_text()
    linted = subprocess.run(
        [Path(sys.executable).with_name("ruff"), "check", "--no-cache"], capture_output=True, check=False
    )
    assert b"All checks passed!\n" == linted.stdout
    assert 2 == ncco("init", "other", "--python", "--like", "menu").exit_code
    assert "has main.py and .env already" in ncco("init", ".", "--python", "--force").output


@pytest.mark.parametrize("link", ["flows", ".env.example"])
def test_nothing_is_written_through_a_link_to_another_folder(link: str, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "shop" / link).symlink_to(tmp_path / "other" / ("new" if link != "flows" else ""))

    refused = ncco("init", "shop", "--force")

    assert 2 == refused.exit_code
    assert [] == [*(tmp_path / "other").iterdir()]
    assert [link] == [path.name for path in (tmp_path / "shop").iterdir()]


def told_of_messages(shop: Path) -> None:
    """Remove the `#` from the lines that the project's comments say to uncomment."""
    main, shared = shop / "flows/main.yaml", shop / "flows/shared.yaml"
    main.write_text(main.read_text().replace("    # events: ", "    events: "))
    before, hooks, after = shared.read_text().partition("# hooks:")
    shared.write_text(before + re.sub("^# ?", "", hooks + after, flags=re.MULTILINE))


def test_a_message_is_sent_once_its_lines_are_uncommented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ncco("init", "shop")
    monkeypatch.chdir(tmp_path / "shop")
    told_of_messages(tmp_path / "shop")
    monkeypatch.setenv("FLOW_OFFICE_URL", "https://office.example.com")
    scenarios = tmp_path / "shop/tests/scenarios/main.yaml"
    hooks = '[{message_left: {from: "447700900123"}}]'
    call = 'from: "447700900123", script: [press: 2, record: {seconds: 8}]'
    scenarios.write_text(f"{scenarios.read_text()}\na message is sent: {{{call}, expect: {{hooks: {hooks}}}}}\n")

    assert (0, "no issues: 1 flow in 3 files\n") == (ncco("check").exit_code, ncco("check").output)
    assert "8 scenarios played, all hold" in ncco("test").stdout


OF_THE_REPOSITORY = ("build", "depends_on", "healthcheck", "image")


def test_its_compose_file_runs_the_server_like_the_servers_own(tmp_path: Path) -> None:
    ncco("init", "shop")
    ours = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["ncco"]
    service = yaml.safe_load((tmp_path / "shop/docker-compose.yml").read_text())["services"]["ncco"]

    assert {name: option for name, option in ours.items() if name not in OF_THE_REPOSITORY} == {
        name: option for name, option in service.items() if name not in ("build", "image")
    }
    assert (".", "${NCCO_IMAGE:-ncco-studio}") == (service["build"], service["image"])


def test_its_dockerfile_installs_this_version_and_runs_it_like_the_servers_own(tmp_path: Path) -> None:
    ncco("init", "shop")
    built = (tmp_path / "shop/Dockerfile").read_text()
    ours = (ROOT / "Dockerfile").read_text().partition(" AS run\n")[2]

    installed = re.findall(r"\"ncco-([^\"]+)\"", built)
    assert [f"server[otel,postgres,s3]=={VERSION}", f"studio=={VERSION}"] == installed
    for word in ("USER", "WORKDIR", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"):
        lines = re.findall(rf"^{word} .*(?:\\\n.*)?", ours, re.MULTILINE)
        assert lines == re.findall(rf"^{word} .*(?:\\\n.*)?", built, re.MULTILINE), word


def test_the_loop_that_it_tells_coding_assistants_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ncco("init", "shop")
    monkeypatch.chdir(tmp_path / "shop")
    page = Path("AGENTS.md").read_text()
    lines = re.findall(r"^ncco (.*?)  +#", page, re.MULTILINE)
    shown = re.findall(r"^- `ncco ((?:simulate|render|schema) [^`]*)`|`ncco (explain \w+)`", page, re.MULTILINE)

    assert ["check", "test", "prove"] == lines
    assert {0} == {ncco(*words.split()).exit_code for words in (*lines, *(first or second for first, second in shown))}
    assert len(page.splitlines()) <= 40


def test_its_settings_exist_and_say_what_a_real_number_needs(tmp_path: Path) -> None:
    ncco("init", "shop")
    named = re.findall(r"^#(\w+)=", (tmp_path / "shop/.env.example").read_text(), re.MULTILINE)
    known = re.findall(r"^#(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)

    assert {"FLOW_OFFICE_URL"} == set(named) - set(known)
    assert {"NCCO_PUBLIC_URL", "VONAGE_SIGNATURE_SECRET", "VONAGE_APPLICATION_ID", "NCCO_RETENTION_DAYS"} <= set(named)
    assert "VONAGE_PRIVATE_KEY" in named, "the project's flow records messages"


def test_git_ignores_secrets_and_data_of_callers(tmp_path: Path) -> None:
    ncco("init", "shop")
    shop = tmp_path / "shop"
    subprocess.run(["git", "init", "--quiet"], cwd=shop, check=True)
    for name in (*OF_CALLERS, *SECRETS):
        (shop / name).parent.mkdir(parents=True, exist_ok=True)
        (shop / name).touch()

    words = ["git", "ls-files", "--others", "--exclude-standard"]
    found = subprocess.run(words, cwd=shop, check=True, capture_output=True, text=True).stdout.split()

    assert set() == {*OF_CALLERS, *SECRETS} & {*found}
    assert {".env.example", "flows/main.yaml", "tests/scenarios/main.yaml"} <= {*found}

"""What can be tested about the image without building it; `make docker-check` runs the steps of its build."""

from __future__ import annotations

import ast
import importlib.resources
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from ncco_server.settings.fields import Variables, variable
from tests.support.cases import each_case
from tests.support.tracked import ROOT, tracked_files
from tests.system.repository.dockerfile import is_sent, stages

BUILD, STUDIO, FINAL, *TARGETS = stages()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICE = COMPOSE["services"]["ncco"]
SOURCES = [
    source
    for stage in (BUILD, STUDIO, FINAL)
    for instruction in stage
    if instruction.word == "COPY" and not instruction.rest.startswith("--from")
    for source in instruction.rest.split()[:-1]
]


def said(word: str) -> list[str]:
    return [instruction.rest for instruction in FINAL if instruction.word == word]


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in " ".join(said("ENV")).split())


@each_case("source", SOURCES)
def test_copied_files_exist_and_are_in_the_build_context(source: str) -> None:
    files = [name for name in tracked_files() if name == source or name.startswith(f"{source}/")]

    assert [] != files
    assert [] == [name for name in files if not is_sent(name)]


@each_case(
    "name",
    [".env", ".git/config", "ncco.db", "tests/system/repository/test_image.py", "app/x/__pycache__/x.pyc"],
)
def test_unneeded_files_are_not_in_the_build_context(name: str) -> None:
    assert not is_sent(name)


def test_every_package_is_pinned_by_hash() -> None:
    installs = [
        command
        for each in [*BUILD, *STUDIO]
        if each.word == "RUN"
        for command in each.rest.split("&&")
        if " install " in command
    ]
    from_registry = [command for command in installs if not command.endswith(".whl")]

    assert [] == [command for command in from_registry if "--no-deps --require-hashes" not in command]
    assert 3 == len(from_registry)


def test_the_server_runs_as_an_unprivileged_user_by_number() -> None:
    assert [True] == [re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) is not None for user in said("USER")]


def test_each_target_is_the_same_image_with_its_own_environment() -> None:
    targets = {stage[0].rest: [each.rest for each in stage[1:]] for stage in TARGETS}

    environments = {"server": "build", "studio": "build-studio"}
    assert {
        f"run AS {target}": [f"--from={stage} /opt/ncco /opt/ncco"] for target, stage in environments.items()
    } == targets


def test_it_has_no_flows_which_callers_of_an_image_with_others_could_reach() -> None:
    assert [] == [name for name in tracked_files() if name.startswith(("flows/", "templates/")) and is_sent(name)]


def test_the_health_check_is_code_that_compiles() -> None:
    command = json.loads(said("HEALTHCHECK")[0].partition(" CMD ")[2])

    assert ["python", "-c"] == command[:2]
    assert isinstance(ast.parse(command[2]), ast.Module)
    assert isinstance(ast.parse(SERVICE["healthcheck"]["test"][3]), ast.Module)


@pytest.mark.parametrize("file", ["docker-compose.yml", "deploy/compose.secrets.yml"])
def test_a_compose_file_matches_the_schema(file: str) -> None:
    schemas = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((schemas / "compose-spec.json").read_text(encoding="utf-8"))

    read = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))

    assert [] == [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(read)]


def test_the_compose_file_mounts_what_the_image_reads() -> None:
    image = environment()
    mounts = dict(mount.split(":") for mount in SERVICE["volumes"])

    writable, read = {"data": "/data", "backups": "/backups"}, ("NCCO_FLOWS", "NCCO_TEMPLATES")
    project = dict(zip(("./flows", "./templates"), map(image.__getitem__, read), strict=True))
    assert writable | project | {"./tests/scenarios": "/srv/tests/scenarios"} == mounts
    assert [f"mkdir {' '.join(writable.values())} && chown 10001:10001 {' '.join(writable.values())}"] == said("RUN")
    assert image["NCCO_RECORDINGS"].startswith("/data/")
    assert image["NCCO_CONSOLE_LOGINS"].startswith("/data/")
    unset = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", text) for name, text in SERVICE["environment"].items()}
    assert {name: image[name] for name in SERVICE["environment"] if name in image} == dict(
        unset.items() & image.items()
    )
    assert writable.keys() <= COMPOSE["volumes"].keys()


def test_the_compose_file_shows_the_console_to_this_machine_alone_and_figures_to_nobody_outside() -> None:
    set_by_it = SERVICE["environment"]
    published = {port.rpartition(":")[2]: port for port in SERVICE["ports"]}

    assert {set_by_it["NCCO_PORT"], set_by_it["NCCO_CONSOLE_PORT"]} == published.keys()
    assert all(port.startswith("127.0.0.1:") for port in published.values())
    assert {"0.0.0.0"} == {set_by_it[f"NCCO_{name}HOST"] for name in ("", "METRICS_", "CONSOLE_")}  # noqa: S104 - read, not bound
    assert {name for name in set_by_it if name.startswith("NCCO_")} <= {
        variable(each) for each in Variables.model_fields
    }


def test_the_https_profile_serves_the_public_url_by_the_caddyfile() -> None:
    caddy, caddyfile = COMPOSE["services"]["caddy"], (ROOT / "deploy/Caddyfile").read_text()

    assert {"80:80", "443:443"} == set(caddy["ports"])
    assert set(re.findall(r"\{\$(\w+):", caddyfile)) == set(caddy["environment"])
    assert f"ncco:{SERVICE['environment']['NCCO_PORT']}" == caddy["environment"]["NCCO_UPSTREAM"]
    assert "./deploy/Caddyfile:/etc/caddy/Caddyfile:ro" in caddy["volumes"]
    newest_with_a_fault = (2, 7)
    assert newest_with_a_fault < tuple(map(int, re.findall(r"caddy:(\d+)\.(\d+)", caddy["image"])[0]))


def test_a_database_of_a_profile_that_is_not_used_is_not_waited_for() -> None:
    assert {"condition": "service_healthy", "required": False} == SERVICE["depends_on"]["postgres"]
    assert {"hosts", "postgres"} == set(COMPOSE["services"]["postgres"]["profiles"])


def test_the_commit_goes_from_the_build_into_the_wheel_and_the_label() -> None:
    words = [each.rest for each in BUILD]
    [built] = [index for index, rest in enumerate(words) if "--wheel-dir /build/server" in rest]
    assert words.index("COMMIT=") < built
    assert "COMMIT=" in said("ARG")
    assert any("org.opencontainers.image.revision=${COMMIT}" in label for label in said("LABEL"))
    builds = [service["build"] for service in COMPOSE["services"].values() if "build" in service]
    assert [("ncco", "studio"), ("ncco-1", "server"), ("ncco-2", "server"), ("migrate", "server")] == [
        (name, service["build"]["target"]) for name, service in COMPOSE["services"].items() if "build" in service
    ]
    assert all(build["context"] == "." and build["args"] == {"COMMIT": "${COMMIT:-}"} for build in builds)
    assert "COMMIT=$(git rev-parse HEAD) docker compose up --build" in (ROOT / "docs/how-to/docker.md").read_text()


def test_pinning_writes_the_digest_after_each_tag_and_replaces_an_earlier_one(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho sha256:$DIGEST\n")
    docker.chmod(0o755)
    for name in ("Makefile", "Dockerfile", "docker-compose.yml"):
        shutil.copy(ROOT / name, tmp_path)
    for digest in ("0123", "4567"):
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DIGEST": digest}
        subprocess.run(["make", "pin"], cwd=tmp_path, env=env, check=True, capture_output=True)

    pinned = (tmp_path / "docker-compose.yml").read_text() + (tmp_path / "Dockerfile").read_text()
    assert {
        "postgres:17@sha256:4567",
        "caddy:2.10-alpine@sha256:4567",
        "nginxinc/nginx-unprivileged:1.28-alpine@sha256:4567",
    } == set(re.findall(r"image: (\S+:\S+)", pinned))
    assert "ARG IMAGE=python:3.13-slim@sha256:4567\n" in pinned

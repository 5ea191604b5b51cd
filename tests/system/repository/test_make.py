"""The targets of the Makefile, and what the CI server runs."""

from __future__ import annotations

import importlib.resources
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import jsonschema
import yaml

from benchmarks.__main__ import BENCHMARKS
from tests.support.cases import each_case
from tests.support.tracked import ROOT, text_of, tracked_files

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = tuple(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.M))


def run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    # What `make test` exports must not affect the `make` under test.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=env)


def test_help_lists_every_target() -> None:
    listed = re.findall(r"^make ([a-z-]+)", run("make", "help").stdout, re.M)
    phony = " ".join(re.findall(r"^\.PHONY: (.*)", MAKEFILE, re.M)).split()

    assert list(TARGETS) == listed
    assert set(TARGETS) == set(phony)


@each_case("target", TARGETS)
def test_every_target_is_well_formed(target: str) -> None:
    assert 0 == run("make", "-n", "-s", target).returncode


def test_the_path_of_the_clone_may_have_a_space(tmp_path: Path) -> None:
    clone = tmp_path / "my project"
    for name in tracked_files():
        if name.endswith(("Makefile", ".txt", "pyproject.toml", "/version.py")):
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            (clone / name).write_text(text_of(name), encoding="utf-8")

    commands = run("make", "-n", *TARGETS, cwd=clone).stdout

    assert f"{clone}/" in commands
    assert [] == [word for word in shlex.split(commands) if word.startswith("project/")]


def test_check_runs_each_test_once() -> None:
    commands = run("make", "-n", "check").stdout
    fast, rest = re.findall(r"/pytest -q .*--dist \w+ (?:--no-loadscope-reorder )?(.*)", commands)

    kept = fast.split()
    *slow, folder, wheels = rest.split()
    assert [f"--ignore={file}" for file in slow] == [word for word in kept if word.startswith("--")]
    assert f"--ignore={wheels.partition('=')[2]}" == wheels
    assert f"-n 1 {wheels.partition('=')[2]}\n" in commands
    folders = {path.parent.relative_to(ROOT).parts[1] for path in (ROOT / "tests").rglob("test_*.py")}
    ran = {word.removeprefix("tests/") for word in [*kept, folder] if not word.startswith("--")}
    assert folders == ran | {"live"}  # whose calls cost money


def test_an_unsupported_python_is_refused_with_a_fix(tmp_path: os.PathLike[str]) -> None:
    made = run("make", "setup", "PYTHON=no-such-python", f"VENV={tmp_path}/venv")

    assert 2 == made.returncode
    assert "Python 3.11 to 3.14 with the venv module is needed; tried: no-such-python." in made.stderr
    assert "make setup PYTHON=" in made.stderr


def test_the_integration_script_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert 0 == run("sh", "-n", ".ci/run").returncode


def test_the_workflow_matches_its_schema_and_tests_every_python() -> None:
    path = ROOT / ".github" / "workflows" / "check.yml"
    schemas = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((schemas / "github-workflows.json").read_text(encoding="utf-8"))
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    workflow = {"on" if key is True else key: value for key, value in read.items()}  # YAML 1.1 reads `on` as true
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    pythons = workflow["jobs"]["check"]["strategy"]["matrix"]["python"]

    assert [] == [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(workflow)]
    assert pythons == re.findall(r"Python :: (3\.\d+)", project)


def test_every_benchmark_is_run_by_make_bench() -> None:
    names = {name.removeprefix("benchmarks/") for name in tracked_files() if name.startswith("benchmarks/")}
    modules = {name.removesuffix(".py") for name in names if name.endswith(".py") and "/" not in name}

    assert set(BENCHMARKS) == modules - {"__main__", "__init__"}

"""Scenarios as tests: the plugin in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from app.cli.pytest_plugin import project_of
from tests.system.cli.played_projects import DIFFERS, HOLDS, project
from tests.system.cli.projects import SHOP, TYPO, write_project
from tests.system.cli.running import plain_environment

PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"]
ALONE = ("-p", "app.cli.pytest_plugin")
INSTALLED = ("-p", "no:pytest-lsp")
"""pytest-lsp 1.0.1 breaks every item that is no function, also those of other plugins."""


def pytest_in(folder: Path, *words: str, plugins: Sequence[str] = ALONE, dial_allow: str = "44") -> tuple[int, str]:
    """The code that it ends with, and what it prints. Without other plugins it starts three times as fast."""
    env = plain_environment(folder, NCCO_DIAL_ALLOW=dial_allow)
    if plugins == ALONE:
        env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = [*PYTEST, *plugins, *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_each_scenario_is_a_test_where_the_package_is_installed(tmp_path: Path) -> None:
    folder = project(tmp_path, HOLDS + "another:\n  script: [hear: For sales]\n")
    code, printed = pytest_in(folder, "-vv", plugins=INSTALLED)

    assert 0 == code, printed
    assert "tests/scenarios/shop.yaml::a sale PASSED" in printed
    assert "tests/scenarios/shop.yaml::another PASSED" in printed


def test_a_computed_number_is_dialled_as_the_server_would(tmp_path: Path) -> None:
    flow = SHOP.replace('talk: "Your number is {{ call.from }}."', 'connect: "{{ call.from }}"')
    folder = project(tmp_path, "a call back:\n  script: [press: 1, dial: {outcome: completed}]\n", flow)
    code, printed = pytest_in(folder, dial_allow="+44, 0049")

    assert 0 == code, printed


def test_a_wrong_setting_is_an_error_of_collecting(tmp_path: Path) -> None:
    code, printed = pytest_in(project(tmp_path), dial_allow="GB")

    assert 2 == code
    assert 'NCCO_DIAL_ALLOW: "GB" is not the beginning of a phone number' in printed


def test_a_failure_is_a_transcript(tmp_path: Path) -> None:
    code, printed = pytest_in(project(tmp_path, HOLDS + DIFFERS))

    assert 1 == code
    assert "scenario: no sale" in printed
    assert "instead:  Your number is 447700900123." in printed
    assert "decided by flows/shop.yaml:9" in printed
    assert "Traceback" not in printed


def test_a_fault_of_a_file_or_of_a_flow_is_an_error_of_collecting(tmp_path: Path) -> None:
    project(tmp_path / "a", "b:\n  script: [prss: 1]\n")
    project(tmp_path / "b", flow=TYPO)
    code, printed = pytest_in(tmp_path)

    assert 2 == code
    assert 'S102  a script has no "prss"' in printed
    assert 'unknown step "slaes"' in printed


def test_what_breaks_has_a_traceback(tmp_path: Path) -> None:
    folder = project(tmp_path)
    (folder / "conftest.py").write_text(
        "from app.cli.pytest_scenarios import ScenarioItem\n\n\ndef broken(_):\n"
        "    raise RuntimeError('it broke')\n\n\nScenarioItem.runtest = broken\n"
    )
    code, printed = pytest_in(folder)

    assert 1 == code
    assert "RuntimeError: it broke" in printed


def test_other_yaml_files_are_none_of_its_business(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    assert project_of(tmp_path / "tests" / "data" / "a.yaml") is None
    assert tmp_path == project_of(tmp_path / "scenarios" / "a.yaml")
    assert tmp_path == project_of(tmp_path / "tests" / "scenarios" / "deep" / "a.yaml")
    assert project_of(tmp_path / "shop" / "scenarios" / "a.yaml") is None

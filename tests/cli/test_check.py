"""`ncco check`: what it reads, what it prints, how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.projects import SHOP, TYPO, WARNED, ncco, write_project
from tests.cli.running import NCCO, plain_environment

LOADED = """
import sys
STRANGERS = ("app.web", "app.store", "app.service", "fastapi", "httpx")
from app.cli import main
try:
    main(["check"])
except SystemExit:
    print(*(name for name in sys.modules if name.startswith(STRANGERS)))
"""


def test_a_fault_is_shown_at_its_place_with_its_cure(tmp_path: Path) -> None:
    write_project(tmp_path, shop=TYPO)

    shown = ncco("check")

    assert 1 == shown.exit_code
    assert (
        'flows/shop.yaml:9:30  E214  unknown step "slaes"\n'
        "   9 |       sales: {dtmf: 1, goto: slaes}\n"
        '     |                              ^^^^^ did you mean "sales"?\n'
    ) in shown.stdout


def test_no_fault_is_said_in_one_line(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    shown = ncco("check")

    assert (0, "no issues: 1 flow in 1 file\n") == (shown.exit_code, shown.output)


def test_warnings_are_shown_and_end_with_0(tmp_path: Path) -> None:
    write_project(tmp_path, shop=WARNED)

    shown = ncco("check")

    assert 0 == shown.exit_code
    assert "W217" in shown.stdout
    assert shown.stdout.endswith("1 warning in 1 file\n")


def test_json_has_every_field_of_an_issue(tmp_path: Path) -> None:
    write_project(tmp_path, shop=TYPO)

    shown = json.loads(ncco("check", "--format", "json").stdout)

    assert {
        "file": "flows/shop.yaml",
        "line": 9,
        "column": 30,
        "length": 5,
        "severity": "error",
        "code": "E214",
        "message": 'unknown step "slaes"',
        "cure": 'did you mean "sales"?',
    } == shown["issues"][0]
    assert 1 == shown["errors"]


def test_json_of_a_project_without_fault_is_json(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    assert {"errors": 0, "warnings": 0, "issues": []} == json.loads(ncco("check", "--format", "json").stdout)


def test_github_gets_annotations_and_nothing_else(tmp_path: Path) -> None:
    write_project(tmp_path, shop=TYPO)

    lines = ncco("check", "--format", "github").stdout.splitlines()

    assert lines[0].startswith("::error file=flows/shop.yaml,line=9,col=30,")
    assert [] == [line for line in lines if not line.startswith("::")]


def test_github_gets_nothing_when_there_is_no_fault(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    assert "" == ncco("check", "--format", "github").stdout


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("a", "a/flows/shop.yaml"),
        ("a/flows", "a/flows/shop.yaml"),
        ("a/flows/shop.yaml", "a/flows/shop.yaml"),
        ("./a", "a/flows/shop.yaml"),
        ("a/../a/flows", "a/../a/flows/shop.yaml"),
    ],
)
def test_issues_stand_at_the_path_that_was_named(path: str, file: str, tmp_path: Path) -> None:
    write_project(tmp_path / "a", shop=TYPO)

    assert ncco("check", path).stdout.startswith(f"{file}:9:30  E214")


def test_several_projects_are_reported_together(tmp_path: Path) -> None:
    write_project(tmp_path / "a", shop=TYPO)
    write_project(tmp_path / "b", shop=TYPO)

    assert ncco("check", "a", "b").stdout.endswith("2 errors in 2 files\n")


def test_files_of_one_folder_are_checked_against_each_other(tmp_path: Path) -> None:
    write_project(tmp_path, one=SHOP, two=SHOP, three=TYPO)

    shown = ncco("check", "flows/one.yaml", "flows/two.yaml")

    assert 1 == shown.exit_code
    assert "three" not in shown.stdout


def test_other_files_beside_a_named_one_do_not_matter(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP, broken="{")

    assert 0 == ncco("check", "flows/shop.yaml").exit_code


@pytest.mark.parametrize("place", ["templates", "flows/templates"])
def test_templates_are_found_beside_the_folder_or_in_it(place: str, tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP.replace('"For sales, press 1."', "{template: menu.j2}"))
    (tmp_path / place).mkdir()
    (tmp_path / place / "menu.j2").write_text("For {{ call.form }}, press 1.")

    assert f"{place}/menu.j2:1:13  E304" in ncco("check", "flows/shop.yaml").stdout


def test_the_folders_can_be_named_by_options_and_by_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path / "a", shop=TYPO)

    by_option = ncco("check", "--flows", "a/flows")
    monkeypatch.setenv("NCCO_FLOWS", "a/flows")
    by_setting = ncco("check")

    assert by_option.stdout == by_setting.stdout
    assert "a/flows/shop.yaml:9:30" in by_setting.stdout


def test_variables_for_flows_come_from_the_environment_and_from_dotenv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = SHOP.replace("    goto: end\n", "    branch:\n      - {if: env.A == env.B, goto: end}\n      - else: end\n")
    write_project(tmp_path, shop=used)
    (tmp_path / ".env").write_text("FLOW_A=1\n")

    unset = ncco("check").stdout
    monkeypatch.setenv("FLOW_B", "1")
    both = ncco("check").stdout

    assert "FLOW_B" in unset
    assert "FLOW_A" not in unset
    assert "no issues: 1 flow in 1 file\n" == both


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "there is no folder of flows at flows"),
        (["nowhere"], "nowhere does not exist"),
        (["notes.txt"], "notes.txt is not a flow file"),
        (["latin.yaml"], "latin.yaml: byte 7 is not UTF-8"),
        (["--flows", "nowhere"], "there is no folder of flows at nowhere"),
    ],
)
def test_what_cannot_be_read_ends_with_2_and_a_cure(words: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "latin.yaml").write_bytes(b"flow: \xe4")

    shown = ncco("check", *words)

    assert 2 == shown.exit_code
    assert f"Error: {message}\n  cure: " in shown.stderr
    assert "" == shown.stdout


def test_a_file_that_leads_nowhere_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")

    assert 2 == ncco("check", "loop.yaml").exit_code


def test_a_file_that_may_not_be_read_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "pipe.yaml").symlink_to("/proc/self/mem")

    shown = ncco("check", "pipe.yaml")

    assert 2 == shown.exit_code
    assert "Error: pipe.yaml" in shown.stderr


def test_a_folder_with_no_flow_in_it_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()

    assert 1 == ncco("check").exit_code


def test_issues_of_several_files_stand_under_the_name_of_each(tmp_path: Path) -> None:
    write_project(tmp_path, a=TYPO, b=WARNED.replace("shop", "other").replace("460000", "460001"))

    lines = ncco("check").stdout.splitlines()

    assert "flows/a.yaml: 1 error" == lines[0]
    assert "flows/b.yaml: 1 warning" in lines
    assert "1 error, 1 warning in 2 files" == lines[-1]


def test_no_code_of_the_server_and_the_store_is_imported(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)

    assert "no issues: 1 flow in 1 file\n\n" == done.stdout


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`ncco check --watch` on a project without faults, when it waits for the first change."""
    write_project(tmp_path, shop=SHOP)
    process = subprocess.Popen(
        [NCCO, "check", "--watch"],
        cwd=tmp_path,
        env={**plain_environment(tmp_path), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    read_until(process, "Ctrl-C ends")
    yield process
    process.kill()
    process.communicate()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """What is printed up to the first line with this text."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if text in line:
            return printed
    raise AssertionError(f"it ended without {text}:\n{printed}")


def test_watching_checks_again_on_every_save(watching: subprocess.Popen[str], tmp_path: Path) -> None:
    write_project(tmp_path, shop=TYPO)
    broken = read_until(watching, "1 error in 1 file")
    write_project(tmp_path, shop=SHOP)
    mended = read_until(watching, "no issues")

    assert "changed: flows/shop.yaml" in broken
    assert "changed: flows/shop.yaml" in mended


def test_watching_waits_for_a_folder_that_is_gone(watching: subprocess.Popen[str], tmp_path: Path) -> None:
    (tmp_path / "flows").rename(tmp_path / "away")
    read_until(watching, "there is no folder of flows at flows")
    (tmp_path / "away").rename(tmp_path / "flows")

    assert read_until(watching, "no issues")


def test_watching_sees_new_variables(watching: subprocess.Popen[str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FLOW_A=1\n")

    assert "changed: .env" in read_until(watching, "no issues")


def test_watching_ends_on_ctrl_c_with_the_code_of_the_last_check(
    watching: subprocess.Popen[str], tmp_path: Path
) -> None:
    write_project(tmp_path, shop=TYPO)
    read_until(watching, "1 error in 1 file")
    watching.send_signal(signal.SIGINT)
    rest, _ = watching.communicate(timeout=20)

    assert (1, "") == (watching.returncode, rest)


def test_watching_what_is_not_there_ends_with_2(tmp_path: Path) -> None:
    assert 2 == ncco("check", "--watch").exit_code

"""`ncco simulate --save`: calls that are saved as scenarios."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.system.cli.projects import ncco, write_project
from tests.system.cli.simulated import SHOP, call


def test_a_call_is_saved_after_the_others_in_a_file(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)
    saved = Path("tests/scenarios/calls.yaml")
    first = call("--save", saved, typed="1\ndial busy\n\n")
    second = call("shop", "--env", "CRM_URL=https://crm.example.com", typed=f"save {saved}\n1\ndial busy\n\n")
    tested = ncco("test")

    assert 'written to tests/scenarios/calls.yaml as "a caller presses 1, dials 4477009' in first.output
    assert "the call will be written to tests/scenarios/calls.yaml when it is over" in second.output
    assert 'and leaves a message (2)"' in second.output
    assert 0 == tested.exit_code, tested.output
    assert "2 scenarios played, all hold" in tested.output
    first_saved, second_saved = yaml.safe_load(saved.read_text()).values()
    assert {"end": "completed", "hooks": ["sold"]} == first_saved["expect"]
    assert {"CRM_URL": "https://crm.example.com"} == second_saved["env"]


def test_a_file_with_errors_is_not_changed(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)
    Path("calls.yaml").write_text("a: [\n")
    done = call("--save", "calls.yaml")

    assert 2 == done.exit_code
    assert "has an issue, so nothing is added" in done.output
    assert "a: [\n" == Path("calls.yaml").read_text()


def test_an_unwritable_file_is_reported_before_the_call(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)
    Path("file").write_text("")
    done = call("--save", "file/calls.yaml")

    assert (2, "") == (done.exit_code, done.stdout)
    assert "Error: file/calls.yaml cannot be written\n  fix: name a file in a folder of your own" in done.stderr


def test_an_unwritable_file_is_reported_during_the_call_which_continues(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)
    Path("file").write_text("")
    done = call(typed="save file/calls.yaml\nhangup\n")

    assert 0 == done.exit_code
    assert "file/calls.yaml cannot be written" in done.output

"""`ncco bundle`: files that any web host can serve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.ncco import check
from tests.system.cli.projects import ncco, write_project

SORRY = """flow: {name}
numbers: [{numbers}]
{more}start: hello
defaults: {{on: {{error: sorry}}}}
steps:
  hello:
    do: [{{talk: Hello.}}]
    goto: end
  sorry:
    do: [{{talk: "{words}"}}]
    goto: end
"""
SHOP = SORRY.format(name="shop", numbers='"442079460000", "442079460001"', more="default: true\n", words="Grüße.")
DESK = SORRY.format(name="desk", numbers="", more="entry: true\n", words="The desk is away.")
PERSONAL = SORRY.format(name="personal", numbers='"442079460002"', more="", words="Sorry, {{ call.from }}.")
FAILSAFE = "We are sorry, we cannot take your call right now. Please call again later."


def text_of(file: Path) -> str:
    (action,) = json.loads(file.read_text(encoding="utf-8"))
    return str(action["text"])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def nccos(folder: Path) -> dict[str, Any]:
    files = [*folder.rglob("numbers/*.json"), folder / "all.json"]
    return {str(file.relative_to(folder)): json.loads(file.read_text(encoding="utf-8")) for file in files}


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP, desk=DESK)


def test_each_number_has_a_file_that_says_its_error_exit() -> None:
    done = ncco("bundle")

    assert 0 == done.exit_code
    assert "Grüße." == text_of(Path("bundle/numbers/442079460000.json"))
    assert "Grüße." == text_of(Path("bundle/numbers/442079460001.json"))
    assert ("Grüße.", "Grüße.") == (text_of(Path("bundle/default.json")), text_of(Path("bundle/all.json")))
    assert [
        "numbers/442079460000.json  the error exit of shop",
        "numbers/442079460001.json  the error exit of shop",
        "default.json               the error exit of shop",
        "all.json                   the error exit of shop",
        "written into bundle: see its README.md for the web host and for the URL to enter at Vonage (by GET)",
    ] == done.stdout.splitlines()


def test_number_whose_words_need_the_server_says_the_failsafe(tmp_path: Path) -> None:
    write_project(tmp_path, personal=PERSONAL)

    done = ncco("bundle", "--format", "json")

    told = {each["file"]: each for each in json.loads(done.stdout)["nccos"]}
    assert FAILSAFE == text_of(Path("bundle/numbers/442079460002.json"))
    assert "the failsafe NCCO" == told["numbers/442079460002.json"]["says"]
    assert (
        "the error exit of personal needs the server, or differs between calls"
        == told["numbers/442079460002.json"]["because"]
    )


def test_file_for_all_numbers_says_the_failsafe_where_they_differ(tmp_path: Path) -> None:
    write_project(tmp_path, personal=PERSONAL)

    assert "the failsafe NCCO: the numbers do not all say the same" in ncco("bundle").stdout
    assert FAILSAFE == text_of(Path("bundle/all.json"))


def test_failsafe_of_the_settings_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NCCO_FAILSAFE", "Write to us.")
    write_project(tmp_path, shop=SHOP.replace("default: true\n", ""))
    ncco("bundle")

    assert "Write to us." == text_of(Path("bundle/default.json"))


def test_no_file_calls_the_server_and_each_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NCCO_PUBLIC_URL", "https://calls.example.com")
    write_project(tmp_path, personal=PERSONAL)
    ncco("bundle")

    assert {} == {name: issues for name, actions in nccos(Path("bundle")).items() if (issues := check(actions))}
    assert {} == {name: text for name, text in contents(Path("bundle")).items() if b"/webhooks/input" in text}


def test_file_of_a_number_that_is_gone_is_gone(tmp_path: Path) -> None:
    ncco("bundle")
    write_project(tmp_path, shop=SHOP.replace(', "442079460001"', ""))
    ncco("bundle")

    assert ["442079460000.json"] == [file.name for file in Path("bundle/numbers").iterdir()]


@pytest.mark.parametrize("index", ["", "[]", '{"made_by": "somebody"}', "no JSON"])
def test_folder_with_other_files_is_left_alone(index: str) -> None:
    folder = Path("other")
    folder.mkdir()
    (folder / "index.json").write_text(index)

    done = ncco("bundle", "--output", folder)

    assert (2, [folder / "index.json"]) == (done.exit_code, list(folder.iterdir()))
    assert "other holds something other than a bundle\n  cure: name an empty folder" in done.stderr

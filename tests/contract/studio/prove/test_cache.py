"""`ncco prove` caches verdicts and proves only changed flows again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import json_of, ncco

FLOW = """
flow: {name}
numbers: ["{number}"]
start: menu
steps:
  menu:
    do: [{{talk: "{prompt}"}}]
    goto: end
"""
NUMBERS = {"sales": "442079460001", "support": "442079460002"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in NUMBERS:
        write(tmp_path, name, "Hello.")
    return tmp_path


def write(project: Path, name: str, prompt: str) -> None:
    (project / "flows").mkdir(exist_ok=True)
    text = FLOW.format(name=name, number=NUMBERS[name], prompt=prompt)
    (project / "flows" / f"{name}.yaml").write_text(text, "utf-8")


def proved(project: Path, *words: str, **env: str) -> dict[str, Any]:
    """The findings of `ncco prove`, by flow."""
    found = json_of(ncco("prove", "--format", "json", *words, cwd=project, env=env))
    return {each["flow"]: each for each in found["flows"]}


def mark_kept(project: Path) -> None:
    """Change the cached verdicts, so that one from the cache has 777 states."""
    for file in (project / ".ncco_cache").glob("*.json"):
        file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "states": 777}), "utf-8")


def kept(project: Path, *words: str, **env: str) -> set[str]:
    """The flows whose verdict came from the cache."""
    return {name for name, each in proved(project, *words, **env).items() if each["states"] == 777}


def test_only_a_changed_flow_is_proved_again(project: Path) -> None:
    first = proved(project)
    assert first == proved(project)
    mark_kept(project)
    assert {"sales", "support"} == kept(project)

    write(project, "sales", "Good morning.")

    assert {"support"} == kept(project)


@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_an_unchanged_project_gives_the_same_output(project: Path, form: str) -> None:
    runs = [ncco("prove", "--format", form, cwd=project) for _ in range(2)]

    assert 1 == len({(run.exit_code, run.stdout, run.stderr) for run in runs})
    assert 0 == runs[0].exit_code


@pytest.mark.parametrize("words", [("--steps", "400"), ("--silence", "19"), ("--states", "100"), ("--no-cache",)])
def test_a_proof_with_other_options_does_not_use_the_cache(project: Path, words: tuple[str, ...]) -> None:
    proved(project)
    mark_kept(project)

    assert set() == kept(project, *words)
    assert set() == kept(project, FLOW_DESK="441632960000")


def test_an_unreadable_verdict_is_computed_again(project: Path) -> None:
    first = proved(project)
    for file in (project / ".ncco_cache").glob("*.json"):
        file.write_text("{", "utf-8")

    assert {name: each["states"] for name, each in first.items()} == {
        name: each["states"] for name, each in proved(project).items()
    }


def test_nothing_is_written_through_a_symlink(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / ".gitignore").write_text("build\n", "utf-8")
    (project / ".ncco_cache").symlink_to(elsewhere)

    assert {"sales", "support"} == proved(project).keys()
    assert [".gitignore"] == [path.name for path in elsewhere.iterdir()]
    assert "build\n" == (elsewhere / ".gitignore").read_text("utf-8")


def test_a_stopped_proof_is_not_cached(project: Path) -> None:
    asks = """
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: menu}}
    retry: {noinput: ["Press 1."], nomatch: ["Press 1."], tries: 2, then: end}
"""
    text = FLOW.format(name="sales", number=NUMBERS["sales"], prompt="").partition("    do:")[0]
    (project / "flows" / "sales.yaml").write_text(text.rstrip() + asks, "utf-8")

    stopped = {name for name, each in proved(project, "--states", "1").items() if each["stopped"]}
    mark_kept(project)

    assert {"sales"} == stopped
    assert {"support"} == kept(project, "--states", "1")

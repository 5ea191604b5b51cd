"""Which other files of its folder a flow file is read with."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.jobs.siblings import siblings

SHARED = "shared: true\nhooks: {told: {post: https://example.com/told}}\n"


def flow(name: str, *, runs: str = "") -> str:
    return f"flow: {name}\nstart: a\nsteps:\n  a:\n    goto: {runs or 'end'}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = {
        "main": flow("main", runs="{run: sub}"),
        "sub": flow("sub", runs="{run: deeper}"),
        "deeper": flow("deeper", runs="{run: sub}"),
        "shared": SHARED,
        "other": flow("other", runs="{run: nowhere}"),
        "twin": flow("main"),
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def found(folder: Path, text: str) -> list[str]:
    """The names of the files that are read with `main.yaml`, when that holds `text`."""
    (folder / "main.yaml").write_text(text)
    return sorted(Path(path).name for path in siblings({"flows/main.yaml": text}, folder))


def test_shared_parts_and_the_flows_that_are_run_come_along(folder: Path) -> None:
    assert ["deeper.yaml", "shared.yaml", "sub.yaml"] == found(folder, flow("main", runs="{run: sub}"))


def test_flows_that_are_not_run_are_left_alone(folder: Path) -> None:
    assert ["shared.yaml"] == found(folder, flow("main"))


@pytest.mark.parametrize(
    "runs",
    ["{run: 'deeper'}", '{"run": "deeper"}', "end\n  b:\n    run : deeper", "end\n  b: {onAnswer: {run: deeper}}"],
)
def test_a_flow_may_be_named_in_any_form(folder: Path, runs: str) -> None:
    assert ["deeper.yaml", "shared.yaml", "sub.yaml"] == found(folder, flow("main", runs=runs))


@pytest.mark.parametrize("runs", ["{run: nowhere}", "{run: main}"])
def test_a_flow_that_is_not_there_or_is_given_already_brings_nothing(folder: Path, runs: str) -> None:
    assert ["shared.yaml"] == found(folder, flow("main", runs=runs))

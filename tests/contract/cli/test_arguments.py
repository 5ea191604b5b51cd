"""The errors of commands for arguments that they cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cases import each_case
from tests.support.command import ncco


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    ncco("init", "shop", cwd=tmp_path)
    return tmp_path


@each_case(
    ("words", "said"),
    [
        ("chek", "Did you mean one of: 'check', 'schema'?"),
        ("db upgrad", "Did you mean 'upgrade'?"),
        ("recordings lst", "Did you mean 'list'?"),
        ("check --today 32.13.2026", "'32.13.2026' is not a date; write one such as 2026-12-25"),
        ("check shop/tests", "shop/tests contains scenarios, not flows"),
        ("check shop/tests/scenarios", "name the project, shop, or play them: ncco test shop/tests/scenarios"),
        ("check shop/tests/scenarios/main.yaml", "main.yaml contains scenarios, not flows"),
        ("prove shop/tests/scenarios/main.yaml", "main.yaml contains scenarios, not flows"),
        ("test missing.yaml", "missing.yaml does not exist"),
        ("test shop/missing", "shop/missing does not exist"),
    ],
)
def test_a_wrong_argument_is_reported_with_a_fix(shop: Path, words: str, said: str) -> None:
    done = ncco(*words.split(), cwd=shop)

    assert 2 == done.exit_code
    assert said in done.output.replace("\n", " ")
    assert "%" not in done.output


def test_one_flow_is_rendered_despite_errors_in_the_others(tmp_path: Path) -> None:
    good = "flow: a\nnumbers: ['442079460000']\nstart: s\nsteps: {s: {goto: {run: b}}}\n"
    sub = "flow: b\nstart: s\nsteps: {s: {do: [{talk: Hello.}], goto: end}}\n"
    (tmp_path / "flows/more").mkdir(parents=True)
    (tmp_path / "flows/more/a.yaml").write_text(good)
    (tmp_path / "flows/b.yaml").write_text(sub)
    (tmp_path / "flows/broken.yaml").write_text("flow: c\nstart: nowhere\nsteps: {}\n")
    rendered = ncco("render", "a", cwd=tmp_path)

    assert 0 == rendered.exit_code, rendered.output
    assert "Hello." in rendered.stdout
    assert 1 == ncco("render", "c", cwd=tmp_path).exit_code

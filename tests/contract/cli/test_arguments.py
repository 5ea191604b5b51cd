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
        ("test missing.yaml", "missing.yaml does not exist"),
        ("test shop/missing", "shop/missing does not exist"),
    ],
)
def test_a_wrong_argument_is_reported_with_a_fix(shop: Path, words: str, said: str) -> None:
    done = ncco(*words.split(), cwd=shop)

    assert 2 == done.exit_code
    assert said in done.output.replace("\n", " ")
    assert "%" not in done.output

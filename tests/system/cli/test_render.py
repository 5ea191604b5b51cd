"""`ncco render`: the NCCO of a call that is not made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.system.cli.projects import SHOP, ncco, write_project


def test_an_argument_that_is_not_utf_8_does_no_harm(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    shown = ncco("render", "shop", "--from", "\udcff", "--digits", "1")

    assert "Your number is ?." == json.loads(shown.stdout)[0]["text"]


@pytest.mark.parametrize("at", ["1999-12-31", "9999-12-31T23:59"])
def test_a_time_far_from_now_is_refused(at: str, tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    shown = ncco("render", "shop", "--at", at)

    assert 2 == shown.exit_code
    assert f"{at} is too far in the past or the future; use a year from 2000 to 2100" in shown.stderr

"""`ncco learn` on a database."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import yaml

from tests.support.command import json_of, ncco
from tests.support.learned_calls import WAYS, stored_calls


def test_what_differs_becomes_a_file_of_settings(tmp_path: Path) -> None:
    asyncio.run(stored_calls(tmp_path / "ncco.db", 8 * len(WAYS), inbound_answered="before", hash_key="included"))
    done = ncco("learn", "--format", "yaml", cwd=tmp_path)
    assert 1 == done.exit_code
    assert {"inbound_answered": "before", "hash_key": "included"} == yaml.safe_load(done.output)
    (tmp_path / "platform.yaml").write_text(done.output, encoding="utf-8")
    again = ncco("learn", "--format", "json", cwd=tmp_path, env={"NCCO_PLATFORM": "platform.yaml"})
    assert 0 == again.exit_code, again.output
    rows = {row["name"]: row for row in json_of(again)}
    assert ("before", "before") == (rows["inbound_answered"]["assumed"], rows["inbound_answered"]["seen"])


def test_it_says_nothing_about_who_called(tmp_path: Path) -> None:
    asyncio.run(stored_calls(tmp_path / "ncco.db", len(WAYS)))
    with sqlite3.connect(tmp_path / "ncco.db") as database:
        legs = [leg for (leg,) in database.execute("SELECT leg FROM calls")]
    shown = "".join(ncco("learn", "--format", form, cwd=tmp_path).output for form in ("text", "json", "yaml"))
    assert legs
    assert not [word for word in (*legs, "4477009", "4420794") if word in shown]


def test_without_calls_it_says_so(tmp_path: Path) -> None:
    assert 2 == ncco("learn", cwd=tmp_path).exit_code

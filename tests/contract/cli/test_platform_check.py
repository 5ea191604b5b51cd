"""`ncco platform-check --stored` on a database."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import yaml

from tests.support.command import json_of, ncco
from tests.support.recorded_platforms import WAYS, stored_calls


def test_what_differs_becomes_a_file_of_settings(tmp_path: Path) -> None:
    asyncio.run(stored_calls(tmp_path / "ncco.db", 8 * len(WAYS), inbound_answered="before", hash_key="included"))

    done = ncco("platform-check", "--stored", "1000", "--format", "json", cwd=tmp_path)

    written = yaml.safe_load((tmp_path / "platform.yaml").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in json_of(done)}
    assert 1 == done.exit_code
    assert ("before", "included") == (written["inbound_answered"], written["hash_key"])
    assert {"inbound_answered", "hash_key"} == {
        name for name, row in rows.items() if row["seen"] not in ("-", row["assumed"])
    }


def test_it_says_nothing_about_who_called(tmp_path: Path) -> None:
    asyncio.run(stored_calls(tmp_path / "ncco.db", len(WAYS)))
    with sqlite3.connect(tmp_path / "ncco.db") as database:
        legs = [leg for (leg,) in database.execute("SELECT leg FROM calls")]

    words = ("platform-check", "--stored", "100", "--report", "report.md", "--format")
    shown = "".join(ncco(*words, form, cwd=tmp_path).output for form in ("text", "json"))

    shown += "".join((tmp_path / name).read_text(encoding="utf-8") for name in ("platform.yaml", "report.md"))
    assert legs
    assert not [word for word in (*legs, "4477009", "4420794") if word in shown]

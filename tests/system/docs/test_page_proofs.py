"""The flows of the pages are proved as they are written, with the settings that their page sets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.support.cases import each_case
from tests.support.command import json_of, ncco
from tests.system.docs.blocks import Block, blocks_of
from tests.system.docs.test_page_flows import PROJECTS

_SETTING: Final = re.compile(r'^((?:FLOW|NCCO|VONAGE)_[A-Z_]+)="?([^"\n]*)"?$', re.MULTILINE)
_READ: Final = re.compile(r"\benv\.([A-Z][A-Z0-9_]*)")
KNOWN: Final = {"after_connect"}
"""Vonage's sources disagree about what follows `completed`, so the pages warn of it themselves."""
SHOWN: Final = {
    "docs/explanation/faults.md": {"error_exit", "dead_end"},
    "docs/how-to/prove.md": {"silence"},
}
"""Pages about the faults of their examples."""


def settings_of(block: Block, files: dict[str, str]) -> dict[str, str]:
    """The settings of the page, and an address for any other variable that the files read."""
    written = "\n".join(each.code for each in blocks_of(block.page) if each.language in ("bash", "ini", ""))
    others = {f"FLOW_{name}": "https://set.example.com" for text in files.values() for name in _READ.findall(text)}
    return others | {name: value for name, value in _SETTING.findall(written) if name.startswith("FLOW_")}


@pytest.fixture
def with_parts(request: pytest.FixtureRequest) -> bool:
    """Parts of flows are proved by night."""
    return bool(request.config.getoption("--night"))


@pytest.mark.timeout(600)
@each_case(("block", "files"), PROJECTS, ids=[str(block) for block, _ in PROJECTS])
def test_the_flows_of_a_page_are_proved_as_written(
    block: Block, files: dict[str, str], tmp_path: Path, *, with_parts: bool
) -> None:
    """A part of a flow has a frame around it: only whole flows must be without any fault."""
    is_whole = bool(block.title) or block.code.lstrip().startswith("flow:")
    if not is_whole and not with_parts:
        return
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    if not any(name.startswith("flows/") and "flow:" in text for name, text in files.items()):
        return
    result = ncco("prove", "--format", "json", cwd=tmp_path, env=settings_of(block, files))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    if not is_whole and not result.stdout:  # its frame has an error, such as a lookup that no step asks
        return
    found = json_of(result)
    known = KNOWN | SHOWN.get(block.page, set())
    faults = [each for each in found["violations"] if is_whole or each["kind"] == "untold"]

    assert [] == [each["stopped"] for each in found["flows"] if is_whole and each["stopped"]]
    assert [] == [f"{each['kind']} {each['step']}: {each['message']}" for each in faults if each["kind"] not in known]

"""Every rule of the flow language has one bad file that breaks it, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.flow.loader import load_files
from app.flow.rules import RULES

FOLDER = Path(__file__).parent / "issues"
_FILE = re.compile(rb"^#=== (?P<path>\S+)(?: -> (?P<link>\S+))?\n", re.MULTILINE)


def unpack(bad: Path, root: Path) -> None:
    """Write the project that a bad file describes.

    A file is `flows/bad.yaml`, or several behind lines `#=== path`; `#=== path -> target` is a link.
    """
    (root / "flows").mkdir()
    (root / "templates").mkdir()
    data = bad.read_bytes()
    marks = list(_FILE.finditer(data))
    if not marks:
        (root / "flows/bad.yaml").write_bytes(data)
    ends = [mark.start() for mark in marks[1:]] + [len(data)]
    for mark, end in zip(marks, ends, strict=False):
        path = root / mark["path"].decode()
        if mark["link"]:
            path.symlink_to(mark["link"].decode())
        else:
            path.write_bytes(data[mark.end() : end])


@pytest.mark.parametrize("code", sorted(RULES))
def test_every_rule_has_a_bad_file_that_breaks_it_alone(code: str, tmp_path: Path) -> None:
    unpack(FOLDER / f"{code}.yaml", tmp_path)

    issues = load_files(tmp_path / "flows", tmp_path / "templates", {}).issues

    assert [code] == [issue.code for issue in issues]
    assert RULES[code].severity == issues[0].severity
    assert issues[0].message
    assert issues[0].cure


def test_every_bad_file_belongs_to_a_rule() -> None:
    names = {path.stem for path in FOLDER.glob("*.yaml")}

    assert set() == names - set(RULES)


@pytest.mark.parametrize("code", sorted(RULES))
def test_code_and_severity_of_a_rule_agree(code: str) -> None:
    rule = RULES[code]

    assert code == rule.code
    assert {"E": "error", "W": "warning"}[code[0]] == rule.severity
    assert rule.title
    assert rule.cure

"""Writes the examples of rules as projects."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_EXAMPLE_FILE: Final = re.compile(rb"^#=== (?P<path>\S+)(?: -> (?P<link>\S+))?\n", re.MULTILINE)


def write_example(example: str | bytes, root: Path) -> None:
    """Write into an empty folder; `ncco_server.flow.issues` describes an example."""
    data = example.encode() if isinstance(example, str) else example
    (root / "flows").mkdir()
    (root / "templates").mkdir()
    marks = list(_EXAMPLE_FILE.finditer(data))
    if not marks:
        (root / "flows/bad.yaml").write_bytes(data)
    ends = [mark.start() for mark in marks[1:]] + [len(data)]
    for mark, end in zip(marks, ends, strict=False):
        path = root / mark["path"].decode()
        if mark["link"]:
            path.symlink_to(mark["link"].decode())
        else:
            path.write_bytes(data[mark.end() : end])


def listed_in(root: Path, code: str = "") -> list[str]:
    """What `NCCO_PYTHON_FLOWS` lists in an example, which breaks this rule if it has one."""
    found = sorted(path.name for path in (root / "flows").glob("*.py"))
    return {"E702": [], "W707": ["bakery.py", *found]}.get(code, found)

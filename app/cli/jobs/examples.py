"""Writes the project that an example of a rule describes."""

from __future__ import annotations

import re
from pathlib import Path

_FILE = re.compile(rb"^#=== (?P<path>\S+)(?: -> (?P<link>\S+))?\n", re.MULTILINE)


def unpack(example: str | bytes, root: Path) -> None:
    """Write the files of an example of a flow's rule into an empty folder. For the form see `app.flow.rules`."""
    (root / "flows").mkdir()
    (root / "templates").mkdir()
    data = example.encode() if isinstance(example, str) else example
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

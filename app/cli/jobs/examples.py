"""The wrong and the right example of each code, as they come with the package.

A flow's example is one flow file, or several files behind lines `#=== path`; `#=== path -> target` is a link. The
comment at the head of a right one says why the rule is there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

import app
from app.cli.jobs.validate import RULES as JSON_RULES
from app.ncco import RULES as NCCO_RULES

Kind = Literal["bad", "good"]

FLOWS: Final = Path(app.__file__).parent / "flow" / "examples"

_FILE = re.compile(rb"^#=== (?P<path>\S+)(?: -> (?P<link>\S+))?\n", re.MULTILINE)
_HEAD = re.compile(r"(?:# .*\n)*")


def example(code: str, kind: Kind) -> bytes | None:
    """The example of a code; None when it has none."""
    rule = NCCO_RULES.get(code) or JSON_RULES.get(code)
    if rule:
        return (rule.bad if kind == "bad" else rule.good).encode()
    path = FLOWS / f"{code}.{kind}.yaml"
    return path.read_bytes() if path.is_file() else None


def about(good: bytes) -> str:
    """Why the rule is there, as the head of its right example says; "" when it says nothing."""
    return " ".join(line.removeprefix("# ") for line in _head(good).splitlines())


def without_head(good: bytes) -> bytes:
    """The example itself."""
    return good[len(_head(good).encode()) :]


def _head(good: bytes) -> str:
    found = _HEAD.match(good.decode(errors="replace"))
    return found[0] if found else ""


def unpack(data: bytes, root: Path) -> None:
    """Write the project that a flow's example describes into an empty folder."""
    (root / "flows").mkdir()
    (root / "templates").mkdir()
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

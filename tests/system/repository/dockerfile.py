"""The Dockerfile as data: its stages and their instructions."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.tracked import ROOT


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction with its continuation lines joined: a word such as `RUN`, and the rest."""

    word: str
    rest: str


def stages() -> list[list[Instruction]]:
    """The instructions of each stage, starting with FROM; anything before the first FROM is left out."""
    found: list[list[Instruction]] = []
    for instruction in _instructions():
        if instruction.word == "FROM":
            found.append([])
        if found:
            found[-1].append(instruction)
    return found


def _instructions() -> Iterator[Instruction]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield Instruction(word, rest.strip())


def is_sent(path: str) -> bool:
    """Whether the build context includes a file: the last matching line in .dockerignore decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        if not line or line.startswith("#"):
            continue
        parts = Path(path).parts
        fits = ["/".join(parts[: length + 1]) for length in range(len(parts))]
        anywhere = parts if "**/" in line else ()
        if any(fnmatch.fnmatchcase(each, pattern) for each in (*fits, *anywhere)):
            sent = line.startswith("!")
    return sent

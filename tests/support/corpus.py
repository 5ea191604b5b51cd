"""Mistakes that authors make, one in a sound project each, and what `ncco check` makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.loader import load

FOLDER: Final = Path("tests/contract/server/check/mistakes")
TODAY: Final = date(2026, 1, 1)


@dataclass(frozen=True)
class Base:
    """A project without issues, and how it is checked: its settings, and the files with handlers."""

    name: str
    files: Mapping[str, str]
    env: Mapping[str, str]
    modules: tuple[str, ...]
    handlers: tuple[str, ...]

    def issues_of(self, files: Mapping[str, str]) -> tuple[FlowIssue, ...]:
        return load(
            files,
            self.env,
            modules=self.modules,
            extent="project",
            today=TODAY,
            handlers=self.handlers,
        ).issues


@dataclass(frozen=True)
class Mistake:
    """A passage of a base project that is changed, and what is made of it.

    Attributes:
        at: where the mistake is: passages of the changed text; an issue at one of them is in the right place. A passage
            of another line or file is the only one of the project.
        misses: the marks that are known to be missed.
    """

    base: Base
    name: str
    old: str
    new: str
    at: tuple[str, ...]
    misses: frozenset[str]

    @cached_property
    def file(self) -> str:
        [file] = [path for path, text in self.base.files.items() if self.old in text]
        if 1 != self.base.files[file].count(self.old):
            raise ValueError(f"{self.name}: not the only passage")
        return file

    @cached_property
    def files(self) -> dict[str, str]:
        return {**self.base.files, self.file: self.base.files[self.file].replace(self.old, self.new)}

    @cached_property
    def issues(self) -> tuple[FlowIssue, ...]:
        """None if the check itself fails: then it finds nothing."""
        try:
            return self.base.issues_of(self.files)
        except Exception:  # noqa: BLE001 - a crash is a mistake that is not found
            return ()

    @cached_property
    def missed(self) -> frozenset[str]:
        """`found` and `place`; a mistake that is not found misses both."""
        places = [*self._places()]
        in_place = any(
            issue.place.file == file and start <= self._offset(issue) <= end
            for issue in self.issues
            for file, start, end in places
        )
        claims = {"found": bool(self.issues), "place": in_place}
        return frozenset(mark for mark, holds in claims.items() if not holds)

    def _offset(self, issue: FlowIssue) -> int:
        lines = self.files.get(issue.place.file, "").split("\n")
        return sum(len(line) + 1 for line in lines[: issue.place.line - 1]) + issue.place.column - 1

    def _places(self) -> Iterator[tuple[str, int, int]]:
        """File, first and last offset. A quote, a bracket or a brace before the passage belongs to it."""
        changed = self.base.files[self.file].index(self.old)
        for passage in self.at:
            within = self.new.find(passage)
            if within >= 0:
                file, start = self.file, changed + within
            else:
                file = next(path for path, text in self.files.items() if passage in text)
                start = self.files[file].index(passage)
            before = self.files[file][max(start - 1, 0)]
            yield file, start - (before in "\"'[{("), start + max(len(passage) - 1, 0)


def _texts(given: str | list[str] | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())


@cache
def mistakes_in(file: Path) -> tuple[Mistake, ...]:
    """Of each project in the file, which is a YAML document."""
    found = yaml.load_all(file.read_bytes(), yaml.CSafeLoader)
    return tuple(mistake for data in found for mistake in _mistakes(file, data))


def _mistakes(file: Path, data: Mapping[str, Any]) -> Iterator[Mistake]:
    base = Base(file.stem, data["files"], data["env"], tuple(data["modules"]), tuple(data["handlers"]))
    for row in data["mistakes"]:
        yield Mistake(
            base,
            row["name"],
            row["old"],
            row["new"],
            _texts(row["at"]),
            frozenset(row.get("misses", ())),
        )

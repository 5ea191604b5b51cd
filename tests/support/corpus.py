"""Mistakes that authors make, one in a sound project each, and what `ncco check` makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.loader import load
from ncco_studio.editing.fixes import tried_fixes, with_edits
from ncco_studio.verify.prove.handler_steps import explore

FOLDER: Final = Path("tests/contract/server/check/mistakes")
TODAY: Final = date(2026, 1, 1)
MOST_FIXES: Final = 6
"""Applied one after another, each the first on the page."""


@dataclass(frozen=True)
class Base:
    """A project without issues, and how it is checked: its settings, and the files with handlers."""

    name: str
    files: Mapping[str, str]
    env: Mapping[str, str]
    modules: tuple[str, ...]
    handlers: tuple[str, ...]
    known: dict[frozenset[tuple[str, str]], tuple[FlowIssue, ...]] = field(default_factory=dict, compare=False)
    """A fix is tried, applied and judged with the same files, and a check that explores a handler takes seconds."""

    def issues_of(self, files: Mapping[str, str]) -> tuple[FlowIssue, ...]:
        key = frozenset(files.items())
        if key not in self.known:
            loaded = load(
                files,
                self.env,
                modules=self.modules,
                extent="project",
                today=TODAY,
                handlers=self.handlers,
                explore=explore,
            )
            self.known[key] = loaded.issues
        return self.known[key]


@dataclass(frozen=True)
class Mistake:
    """A passage of a base project that is changed, and what is made of it.

    Attributes:
        at: where the mistake is: passages of the changed text; an issue at one of them is in the right place. A passage
            of another line or file is the only one of the project.
        meant: what the author should have written, in all ways that mean it; empty if only the author knows.
        misses: the marks that are known to be missed.
        unhelpful: a cure that was judged not to help; to be judged again if it has another text now.
    """

    base: Base
    name: str
    old: str
    new: str
    at: tuple[str, ...]
    meant: tuple[str, ...]
    misses: frozenset[str]
    unhelpful: str

    @cached_property
    def file(self) -> str:
        [file] = [path for path, text in self.base.files.items() if self.old in text]
        if 1 != self.base.files[file].count(self.old):
            raise ValueError(f"{self.name}: not the only passage")
        return file

    @cached_property
    def files(self) -> dict[str, str]:
        return self._with(self.new)

    def _with(self, text: str) -> dict[str, str]:
        return {**self.base.files, self.file: self.base.files[self.file].replace(self.old, text)}

    @cached_property
    def issues(self) -> tuple[FlowIssue, ...]:
        """None if the check itself fails: then it finds nothing."""
        try:
            return self.base.issues_of(self.files)
        except Exception:  # noqa: BLE001 - a crash is a mistake that is not found
            return ()

    @cached_property
    def fixed(self) -> dict[str, str] | None:
        """The files after all offered fixes; None if none is offered."""
        files, issues, any_fix = self.files, self.issues, False
        for _ in range(MOST_FIXES):
            fixes = tried_fixes(issues, files, self.base.issues_of)
            if not fixes:
                break
            files = with_edits(files, next(iter(fixes.values())).edits)
            issues, any_fix = self.base.issues_of(files), True
        return files if any_fix else None

    @cached_property
    def cures(self) -> str:
        return " / ".join(issue.cure for issue in self.issues)

    @cached_property
    def missed(self) -> frozenset[str]:
        """`found`, `place`, `once` and `helps`; a mistake that is not found misses all but `once`."""
        if not self.issues:
            return frozenset({"found", "place", "helps"})
        places = [*self._places()]
        in_place = any(
            issue.place.file == file and start <= self._offset(issue) <= end
            for issue in self.issues
            for file, start, end in places
        )
        claims = {"place": in_place, "once": 1 == len(self.issues), "helps": self._is_helped()}
        return frozenset(mark for mark, holds in claims.items() if not holds)

    def _is_helped(self) -> bool:
        if self.fixed is None or not self.meant:
            return self.unhelpful != self.cures
        projects = [self._with(text) for text in self.meant]
        return not self.base.issues_of(self.fixed) and any(_are_same(self.fixed, project) for project in projects)

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


def _are_same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether all files are equal, or equal once they are read as YAML, whichever quotes expressions have."""
    return all(text == other[path] or _read(text) == _read(other[path]) for path, text in one.items())


def _read(text: str) -> str:
    try:
        return json.dumps(yaml.load(text, yaml.CBaseLoader), sort_keys=True).replace('\\"', "'")  # noqa: S506 - it makes only texts
    except yaml.YAMLError:
        return text


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
            _texts(row.get("meant", row["old"])),
            frozenset(row.get("misses", ())),
            row.get("unhelpful", ""),
        )

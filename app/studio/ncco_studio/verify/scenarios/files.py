"""Finds and reads the scenario files of a project, and fills in `hear` steps without a text."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any, Final

import yaml

from ncco_server.flow.files import SCENARIO_FOLDERS, SUFFIXES
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.nodes import Place
from ncco_server.ncco.durations import plain
from ncco_studio.verify.scenarios.model import Scenario, read_scenarios
from ncco_studio.verify.scenarios.values import RULES, Excerpt


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """A scenario file, with the scenarios and issues read from it. `name` is the path for display."""

    path: Path
    name: str
    text: str
    scenarios: tuple[Scenario, ...]
    issues: tuple[FlowIssue, ...]


def files_of(project: Path) -> tuple[Path, ...]:
    return tuple(path for folder in SCENARIO_FOLDERS for path in files_in(project / folder))


def files_in(folder: Path) -> Iterator[Path]:
    """Look below the folder too; skip names that start with a dot."""
    if folder.is_dir():
        for path in sorted(folder.rglob("*")):
            is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if path.is_file() and path.suffix.lower() in SUFFIXES and not is_hidden:
                yield path


def read_files(paths: Iterable[Path]) -> tuple[ScenarioFile, ...]:
    """Report S110 for an unreadable file."""
    return tuple(read_file(path) for path in paths)


def read_file(path: Path) -> ScenarioFile:
    """Report S110 if the file is unreadable."""
    name = path.as_posix()
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else f"byte {error.start + 1} is not UTF-8"
        issue = RULES["S110"].at(Place(name, 1, 1), f"the file cannot be read: {why}")
        return ScenarioFile(path, name, "", (), (issue,))
    scenarios, issues = read_scenarios(name, text)
    return ScenarioFile(path, name, text, scenarios, tuple(issues))


_BREAK: Final = re.compile(r"(\r\n|\r|\n)")


def updated(text: str, heard: Iterable[tuple[Excerpt, str]]) -> str:
    """Write what was heard into each `hear` without a text; nothing else changes."""
    pieces = _BREAK.split(text)
    for excerpt, found in sorted(heard, key=lambda pair: pair[0].place[1:3], reverse=True):
        place = excerpt.place
        index = (excerpt.place.line - 1) * 2
        line = pieces[index]
        start = place.column - 1
        end = start + place.length
        quoted = json.dumps(plain(found), ensure_ascii=False)
        pieces[index] = line[:start] + (f"hear: {quoted}" if line[start:end] == "hear" else quoted) + line[end:]
    return "".join(pieces)


class _Dumper(yaml.SafeDumper):
    """Writes repeated values in full: scenario files have no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class WrittenScenario:
    """A scenario to write: its name, fields as plain YAML values, and comments."""

    name: str
    body: Mapping[str, Any]
    remarks: Sequence[str] = ()

    @property
    def text(self) -> str:
        """The scenario as YAML, with escapes for invisible characters."""
        remarks = "".join(f"# {' '.join(remark.split())}\n" for remark in self.remarks)
        text = self._as_yaml(is_plain=True)
        return remarks + (text if text.replace("\n", "").isprintable() else self._as_yaml(is_plain=False))

    def _as_yaml(self, *, is_plain: bool) -> str:
        document = {self.name: dict(self.body)}
        return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=is_plain, width=110))


def numbered(scenarios: Iterable[WrittenScenario]) -> list[WrittenScenario]:
    found: dict[str, WrittenScenario] = {}
    for scenario in scenarios:
        name = free_name(scenario.name, found)
        found[name] = replace(scenario, name=name)
    return list(found.values())


def free_name(name: str, taken: Container[str]) -> str:
    """Add a number if the name is taken."""
    numbers = (f"{name} ({number})" for number in count(2))
    return next(each for each in chain((name,), numbers) if each not in taken)

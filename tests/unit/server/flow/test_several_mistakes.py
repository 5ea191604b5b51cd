"""Several typos in a project, each of which is an error by itself: at least one is shown."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.loader import load
from tests.support.cases import each_case

SLIPS = 5
_TYPED = "abcdefghijklmnopqrstuvwxyz:,[]{}'\""


def _projects() -> list[dict[str, str]]:
    """The flows and the templates of the repository, and of each example that has flow files."""
    folders = [Path(), *sorted({file.parents[1] for file in Path("examples").glob("*/flows/*.yaml")})]
    return [dict(_files_in(folder)) for folder in folders]


def _with_typos(seed: int) -> tuple[dict[str, str], frozenset[FlowIssue]]:
    """A project with typos in five lines, and its issues without them; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - it must be repeatable, not secret
    texts = chance.choice(_projects())
    usual = _issues(texts)
    files = [path for path in texts if path.startswith("flows/") and path.endswith(".yaml")]
    mistyped: dict[tuple[str, int], str] = {}
    while len(mistyped) < SLIPS:
        file = chance.choice(files)
        lines = texts[file].split("\n")
        at = chance.randrange(len(lines))
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            continue
        changed = _mistyped(lines[at], chance)
        if any(issue.is_error for issue in _issues(_with(texts, {(file, at): changed})) - usual):
            mistyped[file, at] = changed
    return _with(texts, mistyped), usual


def _files_in(folder: Path) -> Iterator[tuple[str, str]]:
    for part in ("flows", "templates"):
        for path in sorted((folder / part).rglob("*")):
            if path.is_file():
                yield path.relative_to(folder).as_posix(), path.read_text("utf-8")


def _mistyped(line: str, chance: random.Random) -> str:
    """The line with a character left out, typed twice, swapped with the next, or inserted."""
    at = chance.randrange(len(line))
    kinds = [
        line[:at] + line[at + 1 :],
        line[:at] + line[at] + line[at:],
        line[:at] + line[at + 1 : at + 2] + line[at] + line[at + 2 :],
        line[:at] + chance.choice(_TYPED) + line[at:],
    ]
    return chance.choice(kinds)


def _with(texts: Mapping[str, str], mistyped: Mapping[tuple[str, int], str]) -> dict[str, str]:
    changed = {path: text.split("\n") for path, text in texts.items()}
    for (file, at), text in mistyped.items():
        changed[file][at] = text
    return {path: "\n".join(lines) for path, lines in changed.items()}


def _issues(texts: Mapping[str, str]) -> frozenset[FlowIssue]:
    return frozenset(load(texts, {}, extent="project").issues)


@each_case("seed", range(12))
def test_of_several_mistakes_at_least_one_is_shown(seed: int) -> None:
    texts, usual = _with_typos(seed)

    assert any(issue.is_error for issue in _issues(texts) - usual)

"""Flow files and templates → a project: every flow that can be played, and every fault."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from pathlib import Path, PurePosixPath

from app.flow.checks.project import check_project
from app.flow.files import read_project
from app.flow.flows import ReadFlow, read_flow
from app.flow.issues import Issue, by_place
from app.flow.model import Flow, Project
from app.flow.remains import check_remains
from app.flow.source import read_yaml

_FLOWS = "flows/"
_TEMPLATES = "templates/"
_SUFFIXES = frozenset({".yaml", ".yml"})


def load_files(flows: Path, templates: Path, env: Mapping[str, str] | None = None) -> Project:
    """The project in two folders; see `load`. What cannot be read from disk is an issue too."""
    texts, issues = read_project(flows, templates)
    project = load(texts, env)
    return replace(project, issues=tuple(sorted({*issues, *project.issues}, key=by_place)))


def load(texts: Mapping[str, str], env: Mapping[str, str] | None = None) -> Project:
    """The project that `texts` make. Never raises; a flow with an error is left out.

    Args:
        texts: path → text, as `read_project` gives them: `flows/*.yaml` are flows, `templates/*` templates.
        env: the variables that flows may read (`FLOW_` taken off); None leaves out the check that they are set.
    """
    templates = {path.removeprefix(_TEMPLATES): text for path, text in texts.items() if path.startswith(_TEMPLATES)}
    issues: set[Issue] = set()
    read: list[ReadFlow] = []
    for path in sorted(filter(_is_flow_file, texts)):
        file = _read_file(path, texts[path], templates, env, issues)
        if file is not None:
            read.append(file)
    issues.update(check_project(read))
    flows = {flow.name: flow for flow in reversed([file.flow for file in read if file.flow])}
    return Project(flows, tuple(sorted(issues, key=by_place)), dict(texts))


def _is_flow_file(path: str) -> bool:
    return path.startswith(_FLOWS) and PurePosixPath(path).suffix.lower() in _SUFFIXES


def _read_file(
    path: str, text: str, templates: Mapping[str, str], env: Mapping[str, str] | None, issues: set[Issue]
) -> ReadFlow | None:
    """One flow file with the templates that it uses."""
    node, found = read_yaml(path, text)
    if node is None:
        issues.update(found, check_remains(path, text, templates, env, found))
        return None
    marred = {(issue.place.line, issue.place.column) for issue in found if issue.is_error}
    texts_end = len(found)
    shelf = Shelf(templates)
    file = read_flow(node, shelf, env, found)
    issues.update(found[:texts_end])
    issues.update(issue for issue in found[texts_end:] if not _follows(issue, path, marred))
    if file is None or file.flow is None:
        return file
    used = {f"{_TEMPLATES}{name}": templates[name] for name in sorted(shelf.taken)}
    return replace(file, flow=_seal(file.flow, {path: text, **used}))


def _follows(issue: Issue, path: str, marred: Set[tuple[int, int]]) -> bool:
    """Whether an issue only follows from a fault of the text that it points at, such as a value that is missing."""
    place = issue.place
    if not marred or place.file != path:
        return False
    return any(line == place.line and 0 <= column - place.column < place.length for line, column in marred)


class Shelf(Mapping[str, str]):
    """The templates, and which of them were taken: those are part of the flow's revision."""

    def __init__(self, templates: Mapping[str, str]) -> None:
        self._templates = templates
        self.taken: set[str] = set()

    def __getitem__(self, name: str) -> str:
        text = self._templates[name]
        self.taken.add(name)
        return text

    def __contains__(self, name: object) -> bool:
        return name in self._templates

    def __iter__(self) -> Iterator[str]:
        return iter(self._templates)

    def __len__(self) -> int:
        return len(self._templates)


def _seal(flow: Flow, sources: Mapping[str, str]) -> Flow:
    """The flow with its sources and their hash."""
    return replace(flow, sources=sources, revision=revision_of(sources))


def revision_of(sources: Mapping[str, str]) -> str:
    """The content hash of a flow: 64 hex digits over the paths and texts of everything that it is made of."""
    digest = hashlib.sha256()
    for path, text in sorted(sources.items()):
        for part in (path, text):
            data = part.encode(errors="surrogatepass")
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)
    return digest.hexdigest()

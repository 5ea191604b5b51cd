"""The project on disk that the console shows, loaded again when a file changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.flow.files import read_project
from app.flow.issues import Issue, by_place
from app.flow.loader import load
from app.flow.model import Project
from app.flow.stamps import Stamps, stamps


@dataclass(frozen=True, slots=True)
class ReadProject:
    """What was loaded.

    Attributes:
        project: its flows without errors.
        texts: display path (`flows/acme.yaml`) → text.
        issues: every issue, also of files that cannot be read, by place.
    """

    project: Project
    texts: Mapping[str, str]
    issues: tuple[Issue, ...]


class ProjectFolder:
    """The folders of flows and templates.

    Args:
        flows, templates: the folders.
        env: the variables that flows may read, without `FLOW_`.
    """

    def __init__(self, flows: Path, templates: Path, env: Mapping[str, str]) -> None:
        self.flows = flows
        self.templates = templates
        self.env = env
        self._stamps: Stamps | None = None
        self._read: ReadProject | None = None

    def current(self) -> ReadProject:
        """The project as it is on disk now; loaded again only after a change."""
        found = stamps([self.flows, self.templates])
        if self._read is None or found != self._stamps:
            self._read = self.with_texts({})
            self._stamps = found
        return self._read

    def with_texts(self, unsaved: Mapping[str, str]) -> ReadProject:
        """The project with `unsaved` texts (display path → text) instead of, or beside, those on disk."""
        texts, issues = read_project(self.flows, self.templates)
        texts |= unsaved
        unread = [issue for issue in issues if issue.place.file not in unsaved]
        project = load(texts, self.env, extent="project")
        return ReadProject(project, texts, tuple(sorted({*unread, *project.issues}, key=by_place)))

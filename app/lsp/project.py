"""A project of the workspace: the paths of its files, what an editor holds of them, and what the last check found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pygls.uris import to_fs_path
from pygls.workspace import TextDocument

from app.flow.files import SUFFIXES
from app.verify.scenarios.files import FOLDERS


def project_root(path: Path) -> Path | None:
    """The nearest folder above a file that holds `flows`; links are not followed, so that paths stay the editor's."""
    return next((folder for folder in path.parents if (folder / "flows").is_dir()), None)


class OpenProject:
    """One project.

    Attributes:
        root: its folder, which holds `flows`.
        changes: how often something has changed since it was opened.
        checked: the value of `changes` that `issues` belong to.
        issues: what the last check found, as `app.lsp.answers.check` returns it.
        versions: those of the texts that it checked, by path.
        published: the files with issues that the editor was shown.
        is_stuck: whether the last check was stopped, which is reported once.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.changes = 0
        self.checked = -1
        self.issues: list[dict[str, Any]] = []
        self.versions: Mapping[str, int | None] = {}
        self.published: frozenset[str] = frozenset()
        self.is_stuck = False

    def file_at(self, uri: str) -> str:
        """The path of a flow, a template or a scenario file in the project (`flows/acme.yaml`); "" for others."""
        found = to_fs_path(uri)
        if not found or not Path(found).is_relative_to(self.root) or project_root(Path(found)) != self.root:
            return ""
        path = Path(found).relative_to(self.root)
        file = path.as_posix()
        is_shown = not any(part.startswith(".") for part in path.parts)
        is_yaml = file.startswith(("flows/", *(f"{folder}/" for folder in FOLDERS))) and path.suffix.lower() in SUFFIXES
        return file if is_shown and (is_yaml or file.startswith("templates/")) else ""

    def documents(self, documents: Iterable[TextDocument]) -> Iterator[tuple[str, TextDocument]]:
        """The files of the project among open documents, each with its path."""
        return ((file, document) for document in documents if (file := self.file_at(document.uri)))

    def folder(self, settings: Iterable[str]) -> Mapping[str, Any]:
        """The argument `folder` of `app.lsp.answers` and `app.console.language`."""
        root = self.root
        folders = {"root": root, "flows": root / "flows", "templates": root / "templates"}
        return {**{name: str(path) for name, path in folders.items()}, "env": sorted(settings)}

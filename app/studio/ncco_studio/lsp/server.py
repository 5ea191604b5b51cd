"""The language server. The work is done in two subprocesses: one finds issues, the other answers questions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from lsprotocol import types
from pygls.capabilities import get_capability
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method
from pygls.uris import to_fs_path
from pygls.workspace import TextDocument

from ncco_server.flow.files import MAX_FILE_BYTES, SCENARIO_FOLDERS, SUFFIXES
from ncco_server.version import VERSION
from ncco_studio.editor.worker import Worker, WorkNotDone
from ncco_studio.lsp import answers
from ncco_studio.lsp.conversion import Json, diagnostic, range_of

QUIET_S: Final = 0.2
"""Seconds without changes before a project is checked."""
CHECK_S: Final = 30
"""Time limit of a check, in seconds of processor time."""


def project_root(path: Path) -> Path | None:
    """The nearest folder above a file that contains a folder `flows`.

    Symbolic links are not resolved, so that paths match the editor's.
    """
    return next((folder for folder in path.parents if (folder / "flows").is_dir()), None)


class OpenProject:
    """A project that is open in the editor.

    Attributes:
        checked: the value of `changes` for `issues`.
        versions: the versions of the checked texts, by path.
        published: the files whose issues the editor shows.
        is_stuck: the last check timed out, which is reported once.
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
        """The path (`flows/acme.yaml`) of a flow, a template or a scenario file; "" for others."""
        found = to_fs_path(uri)
        if not found or not Path(found).is_relative_to(self.root) or project_root(Path(found)) != self.root:
            return ""
        path = Path(found).relative_to(self.root)
        file = path.as_posix()
        is_shown = not any(part.startswith(".") for part in path.parts)
        is_yaml = (
            file.startswith(("flows/", *(f"{folder}/" for folder in SCENARIO_FOLDERS)))
            and path.suffix.lower() in SUFFIXES
        )
        return file if is_shown and (is_yaml or file.startswith("templates/")) else ""

    def documents(self, documents: Iterable[TextDocument]) -> Iterator[tuple[str, TextDocument]]:
        return ((file, document) for document in documents if (file := self.file_at(document.uri)))

    def folder(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The `folder` argument of functions in `ncco_studio.lsp.answers` and `ncco_studio.editor.language`.

        `settings` are the rest of `ProjectFolder.as_values`.
        """
        root = self.root
        folders = {"root": root, "flows": root / "flows", "templates": root / "templates"}
        return {**{name: str(path) for name, path in folders.items()}, **settings}


class Utf16Protocol(LanguageServerProtocol):
    """Makes columns count UTF-16 code units, which every editor must support."""

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Any:
        if params.capabilities.general is not None:
            params.capabilities.general.position_encodings = None
        return (yield from super().lsp_initialize(params))


class FlowServer(LanguageServer):
    """The language server for one editor; `settings_of` returns the settings of a project."""

    def __init__(self, settings_of: Callable[[Path], Mapping[str, Any]]) -> None:
        super().__init__(
            "ncco",
            VERSION,
            text_document_sync_kind=types.TextDocumentSyncKind.Full,  # because pygls also splits lines at U+2028
            protocol_cls=Utf16Protocol,
            converter_factory=default_converter,
        )
        self._settings_of = settings_of
        self._projects: dict[Path, OpenProject] = {}
        self.checks = Worker(seconds=CHECK_S, module=answers)
        self.answers = Worker(module=answers)

    # projects

    @property
    def projects(self) -> tuple[OpenProject, ...]:
        return tuple(self._projects.values())

    def project_in(self, root: Path) -> OpenProject:
        return self._projects.setdefault(root, OpenProject(root))

    def forget(self, root: Path) -> None:
        """Close the project and clear its issues; opening one of its files reopens it."""
        if project := self._projects.pop(root, None):
            project.changes += 1  # makes the result of a check in progress obsolete
            self.publish(project, ())

    def project_of(self, uri: str) -> tuple[OpenProject, str] | None:
        """Return None for a file outside any project."""
        path = to_fs_path(uri)
        root = project_root(Path(path)) if path else None
        project = self.project_in(root) if root is not None else None
        file = project.file_at(uri) if project else ""
        return (project, file) if project and file else None

    def texts(self, project: OpenProject) -> dict[str, str]:
        documents = project.documents(self.workspace.text_documents.values())
        return {file: document.source for file, document in documents}

    def versions(self, project: OpenProject) -> dict[str, int | None]:
        """The versions of documents open in the editor, by path. Edits apply only to these."""
        return {file: document.version for file, document in project.documents(self.workspace.text_documents.values())}

    def uri_of(self, project: OpenProject, file: str) -> tuple[str, int | None]:
        """Return the version only if the file is open in the editor."""
        for known, document in project.documents(self.workspace.text_documents.values()):
            if known == file:
                return document.uri, document.version
        return (project.root / file).as_uri(), None

    # questions to the subprocesses

    async def ask(
        self,
        worker: Worker,
        function: Callable[..., Any],
        project: OpenProject,
        *,
        seconds: float | None = None,
        **values: Any,
    ) -> Any:
        """Return None if the function did not finish. Cancelling the request does not stop it."""

        async def run() -> Any:
            try:
                folder = project.folder(self._settings_of(project.root))
                return await worker.run(function, {"folder": folder, **values}, seconds=seconds, may_repeat=True)
            except WorkNotDone as error:
                self.window_log_message(
                    types.LogMessageParams(types.MessageType.Warning, f"{function.__name__}: {error}")
                )
                return None

        return await asyncio.shield(asyncio.ensure_future(run()))

    async def ask_at(
        self,
        worker: Worker,
        function: Callable[..., Any],
        uri: str,
        at: types.Position | None = None,
        *,
        in_scenarios: bool = False,
        **values: Any,
    ) -> tuple[OpenProject, Any] | None:
        """Scenario files have no result unless `in_scenarios`."""
        found = self.project_of(uri)
        if found is None:
            return None
        project, file = found
        if file in self.too_large(project) or not (in_scenarios or file.startswith(("flows/", "templates/"))):
            return None
        answer = await self.ask(worker, function, project, question=self.question(project, file, at), **values)
        return (project, answer) if answer else None

    def question(self, project: OpenProject, file: str = "", at: types.Position | None = None) -> Json:
        """The `question` for a function in the subprocesses. `file` is "" for a question without a file."""
        large = self.too_large(project)
        at = at or types.Position(0, 0)
        unsaved = {path: text for path, text in self.texts(project).items() if path not in large}
        return {"file": file, "text": None, "unsaved": unsaved, "line": at.line + 1, "column": at.character + 1}

    def too_large(self, project: OpenProject) -> list[str]:
        """Open files over the size limit for files on disk, which the subprocesses do not get."""
        return [file for file, text in self.texts(project).items() if len(text) > MAX_FILE_BYTES]

    # checks

    async def check_soon(self, project: OpenProject) -> None:
        project.changes += 1
        change = project.changes
        await asyncio.sleep(QUIET_S)
        if change == project.changes:
            await self.check(project)

    async def check(self, project: OpenProject) -> None:
        """Publish the issues, unless a newer change makes them obsolete."""
        change = project.changes
        versions = self.versions(project)
        question = {**self.question(project), "too_large": self.too_large(project)}
        issues = await self.ask(self.checks, answers.check, project, question=question)
        if change != project.changes:
            return
        if issues is None:
            if not project.is_stuck:
                self.say(types.MessageType.Warning, f"{project.root} cannot be checked; see the server's log.")
            project.is_stuck = True
            return
        project.issues = issues
        project.checked = change
        project.versions = versions
        project.is_stuck = False
        self.publish(project, issues)

    def publish(self, project: OpenProject, issues: Iterable[Json]) -> None:
        issues = tuple(issues)
        files = frozenset(issue["file"] for issue in issues)
        for file in sorted(files | project.published):
            uri, number = self.uri_of(project, file)
            diagnostics = [diagnostic(issue) for issue in issues if issue["file"] == file]
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, diagnostics, number))
        project.published = files

    def say(self, kind: types.MessageType, message: str) -> None:
        self.window_show_message(types.ShowMessageParams(kind, message))

    # edits

    def workspace_edit(self, project: OpenProject, edits: Iterable[Json]) -> types.WorkspaceEdit:
        by_file: dict[str, list[types.TextEdit]] = {}
        for edit in edits:
            by_file.setdefault(edit["file"], []).append(types.TextEdit(range_of(edit), edit["text"]))
        found = {self.uri_of(project, file): changes for file, changes in by_file.items()}
        if not get_capability(self.client_capabilities, "workspace.workspace_edit.document_changes"):
            return types.WorkspaceEdit(changes={uri: changes for (uri, _), changes in found.items()})
        documents = [
            types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri, number), changes)
            for (uri, number), changes in found.items()
        ]
        return types.WorkspaceEdit(document_changes=documents)

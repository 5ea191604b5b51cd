"""A real client for the language server: it starts `ncco lsp` and edits a project's files like an editor."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from lsprotocol import types
from pytest_lsp import LanguageClient, client_capabilities, make_test_lsp_client

NCCO = str(Path(sys.executable).with_name("ncco"))
WITHIN_S = 60
VS_CODE = "visual-studio-code"


class Editor:
    """An editor with open files.

    Attributes:
        log: the file with the server's log.
        watched: the server's registrations for files that change on disk.
    """

    def __init__(self, client: LanguageClient, roots: tuple[Path, ...]) -> None:
        self.client = client
        self.root = roots[0]
        self.log = self.root.with_suffix(".log")
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.watched: list[types.Registration] = []

        def register(params: types.RegistrationParams) -> None:
            self.watched += params.registrations

        client.feature(types.CLIENT_REGISTER_CAPABILITY)(register)

    def uri(self, file: str) -> str:
        return (self.root / file).as_uri()

    def document(self, file: str) -> types.TextDocumentIdentifier:
        return types.TextDocumentIdentifier(self.uri(file))

    def edit(self, file: str, text: str) -> None:
        """Open a file with unsaved text, or replace the text of an open file."""
        uri, version = self.uri(file), self.versions.get(file, 0) + 1
        self.texts[file], self.versions[file] = text, version
        if version == 1:
            item = types.TextDocumentItem(uri, "yaml", version, text)
            self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        else:
            document = types.VersionedTextDocumentIdentifier(version, uri)
            change = types.TextDocumentContentChangeWholeDocument(text)
            self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    def close(self, file: str) -> None:
        del self.texts[file], self.versions[file]
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(self.document(file)))

    def save_elsewhere(self, file: str, text: str) -> None:
        """Write a file outside the editor, which notices the change."""
        (self.root / file).write_text(text, encoding="utf-8")
        event = types.FileEvent(self.uri(file), types.FileChangeType.Changed)
        self.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))

    def issues(self, file: str) -> tuple[types.Diagnostic, ...]:
        return tuple(self.client.diagnostics.get(self.uri(file), ()))

    def codes(self, *files: str) -> list[list[str]]:
        return [[str(issue.code) for issue in self.issues(file)] for file in files]

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until `is_so()` is true after some report from the server. Raises TimeoutError."""
        for _ in range(WITHIN_S * 50):
            if is_so():
                return
            await asyncio.sleep(0.02)
        raise TimeoutError(f"{self.client.diagnostics} {self.client.messages} {self.client.log_messages}")

    async def until_checked(self) -> None:
        """Wait until the latest edits are checked: break a template, wait for the issue, then fix the template."""
        probe = "templates/probe.j2"
        self.edit(probe, "{% if %}")
        await self.until(lambda: bool(self.issues(probe)))
        self.close(probe)
        await self.until(lambda: not self.issues(probe))

    def at(self, file: str, text: str, *, more: int = 0) -> types.Position:
        """The position where a text begins in a file, in UTF-16 code units."""
        before = self.text(file).partition(text)[0]
        assert len(before) < len(self.text(file)), text
        line = before.rpartition("\n")[2]
        return types.Position(before.count("\n"), len(line.encode("utf-16-le")) // 2 + more)

    def text(self, file: str) -> str:
        return self.texts.get(file) or (self.root / file).read_text(encoding="utf-8")

    def apply(self, edit: types.WorkspaceEdit | None) -> None:
        """Apply the server's edit, which must be for the current versions of the files."""
        for change in (edit.document_changes if edit else None) or ():
            assert isinstance(change, types.TextDocumentEdit)
            file = next(file for file in self.files() if self.uri(file) == change.text_document.uri)
            assert change.text_document.version == self.versions.get(file)
            text = self.text(file)
            for one in sorted(change.edits, key=lambda one: (one.range.start.line, one.range.start.character))[::-1]:
                start, end = _offset(text, one.range.start), _offset(text, one.range.end)
                text = text[:start] + getattr(one, "new_text", "") + text[end:]
            self.edit(file, text)

    def files(self) -> list[str]:
        return [path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()]


def _offset(text: str, position: types.Position) -> int:
    lines = text.split("\n")
    line = lines[position.line].encode("utf-16-le")[: position.character * 2].decode("utf-16-le")
    return sum(len(each) + 1 for each in lines[: position.line]) + len(line)


@asynccontextmanager
async def editing(
    *roots: Path, like: str = VS_CODE, environment: Mapping[str, str] | None = None, ncco: str = NCCO
) -> AsyncIterator[Editor]:
    """An editor with open folders and the capabilities of VS Code."""
    client = make_test_lsp_client()
    editor = Editor(client, roots)
    logged = ("sh", "-c", 'exec "$0" lsp 2>"$1"', ncco, str(editor.log))
    await client.start_io(*logged, env={**os.environ, **(environment or {})})
    try:
        folders = [types.WorkspaceFolder(root.as_uri(), root.name) for root in roots]
        parameters = types.InitializeParams(client_capabilities(like), workspace_folders=folders)
        started = await client.initialize_session(parameters)
        assert types.PositionEncodingKind.Utf16 == started.capabilities.position_encoding
        yield editor
    finally:
        await client.shutdown_session()


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write files to a folder."""
    for file, text in files.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text, encoding="utf-8")
    return root

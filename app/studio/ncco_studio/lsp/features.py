"""The requests and notifications of an editor: one function for each LSP method."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from lsprotocol import types
from pygls.capabilities import get_capability
from pygls.exceptions import JsonRpcException
from pygls.uris import to_fs_path

from ncco_studio.editor import language
from ncco_studio.lsp import answers
from ncco_studio.lsp.conversion import Json, completion_item, diagnostic, hover_text, range_of, symbol_of
from ncco_studio.lsp.server import CHECK_S, FlowServer, project_root

WATCHED_FILES: Final = ("**/flows/**", "**/templates/**", "**/scenarios/**", "**/.env")
"""Globs of files that an editor watches for changes on disk."""


async def initialized(ls: FlowServer, _: types.InitializedParams) -> None:
    if get_capability(ls.client_capabilities, "workspace.did_change_watched_files.dynamic_registration"):
        watchers = [types.FileSystemWatcher(glob) for glob in WATCHED_FILES]
        options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
        registration = types.Registration("files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
        with suppress(JsonRpcException):  # an editor may refuse
            await ls.client_register_capability_async(types.RegistrationParams([registration]))
    await _open(ls, [folder.uri for folder in ls.workspace.folders.values()] or [ls.workspace.root_uri or ""])


async def _open(ls: FlowServer, uris: Iterable[str]) -> None:
    """Check the projects in folders, and report folders without one."""
    folders = [Path(path) for uri in uris if (path := to_fs_path(uri))]
    for folder in folders:
        if not (folder / "flows").is_dir() and not any(folder.glob("*/flows")):
            cure = "a project is a folder with flows/ in it; `ncco init` writes a new one"
            ls.say(types.MessageType.Info, f"{folder} does not contain a flow project: {cure}.")
    projects = [ls.project_in(folder) for folder in folders if (folder / "flows").is_dir()]
    for project in projects:  # this starts the subprocess that answers questions
        await ls.ask(ls.answers, answers.symbols, project, question=ls.question(project), query="")
    await asyncio.gather(*map(ls.check_soon, projects))


async def folders_changed(ls: FlowServer, params: types.DidChangeWorkspaceFoldersParams) -> None:
    for folder in params.event.removed:
        if path := to_fs_path(folder.uri):
            ls.forget(Path(path))
    await _open(ls, [folder.uri for folder in params.event.added])


async def text_changed(
    ls: FlowServer,
    params: types.DidOpenTextDocumentParams
    | types.DidChangeTextDocumentParams
    | types.DidCloseTextDocumentParams
    | types.DidSaveTextDocumentParams,
) -> None:
    if found := ls.project_of(params.text_document.uri):
        await ls.check_soon(found[0])


async def files_changed(ls: FlowServer, params: types.DidChangeWatchedFilesParams) -> None:
    paths = [Path(path) for change in params.changes if (path := to_fs_path(change.uri))]
    roots = {root for path in paths if (root := project_root(path)) is not None}
    gone = {project.root for project in ls.projects if any(path.is_relative_to(project.root) for path in paths)}
    await asyncio.gather(*(ls.check_soon(ls.project_in(root)) for root in roots | gone))


async def complete(ls: FlowServer, params: types.CompletionParams) -> types.CompletionList | None:
    at = params.position
    found = await ls.ask_at(ls.answers, answers.complete, params.text_document.uri, at, in_scenarios=True)
    if found is None:
        return None
    replaced = types.Range(types.Position(at.line, found[1]["from"]["column"] - 1), at)
    items = [completion_item(option, number, replaced) for number, option in enumerate(found[1]["options"])]
    return types.CompletionList(is_incomplete=False, items=items)


async def hover(ls: FlowServer, params: types.HoverParams) -> types.Hover | None:
    found = await ls.ask_at(ls.checks, answers.hover, params.text_document.uri, params.position)
    if found is None:
        return None
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, hover_text(found[1]["text"], found[1]["ncco"])))


async def definition(ls: FlowServer, params: types.DefinitionParams) -> types.Location | None:
    found = await ls.ask_at(ls.answers, language.definition, params.text_document.uri, params.position)
    if found is None:
        return None
    project, place = found
    at = types.Position(place["line"] - 1, place["column"] - 1)
    return types.Location(ls.uri_of(project, place["file"])[0], types.Range(at, at))


async def references(ls: FlowServer, params: types.ReferenceParams) -> list[types.Location] | None:
    found = await ls.ask_at(ls.answers, answers.references, params.text_document.uri, params.position)
    if found is None:
        return None
    project, places = found
    return [types.Location(ls.uri_of(project, place["file"])[0], range_of(place)) for place in places]


async def prepare_rename(ls: FlowServer, params: types.PrepareRenameParams) -> types.Range | None:
    """The range of the name at the cursor. Raises JsonRpcException with the reason if it cannot be renamed."""
    found = await ls.ask_at(ls.answers, answers.renamable, params.text_document.uri, params.position)
    return range_of(_without_problem(found[1])["range"]) if found else None


async def rename(ls: FlowServer, params: types.RenameParams) -> types.WorkspaceEdit | None:
    """The edits that rename the symbol at the cursor. Raises JsonRpcException with the reason against it."""
    known = ls.project_of(params.text_document.uri)
    before = ls.versions(known[0]) if known else {}
    new = params.new_name
    # The subprocess for questions has already loaded the names.
    uri = params.text_document.uri
    at = params.position
    found = await ls.ask_at(ls.answers, answers.renamed, uri, at, new=new, seconds=CHECK_S)
    if found is None:
        return None
    project, answer = found
    edits = _without_problem(answer)["edits"]
    if ls.versions(project) != before:
        raise refused("the files have changed in the meantime: rename again")
    return ls.workspace_edit(project, [{**edit, "text": new} for edit in edits])


def _without_problem(answer: Json) -> Json:
    if "problem" in answer:
        raise refused(answer["problem"])
    return answer


def refused(reason: str) -> JsonRpcException:
    return JsonRpcException(reason, types.LSPErrorCodes.RequestFailed)


def is_unexpected(record: logging.LogRecord) -> bool:
    """False for a refused request, which pygls would log with a traceback."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, JsonRpcException) and error.code == types.LSPErrorCodes.RequestFailed)


async def code_actions(ls: FlowServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    found = ls.project_of(params.text_document.uri)
    if found is None:
        return []
    project, file = found
    if project.checked != project.changes:
        await ls.check(project)
    if project.versions != ls.versions(project):
        return []  # the texts are still changing
    first, last = params.range.start.line + 1, params.range.end.line + 1
    near = (issue for issue in project.issues if issue["file"] == file and first <= issue["line"] <= last)
    return [
        types.CodeAction(
            fix["title"],
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[diagnostic(issue)],
            edit=ls.workspace_edit(project, fix["edits"]),
        )
        for issue in near
        for fix in issue["fixes"]
    ]


async def document_symbols(ls: FlowServer, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    found = await ls.ask_at(ls.answers, answers.symbols, params.text_document.uri)
    symbols = [symbol_of(each) for each in found[1]] if found else []
    flow = next((symbol for symbol in symbols if symbol.kind == types.SymbolKind.Module), None)
    if flow is None:
        return symbols
    flow.range.start = types.Position(0, 0)
    flow.children = [symbol for symbol in symbols if symbol is not flow]
    return [flow]


async def workspace_symbols(ls: FlowServer, params: types.WorkspaceSymbolParams) -> list[types.WorkspaceSymbol]:
    found: list[types.WorkspaceSymbol] = []
    for project in ls.projects:
        question = ls.question(project)
        answer = await ls.ask(ls.answers, answers.symbols, project, question=question, query=params.query)
        for each in answer or ():
            symbol = symbol_of(each)
            place = types.Location(ls.uri_of(project, each["range"]["file"])[0], symbol.selection_range)
            found.append(types.WorkspaceSymbol(place, symbol.name, symbol.kind, container_name=symbol.detail))
    return found


async def shut_down(ls: FlowServer, _: None) -> None:
    await ls.checks.close()
    await ls.answers.close()


FEATURES: Final[Mapping[str, tuple[Callable[..., Any], Any]]] = {
    types.INITIALIZED: (initialized, None),
    types.SHUTDOWN: (shut_down, None),
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: (folders_changed, None),
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: (files_changed, None),
    types.TEXT_DOCUMENT_DID_OPEN: (text_changed, None),
    types.TEXT_DOCUMENT_DID_CHANGE: (text_changed, None),
    types.TEXT_DOCUMENT_DID_SAVE: (text_changed, None),
    types.TEXT_DOCUMENT_DID_CLOSE: (text_changed, None),
    types.TEXT_DOCUMENT_COMPLETION: (complete, types.CompletionOptions(trigger_characters=[" ", ".", "|", "{"])),
    types.TEXT_DOCUMENT_HOVER: (hover, None),
    types.TEXT_DOCUMENT_DEFINITION: (definition, None),
    types.TEXT_DOCUMENT_REFERENCES: (references, None),
    types.TEXT_DOCUMENT_PREPARE_RENAME: (prepare_rename, None),
    types.TEXT_DOCUMENT_RENAME: (rename, types.RenameOptions(prepare_provider=True)),
    types.TEXT_DOCUMENT_CODE_ACTION: (code_actions, types.CodeActionOptions([types.CodeActionKind.QuickFix])),
    types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: (document_symbols, None),
    types.WORKSPACE_SYMBOL: (workspace_symbols, None),
}


def make_server(settings_of: Callable[[Path], Mapping[str, Any]]) -> FlowServer:
    """The server with all its features.

    Args:
        settings_of: returns the settings of a project for `OpenProject.folder`.
    """
    server = FlowServer(settings_of)
    logging.getLogger("pygls.protocol.json_rpc").addFilter(is_unexpected)
    for feature, (function, options) in FEATURES.items():
        server.feature(feature, options)(function)
    return server

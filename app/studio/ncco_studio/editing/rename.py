"""Renames a step, a lookup, a hook or a flow in all files of a project.

Lines and columns count from 1, in characters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from ncco_server.errors import AppError
from ncco_server.flow.files import HANDLER_SUFFIX
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.loader import load
from ncco_server.flow.nodes import Place
from ncco_server.flow.source.source_file import SourceFile
from ncco_studio.editing.fixes import Edit, with_edits
from ncco_studio.editing.names import NOUNS, Name, NameKind, ProjectNames

RENAMED: Final[tuple[NameKind, ...]] = ("steps", "lookups", "hooks", "flows")
_NAME: Final = re.compile(r"[\w.-]+")
"""Names that need no quotes in YAML. A check of the renamed project shows whether the kind allows them."""


class CannotRename(AppError):
    """The message says why, and what to do."""


def name_at(names: ProjectNames, file: str, line: int, column: int) -> tuple[Name, Name]:
    definition = names.definition_at(file, line, column)
    if definition is None:
        raise CannotRename("there is no name here that the project defines: put the cursor on a step or a lookup")
    if definition.kind not in RENAMED:
        raise CannotRename(f'"{definition.name}" cannot be renamed here: only steps, lookups, hooks and flows can')
    at = (
        occurrence
        for occurrence in names.occurrences(definition)
        if occurrence.place.file == file and occurrence.place.covers(line, column)
    )
    return next(at, definition), definition


def rename(texts: Mapping[str, str], definition: Name, new: str) -> tuple[Edit, ...]:
    """Raise CannotRename if a file cannot be read, or the project would have different issues."""
    if not _NAME.fullmatch(new):
        raise CannotRename(f'"{new}" cannot be a name: use letters, digits and _')
    if new == definition.name:
        return ()
    names = ProjectNames(texts)
    for _, file in sorted(names.files.items()):
        if file.problem is not None:
            where = f"{file.problem.place} {file.problem.message}"
            raise CannotRename(f"{where}: fix that first, since it may hide a name")
    found = names.occurrences(definition)
    _refuse_clash(names, definition, found, new)
    _refuse_handlers(texts, definition)
    edits = edits_of(found, texts, new)
    concerned = _concerned_by(names, texts, edits, definition, new)
    _refuse_change({path: texts[path] for path in concerned}, edits, definition.place)
    return edits


def edits_of(found: Iterable[Name], texts: Mapping[str, str], new: str) -> tuple[Edit, ...]:
    """Raises CannotRename."""
    return tuple(_edit(name, texts[name.place.file], new) for name in found)


def _refuse_clash(names: ProjectNames, definition: Name, found: Iterable[Name], new: str) -> None:
    for file in dict.fromkeys(name.place.file for name in found):
        other = names.definitions(definition.kind, file).get(new)
        if other is not None:
            noun = NOUNS[definition.kind]
            raise CannotRename(f'there is already a {noun} "{new}" at {other.place}: choose another name')


def _refuse_handlers(texts: Mapping[str, str], definition: Name) -> None:
    """The code of a handler is not edited."""
    for path, text in texts.items() if definition.kind == "flows" else ():
        used = path.endswith(HANDLER_SUFFIX) and re.search(rf"([\"']){re.escape(definition.name)}\1", text)
        if used:
            line = text.count("\n", 0, used.start()) + 1
            raise CannotRename(f"{path}:{line} names this flow, in Python: rename it in an editor, in all files")


def _edit(name: Name, text: str, new: str) -> Edit:
    file, line, column, length = name.place
    source = SourceFile(file, text)
    start = source.starts[line - 1] + column - 1
    if source.text[start : start + length] != name.name:
        raise CannotRename(f'{name.place} writes "{name.name}" with escapes: write it without them first')
    return Edit(file, line, column, line, column + length, new)


def _concerned_by(
    names: ProjectNames, texts: Mapping[str, str], edits: Iterable[Edit], definition: Name, new: str
) -> set[str]:
    """Include the files that the files to check depend on.

    A file keeps its meaning if every occurrence of the old name is replaced and the new one did not occur before. So
    only the defining file is checked, and files with either name outside the edits.
    """
    is_said = re.compile(rf"(?<!\w)(?:{re.escape(definition.name)}|{re.escape(new)})(?!\w)")
    counts = Counter(edit.file for edit in edits)
    concerned = {definition.place.file}
    if definition.kind == "flows" or not names.files[definition.place.file].flow:
        concerned |= {path for path, text in texts.items() if len(is_said.findall(text)) > counts[path]}
    else:  # no other flow can refer to this name, but several may use the same template
        concerned |= counts.keys()
    for template in concerned & names.templates.keys():
        concerned |= {*names.users_of(template.removeprefix("templates/"))} or {*names.files}
    flows = {file.flow: file.path for file in names.files.values()}
    read = {name.name for path in concerned & names.files.keys() for name in names.files[path].names}
    concerned |= {path for flow, path in flows.items() if flow in read}  # a flow depends on the flows that it runs
    return concerned | {file.path for file in names.files.values() if not file.flow} | names.templates.keys()


def _refuse_change(texts: Mapping[str, str], edits: tuple[Edit, ...], defined: Place) -> None:
    """Raise CannotRename if the new name is invalid or in use, or a use of the old one was missed.

    An issue at the name may disappear: the old one may have been invalid.
    """
    before, after = _issues(texts), _issues(with_edits(texts, (edit for edit in edits if edit.file in texts)))
    for key in sorted(after.keys() - before.keys(), key=lambda key: (key[:2] != defined[:2], key)):
        issue = after[key]
        raise CannotRename(f"{issue.place} would have an issue: {issue.message}; {issue.cure}")
    edited = {(edit.file, edit.line) for edit in edits}
    for key in sorted(key for key in before.keys() - after.keys() if key[:2] not in edited):
        issue = before[key]
        raise CannotRename(f"{issue.place} already uses that name: {issue.message}; fix that first")


def _issues(texts: Mapping[str, str]) -> dict[tuple[str, int, str, int], FlowIssue]:
    """By file, line, code, and index among the issues that share these."""
    found: dict[tuple[str, int, str, int], FlowIssue] = {}
    counts = Counter[tuple[str, int, str]]()
    for issue in load(texts, extent="project").issues:
        key = (issue.place.file, issue.place.line, issue.code)
        found[*key, counts[key]] = issue
        counts[key] += 1
    return found

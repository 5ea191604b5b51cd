"""A changed flow file before it is saved: the differences for people, and the issues it causes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from itertools import zip_longest
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import quote

from fastapi import Request

from ncco_server.flow.files import is_flow_file
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.source import flow_name_in, read_yaml
from ncco_server.service.phone_numbers import line_of
from ncco_studio.console.audit import audit
from ncco_studio.console.change.fields import FormField, fields_in, group_title
from ncco_studio.console.change.form import tidied
from ncco_studio.console.change.notation import DAY_NAMES, weekdays_in_words
from ncco_studio.console.history import Change, UndoRequest
from ncco_studio.console.state import console_of
from ncco_studio.editor.project import CannotSave, ProjectFolder, ReadProject, digest_of


def form_fields(file: str, text: str, line: str) -> list[FormField]:
    """`line` is a number of the project."""
    return list(fields_in(read_yaml(file, text)[0], line))


def fields_of(read: ReadProject, file: str) -> list[FormField]:
    """Return none of a template, or a file that does not exist."""
    if file not in read.texts or not is_flow_file(file):
        return []
    return list(fields_in(read.node(file), line_of(read.project.flows.values())))


class FieldChange(NamedTuple):
    """A change in the form. `before` is "" for an added value, `after` for a removed one."""

    group: str
    label: str
    before: str
    after: str


def differences(before: Iterable[FormField], after: Iterable[FormField]) -> list[FieldChange]:
    """Compare values under one label as a list; keep the form's order."""
    old, new = _by_group(before), _by_group(after)
    found = []
    for group in dict.fromkeys((*old, *new)):
        was, is_ = old.get(group, {}), new.get(group, {})
        for label in dict.fromkeys((*was, *is_)):
            gone, come = was.get(label, []), is_.get(label, [])
            for kind, first, last, start, end in SequenceMatcher(None, gone, come, autojunk=False).get_opcodes():
                if kind != "equal":
                    pairs = zip_longest(gone[first:last], come[start:end], fillvalue="")
                    found += [FieldChange(group, label, *pair) for pair in pairs if any(pair)]
    return list(_merged(found))


def _merged(changes: Iterable[FieldChange]) -> Iterator[FieldChange]:
    found: dict[tuple[str, ...], list[FieldChange]] = {}
    for each in changes:
        what = "" if each.label in DAY_NAMES else each.label
        found.setdefault((each.group, what, each.before, each.after), []).append(each)
    for (_, what, *_), alike in found.items():
        days = weekdays_in_words(DAY_NAMES.index(each.label) for each in alike) if not what else ""
        yield from [alike[0]._replace(label=days)] if days else alike


def _by_group(fields: Iterable[FormField]) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for field in fields:
        found.setdefault(field.group, {}).setdefault(field.label, []).append(tidied(field.value))
    return found


@dataclass(frozen=True)
class FileChange:
    """A changed file before saving.

    Attributes:
        before, text: the old and the new text.
        fields, after: the form fields of the old and the new text.
        issues: those that the change adds to the project; an error prevents saving.
    """

    file: str
    before: str
    text: str
    fields: list[FormField]
    after: list[FormField]
    issues: tuple[FlowIssue, ...]

    @classmethod
    def between(
        cls, read: ReadProject, file: str, before: str, text: str, issues: tuple[FlowIssue, ...] = ()
    ) -> FileChange:
        line = line_of(read.project.flows.values())
        old, new = (form_fields(file, each, line) if is_flow_file(file) else [] for each in (before, text))
        return cls(file, before, text, old, new, issues)

    @property
    def digest(self) -> str:
        return digest_of(self.before)

    @property
    def has_errors(self) -> bool:
        return any(issue.is_error for issue in self.issues)

    @property
    def differences(self) -> list[FieldChange]:
        return differences(self.fields, self.after)

    @property
    def words(self) -> list[tuple[str, str, str]]:
        """The differences: what, before, and after."""
        return [(titled(each), each.before, each.after) for each in self.differences]

    @property
    def lines(self) -> list[str]:
        return diff_lines(self.before, self.text)

    @property
    def step(self) -> str:
        """The first step with a changed text, or ""."""
        changes = {(difference.group, difference.label) for difference in self.differences}
        steps = (each.path[1] for each in self.after if each.path[0] == "steps" and (each.group, each.label) in changes)
        return next(steps, "")


def titled(value: FieldChange | FormField) -> str:
    return f"{value.group}, {value.label}".removesuffix(", says")


def diff_lines(before: str, text: str) -> list[str]:
    """Each line starts with `+`, `-`, `@` or a space."""
    return list(unified_diff(before.splitlines(), text.splitlines(), lineterm="", n=2))[2:]


def change_of(folder: ProjectFolder, file: str, before: str, after: str) -> FileChange:
    read = folder.current()
    known = {(issue.code, issue.message) for issue in read.project.issues}
    issues = folder.with_texts({file: after or None}).project.issues
    new = tuple(issue for issue in issues if (issue.code, issue.message) not in known)
    return FileChange.between(read, file, before, after, new)


def title_of(read: ReadProject, file: str, fields: Iterable[FormField]) -> str:
    """The names of the file's flows, as words; a shared file with one section has its name."""
    flows = [flow.name for flow in read.project.flows.values() if flow.place.file == file]
    flows = flows or list(filter(None, [flow_name_in(read.texts.get(file, ""))]))
    if flows:
        return ", ".join(map(group_title, flows))
    sections = {field.section for field in fields}
    return sections.pop() if len(sections) == 1 else group_title(PurePosixPath(file).stem)


def save(request: Request, draft: FileChange, text: str | None, digest: str) -> Change:
    """`text` is None to delete the file. For `digest` see `ProjectFolder.save`. Raises CannotSave, which is logged."""
    folder = console_of(request).project
    try:
        if draft.has_errors:
            raise CannotSave(f"{draft.file} has errors now", "fix the issues below")
        version = folder.save(draft.file, text, digest, request.state.session.name)
    except CannotSave as error:
        audit(request, "file not saved", is_refused=True, file=draft.file, problem=str(error))
        raise
    read = folder.current()
    title = title_of(read, draft.file, draft.after)
    did = "deleted" if text is None else "saved"
    address = f"/change/{quote(draft.file)}"
    undo = UndoRequest(address, {"version": version, "digest": digest_of(draft.text)})
    shown = "/change" if text is None else address
    return Change(f"file {did}", f"{title}: {did}.", shown, undo, draft.words, draft.lines)

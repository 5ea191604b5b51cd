"""The text that a call plays: a flow file, saved or not, or a pasted flow or NCCO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from ncco_server.flow.files import MAX_FILE_BYTES
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow, Project
from ncco_server.flow.source.source_file import SourceFile
from ncco_server.flow.values import Object, find
from ncco_server.ncco.json_text import check_text
from ncco_studio.editor.project import ProjectFolder
from ncco_studio.simulator.parties import address_of

PASTED_YAML: Final = "pasted.yaml"
PASTED_JSON: Final = "pasted.json"
PASTED: Final = (PASTED_YAML, PASTED_JSON)
"""The paths of a pasted flow and NCCO, which have no file."""
PASTED_FLOW: Final = "flows/pasted.yaml"


class PhoneText(BaseModel):
    """A text in the editor.

    `file` is its display path, or one of `PASTED`; `text` is None for the file on disk; `step` is where calls to the
    text's own flow start, "" for the flow's `start`.
    """

    file: str = Field(PASTED_YAML, max_length=500)
    text: str | None = Field(None, max_length=MAX_FILE_BYTES)
    step: str = Field("", max_length=200)


@dataclass(frozen=True, slots=True)
class Playable:
    """A text that was read, and what can be called in it.

    Attributes:
        project: None for an NCCO.
        flow: the text's own flow; "" if it has errors or is an NCCO.
        ncco: the actions of an NCCO.
        others: number of errors in other files.
    """

    project: Project | None
    source: PhoneText
    flow: str = ""
    ncco: Sequence[Mapping[str, Any]] = ()
    issues: tuple[FlowIssue, ...] = ()
    others: int = 0

    @property
    def is_ready(self) -> bool:
        return bool(self.ncco) or bool(self.startable)

    @property
    def is_blank(self) -> bool:
        return self.source.file in PASTED and not (self.source.text or "").strip()

    @property
    def can_be_kept(self) -> bool:
        """Scenarios always start at the flow's `start`."""
        return self.project is not None and not self.source.step

    def is_saved(self, folder: ProjectFolder) -> bool:
        """Blocks."""
        file = self.source.file
        text = self.source.text
        if text is None:
            return True
        saved = folder.current().texts.get(file)
        return saved is not None and saved.splitlines() == text.splitlines()

    @property
    def startable(self) -> list[Flow]:
        """The text's own flow if calls can start there, otherwise the flows that run it."""
        flows = self.project.flows if self.project is not None else {}
        own = flows.get(self.flow)
        if own is not None and own.is_startable:
            return [own]
        return [flow for flow in flows.values() if flow.is_startable and (own is None or own.name in flow.subs)]

    @property
    def errors(self) -> list[FlowIssue]:
        return [issue for issue in self.issues if issue.is_error]

    @property
    def places_calls(self) -> bool:
        own = self.project.flows.get(self.flow) if self.project is not None else None
        return own is not None and own.outbound is not None

    @property
    def zone(self) -> ZoneInfo:
        """Of the opening hours, or UTC."""
        flows = self.startable
        return self.project.zone_of(flows[0].name) if self.project is not None and flows else ZoneInfo("UTC")


_ADDRESS: Final = frozenset({"type", "number", "uri", "user", "domain", "extension"})


def dialled_in(project: Project) -> list[str]:
    """Without computed addresses."""
    found: dict[str, None] = {}
    for step in (step for flow in project.flows.values() for step in flow.steps.values()):
        for target in step.targets:
            endpoint = find(target.fields["endpoint"], ("0",))
            parts = endpoint.members if isinstance(endpoint, Object) and target.numbers is None else {}
            if parts and all(part.is_literal for name, part in parts.items() if name in _ADDRESS):
                found[address_of({name: part.render({}) for name, part in parts.items() if name in _ADDRESS})] = None
    return list(found)


def read_source(folder: ProjectFolder, source: PhoneText) -> Playable:
    """A large text may take seconds."""
    text = source.text or ""
    if source.file in PASTED and text.lstrip().startswith("["):
        return _ncco(text, source)
    if source.file in PASTED:
        project = load({PASTED_FLOW: text}, modules=folder.modules, extent="files")
        return _flow(project, PASTED_FLOW, project.issues, source)
    read = folder.current()
    if source.text is not None and source.text != read.texts.get(source.file):
        read = folder.with_texts({source.file: text})
    return _flow(read.project, source.file, read.project.issues, source)


def _flow(project: Project, file: str, issues: Sequence[FlowIssue], source: PhoneText) -> Playable:
    own = tuple(issue for issue in issues if issue.place.file == file)
    others = sum(issue.is_error for issue in issues if issue.place.file != file)
    name = next((flow.name for flow in project.flows.values() if flow.place.file == file), "")
    has_errors = any(issue.is_error for issue in own)
    # Flows without errors are played, even if others have some.
    flows = {} if has_errors else dict(project.flows)
    if name in flows and source.step in flows[name].steps:
        flows[name] = replace(flows[name], start=source.step)
    playable = replace(project, issues=(), flows=flows)
    return Playable(playable, source, name, (), own, others)


def _ncco(text: str, source: PhoneText) -> Playable:
    found, document = check_text(text)
    written = SourceFile(source.file, text)
    issues = tuple(
        FlowIssue(each.code, each.severity, written.place(*span), each.message, each.fix) for span, each in found
    )
    ncco = () if any(issue.is_error for issue in issues) else document
    return Playable(None, source, ncco=ncco, issues=issues)

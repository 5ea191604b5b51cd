"""Answers an editor's questions about texts, in the subprocess of `ncco_studio.editor.worker`.

The editor counts columns in UTF-16 code units.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

from ncco_server.flow.files import read_project
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.model import Flow
from ncco_server.flow.nodes import LINE_BREAK, Map, Node, Seq
from ncco_server.flow.runtime import Way
from ncco_server.flow.source import flow_name_in, read_yaml
from ncco_server.flow.source.source_file import SourceFile
from ncco_server.issue import keys_of
from ncco_server.ncco import Issue as NccoIssue
from ncco_server.ncco import check as check_ncco
from ncco_server.ncco.json_text import check_text
from ncco_server.ncco.model import UNKNOWN_OPTION
from ncco_server.ncco.statuses import STATUSES
from ncco_server.service.phone_numbers import readable
from ncco_studio.editor.project import project_in
from ncco_studio.editor.source import PASTED_FLOW, PASTED_JSON, PASTED_YAML, PhoneText, read_source
from ncco_studio.pictures.graph import Drawing, draw
from ncco_studio.pictures.svg import as_svg
from ncco_studio.verify.scenarios.values import json_of

Json: TypeAlias = dict[str, Any]

MOST_ISSUES: Final = 500
"""A text with more is not a flow file."""
MOST_DRAWN: Final = 200
"""More steps take too long to lay out while somebody types."""
WAYS: Final = {name: status.does for name, status in STATUSES.items()} | {
    "completed": STATUSES["answered"].does,
    "noinput": "silence",
    "nomatch": "another answer",
    "else": "otherwise",
    "error": "if something fails",
    "too_long": "takes too long",
}
ACTIONS: Final = {
    "connect": "ring",
    "conversation": "join a conference",
    "ncco": "something made by a template",
    "notify": "notify another server",
    "record": "record what is said",
    "stream": "play a sound",
    "transfer": "join a conference",
}
"""What a box of a picture says to owners for an action without text."""
_HOURS: Final = re.compile(
    r'(?P<not>not )?hours\.(?P<name>\w+)\.(?:open|(?P<holiday>reason == "holiday"|holiday != ""))'
)
NO_PICTURE: Final = '<p class="hint">{}</p>'
_SPEAKING_FLOW: Final = """
flow: pasted
default: true
start: says
steps: {{says: {{do: [{{talk: {{template: {template}}}}}], goto: end}}}}
"""
_BETWEEN_FILES: Final = frozenset({"E210", "E212", "W213"})
"""Which flow of a project a call starts does not concern a pasted one."""


def check(folder: Json, question: Json) -> Json:
    """Return every issue of a text, and of the project if the text is one of its files.

    For `folder` see `ProjectFolder.as_values`. `question` has `file` and `text`.
    """
    file = question["file"]
    text = question["text"]
    if file == PASTED_JSON:
        return {"issues": _shown_issues(_json_issues(file, text), {file: text})}
    node, faults = read_yaml(file, text) if file == PASTED_YAML else (None, [])
    if isinstance(node, Seq):  # flows are maps
        return {"issues": _shown_issues(faults or _ncco_issues(node), {file: text})}
    project = project_in(folder)
    if file != PASTED_YAML:
        read = project.with_texts({file: text})
        return {"issues": _shown_issues(read.project.issues, read.texts)}
    name = flow_name_in(text)
    others = {path: other for path, other in _saved(folder).items() if not name or flow_name_in(other) != name}
    issues = project.load({**others, PASTED_FLOW: text}, "files").issues
    own = (each for each in issues if each.place.file == PASTED_FLOW and each.code not in _BETWEEN_FILES)
    return {"issues": [{**issue, "file": file} for issue in _shown_issues(own, {PASTED_FLOW: text})]}


def read(folder: Json, source: Json) -> bool:
    """Whether the phone can call a text. The worker tries this first, because it may take too long."""
    return read_source(project_in(folder), PhoneText(**source)).is_ready


def exceeded_limit(folder: Json, file: str, text: str) -> str:
    """The limit that a text exceeds, alone or with the rest of the project, or "".

    A text shorter than the file on disk is accepted, because several may have to be shortened. A template is read with
    a flow that speaks it.
    """
    project = project_in(folder)
    speaking = {PASTED_FLOW: _SPEAKING_FLOW.format(template=json.dumps(file.removeprefix("templates/")))}
    read = project.with_texts({file: text, **({} if file.startswith("flows/") else speaking)})
    exceeded = next((issue.message for issue in read.project.issues if issue.code == "E119"), "")
    before = read_project(project.flows, project.templates)[0] if exceeded else {}
    return exceeded if len(text) >= len(before.get(file, "")) else ""


def _in_words(way: Way) -> str:
    """A way as owners call it; a condition that is not about opening hours stays as it is written."""
    hours = _HOURS.fullmatch(way.condition.source) if way.condition is not None else None
    if hours is None:
        return WAYS.get(way.name, way.name)
    return "on a holiday" if hours["holiday"] else f"{hours['name']} {'closed' if hours['not'] else 'open'}"


def picture(folder: Json, source: Json, for_owners: bool) -> str:
    """An SVG diagram, or a paragraph that says why there is none; "" while the text has errors."""
    playable = read_source(project_in(folder), PhoneText(**source))
    if playable.project is None:
        return NO_PICTURE.format("There is no picture of an NCCO: its actions are played one after the other.")
    own = playable.project.flows.get(playable.flow)
    flows = playable.startable or ([own] if own is not None else [])
    if sum(len(flow.steps) for flow in flows) > MOST_DRAWN:
        return NO_PICTURE.format(f"A flow with more than {MOST_DRAWN} steps is drawn only on its own page.")
    return as_svg(drawing_of(flows, for_owners=for_owners)) if flows else ""


def drawing_of(flows: Sequence[Flow], *, for_owners: bool, errors: bool = False) -> Drawing:
    """Leave out the server's addresses. With `errors`, draw error paths."""
    line = next((number for flow in flows for number in flow.numbers), "")
    return draw(
        flows,
        errors=errors,
        shown_number=lambda number: readable(number, line),
        shown_way=_in_words if for_owners else attrgetter("name"),
        shown_action=(lambda word: ACTIONS.get(word, word)) if for_owners else str,
        has_addresses=False,
    )


def _saved(folder: Json) -> dict[str, str]:
    return read_project(Path(folder["flows"]), Path(folder["templates"]))[0]


def _ncco_issues(node: Seq) -> list[FlowIssue]:
    return [_yaml_issue(issue, node) for issue in check_ncco(json_of(node))]


def _shown_issues(issues: Iterable[FlowIssue], texts: Mapping[str, str]) -> list[Json]:
    """The first `MOST_ISSUES`. `texts` is path → text."""
    lines = {file: LINE_BREAK.split(text) for file, text in texts.items()}

    def shown(issue: FlowIssue) -> Json:
        file, line, column, length = issue.place
        of_file = lines.get(file, [])
        written = of_file[line - 1] if line <= len(of_file) else ""
        where = {"file": file, "line": line, "column": 1 + _units(written[: column - 1])}
        return _as_json(issue, where | {"length": max(1, _units(written[column - 1 :][:length]))})

    return [shown(issue) for issue in islice(issues, MOST_ISSUES)]


def _units(text: str) -> int:
    """UTF-16 code units, which JavaScript counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _json_issues(file: str, text: str) -> list[FlowIssue]:
    source = SourceFile(file, text)
    return [
        FlowIssue(issue.code, issue.severity, source.place(*span), issue.message, issue.fix)
        for span, issue in check_text(text)[0]
    ]


def _as_json(issue: FlowIssue, where: Json) -> Json:
    """`where`: file, line, column and length, the last two in UTF-16 code units."""
    return {**where, "severity": issue.severity, "code": issue.code, "message": issue.message, "cure": issue.cure}


def _yaml_issue(issue: NccoIssue, ncco: Seq) -> FlowIssue:
    node = cast("Node", ncco)
    key = None
    for name in keys_of(issue.path):
        entry = node.entry(name) if isinstance(node, Map) else None
        key = entry.key if entry else None
        node = entry.value if entry else cast("Seq", node).items[int(name)]
    place = key.place if key is not None and issue.code == UNKNOWN_OPTION else node.place
    return FlowIssue(issue.code, issue.severity, place, issue.message, issue.fix)

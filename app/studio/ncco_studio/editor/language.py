"""Answers an editor's questions about texts, in the subprocess of `ncco_studio.editor.worker`.

An editor counts columns in UTF-16 code units.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

from ncco_server.flow.files import read_project
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.model import Flow
from ncco_server.flow.nodes import Map, Node, Seq
from ncco_server.flow.runtime import Way
from ncco_server.flow.source import names_written_in, read_yaml
from ncco_server.flow.source.source_file import SourceFile
from ncco_server.issue import keys_of
from ncco_server.ncco import Issue as NccoIssue
from ncco_server.ncco import check as check_ncco
from ncco_server.ncco.json_text import check_text
from ncco_server.ncco.model import UNKNOWN_OPTION
from ncco_server.ncco.statuses import STATUSES
from ncco_server.service.phone_numbers import readable
from ncco_studio.editing import assist
from ncco_studio.editing.fixes import Edit, FindIssues, tried_fixes
from ncco_studio.editing.utf16 import Utf16Columns, character_column, utf16_units
from ncco_studio.editor.project import project_in
from ncco_studio.editor.source import PASTED_FLOW, PASTED_JSON, PASTED_YAML, PhoneText, read_source
from ncco_studio.pictures.graph import Drawing, draw
from ncco_studio.pictures.svg import as_svg
from ncco_studio.verify.scenarios.values import json_of

Json: TypeAlias = dict[str, Any]

MOST_ISSUES: Final = 500
"""A text with more is not a flow file."""
MOST_OPTIONS: Final = 1000
MOST_DRAWN: Final = 200
"""More steps take too long to lay out while somebody types."""
WAYS: Final = {name: status.does for name, status in STATUSES.items()} | {
    "completed": STATUSES["answered"].does,
    "noinput": "silence",
    "nomatch": "another answer",
    "else": "otherwise",
    "error": "if something fails",
}
ACTIONS: Final = {
    "connect": "ring",
    "conversation": "join a conference",
    "ncco": "something made by a template",
    "notify": "notify another server",
    "record": "record what is said",
    "stream": "play a sound",
    "transfer": "join a conference",
    "wait": "pause",
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
_BETWEEN_FILES: Final = frozenset({"E210", "E211", "E212", "W213"})
"""Which flow of a project a call starts does not concern a pasted one."""


def check(folder: Json, question: Json) -> Json:
    """Return every issue of a text, and of the project if the text is one of its files, with fixes.

    For `folder` see `ProjectFolder.as_values`. `question` has `file` and `text`; in other functions also `unsaved`,
    `line` and `column`.
    """
    file = question["file"]
    text = question["text"]
    if file == PASTED_JSON:
        return {"issues": [*_json_issues(file, text)]}
    node, faults = read_yaml(file, text) if file == PASTED_YAML else (None, [])
    if isinstance(node, Seq):  # flows are maps
        return {"issues": shown_issues(faults or _ncco_issues(node), {file: text}, _check_ncco)}
    project = project_in(folder)
    if file != PASTED_YAML:
        read = project.with_texts({file: text})
        return {"issues": shown_issues(read.issues, read.texts, lambda texts: project.load(texts, "project").issues)}
    name, _ = names_written_in(text)
    others = {path: other for path, other in _saved(folder).items() if not name or names_written_in(other)[0] != name}

    def own_issues(changed: Mapping[str, str]) -> list[FlowIssue]:
        issues = project.load({**others, **changed}, "files").issues
        return [issue for issue in issues if issue.place.file == PASTED_FLOW and issue.code not in _BETWEEN_FILES]

    pasted = {PASTED_FLOW: text}
    found = shown_issues(own_issues(pasted), pasted, own_issues)
    return {"issues": [_renamed(issue, file) for issue in found]}


def complete(folder: Json, question: Json) -> Json:
    """Return completions at the cursor, and the column from which they replace text."""
    path, texts, line, column = read_question(folder, question)
    found = assist.completions(texts, path, line, column, folder["env"])
    options = [option._asdict() for option in found.options[:MOST_OPTIONS]]
    return {"from": {"line": line, "column": Utf16Columns(texts)(path, line, found.column)}, "options": options}


def hover(folder: Json, question: Json) -> Json:
    path, texts, line, column = read_question(folder, question)
    found = assist.hover(texts, path, line, column)
    return {"text": found} if found else {}


def definition(folder: Json, question: Json) -> Json:
    path, texts, line, column = read_question(folder, question)
    place = assist.definition(texts, path, line, column)
    if place is None:
        return {}
    shown = Utf16Columns(texts)(place.file, place.line, place.column)
    return {"file": question["file"] if place.file == path else place.file, "line": place.line, "column": shown}


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
    exceeded = next((issue.message for issue in read.issues if issue.code == "E119"), "")
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


def read_question(folder: Json, question: Json) -> tuple[str, dict[str, str], int, int]:
    """If `text` is None, the file in `unsaved` or on disk is used. The column returned is in characters."""
    path = question["file"]
    text = question["text"]
    line = question["line"]
    path = PASTED_FLOW if path == PASTED_YAML else path
    texts = {**_saved(folder), **question["unsaved"], **({} if text is None else {path: text})}
    return path, texts, line, character_column(Utf16Columns(texts).line(path, line), question["column"])


def _saved(folder: Json) -> dict[str, str]:
    return read_project(Path(folder["flows"]), Path(folder["templates"]))[0]


def _ncco_issues(node: Seq) -> list[FlowIssue]:
    return [_yaml_issue(issue, node) for issue in check_ncco(json_of(node))]


def _check_ncco(texts: Mapping[str, str]) -> Iterator[FlowIssue]:
    for file, text in texts.items():
        node, faults = read_yaml(file, text)
        yield from faults or (_ncco_issues(node) if isinstance(node, Seq) else [])


def _renamed(issue: Json, file: str) -> Json:
    fixes = [{**fix, "edits": [{**edit, "file": file} for edit in fix["edits"]]} for fix in issue["fixes"]]
    return {**issue, "file": file, "fixes": fixes}


def shown_issues(issues: Iterable[FlowIssue], texts: Mapping[str, str], check: FindIssues) -> list[Json]:
    """Keep only fixes that work, and the first `MOST_ISSUES` issues. `texts` is path → text."""
    listed = list(issues)[:MOST_ISSUES]
    helpful = tried_fixes(listed, texts, check)
    column = Utf16Columns(texts)

    def written(edit: Edit) -> Json:
        replaced = column.range(edit.file, (edit.line, edit.column), (edit.end_line, edit.end_column))
        return {**replaced, "text": edit.text}

    def shown(issue: FlowIssue) -> Json:
        place = issue.place
        start = column(place.file, place.line, place.column)
        fix = helpful.get(issue)
        fixes = [{"title": fix.title, "edits": [written(edit) for edit in fix.edits]}] if fix else []
        end = column(place.file, place.line, place.column + place.length)
        where = {"file": place.file, "line": place.line, "column": start, "length": end - start}
        return _as_json(issue, where, fixes)

    return [shown(issue) for issue in listed]


def _json_issues(file: str, text: str) -> Iterator[Json]:
    source = SourceFile(file, text)
    column = Utf16Columns({file: text})
    for (start, end), issue, change in check_text(text)[0]:
        line, at = source.position(start)
        fixes = []
        if change is not None:
            (first, last), written = change
            edit = column.range(file, source.position(first), source.position(last))
            title = issue.quick_fix.title if issue.quick_fix else issue.fix
            fixes = [{"title": title, "edits": [{**edit, "text": written}]}]
        length = max(1, utf16_units(text[start:end]))
        yield _as_json(issue, {"file": file, "line": line, "column": column(file, line, at), "length": length}, fixes)


def _as_json(issue: FlowIssue | NccoIssue, where: Json, fixes: Sequence[Json]) -> Json:
    """`where`: file, line, column and length, the last two in UTF-16 code units."""
    cure = issue.fix if isinstance(issue, NccoIssue) else issue.cure
    texts = {"severity": issue.severity, "code": issue.code, "message": issue.message, "cure": cure}
    return {**where, **texts, "fixes": fixes}


def _yaml_issue(issue: NccoIssue, ncco: Seq) -> FlowIssue:
    node = cast("Node", ncco)
    key = None
    for name in keys_of(issue.path):
        entry = node.entry(name) if isinstance(node, Map) else None
        key = entry.key if entry else None
        node = entry.value if entry else cast("Seq", node).items[int(name)]
    place = key.place if key is not None and issue.code == UNKNOWN_OPTION else node.place
    fix = issue.quick_fix
    fix = replace(fix, kind="word") if fix and fix.kind in ("word", "name") else None
    return FlowIssue(issue.code, issue.severity, place, issue.message, issue.fix, quick_fix=fix)

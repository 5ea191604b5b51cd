"""Answers the language server's questions, in the subprocesses of `ncco_studio.editor.worker`.

As in `ncco_studio.editor.language`, functions take `folder` and `question`; lines and columns count from 1, columns in
UTF-16 code units. A subprocess has no settings, makes no lookups and runs no functions of flows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from ncco_server.engine import CallData, LookupAnswer, begin, played
from ncco_server.flow.files import MAX_FILE_BYTES, too_large
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.model import Flow
from ncco_server.flow.nodes import Place, walk
from ncco_server.sample_calls import ANY_NUMBER, FROM
from ncco_studio.editing import assist
from ncco_studio.editing.names import ProjectNames
from ncco_studio.editing.rename import CannotRename, edits_of, name_at, rename
from ncco_studio.editing.utf16 import Utf16Columns
from ncco_studio.editor import language
from ncco_studio.editor.language import read_question, shown_issues
from ncco_studio.editor.project import project_in
from ncco_studio.verify.prove.turns import context_at
from ncco_studio.verify.scenarios.files import files_of
from ncco_studio.verify.scenarios.fitting import Fitting, placeholder_env
from ncco_studio.verify.scenarios.model import AT, read_scenarios
from ncco_studio.verify.scenarios.names import Meanings, name_written_at
from ncco_studio.verify.scenarios.values import ScenarioReader

Json: TypeAlias = dict[str, Any]

MOST_LINES: Final = 80
"""Of an NCCO in a hover text."""
MOST_SYMBOLS: Final = 1000
_SOURCES: Final = ("flows/", "templates/")


def check(folder: Json, question: Json) -> list[Json]:
    """Every issue of the project and its scenarios, with fixes.

    Args:
        folder: see `ProjectFolder.as_values`, and `root`, the folder of the project.
        question: `unsaved`, path → text of open documents; and `too_large`, the paths of open documents that were not
            sent. Other functions use `file`, `line` and `column`; `text` is None.
    """
    project = project_in(folder)
    read = project.with_texts({**_sources(question["unsaved"]), **dict.fromkeys(question["too_large"])})
    texts = read.texts
    issues = [*map(too_large, question["too_large"]), *read.issues]
    scenarios = {path: text for path, text in _scenarios(folder, question["unsaved"]).items() if path not in texts}
    fitting = Fitting(read.project) if not any(issue.is_error for issue in read.project.issues) else None
    for path, text in scenarios.items():
        issues += _scenario_issues(path, text, fitting)

    def check(changed: Mapping[str, str]) -> Iterable[FlowIssue]:
        yield from project.load(_sources(changed), "project").issues
        for path in changed.keys() & scenarios.keys():
            yield from _scenario_issues(path, changed[path], fitting)

    return shown_issues(issues, {**scenarios, **texts}, check)


def complete(folder: Json, question: Json) -> Json:
    """Completions at the cursor; in a scenario file, the flows, lookups and hooks allowed there."""
    if question["file"].startswith(_SOURCES):
        return language.complete(folder, question)
    path, texts, line, column = read_question(folder, question)
    name = name_written_at(path, texts.get(path, ""), line, column)
    if name is None:
        return {}
    known = ProjectNames(texts).all_of(name.kind).values()
    options = [assist.Completion(each.name, name.kind, assist.described(each), each.name) for each in known]
    start = {"line": line, "column": Utf16Columns(texts)(path, line, name.place.column)}
    return {"from": start, "options": [option._asdict() for option in options]}


def hover(folder: Json, question: Json) -> Json:
    """A description of the word at the cursor; for a step, also the `ncco` of a call that starts there."""
    path, texts, line, column = read_question(folder, question)
    text = assist.hover(texts, path, line, column)
    if text is None:
        return {}
    names = ProjectNames(texts)
    step = names.definition_at(path, line, column)
    ncco = ""
    if step is not None and step.kind == "steps":
        flows = project_in(folder).with_texts(_sources(question["unsaved"])).project.flows
        flow = flows.get(names.files[step.place.file].flow)
        ncco = _ncco_of(flow, step.name) if flow is not None and step.name in flow.steps else ""
    return {"text": text, "ncco": ncco}


def references(folder: Json, question: Json) -> list[Json]:
    path, texts, line, column = read_question(folder, question)
    names = ProjectNames(texts)
    definition = names.definition_at(path, line, column)
    if definition is None:
        return []
    scenarios = _scenarios(folder, question["unsaved"])
    found = [*names.occurrences(definition), *Meanings(scenarios, names).references(definition)]
    return _ranges([name.place for name in found], {**texts, **scenarios})


def renamable(folder: Json, question: Json) -> Json:
    """The `range` of the name at the cursor if it can be renamed, or else the `problem`."""
    path, texts, line, column = read_question(folder, question)
    try:
        name, _ = name_at(ProjectNames(texts), path, line, column)
    except CannotRename as error:
        return {"problem": str(error)}
    return {"range": _ranges([name.place], texts)[0]}


def renamed(folder: Json, question: Json, new: str) -> Json:
    path, texts, line, column = read_question(folder, question)
    names = ProjectNames(texts)
    try:
        _, definition = name_at(names, path, line, column)
        edits = rename(texts, definition, new)
        scenarios = _scenarios(folder, question["unsaved"])
        edits += edits_of(Meanings(scenarios, names).renamed(definition, new), scenarios, new) if edits else ()
    except CannotRename as error:
        return {"problem": str(error)}
    places = [Place(edit.file, edit.line, edit.column, edit.end_column - edit.column) for edit in edits]
    return {"edits": _ranges(places, {**texts, **scenarios})}


def symbols(folder: Json, question: Json, query: str | None = None) -> list[Json]:
    """The symbols of a file or, with a `query`, all with the query in their name, ignoring case."""
    _, texts, _, _ = read_question(folder, question)
    names = ProjectNames(texts)
    column = Utf16Columns(texts)
    files = [question["file"]] if query is None else sorted(names.files)
    found: list[Json] = []
    for file in (file for file in files if file in names.files):
        for name in names.files[file].names:
            if name.is_definition and (query is None or query.lower() in name.name.lower()):
                last = max([name.place[1:], *([each.place[1:] for each in walk(name.node)] if name.node else [])])
                found.append(
                    {
                        "name": name.name,
                        "kind": name.kind,
                        "detail": assist.described(name) if query is None else names.files[file].flow or file,
                        "range": _ranges([name.place], texts)[0],
                        "end": {"line": last[0], "column": column(file, last[0], last[1] + last[2])},
                    }
                )
    return found[:MOST_SYMBOLS]


def _sources(unsaved: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in unsaved.items() if path.startswith(_SOURCES)}


def _scenarios(folder: Json, unsaved: Mapping[str, str]) -> dict[str, str]:
    """Path → text of the project's scenario files; "" for one that is too large."""
    found: dict[str, str] = {}
    root = Path(folder["root"])
    for path in files_of(root):
        name = path.relative_to(root).as_posix()
        is_read = name not in unsaved and path.stat().st_size <= MAX_FILE_BYTES
        found[name] = path.read_bytes().decode("utf-8-sig", "replace") if is_read else ""
    return found | {path: text for path, text in unsaved.items() if not path.startswith(_SOURCES)}


def _scenario_issues(path: str, text: str, fitting: Fitting | None) -> list[FlowIssue]:
    """A scenario file's issues; names are checked only if the flows have no errors."""
    scenarios, issues = read_scenarios(path, text)
    reader = ScenarioReader(issues=[])
    if fitting is not None:
        for scenario in scenarios:
            fitting.fit(scenario, reader)
    return [*issues, *reader.issues]


def _ranges(places: Iterable[Place], texts: Mapping[str, str]) -> list[Json]:
    columns = Utf16Columns(texts)
    return [
        columns.range(each.file, (each.line, each.column), (each.line, each.column + each.length)) for each in places
    ]


def _ncco_of(flow: Flow, step: str) -> str:
    """The NCCO of a call that begins in a step, as JSON, with default values; "" for the failsafe NCCO."""
    call = CallData(next(iter(flow.numbers), ANY_NUMBER), FROM, uuid="leg", conversation_uuid="CON-1")
    playing = begin(replace(flow, start=step), "leg", call, context_at(AT, placeholder_env([flow])))
    turn = played(playing, lambda _: LookupAnswer(None, "not asked"))
    if turn.is_failsafe:
        return ""
    lines = json.dumps(turn.ncco, ensure_ascii=False, indent=2).split("\n")
    return "\n".join([*lines[:MOST_LINES], *(["..."] if len(lines) > MOST_LINES else [])])

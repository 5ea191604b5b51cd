"""`ncco check`: reports the issues of flow files, with places and fixes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import click

from ncco_server.desk import options
from ncco_server.desk.environment import flow_variables
from ncco_server.desk.output import FINE, ISSUES, print_result
from ncco_server.desk.project import LoadedProject, Source, source_at
from ncco_server.desk.studio import code_pages, find_studio
from ncco_server.flow.report import Format, report
from ncco_server.wording import counted


@click.command(
    "check",
    epilog="""\b
Examples:
  ncco check                               the project in this folder: flows/ and templates/
  ncco check examples/hours                the project in that folder
  ncco check flows/acme.yaml               one flow file with the project's templates
  ncco check --format github               annotations for GitHub Actions

Exit codes: 0 no errors (there may be warnings), 1 errors, 2 nothing could be read. To see what a code means: ncco
explain E214""",
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@options.flows
@options.templates
@options.output("text", "json", "github")
@click.option("--today", callback=options.read_day, metavar="DATE", help="Check as of this date [today].")
def command(
    paths: tuple[Path, ...],
    flows: Path | None,
    templates: Path | None,
    form: Format,
    *,
    today: date | None,
) -> int:
    """Show the issues of flows and templates, with places and fixes.

    PATHS are project folders (which contain a flows folder), folders with flow files, flow files, or Python files with
    handlers.
    """
    named = [source_at(path, templates) for path in paths]
    sources = _joined(named or [Source.here(flows, templates)])
    code, shown = _check(sources, form, today)
    print_result(shown)
    return code


def _joined(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Files of the same folder become one source, so that they are checked together."""
    joined: dict[tuple[Path, Path, bool], Source] = {}
    for source in sources:
        key = (source.flows, source.templates, bool(source.files))
        before = joined.get(key, replace(source, files=()))
        joined[key] = replace(before, files=tuple(dict.fromkeys((*before.files, *source.files))))
    return tuple(joined.values())


def _check(sources: Sequence[Source], form: Format, today: date | None) -> tuple[int, str]:
    """Return the exit code and the report of all sources on a day (None: today). Raises CannotRun."""
    day = today or datetime.now(UTC).date()
    played = [_with_calls(source.load(today=day)) for source in sources]
    findings = [loaded for loaded, _ in played]
    issues = [issue for found in findings for issue in found.issues]
    texts = {name: text for found in findings for name, text in found.texts.items()}
    shown = report(issues, texts, form, colour=True, pages=code_pages())
    if form == "text":
        never = [f"{file}: no call came to {lines}\n" for _, missed in played for file, lines in missed.items()]
        shown = "".join([shown or f"{_no_issues(findings)}\n", *never])
    return ISSUES if any(issue.is_error for issue in issues) else FINE, shown


def _with_calls(found: LoadedProject) -> tuple[LoadedProject, dict[str, str]]:
    """Add what calls of handlers meet, which needs the studio; and the lines that none has reached, by file."""
    studio = find_studio()
    if studio is None or not any(flow.handler is not None for flow in found.project.flows.values()):
        return found, {}
    met, never = studio.play_handlers(found.project, flow_variables())
    path_of = found.source.path_of
    issues = (replace(each, place=each.place._replace(file=path_of(each.place.file))) for each in met)
    return replace(found, issues=(*found.issues, *issues)), {path_of(file): lines for file, lines in never.items()}


def _no_issues(findings: list[LoadedProject]) -> str:
    files = len({name for found in findings for name in found.texts})
    flows = sum(len(found.project.flows) for found in findings)
    return f"no issues: {counted(flows, 'flow')} in {counted(files, 'file')}"

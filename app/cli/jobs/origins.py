"""`ncco explain FLOW STEP`: each value of a step, with the file and the line that it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import click

from app.cli.jobs.environment import folders
from app.cli.jobs.layers import layers_of
from app.cli.jobs.naming import did_you_mean, loaded_flows
from app.cli.jobs.project import Source, as_named
from app.cli.jobs.step_values import Row, rows_of
from app.cli.terminal import takes_colour
from app.cli.work import FINE, ISSUES, CannotRun
from app.flow.model import Flow
from app.flow.nodes import Place
from app.flow.report import printable

WIDEST: Final = 60
"""Columns of a value that are shown."""
HIDDEN: Final = "instead of"


def explain_step(
    flow: str, step: str | None, flows: Path | None, templates: Path | None, form: Literal["text", "json"]
) -> int:
    """Print them. ISSUES when the flow has errors. Raises CannotRun."""
    found = loaded_flows(flow, flows, templates)
    if found is None:
        return ISSUES
    (loaded,) = found
    name = _step(loaded, step)
    source = Source(*folders(flows, templates))
    rows = list(rows_of(loaded, loaded.steps[name], layers_of(loaded, name)))
    if form == "json":
        click.echo(_as_json(loaded.name, name, rows, source))
    else:
        head = f"step {name} of flow {loaded.name}, {_where(loaded.steps[name].place, source)}"
        click.echo("\n".join([head, "", *_as_lines(rows, source)]), color=takes_colour())
    return FINE


def _step(flow: Flow, step: str | None) -> str:
    """The step that is meant. Raises CannotRun."""
    if step is None:
        steps = ", ".join(flow.steps)
        raise CannotRun("a step is missing behind the flow", f"name one of its steps: {steps}")
    if step not in flow.steps:
        raise CannotRun(f'flow "{flow.name}" has no step "{step}"', did_you_mean(step, flow.steps))
    return step


def _where(place: Place | None, source: Source) -> str:
    return f"{as_named(place.file, source)}:{place.line}" if place else ""


def _as_lines(rows: Sequence[Row], source: Source) -> Iterator[str]:
    """One line a value, in columns; what it hides stands below it, indented."""
    cells = [cell for row in rows for cell in _cells(row, source)]
    widths = [max((len(cell[column]) for cell in cells), default=0) for column in range(3)]
    is_coloured = takes_colour()
    for name, value, where, origin in cells:
        line = f"  {name:<{widths[0]}}  {value:<{widths[1]}}  {where:<{widths[2]}}  {origin}".rstrip()
        yield click.style(line, dim=True) if is_coloured and name.lstrip().startswith(HIDDEN) else line


def _cells(row: Row, source: Source) -> Iterator[tuple[str, str, str, str]]:
    yield row.name, _cut(row.value), _where(row.place, source), row.origin
    for hidden in row.hides:
        yield f"  {HIDDEN}", _cut(hidden.value), _where(hidden.place, source), hidden.origin


def _cut(text: str) -> str:
    line = printable(text)
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"


def _as_json(flow: str, step: str, rows: Iterable[Row], source: Source) -> str:
    values = [_as_row(row, source) | {"hides": [_as_row(hidden, source) for hidden in row.hides]} for row in rows]
    return json.dumps({"flow": flow, "step": step, "values": values}, indent=2, ensure_ascii=False)


def _as_row(row: Row, source: Source) -> dict[str, object]:
    place = row.place
    at = {"file": as_named(place.file, source), "line": place.line, "column": place.column} if place else {}
    return {"name": row.name, "value": row.value, "origin": row.origin, **at}

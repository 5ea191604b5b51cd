"""The flows of the project: a list with issues, and each flow as a picture with its steps' details."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, HTTPException, Query, Request, Response
from markupsafe import Markup

from ncco_server.errors import StoreError
from ncco_server.flow.files import named_flows
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.model import Flow
from ncco_server.service.phone_numbers import readable
from ncco_server.suggest import nearest
from ncco_studio.console.access import CanLook
from ncco_studio.console.pages import STATIC, View, refused, render, view_of
from ncco_studio.console.polled import ListSearch
from ncco_studio.console.report import PeriodQuery, count_period
from ncco_studio.console.state import TheConsole
from ncco_studio.console.traffic import Traffic, busiest, paint_traffic, traffic_for, traffic_words
from ncco_studio.editor.language import drawing_of
from ncco_studio.editor.project import ReadProject
from ncco_studio.pictures.graph import GraphNode, entrances
from ncco_studio.pictures.svg import as_svg

router = APIRouter()

MOST_ISSUES: Final = 100
KINDS: Final = {
    "start": "where calls begin",
    "step": "plays something",
    "ask": "asks the caller",
    "decide": "decides",
    "hold": "waits for another system",
    "run": "runs another part",
    "link": "another part",
    "end": "an end",
}
_STYLE: Final = (STATIC / "picture.css").read_text(encoding="utf-8")


class PictureQuery(ListSearch):
    """What a picture shows, as in its URL."""

    errors: bool = False
    """Whether to draw error paths."""


Wanted: TypeAlias = Annotated[PictureQuery, Query()]


async def _picture(request: Request, flow: Flow, traffic: Traffic | None = None, *, errors: bool) -> dict[str, Any]:
    """The values of `flow_steps.html`, with the picture; drawing takes a second or more for 2,000 steps."""
    drawn = await asyncio.to_thread(_drawn, flow, traffic, view_of(request), errors=errors)
    return {"picture": drawn, "kinds": KINDS}


def _drawn(flow: Flow, traffic: Traffic | None, view: View, *, errors: bool) -> dict[str, Any]:
    """Draw a flow and those it runs: the SVG, each flow's steps by title, and the kinds of nodes.

    A step has its node, and its exits as (label, target).
    """
    drawing = drawing_of([flow], for_owners=view == "owner", errors=errors)
    painted = paint_traffic(drawing, traffic) if traffic else drawing
    names = {node.key: _name(node, flow.title) for flow in drawing.subgraphs for node in flow.nodes}
    ways: dict[str, list[tuple[str, str]]] = {}
    for arrow in painted.arrows:
        ways.setdefault(arrow.start, []).append((", ".join(arrow.lines), names[arrow.end]))
    steps = {
        flow.title: [(node, ways.get(node.key, [])) for node in flow.nodes if node.step] for flow in drawing.subgraphs
    }
    found = {node.kind for flow in drawing.subgraphs for node in flow.nodes}
    found |= {"link"} if len(drawing.subgraphs) > 1 else set()
    svg = Markup(as_svg(painted, room_for=busiest(drawing)))  # noqa: S704 - every text in it is escaped
    return {"svg": svg, "steps": steps, "kinds": [kind for kind in KINDS if kind in found]}


def _name(node: GraphNode, flow: str) -> str:
    return node.step or (f"the part {flow}" if node.kind == "start" else node.lines[0])


def _listed(read: ReadProject) -> Iterator[dict[str, Any]]:
    """Yield each flow of the list; it is None if its file has errors."""
    files = named_flows(read.texts) | {name: flow.place.file for name, flow in read.project.flows.items()}
    for name, file in sorted(files.items()):
        flow = read.project.flows.get(name)
        own = [issue.is_error for issue in read.project.issues if issue.place.file == file]
        shown = {"flow": flow, "entrances": _entrances(flow, read) if flow else ()}
        yield shown | {"name": name, "file": file, "errors": sum(own), "warnings": len(own) - sum(own)}


def _entrances(flow: Flow, read: ReadProject) -> tuple[str, ...]:
    has_all = not any(each.numbers for each in read.project.flows.values())
    return entrances(flow, has_all=has_all, shown=lambda number: readable(number, number))


def _shown(issues: list[FlowIssue]) -> dict[str, object]:
    """Sort errors first."""
    return {"issues": sorted(issues, key=lambda issue: not issue.is_error)[:MOST_ISSUES], "found": len(issues)}


@router.get("/flows")
async def flows(request: Request, console: TheConsole, _: CanLook) -> Response:
    read = await console.read_project()
    calls: dict[str, int] = {}
    with suppress(StoreError):  # the *Calls* page reports it
        week = PeriodQuery().period(read.project.zone_of(), datetime.now(UTC))
        rows = (await count_period(console, week)).rows
        calls = {row["name"]: row["calls"] for row in rows if row["by"] == "flow"}
    return render(request, "flows.html", flows=list(_listed(read)), calls=calls, **_shown(list(read.project.issues)))


@router.get("/flows/{name}/picture.svg")
async def picture_file(request: Request, console: TheConsole, name: str, _: CanLook) -> Response:
    flow = (await console.read_project()).project.flows.get(name)
    if flow is None:
        raise HTTPException(404, "There is no such flow.")
    drawing = drawing_of([flow], for_owners=view_of(request) == "owner")
    svg = await asyncio.to_thread(as_svg, drawing, _STYLE)
    return Response(svg, media_type="image/svg+xml")


@router.get("/flows/{name}")
async def flow(request: Request, console: TheConsole, name: str, _: CanLook, wanted: Wanted) -> Response:
    """Show a flow as a picture, or why it does not load. With `wanted.errors`, also show its error paths."""
    read = await console.read_project()
    flow = read.project.flows.get(name)
    file = flow.place.file if flow else named_flows(read.texts).get(name, "")
    if not file:
        near = nearest(name, sorted(named_flows(read.texts)))
        cure = f"Did you mean {near}?" if near else "The list of flows shows them all."
        return refused(request, 404, f"The project has no flow {name}.", cure)
    values = _shown([issue for issue in read.project.issues if issue.place.file == file])
    if flow is None:
        return render(request, "flow_errors.html", name=name, file=file, **values)
    return render(
        request,
        "flow.html",
        flow=flow,
        entrances=_entrances(flow, read),
        wanted=wanted,
        has_calls=not console.settings.has_memory_store,
        **await _picture(request, flow, errors=wanted.errors),
        **values,
    )


@router.get("/flows/{name}/painted")
async def painted(request: Request, console: TheConsole, name: str, _: CanLook, wanted: Wanted) -> Response:
    """Send the picture with the calls of the last 7 days, or why there are none. Pages load it later."""
    read = await console.read_project()
    flow = read.project.flows.get(name)
    if flow is None:
        problem = f"The flow {name} was removed or now has errors. Reload the page."
        return render(request, "flow_painted.html", problem=problem)
    period = PeriodQuery(days="7").period(read.project.zone_of(name), datetime.now(UTC))
    traffic = await traffic_for(console, period, read)
    if isinstance(traffic, str):
        return render(request, "flow_painted.html", problem=traffic)
    words = list(traffic_words(flow, traffic, period))
    picture = await _picture(request, flow, traffic, errors=wanted.errors)
    return render(request, "flow_painted.html", problem="", words=words, flow=flow, **picture)

"""Recorded calls: a searchable list, and each call as a conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Query, Request, Response

from ncco_server.desk.documents import CallDocument, HookDocument
from ncco_server.desk.exports import call_pages
from ncco_server.desk.recorded_calls import entries_of
from ncco_server.desk.transcript import stored_lines
from ncco_server.flow.model import Project
from ncco_server.results import RESULTS
from ncco_server.service.call_search import FoundCalls
from ncco_server.service.phone_numbers import readable, sought_digits
from ncco_server.store import CallFilter, CallRow, ResultRow, milliseconds
from ncco_server.wording import duration_text
from ncco_studio.console.access import CanLook
from ncco_studio.console.change.fields import group_title
from ncco_studio.console.download import csv_response
from ncco_studio.console.messages import shown
from ncco_studio.console.pages import refused, render
from ncco_studio.console.placed import placing_flows
from ncco_studio.console.polled import ListSearch, PolledRoute, list_page
from ncco_studio.console.report import MISSED_WORDS, PERIODS, RESULT_WORDS, PeriodQuery, texts_of
from ncco_studio.console.state import Console, TheConsole, console_of
from ncco_studio.console.tables import tables_of_number

router = APIRouter(route_class=PolledRoute)

PAGE: Final = 50
STATES: Final = {
    "": "all",
    "missed": RESULT_WORDS["missed"],
    **{f"missed:{reason}": f"missed: {words}" for reason, words in MISSED_WORDS.items()},
    **{result: RESULT_WORDS[result] for result in ("message", "person", "served")},
    "open": "in progress",
    "failed": "something failed",
}
_PLAIN: Final[Mapping[str, str]] = {
    "open": "on the line now",
    **{result: RESULT_WORDS[result] for result in ("message", "served")},
    "answered": "placed by this line",
    "lost": "end not known",
    "unknown": "not known",
}
"""Results in the owner's words, if nothing else about the call matters."""


class CallSearch(PeriodQuery, ListSearch):
    """The filters of the list of calls, as in the URL's query."""

    q: Annotated[str, Query(max_length=200)] = ""
    """A number's first or last digits, a name of a caller or flow, spoken words, or the start of an ID."""
    flow: Annotated[str, Query(max_length=100)] = ""
    state: Annotated[str, Query(max_length=110, pattern=f"^({'|'.join(STATES)}|own:.*)$")] = ""
    before: Annotated[int | None, Query(ge=0, lt=1 << 63)] = None
    """The key of the call after which the page starts."""

    @property
    def number(self) -> str:
        """Return "" if the text is not a number."""
        return sought_digits(self.q)

    @property
    def word(self) -> str:
        """Return "" if the text is a number."""
        return "" if self.number else self.q.strip()

    def filter(self, now: datetime, zone: tzinfo) -> CallFilter:
        since = until = 0
        if self.days or self.first or self.last:
            since, until = self.period(zone, now).milliseconds
            until = max(1, until)  # 0 means any
        kind, _, name = self.state.partition(":")
        return CallFilter(
            self.number,
            self.flow.strip(),
            max(0, since),
            until,
            is_open=self.state == "open",
            has_failed=self.state == "failed",
            result=self.state if self.state in RESULTS and self.state != "open" else "",
            own=name if kind == "own" else "",
            reason=name if kind == "missed" else "",
        )


Search: TypeAlias = Annotated[CallSearch, Query()]


def plain_state(call: ResultRow, texts: Mapping[str, str]) -> str:
    """`texts` are those of the flows' own results."""
    own = texts.get(call.own) or call.own.replace("_", " ")
    if call.result == "own":
        return own
    words = _plain_result(call)
    return f"{words}; {own}" if own else words


def at_step(call: ResultRow) -> str:
    """Where in the flow the call is, or was last; "" if unknown."""
    step = _step(call)
    if not step and call.flow and call.result == "open":  # no webhook of it is awaited
        return "leaving a message or saying goodbye"
    return f"in the {step}" if step.endswith("menu") else f"at “{step}”" if step else ""


def _step(call: ResultRow) -> str:
    return call.step.partition(".")[2].replace("_", " ")


def _plain_result(call: ResultRow) -> str:
    step = _step(call)
    if call.result == "person":
        spoken = "on the line"
        if call.ended_at is not None and call.person_at is not None:
            spoken = f"spoke {duration_text((call.ended_at - call.person_at) / 1000)}"
        return f"{spoken} with {step}" if step else spoken
    if call.result in _PLAIN:
        return _PLAIN[call.result]
    if call.reason in ("", "menu"):
        return f"hung up {at_step(call)}".rstrip()
    return MISSED_WORDS[call.reason]


def _shown(row: CallRow, result: ResultRow | None, now_ms: int, texts: Mapping[str, str]) -> dict[str, Any]:
    call = CallDocument.of(row, result, now_ms)
    plain = plain_state(result, texts) if result else "a called party" if call.parent else "placed by this line"
    return dict(call) | {"words": call.words, "took": duration_text(call.seconds), "plain": plain}


@router.get("/calls")
async def calls(request: Request, search: Search, _: CanLook) -> Response:
    """Show the list, or only its rows, the same for all polling pages.

    A search for words is not repeated, because it takes long.
    """
    if request.state.version and search.word:
        return Response(status_code=204)
    return await list_page(request, f"/calls{search.address()}", "calls", partial(_listed, request, search))


async def _listed(request: Request, search: CallSearch, template: str) -> Response:
    console = console_of(request)
    now = datetime.now(UTC)
    project = (await console.read_project()).project
    found = await _finder(console, search, project, now)(None, PAGE)
    own_results = await console.overview.own_results()
    now_ms = milliseconds(now)
    texts = texts_of(project)
    return render(
        request,
        template,
        search=search,
        calls=[_shown(row, result, now_ms, texts) for row, result in found.calls],
        older=search.address(before=found.next) if found.next is not None else "",
        searched_until=found.searched_until,
        states=STATES | {f"own:{name}": texts.get(name) or name.replace("_", " ") for name in own_results},
        periods={"today": "Today", **PERIODS},
        flows=sorted(project.flows),
        lines=[line for flow in project.flows.values() for line in (*flow.numbers, *["any other"] * flow.default)],
        places_calls=bool(placing_flows(project)),
    )


def _finder(
    console: Console, search: CallSearch, project: Project, now: datetime
) -> Callable[[int | None, int], Awaitable[FoundCalls]]:
    """A function that finds calls after a key, by default that of the search, and at most so many."""
    wanted = search.filter(now, project.zone_of())

    async def find(before: int | None, most: int) -> FoundCalls:
        return await console.overview.calls(
            wanted,
            most,
            project.flows,
            now,
            id_=search.q.strip(),
            word=search.word,
            before=search.before if before is None else before,
        )

    return find


TITLES: Final = {
    **{"began_at": "When", "who": "Caller", "name": "Name", "line": "Called", "flow": "Line"},
    **{"length_s": "Length, seconds", "plain": "What happened", "where": "Where"},
    **{"returned_at": "Called back", "returned_by": "Called back by"},
}


@router.get("/calls.csv")
async def calls_csv(request: Request, console: TheConsole, search: Search, _: CanLook) -> Response:
    """Show what the page shows, in columns with titles."""
    project = (await console.read_project()).project
    now = datetime.now(UTC)
    find = _finder(console, search, project, now)
    pages = call_pages(find, partial(_cells, texts=texts_of(project)), milliseconds(now))
    return await csv_response(request, "calls", TITLES, pages, project.zone_of(), name="calls")


def _cells(row: CallRow, result: ResultRow | None, now_ms: int, texts: Mapping[str, str]) -> dict[str, object]:
    call = _shown(row, result, now_ms, texts)
    who = readable(call["caller"], call["to"]) or "withheld"
    line = readable(call["to"], call["to"])
    flow = group_title(call["flow"])
    length_s = None if call["seconds"] is None else round(call["seconds"])
    where = _step(result) if result else ""
    return call | {"who": who, "line": line, "flow": flow, "length_s": length_s, "where": where}


@router.get("/calls/{name:path}")
async def call(request: Request, console: TheConsole, name: str, _: CanLook) -> Response:
    now = datetime.now(UTC)
    now_ms = milliseconds(now)
    project = (await console.read_project()).project
    found = await console.overview.call(name, project.flows, now)
    if found is None:
        return refused(request, 404, "There is no such call.", "The page Calls lists them all.")
    timeline = found.timeline
    texts = texts_of(project)
    return render(
        request,
        "call.html",
        call=_shown(timeline.call, found.result, now_ms, texts),
        person=found.person,
        others=[_shown(*each, now_ms, texts) for each in found.others],
        tables=await tables_of_number(console, project, found.person),
        lines=list(stored_lines(timeline, now_ms)),
        webhooks={entry.webhook.id: entry.document for entry in entries_of(timeline)},
        recordings=[shown(row) for row in found.recordings],
        hooks=[HookDocument.of(hook, now_ms) for hook in timeline.hooks],
    )

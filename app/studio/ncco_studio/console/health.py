"""The server's health: problems that need attention, the last hour, and current use."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from fastapi import APIRouter, Request, Response

from ncco_server.desk.problems import (
    ServerProblem,
    problems_of_audio,
    problems_of_hashes,
    problems_of_placing,
    tables_with_hashes,
)
from ncco_server.errors import StoreError
from ncco_server.flow.model import Project
from ncco_server.flow.report import as_sentence, counted
from ncco_server.issue import RuleBook
from ncco_server.service.figures import LookupFigures, ServerFigures
from ncco_server.service.recording_files import NO_KEY
from ncco_server.service.recordings import SET_KEY
from ncco_server.service.turns import CALL_EXPIRY_MS
from ncco_server.settings import Settings
from ncco_server.store import milliseconds, open_store
from ncco_server.store.table_rows import tables_without_key
from ncco_server.version import VERSION
from ncco_studio.console.access import CanLook
from ncco_studio.console.caches import ServerReading
from ncco_studio.console.pages import render
from ncco_studio.console.state import Console, TheConsole

router = APIRouter()

OFTEN: Final = 0.1
"""The share of failed lookups that is an error, not just a warning."""
MANY_FAILED_TRIES: Final = 3
"""Failed attempts in an hour that are a problem; a few are normal, since a first attempt may be too early."""
STUCK: Final = timedelta(hours=1)
"""A job that fails or runs for longer is a problem. Most take less than a minute."""
MOST_COUNTED: Final = 100_000
"""Open calls."""
SLOW_S: Final = 2.5
"""Webhooks are too slow above this; Vonage gives up after 5 s."""


class HealthProblem(NamedTuple):
    """A problem, and what to do about it; in `PROBLEMS`, with names to fill in.

    Attributes:
        severity: `error` if callers notice it, otherwise `warning`.
        plain: what it means for the owner of the line, in one sentence.
        text: the details for the operator.
        page: a page of the documentation.
        link: the console page with details, or "", and `where` in words.
    """

    code: str
    severity: str
    plain: str
    text: str
    cure: str
    page: str
    where: str = ""
    link: str = ""


PROBLEMS: Final[Mapping[str, HealthProblem]] = RuleBook(HealthProblem, Path(__file__).with_name("health.yaml"))


def _found(code: str, **names: object) -> HealthProblem:
    return HealthProblem(*(words.format(**names) for words in PROBLEMS[code]))


@router.get("/health")
async def health(request: Request, console: TheConsole, _: CanLook) -> Response:
    settings = console.settings
    now = datetime.now(UTC)
    revisions, away = await _revisions(console, now)
    server = await console.server.read()
    figures = server.figures
    read = await console.read_project()
    latest = {name: flow.revision for name, flow in read.project.flows.items()}
    return render(
        request,
        "health.html",
        is_unreachable=not (figures.webhooks or settings.public_url or settings.is_signed),
        problems=await problems_of(console, server, now, away),
        state=server.state,
        figures=figures,
        host=socket.gethostname(),
        answered=_answered(figures, settings),
        sentences=list(_sentences(figures, settings)),
        backup=_moment(figures.last_backup),
        knows_calls=away is None,
        revisions=[(flow, revision, calls, latest.get(flow) == revision) for flow, revision, calls in revisions],
        store=open_store(settings.database_url).label,
        version=VERSION,
    )


async def problems_of(
    console: Console, server: ServerReading, now: datetime, away: StoreError | None
) -> list[HealthProblem]:
    """Return errors first. `away` says why the database cannot be used."""
    figures = server.figures
    project = (await console.read_project()).project
    problems = [
        *_of_server(server),
        *_of_hour(figures, project),
        *_of_lost(figures),
        *_of_backup(figures, now),
        *_of_jobs(figures, now),
        *_of_waiting(figures, console.settings),
        *([_of_store(away)] if away else await _of_database(console, project)),
    ]
    return sorted(problems, key=lambda problem: problem.severity)


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _answered(figures: ServerFigures, settings: Settings) -> str:
    """Return "" if no webhooks arrived. Unsigned ones may be from anyone."""
    webhooks = figures.webhooks
    if not webhooks:
        return ""
    if settings.is_signed:
        return counted(webhooks, "request of Vonage", "requests of Vonage")
    return counted(webhooks, "request without a signature", "requests without a signature")


def _sentences(figures: ServerFigures, settings: Settings) -> Iterator[str]:
    if figures.median_s is None or figures.p99_s is None:
        yield "The server has answered no webhooks in the last hour."
        return
    usual, slow = _ms(figures.median_s), _ms(figures.p99_s)
    yield f"The server answered {_answered(figures, settings)} (webhooks)."
    yield f"Answers usually take {usual} (p50); the slowest one in a hundred takes {slow} (p99)."
    yield f"Callers heard the emergency announcement (failsafe): {figures.failsafes or 'none'}."


async def _revisions(console: Console, now: datetime) -> tuple[list[tuple[str, str, int]], StoreError | None]:
    """Open calls by flow and revision, and the problem if they cannot be read."""
    try:
        async with console.records() as records:
            return await records.open_revisions(milliseconds(now) - CALL_EXPIRY_MS, MOST_COUNTED), None
    except StoreError as error:
        return [], error


def _of_store(error: StoreError) -> HealthProblem:
    cure = error.cure or "start it, or check its disk; `ncco doctor` tests it"
    return _found("store", error=error, cure=as_sentence(cure))


def _of_server(server: ServerReading) -> Iterator[HealthProblem]:
    state = server.state
    if state is None:
        yield _found("unknown")
        return
    if state.problem:
        yield _found("down", problem=state.problem)
    elif not server.is_counted:
        yield _found("uncounted")
    yield from (_found("draining", reason=reason) for reason in state.reasons)
    yield from (_found("rejected", rejected=rejected) for rejected in state.rejected)


def _of_hour(figures: ServerFigures, project: Project) -> Iterator[HealthProblem]:
    if failsafes := figures.failsafes:
        yield _found("failsafe", callers=counted(failsafes, "caller"))
    if refused := figures.refused:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in refused.items())
        many = counted(sum(refused.values()), "webhook")
        yield _found("refused" if figures.webhooks else "all_refused", webhooks=many, reasons=reasons)
    if away := figures.unanswered:
        yield _found("unanswered", webhooks=counted(away, "webhook"))
    if unstored := sum(figures.unstored.values()):
        failsafe = figures.unstored.get("failsafe", 0)
        yield _found("unstored", callers=counted(unstored, "caller"), error=unstored - failsafe, failsafe=failsafe)
    if figures.p99_s is not None and figures.p99_s >= SLOW_S:
        yield _found("slow", seconds=f"{figures.p99_s:.1f}")
    for lookup in figures.lookups:
        yield from _of_lookup(lookup, project)


def _of_lost(figures: ServerFigures) -> Iterator[HealthProblem]:
    if parked := figures.hooks.get("parked"):
        yield _found("parked", hooks=counted(parked, "hook"), notifications=counted(parked, "notification"))
    if failed := figures.recordings.get("failed"):
        yield _found("not_fetched", recordings=counted(failed, "recording"), messages=counted(failed, "message"))
    lost = figures.recordings.get("lost", 0)
    yield from (_shared(problem, messages=counted(lost, "message")) for problem in problems_of_audio(lost))


def _shared(problem: ServerProblem, **names: object) -> HealthProblem:
    """A problem that `ncco doctor` reports in the same words."""
    known = {"severity": problem.severity, "text": as_sentence(problem.text), "cure": problem.cure}
    return _found(problem.kind, **known, **names)


def _of_backup(figures: ServerFigures, now: datetime) -> Iterator[HealthProblem]:
    due = _moment(figures.backup_due)
    if due is None or now < due:
        return
    last = _moment(figures.last_backup)
    if last is None:
        yield _found("no_backup")
    else:
        yield _found("old_backup", days=counted((now - last) // timedelta(days=1), "day"))


def _of_jobs(figures: ServerFigures, now: datetime) -> Iterator[HealthProblem]:
    for job, since in sorted(figures.jobs_failing_since.items()):
        if (lasts := now - datetime.fromtimestamp(since, UTC)) > STUCK:
            yield _found("job", job=job, hours=counted(lasts // timedelta(hours=1), "hour"))


def _of_waiting(figures: ServerFigures, settings: Settings) -> Iterator[HealthProblem]:
    """What waits after a failed attempt, or cannot be attempted."""
    tries = figures.hook_tries.get("failed", 0)
    if (waiting := figures.hooks.get("waiting")) and tries >= MANY_FAILED_TRIES:
        hooks = counted(waiting, "hook waits", "hooks wait")
        notifications = counted(waiting, "notification has", "notifications have")
        yield _found("hooks", hooks=hooks, tries=tries, notifications=notifications)
    if not (waiting := figures.recordings.get("waiting")):
        return
    here = {
        "recordings": counted(waiting, "recording is", "recordings are"),
        "messages": counted(waiting, "message has", "messages have"),
    }
    tries = figures.recording_tries.get("failed", 0)
    if settings.missing_to_fetch:
        yield _found("no_key", **here, why=NO_KEY, cure=as_sentence(SET_KEY))
    elif tries >= MANY_FAILED_TRIES and not figures.recording_tries.get("kept"):
        yield _found("recordings", **here, tries=tries)


async def _of_database(console: Console, project: Project) -> list[HealthProblem]:
    """Report why waiting calls are not placed, and rows that are no longer found."""
    hashed = tables_with_hashes(project)
    try:
        store = await console.opened_store()
        control = await store.placed.control()
        waiting = (await store.placed.count_active()).waiting
        lost = await tables_without_key(store.tables, hashed) if hashed else []
    except StoreError as error:
        return [_of_store(error)]
    placing = [
        _shared(problem, calls=counted(waiting, "call waits", "calls wait"))
        for problem in problems_of_placing(control, milliseconds(datetime.now(UTC)), has_access=console.can_place)
        if waiting or problem.kind == "paused"
    ]
    return placing[:1] + [_shared(problem) for problem in problems_of_hashes(lost)]


def _of_lookup(lookup: LookupFigures, project: Project) -> Iterator[HealthProblem]:
    lost = lookup.failed + lookup.late
    if not lost:
        return
    how = "both" if lookup.failed and lookup.late else "failed" if lookup.failed else "late"
    asking = (
        (flow.name, step.name) for flow in project.flows.values() for step in flow.steps.values()
        for ask in step.asks if ask.name == lookup.name
    )  # fmt: skip
    flow, step = next(asking, ("", ""))
    is_often = lost >= OFTEN * lookup.asked
    yield _found(
        f"lookup_{how}",
        severity="error" if is_often else "warning",
        title=lookup.name.replace("_", " "),
        how_often="often got no reply" if is_often else f"got no reply {lost} of {lookup.asked} times",
        name=lookup.name,
        failed=lookup.failed,
        late=lookup.late,
        times=counted(lookup.asked, "time"),
        where=f"flow {flow}, step {step}" if flow else "",
        link=f"/flows/{flow}#{flow}/{step}" if flow else "",
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"

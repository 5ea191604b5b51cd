"""The server's health: problems that need attention, the last hour, and current use."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from fastapi import APIRouter, Request, Response

from ncco_server.desk.checks import Surroundings, quick_problems
from ncco_server.desk.findings import Finding
from ncco_server.desk.project import LoadedProject, Source
from ncco_server.errors import StoreError
from ncco_server.flow.model import Project
from ncco_server.service.figures import LookupFigures, ServerFigures
from ncco_server.service.recordings import NEWEST, PUT_BACK
from ncco_server.settings import Settings
from ncco_server.version import VERSION
from ncco_server.wording import as_sentence, counted
from ncco_studio.console.access import CanLook
from ncco_studio.console.caches import ServerReading
from ncco_studio.console.pages import render
from ncco_studio.console.state import Console, TheConsole
from ncco_studio.editor.project import ReadProject

router = APIRouter()

OFTEN: Final = 0.1
"""The share of failed lookups that is an error, not just a warning."""
MANY_FAILED_TRIES: Final = 3
"""Failed attempts in an hour that are a problem; a few are normal, since a first attempt may be too early."""
STUCK: Final = timedelta(hours=1)
"""A job that fails or runs for longer is a problem. Most take less than a minute."""
SLOW_S: Final = 2.5
"""Webhooks are too slow above this; Vonage gives up after 5 s."""
FAULTS: Final = "explanation/faults"
MONITOR: Final = "how-to/monitor"
RECORDINGS: Final = "how-to/recordings"
SECURITY: Final = "security"
_SIGNATURE_CURE: Final = (
    "VONAGE_SIGNATURE_SECRET must be the signature secret of your Vonage account; `ncco doctor` checks it."
)


class HealthProblem(NamedTuple):
    """A problem, and what to do about it.

    Attributes:
        severity: `error` if callers notice it, otherwise `warning`.
        plain: what it means for the owner of the line, in one sentence.
        text: the details for the operator.
        page: a page of the documentation.
        link: the console page with details, or "", and `where` in words.
    """

    severity: str
    plain: str
    text: str
    cure: str
    page: str
    where: str = ""
    link: str = ""


@router.get("/health")
async def health(request: Request, console: TheConsole, _: CanLook) -> Response:
    settings = console.settings
    now = datetime.now(UTC)
    revisions: list[tuple[str, str, int]] = []
    away = None
    try:
        revisions = await console.overview.revisions(now)
    except StoreError as error:
        away = error
    server = await console.server.read()
    figures = server.figures
    read = await console.read_project()
    latest = {name: flow.revision for name, flow in read.project.flows.items()}
    return render(
        request,
        "health.html",
        is_unreachable=not (figures.webhooks or settings.public_url or settings.is_signed),
        problems=await problems_of(console, server, now, away),
        server=server,
        figures=figures,
        host=socket.gethostname(),
        answered=_answered(figures, settings),
        sentences=list(_sentences(figures, settings)),
        backup=_moment(figures.last_backup),
        knows_calls=away is None,
        revisions=[(flow, revision, calls, latest.get(flow) == revision) for flow, revision, calls in revisions],
        store=console.store.label,
        version=VERSION,
    )


async def problems_of(
    console: Console, server: ServerReading, now: datetime, away: StoreError | None
) -> list[HealthProblem]:
    """Return errors first. `away` says why the database cannot be used."""
    figures = server.figures
    read = await console.read_project()
    problems = [
        *_of_server(server),
        *_of_hour(figures, read.project),
        *_of_lost(figures),
        *_of_backup(figures, now),
        *_of_jobs(figures, now),
        *_of_waiting(figures),
        *([_of_store(away)] if away else await _of_checks(console, server, read)),
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


def _of_store(error: StoreError) -> HealthProblem:
    plain = "The list of calls cannot be used, and callers may hear only the emergency announcement."
    text = f"The database cannot be used: {error}. Callers may hear only the emergency announcement (failsafe)."
    cure = error.cure or "start it, or check its disk; `ncco doctor` tests it"
    cure = f"{as_sentence(cure)}. The server recovers automatically when the database is back."
    return HealthProblem("error", plain, text, cure, FAULTS)


def _of_server(server: ServerReading) -> Iterator[HealthProblem]:
    if not server.is_known:
        cure = "Open the console that `ncco serve` starts, which reads the counters of that server."
        plain = "These pages cannot see the telephone service."
        yield HealthProblem("error", plain, "This console does not know its server.", cure, "how-to/console")
        return
    if server.problem:
        cure = "Check its log and its service (`systemctl status ncco`), and start it again."
        text = f"The server on this host is down, and callers hear nothing: {server.problem}."
        yield HealthProblem("error", "The telephone service is down: callers hear nothing.", text, cure, FAULTS)
    elif not server.is_counted:
        text = "The server answers, but its counters cannot be read."
        plain = "The telephone service works, but its figures are missing."
        yield HealthProblem("warning", plain, text, "Start it again.", MONITOR)
    for reason in server.reasons:
        if reason in server.rejected:
            continue
        cure = (
            "Fix that; the log has the details. If the server is shutting down, wait until it has "
            "finished its calls, then start it again."
        )
        plain = "The telephone service is not taking new calls."
        yield HealthProblem("error", plain, f"The server is not taking new calls: {reason}.", cure, FAULTS)
    for rejected in server.rejected:
        text = f"The flows on disk are not in use; calls continue with the last good ones. {rejected}"
        cure = "Fix it, and the server will load the flows automatically."
        plain = "The last change is not live: callers still hear the previous version."
        severity = "error" if rejected in server.reasons else "warning"
        yield HealthProblem(severity, plain, text, cure, "how-to/upgrade", "the flows", "/flows")


_STORE_CURE: Final = "Check the database, its disk, and the log."


def _of_hour(figures: ServerFigures, project: Project) -> Iterator[HealthProblem]:
    if failsafes := figures.failsafes:
        text = f"{counted(failsafes, 'caller')} heard the emergency announcement (failsafe) in the last hour."
        cure = "Open the failed calls: each shows which step failed, and why."
        plain = f"{counted(failsafes, 'caller')} heard only the emergency announcement in the last hour."
        yield HealthProblem("error", plain, text, cure, FAULTS, "such calls", "/calls?state=failed")
    if refused := figures.refused:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in refused.items())
        many = counted(sum(refused.values()), "webhook")
        text = f"{many} did not have a valid Vonage signature in the last hour: {reasons}."
        if figures.webhooks:
            cure = f"If strangers sent them, nothing is wrong. If Vonage did: {_SIGNATURE_CURE}"
            plain = "Strangers tried to reach this server in the last hour, and were refused."
            yield HealthProblem("warning", plain, text, cure, SECURITY)
        else:
            text += " None had a valid signature, so callers hear nothing."
            plain = "All calls in the last hour were refused: callers hear nothing."
            yield HealthProblem("error", plain, text, _SIGNATURE_CURE, SECURITY)
    if away := figures.unanswered:
        text = (
            f"{counted(away, 'webhook')} could not be answered in the last hour, because the database was unavailable."
        )
        plain = "Some callers were not served in the last hour."
        yield HealthProblem("error", plain, text, _STORE_CURE, FAULTS)
    if unstored := sum(figures.unstored.values()):
        failsafe = figures.unstored.get("failsafe", 0)
        text = (
            f"The server answered {counted(unstored, 'caller')} without the database in the last hour; no list "
            f"contains these calls. The error exit of a flow was played {unstored - failsafe} times, the emergency "
            f"announcement (failsafe) {failsafe} times."
        )
        plain = f"{counted(unstored, 'caller')} did not hear the usual menu in the last hour."
        yield HealthProblem("error", plain, text, _STORE_CURE, FAULTS)
    if figures.p99_s is not None and figures.p99_s >= SLOW_S:
        text = f"One answer in a hundred takes {figures.p99_s:.1f} seconds or more; Vonage gives up after 5."
        cure = "Check the lookups, the database's disk and the load."
        yield HealthProblem("error", "Some callers wait too long before they hear anything.", text, cure, MONITOR)
    for lookup in figures.lookups:
        yield from _of_lookup(lookup, project)


def _of_lost(figures: ServerFigures) -> Iterator[HealthProblem]:
    if parked := figures.hooks.get("parked"):
        text = f"{counted(parked, 'hook')} could not be delivered, and the server gave up."
        cure = "`ncco hooks` says why; `ncco hooks retry --all` sends them again."
        plain = f"{counted(parked, 'notification')} could not be sent."
        yield HealthProblem("warning", plain, text, cure, MONITOR)
    if failed := figures.recordings.get("failed"):
        text = f"{counted(failed, 'recording')} could not be fetched from Vonage."
        cure = "Each says why, and can be fetched again."
        plain = f"{counted(failed, 'message')} could not be fetched."
        yield HealthProblem("warning", plain, text, cure, RECORDINGS, "the messages", "/messages")
    if lost := figures.recordings.get("lost"):
        text = f"The audio of {counted(lost, 'recording')} is lost; only the newest {NEWEST} were checked."
        plain = f"{counted(lost, 'message')} can no longer be played."
        cure = f"{as_sentence(PUT_BACK)}."
        yield HealthProblem("error", plain, text, cure, RECORDINGS, "the messages", "/messages")


def _of_backup(figures: ServerFigures, now: datetime) -> Iterator[HealthProblem]:
    due = _moment(figures.backup_due)
    if due is None or now < due:
        return
    last = _moment(figures.last_backup)
    if last is None:
        text, cure = "This server has never been backed up.", "Run `ncco backup` now, and then every night."
    else:
        text = f"The last backup is {counted((now - last) // timedelta(days=1), 'day')} old."
        cure = "Look at its timer (`systemctl list-timers`), or run `ncco backup` now."
    cure += " If another program backs up the database, set `NCCO_BACKUP_DAYS=0`."
    yield HealthProblem("warning", text, text, cure, "how-to/backup")


def _of_jobs(figures: ServerFigures, now: datetime) -> Iterator[HealthProblem]:
    for job, since in sorted(figures.jobs_failing_since.items()):
        if (lasts := now - datetime.fromtimestamp(since, UTC)) > STUCK:
            hours = counted(lasts // timedelta(hours=1), "hour")
            text = f"The job `{job}` has failed, or has not ended, for {hours}."
            cure = "The log says why (`job failed`). If it says nothing, restart the server."
            plain = "The upkeep of the stored calls has been failing."
            yield HealthProblem("warning", plain, text, cure, MONITOR)


def _of_waiting(figures: ServerFigures) -> Iterator[HealthProblem]:
    """What waits after failed attempts."""
    tries = figures.hook_tries.get("failed", 0)
    if (waiting := figures.hooks.get("waiting")) and tries >= MANY_FAILED_TRIES:
        waits = f"{counted(waiting, 'hook')} {'waits' if waiting == 1 else 'wait'}"
        text = f"{waits}: {tries} attempts failed in the last hour."
        cure = "`ncco hooks` says why. The server retries them."
        plain = f"{counted(waiting, 'notification')} {'has' if waiting == 1 else 'have'} not been sent yet."
        yield HealthProblem("warning", plain, text, cure, MONITOR)
    tries = figures.recording_tries.get("failed", 0)
    waiting = figures.recordings.get("waiting", 0)
    if waiting and tries >= MANY_FAILED_TRIES and not figures.recording_tries.get("kept"):
        text = f"{counted(waiting, 'recording')} {'is' if waiting == 1 else 'are'} not here yet: "
        text += f"{tries} attempts failed in the last hour."
        plain = f"{counted(waiting, 'message')} {'has' if waiting == 1 else 'have'} not arrived yet."
        cure = "Each says why. The server retries them."
        yield HealthProblem("warning", plain, text, cure, RECORDINGS, "the messages", "/messages")


class Shown(NamedTuple):
    """How Health shows what a check found; see `HealthProblem`. `plain` is for findings without their own."""

    plain: str
    page: str
    where: str = ""
    link: str = ""


CHECKED: Final = {
    "settings": Shown("A setting of the telephone service needs attention.", "reference/settings"),
    "key": Shown("The telephone service cannot identify itself to Vonage.", "how-to/secrets"),
    "database": Shown("The list of calls needs attention.", "reference/settings"),
    "flows": Shown("The flows need attention.", "how-to/upgrade", "the flows", "/flows"),
    "dialling": Shown("Some people who should be called will not be reached.", "how-to/connect", "the flows", "/flows"),
    "recordings": Shown("Messages may not be kept.", RECORDINGS, "the messages", "/messages"),
    "placing": Shown("This server cannot place calls.", "how-to/place", "the placed calls", "/calls/placed"),
    "mail": Shown("Emails about calls are not sent.", "how-to/voicemail"),
}
"""By the name of the check in `ncco_server.desk.checks`."""
CHECKED_S: Final = 2.0
"""Findings are used again for this long; several pages may be open."""


async def _of_checks(console: Console, server: ServerReading, read: ReadProject) -> list[HealthProblem]:
    """What `ncco doctor` finds without a network. Errors in the flows are shown as the server rejects them."""
    found = await console.results.get(("checks", read.revisions), partial(_checked, console, read), CHECKED_S)
    return [_shown(finding) for finding in found if not (finding.check == "flows" and server.rejected)]


async def _checked(console: Console, read: ReadProject) -> list[Finding]:
    settings = console.settings
    loaded = LoadedProject(Source.of(settings), read.project, read.project.issues, read.texts)
    try:
        store = await console.opened_store()
    except StoreError:
        store = None
    around = Surroundings(settings, console.server.client, is_offline=True, read_before=loaded, store=store)
    return await quick_problems(around, dev=console.dev)


def _shown(finding: Finding) -> HealthProblem:
    plain, page, where, link = CHECKED[finding.check]
    plain = finding.plain or plain
    text = f"{as_sentence(finding.message)}."
    return HealthProblem(finding.status, plain, text, finding.cure, page, where, link)


def _of_lookup(lookup: LookupFigures, project: Project) -> Iterator[HealthProblem]:
    lost = lookup.failed + lookup.late
    if not lost:
        return
    ways = [
        (lookup.failed, "failed", "Check the service behind it; the log says why it failed."),
        (lookup.late, "was too slow", "Make the service faster, or raise the lookup's `timeout`."),
    ]
    hows = [f"{did} {times}" for times, did, _ in ways if times]
    cures = [cure for times, _, cure in ways if times]
    text = f"The lookup {lookup.name} {' and '.join(hows)} of {counted(lookup.asked, 'time')} in the last hour."
    asking = (
        (flow.name, step.name) for flow in project.flows.values() for step in flow.steps.values()
        for ask in step.asks if ask.name == lookup.name
    )  # fmt: skip
    flow, step = next(asking, ("", ""))
    cure = " ".join([*cures, "Those callers got its `default`."])
    severity = "error" if lost >= OFTEN * lookup.asked else "warning"
    link = f"/flows/{flow}#{flow}/{step}" if flow else ""
    how_often = "often got no reply" if severity == "error" else f"got no reply {lost} of {lookup.asked} times"
    plain = f"The request “{lookup.name.replace('_', ' ')}” to another system {how_often} in the last hour."
    where = f"flow {flow}, step {step}" if flow else ""
    yield HealthProblem(severity, plain, text, cure, "how-to/lookups", where, link)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"

"""`ncco platform-check`: tests how Vonage itself behaves, by short calls between two of the application's numbers."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import click
import yaml
from fastapi import FastAPI, Request, Response
from pydantic import Field
from uvicorn import Config

from ncco_server.desk import options
from ncco_server.desk.application_urls import HISTORY, History, note_changes, put_back, replace_document
from ncco_server.desk.checks import Surroundings
from ncco_server.desk.database import server_store
from ncco_server.desk.network_checks import checking_client
from ncco_server.desk.output import FINE, ISSUES, CannotRun, columns, print_json
from ncco_server.desk.probe import probe as reach
from ncco_server.errors import VonageApiError
from ncco_server.flow.files import replace_text
from ncco_server.service.phone_numbers import digits_of, readable
from ncco_server.settings import Settings, load_settings
from ncco_server.vonage.application_token import ApplicationTokens
from ncco_server.vonage.applications import (
    ACCOUNT_URL,
    TRY_LATER,
    Account,
    ApiDocument,
    document_at,
    read_document,
    read_numbers,
    with_webhooks,
)
from ncco_server.vonage.voice_api import VoiceApi
from ncco_studio.simulator.rest.server import PartOfAProcess
from ncco_studio.verify.platform_check.check import CheckStopped, PlatformCheck
from ncco_studio.verify.platform_check.journal import Journal, read_journal
from ncco_studio.verify.platform_check.probes import PROBES, PlatformProbe
from ncco_studio.verify.platform_check.recorded import case_of
from ncco_studio.verify.platform_check.report import Evidence, most_seen, platform_yaml, public_report, rows_of
from ncco_studio.verify.platform_check.stored import seen_in

FOLDER: Final = Path()
REACHABLE: Final = "reachable"
"""A path below the prefix of the webhooks that proves this server reachable."""
_NAMES: Final = tuple(each.name for each in PROBES)


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """What a check may do.

    Attributes:
        budget_eur: what it may cost.
        rate_eur: the highest price of a minute of one leg; None for the account's.
        times: how often each question is asked.
        only: the probes to ask; () for all.
        again: the probes to ask even after an interruption.
        record: the folder for the exchanges; None for none.
        speed: seconds of a call per second.
    """

    budget_eur: float
    rate_eur: float | None
    times: int
    only: tuple[str, ...]
    again: tuple[str, ...]
    record: Path | None
    speed: float

    def clock(self) -> float:
        return time.monotonic() * self.speed

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


@click.command(
    "platform-check",
    epilog="""\b
Examples:
  VONAGE_API_SECRET=... ncco platform-check                 asks everything once
  ncco platform-check --only after_connect --times 3        asks one question three times
  ncco platform-check --yes --budget 1.50                   in a script
  ncco platform-check --undo                                only puts back the application's URLs
  ncco platform-check --stored 20000                        calls nobody: what stored calls show

It needs the settings of the server, VONAGE_API_SECRET, a tunnel or proxy at NCCO_PUBLIC_URL that leads to this port,
and two numbers that are linked to the application. Stop `ncco serve` first: the check answers on its port. A check
that was stopped goes on where it was; .ncco-platform-check.json has what was seen. Delete it to begin again.

With --stored, it only reads the webhooks of ended calls in the database. What three quarters of at least five calls
show counts. Exit codes: 0 everything was asked, or nothing differs; 1 something is left, or differs; 2 it cannot
run.""",
)
@click.option(
    "--budget", type=click.FloatRange(0, 1000), default=2.0, show_default=True, help="What the calls may cost, in EUR."
)
@click.option(
    "--rate", type=click.FloatRange(0, 100), help="The highest price of a minute, in EUR [the account's price]."
)
@click.option(
    "--times", type=click.IntRange(1, 20), default=1, show_default=True, help="How often each question is asked."
)
@click.option(
    "--only", type=click.Choice(_NAMES), multiple=True, metavar="NAME", help="Ask this question; can be repeated [all]."
)
@click.option(
    "--again",
    type=click.Choice(_NAMES),
    multiple=True,
    metavar="NAME",
    help="Ask a question again whose call was cut off.",
)
@click.option("--from", "caller", default="", help="The application's number that calls [the first].")
@click.option("--to", "called", default="", help="The application's number that is called [the second].")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("platform.yaml"),
    show_default=True,
    help="The file for the settings.",
)
@click.option("--report", type=click.Path(path_type=Path), help="A file for a report that can be published.")
@click.option(
    "--record", type=click.Path(path_type=Path, file_okay=False), help="A folder for the exchanges, made anonymous."
)
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 1000),
    default=1.0,
    show_default=True,
    help="For `ncco vonage`: how many seconds of a call pass per second.",
)
@click.option(
    "--stored", type=click.IntRange(1), metavar="CALLS", help="Call nobody: read what the newest stored calls show."
)
@click.option("--undo", is_flag=True, help="Put back the application's URLs after a check that was killed.")
@click.option("--yes", is_flag=True, help="Do not ask before the first call.")
@options.output("text", "json")
def command(
    *,
    budget: float,
    rate: float | None,
    times: int,
    only: tuple[str, ...],
    again: tuple[str, ...],
    caller: str,
    called: str,
    output: Path,
    report: Path | None,
    record: Path | None,
    speed: float,
    stored: int | None,
    undo: bool,
    yes: bool,
    form: str,
) -> int:
    """Ask Vonage itself how it behaves: place short calls between two numbers of the application, and answer them."""
    today = date.today()  # noqa: DTZ011 - the date at the user's place, for a comment
    if stored is not None:
        findings = asyncio.run(_stored(stored))
        _write(findings, today, output, report, form)
        return ISSUES if any(each.differs for each in findings) else FINE
    if not (yes or undo or sys.stdin.isatty()):
        raise CannotRun("nobody can be asked before the first call", "add --yes")
    settings = load_settings()
    if speed != 1 and settings.vonage_api_url.startswith("https:"):
        raise CannotRun("time at Vonage cannot be changed", "leave out --speed, or set NCCO_VONAGE_API_URL")
    limits = CheckLimits(budget, rate, times, only, again, record, speed)
    journal, is_complete = asyncio.run(_run(settings, limits, (caller, called), is_agreed=yes, only_undo=undo))
    if undo:
        return FINE
    _write(most_seen(journal.observations), today, output, report, form)
    return FINE if is_complete else ISSUES


async def _stored(calls: int) -> tuple[Evidence, ...]:
    async with server_store().records() as records:
        return await seen_in(records, calls, datetime.now(UTC))


def _write(findings: Sequence[Evidence], today: date, output: Path, report: Path | None, form: str) -> None:
    replace_text(output, platform_yaml(findings, today))
    if report is not None:
        replace_text(report, public_report(findings, today))
    if form == "json":
        rows = [
            dict(zip(("name", "assumed", "seen", "times", "source"), row, strict=True)) for row in rows_of(findings)
        ]
        print_json(rows)
    else:
        click.echo(
            "\n".join(["", *columns([("assumption", "assumed", "seen", "times", "source"), *rows_of(findings)])])
        )
        click.echo(f"\n{output} has what was seen. Set NCCO_PLATFORM={output} to simulate, test and prove with it.")


async def _run(
    settings: Settings, limits: CheckLimits, chosen: tuple[str, str], *, is_agreed: bool, only_undo: bool
) -> tuple[Journal, bool]:
    """The journal, and whether everything was asked."""
    async with checking_client() as client:
        account = _account(settings, Surroundings(settings, client, False, "").missing_access, client)
        journal = read_journal(FOLDER)
        if only_undo:
            if journal is None or not journal.urls:
                raise CannotRun("no check has left its URLs at Vonage", "nothing: they are as they were")
            await _put_back_urls(account, journal)
            return journal, False
        if journal is not None and journal.urls and journal.application_id == settings.application_id:
            await _put_back_urls(account, journal)  # a run was killed, and this one may ask nothing
        numbers = await _numbers(account, settings.application_id, chosen)
        if journal is None:
            journal = Journal(application_id=settings.application_id, numbers=numbers)
        elif (journal.application_id, journal.numbers) != (settings.application_id, numbers):
            raise CannotRun(
                "the unfinished check in this folder is about another application or other numbers",
                "finish it with its settings, or run `ncco platform-check --undo` and delete .ncco-platform-check.json",
            )
        rate_eur = limits.rate_eur if limits.rate_eur is not None else await _rate(account, settings.application_id)
        prefix = f"/platform-check/{secrets.token_urlsafe(16)}"
        tokens = ApplicationTokens(settings.application_id, settings.private_key.get_secret_value())
        api = VoiceApi(client, settings.vonage_api_url, tokens, lambda: datetime.now(UTC))
        check = PlatformCheck(
            api,
            f"{settings.public_url}{prefix}",
            journal,
            lambda kept: kept.save(FOLDER),
            rate_eur=rate_eur,
            clock=limits.clock,
            pause=limits.pause,
        )
        due = list(_due(journal, limits))
        if not due:
            click.echo("Everything has been asked. To ask again, raise --times, or delete the journal.", err=True)
            return journal, True
        await _agree(account, check, journal, due, limits, is_agreed=is_agreed)
        async with _serving(settings, _webhook_app(check, prefix, limits.pause)):
            await _require_reachable(client, f"{settings.public_url}{prefix}/{REACHABLE}")
            await _set_urls(account, journal, f"{settings.public_url}{prefix}")
            try:
                await check.end_interrupted()
                return journal, await _ask_all(check, journal, due, limits)
            finally:
                await _put_back_urls(account, journal)


def _account(settings: Settings, missing: Sequence[str], client: Any) -> Account:
    needed = [*missing]
    needed += [] if settings.private_key.get_secret_value() else ["VONAGE_PRIVATE_KEY"]
    needed += [] if settings.public_url else ["NCCO_PUBLIC_URL"]
    if needed:
        raise CannotRun(f"{' and '.join(needed)} must be set", "set them in .env; `ncco go-live` asks for them")
    secret = settings.api_secret.get_secret_value()
    return Account(client, settings.vonage_api_url, settings.api_key, secret)


async def _numbers(account: Account, application_id: str, chosen: tuple[str, str]) -> tuple[str, str]:
    """The calling and the called number. Raises CannotRun."""
    linked = [number.msisdn for number in (await read_numbers(account, application_id)).numbers]
    caller, called = (digits_of(each, next(iter(linked), "")) for each in chosen)
    wanted = [each for each in (caller, called) if each]
    for each in wanted:
        if each not in linked:
            raise CannotRun(f"{each} is not linked to the application", f"choose one of {', '.join(linked) or 'none'}")
    rest = [each for each in linked if each not in wanted]
    caller = caller or next(iter(rest), "")
    called = called or next((each for each in rest if each != caller), "")
    if not caller or not called or caller == called:
        raise CannotRun(
            f"the check needs two numbers that are linked to the application, and there is {len(linked) or 'none'}",
            "link another number in the Vonage dashboard, on the application's Numbers tab",
        )
    return caller, called


class _Balance(ApiDocument):
    value: float


class _Price(ApiDocument):
    price: float


class _PricedCountries(ApiDocument):
    countries: tuple[_Price, ...] = ()


class _Prices(ApiDocument):
    embedded: _PricedCountries = Field(_PricedCountries(), alias="_embedded")


async def read_balance(account: Account) -> float:
    """In EUR. Raises VonageApiError. Source: Account API 1.0.4, `GET /account/get-balance`."""
    return (await document_at(account, _Balance, "/account/get-balance", "a balance", ACCOUNT_URL)).value


async def read_rate(account: Account, country: str) -> float:
    """The highest price of a minute to a phone in this country, in EUR. Raises VonageApiError.

    Source: Pricing API 2.0.0, `GET /v2/account/pricing/voice-outbound`.
    """
    path = f"/v2/account/pricing/voice-outbound?country={country}&page_size=100"
    found = (await document_at(account, _Prices, path, "prices")).embedded.countries
    if not found:
        raise VonageApiError(f"{account.api_url} does not reply with prices for {country}", TRY_LATER, 200)
    return max(each.price for each in found)


async def _rate(account: Account, application_id: str) -> float:
    """The highest price of a minute to the application's numbers. Raises CannotRun."""
    try:
        numbers = (await read_numbers(account, application_id)).numbers
        return max([await read_rate(account, country) for country in {number.country or "GB" for number in numbers}])
    except VonageApiError as error:
        raise CannotRun(f"the price of a minute cannot be read: {error}", "state it with --rate, in EUR") from error


def _due(journal: Journal, limits: CheckLimits) -> Iterator[PlatformProbe]:
    """The probes to ask, one for each time. An interrupted one needs `again`."""
    cut_off = {each.probe for each in journal.interrupted} - set(limits.again)
    for probe in PROBES:
        if (not limits.only or probe.name in limits.only) and probe.name not in cut_off:
            done = [observation.probe for observation in journal.observations].count(probe.name)
            yield from [probe] * max(limits.times - done, 0)


async def _agree(
    account: Account,
    check: PlatformCheck,
    journal: Journal,
    due: Sequence[PlatformProbe],
    limits: CheckLimits,
    *,
    is_agreed: bool,
) -> None:
    """Say what will happen, and ask. Raises CannotRun, also if the account cannot pay."""
    caller, called = map(readable, journal.numbers)
    cost_eur = sum(map(check.cost_eur, due))
    minutes = sum(each.seconds for each in due) / 60
    balance_eur = await read_balance(account)
    left_eur = limits.budget_eur - journal.spent_eur
    spent = f", of which {journal.spent_eur:.2f} are spent" if journal.spent_eur else ""
    click.echo(
        f"{len(due)} questions are asked by calls from {caller} to {called}; no other number is called.\n"
        f"The calls last {minutes:.0f} minutes and cost {cost_eur:.2f} EUR at most.\n"
        f"The check stops at {limits.budget_eur:.2f} EUR{spent}.\n"
        "Meanwhile the application's URLs at Vonage lead here, and other callers of its numbers hear that they are\n"
        "being tested. The URLs are put back at the end; after a kill, run this again or with --undo.",
        err=True,
    )
    for each in journal.interrupted:
        click.echo(
            f"The call of {each.probe} was cut off, so it is not asked again without --again {each.probe}.", err=True
        )
    if due and balance_eur < min(map(check.cost_eur, due)):
        raise CannotRun(f"the account has {balance_eur:.2f} EUR left", "top it up in the Vonage dashboard")
    if due and left_eur < min(map(check.cost_eur, due)):
        raise CannotRun(f"the budget of {limits.budget_eur:.2f} EUR is spent", "raise --budget")
    if not (is_agreed or click.confirm("Place the calls?", err=True)):
        raise CannotRun("nothing was done", "agree, or add --yes")


async def _ask_all(check: PlatformCheck, journal: Journal, due: Sequence[PlatformProbe], limits: CheckLimits) -> bool:
    for number, probe in enumerate(due, 1):
        if journal.spent_eur + check.cost_eur(probe) > limits.budget_eur:
            click.echo(f"The budget of {limits.budget_eur:.2f} EUR is not enough for {probe.name}.", err=True)
            return False
        click.echo(f"{number}/{len(due)} {', '.join(probe.asks)} ..", nl=False, err=True)
        try:
            seen = await check.ask(probe)
        except CheckStopped as error:
            click.echo("", err=True)
            raise CannotRun(str(error), error.cure) from error
        shown = ", ".join(f"{value}" for value in seen.values()) or "not seen"
        click.echo(f" {shown}", err=True)
        if limits.record is not None:
            _, exchange = list(check.exchanges)[-1]
            limits.record.mkdir(parents=True, exist_ok=True)
            case = yaml.safe_dump(case_of(probe, exchange, seen, journal.numbers), sort_keys=False, allow_unicode=True)
            replace_text(limits.record / f"{probe.name}.yaml", case)
    return True


def _webhook_app(check: PlatformCheck, prefix: str, pause: Callable[[float], Awaitable[None]]) -> FastAPI:
    """Passes every request below `prefix`, an unguessable path, to the check.

    `pause` lets seconds pass before a late reply.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.api_route(f"{prefix}/{{path:path}}", methods=["GET", "POST"])
    async def receive(path: str, request: Request) -> Response:
        if path == REACHABLE:
            return Response(status_code=204)
        body = await request.body()
        reply = check.receive(path, request.method, request.url.query, request.headers, body)
        await pause(reply.delay_s)
        text = reply.body if isinstance(reply.body, str) else "" if reply.body is None else json.dumps(reply.body)
        headers = {"location": reply.location} if reply.location else {}
        return Response(text, reply.status, headers, media_type=reply.content_type if text else None)

    return app


@asynccontextmanager
async def _serving(settings: Settings, app: FastAPI) -> AsyncIterator[None]:
    """Raises CannotRun if the port is taken."""
    try:
        listener = socket.create_server((settings.host, settings.port))
    except OSError as error:
        raise CannotRun(
            f"port {settings.port} cannot be used: {error.strerror}", "stop `ncco serve` while the check runs"
        ) from error
    config = Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    server = PartOfAProcess(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


async def _require_reachable(client: Any, url: str) -> None:
    reached = await reach(client, url)
    if reached.status != 204:
        why = f"status {reached.status}" if reached.status else "no reply"
        raise CannotRun(
            f"webhooks would not reach this machine: {url} gives {why}",
            "let the tunnel or proxy at NCCO_PUBLIC_URL lead to this port",
        )


async def _set_urls(account: Account, journal: Journal, base_url: str) -> None:
    """Lead the application's URLs to the check, after storing the former ones."""
    _, before = await read_document(account, journal.application_id)
    entries = {
        name: {"address": f"{base_url}/{path}", "http_method": "POST"}
        for name, path in (("answer_url", "answer"), ("fallback_answer_url", "fallback"), ("event_url", "event"))
    }
    if not before.get("capabilities", {}).get("voice"):
        raise CannotRun("the application has no Voice capability", "switch it on in the Vonage dashboard")
    after = with_webhooks(before, entries)
    history: History = HISTORY.validate_python(journal.urls)
    note_changes(history, before, after)
    journal.urls = HISTORY.dump_python(history, mode="json")
    journal.save(FOLDER)
    await replace_document(account, journal.application_id, before, after)


async def _put_back_urls(account: Account, journal: Journal) -> None:
    _, now = await read_document(account, journal.application_id)
    after, kept = put_back(now, HISTORY.validate_python(journal.urls))
    if after != now:
        await replace_document(account, journal.application_id, now, after)
    for line in kept:
        click.echo(line, err=True)
    journal.urls = {}
    journal.save(FOLDER)

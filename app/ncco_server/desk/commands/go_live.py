"""`ncco go-live`: leads from a project to a phone number that answers, one question at a time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from pydantic import SecretStr

from ncco_server.desk.application_urls import (
    RECORD,
    changes_in_words,
    forget,
    history_of,
    numbers_of,
    print_changes,
    put_back,
    record,
    replace_document,
)
from ncco_server.desk.checks import Group, Surroundings, findings_of
from ncco_server.desk.commands.calls import POLL_S, CallPrinter, follow_call
from ncco_server.desk.database import find_call, now_ms
from ncco_server.desk.environment import DOTENV, folders, variables, write_setting
from ncco_server.desk.findings import Finding, error, print_finding
from ncco_server.desk.logins import give_login, hashed, login_name
from ncco_server.desk.machine_checks import refused_setting, settings_findings
from ncco_server.desk.network_checks import checking_client, running_tunnels
from ncco_server.desk.output import FINE, INTERRUPTED, ISSUES, LONGEST_NAME, CannotRun
from ncco_server.desk.project import Source
from ncco_server.desk.studio import find_studio
from ncco_server.desk.vonage_checks import urls_to_change
from ncco_server.errors import SettingsError, VonageApiError
from ncco_server.flow.model import Flow
from ncco_server.service.phone_numbers import readable
from ncco_server.settings import Settings, load_settings
from ncco_server.settings.fields import variable
from ncco_server.settings.safety import MIN_SECRET_CHARACTERS, placeholders, unreachable, unsafe, weak_secrets
from ncco_server.settings.secrets import FILE_SUFFIX
from ncco_server.store import CallFilter, Store, open_store
from ncco_server.terminal import printable
from ncco_server.vonage.applications import Account, OwnedNumbers, read_document, with_webhooks

T = TypeVar("T")

PATIENCE_S: Final = 30.0
"""How long to wait for a webhook before printing hints."""
_DASHBOARD: Final = "in the Vonage dashboard, https://dashboard.vonage.com"


@dataclass(frozen=True, slots=True)
class Question:
    """A question for a setting.

    Attributes:
        field: the name of the setting in `Settings`.
        text: what to ask, and where to find the answer.
        is_needed: no call can be answered without it.
        is_for_computed: ask only if a flow computes the numbers that it dials.
        prepared: converts an answer to the stored value; raises CannotRun if it is unusable.
    """

    field: str
    text: str
    is_secret: bool = False
    is_needed: bool = False
    is_for_computed: bool = False
    prepared: Callable[[str], str] = str.strip


def _path_of_key(answer: str) -> str:
    if "-----BEGIN" in answer:
        raise CannotRun("that is the key itself, but .env needs its path", "write the path of the key file")
    return answer.strip()


QUESTIONS: Final = (
    Question(
        "public_url",
        "Where does Vonage reach this server? The https:// address of your tunnel or proxy",
        is_needed=True,
    ),
    Question(
        "signature_secret",
        f"The signature secret, of at least {MIN_SECRET_CHARACTERS} characters: API settings {_DASHBOARD}",
        is_secret=True,
        is_needed=True,
    ),
    Question("application_id", f"The ID of the application: Applications {_DASHBOARD}", is_needed=True),
    Question("api_key", f"The API key: API settings {_DASHBOARD}", is_needed=True),
    Question(
        "private_key",
        "The path of the application's private.key; only recordings and placed calls need it",
        prepared=_path_of_key,
    ),
    Question(
        "dial_allow",
        "Your flows dial computed numbers. Which prefixes may they have, such as 44,4930?",
        is_for_computed=True,
    ),
    Question(
        "console_password_hash",
        "A password for the console, which shows calls and plays messages",
        is_secret=True,
        prepared=hashed,
    ),
)
"""In this order. Each answer is written to `.env` at once."""
API_SECRET: Final = Question(
    "api_secret", f"The API secret: API settings {_DASHBOARD}. It is not stored", is_secret=True, is_needed=True
)
_BY_SETTING: Final = {variable(each.field): each for each in (*QUESTIONS, API_SECRET)}


@click.command(
    "go-live",
    epilog="""\b
Examples:
  ncco go-live                             asks questions, checks, and shows your first call
  VONAGE_API_SECRET=... ncco go-live       does not ask for the API secret
  ncco go-live --undo                      puts back the URLs that the application had before

Run it in the project's folder, with `ncco serve` and the tunnel in other terminals. Each answer is written to .env at
once, so you can stop with Ctrl-C and continue later. Nothing is replaced, here or at Vonage, unless you agree; and
nothing at Vonage unless a signed request to the public URL has reached the server. Exit codes: 0 the number is live
(or what was there is back), 1 something was left unfinished, 2 it cannot run, 130 stopped with Ctrl-C.""",
)
@click.option("--undo", is_flag=True, help="Put back the URLs that the application at Vonage had before.")
def command(*, undo: bool) -> int:
    """Connect the project to a real phone number: ask for missing settings, check them, and show the first call."""
    if undo:
        return _undo()
    if not (flows := folders(None, None)[0]).is_dir():
        raise CannotRun(
            f"there is no flow folder at {str(flows)[:LONGEST_NAME]}",
            "run it in the project's folder; `ncco init DIR` creates one",
        )
    if variables().get(variable("demo"), "") not in ("", "0"):
        raise CannotRun("this is a demonstration with simulated calls", "make a project for real ones: ncco init DIR")
    click.echo(
        f"Each answer is written to {DOTENV} at once. Press Ctrl-C to stop; `ncco go-live` continues from there."
    )
    guide = Guide()
    try:
        guide.complete_settings()
        guide.run_checks("This machine", partial(_findings_of, "machine"))
        guide.is_reached = guide.run_checks("The server, and its public URL", guide.server)
        guide.run_checks("The application at Vonage", guide.application)
        if guide.is_server_outdated():
            guide.is_reached = guide.run_checks("The server, with the new settings", guide.server)
        if guide.is_reached:
            _watch(guide.complete_settings(), guide.numbers)
    except (click.Abort, KeyboardInterrupt):
        click.echo(f"\nStopped. Your answers are in {DOTENV}." if Path(DOTENV).exists() else "\nStopped.")
        return INTERRUPTED
    return ISSUES if guide.is_incomplete else FINE


@dataclass
class Guide:
    """The sequence of questions and checks.

    Attributes:
        is_incomplete: whether an error was left.
        is_reached: a signed request to the public URL has reached the server.
        numbers: the application's numbers that a flow answers.
    """

    is_incomplete: bool = False
    is_reached: bool = False
    numbers: list[str] = field(default_factory=list)
    _settings: Settings | None = None
    _api_secret: str = ""
    _asked: set[str] = field(default_factory=set)
    _outdated: str = ""
    _declined: Mapping[str, Any] | None = None

    def complete_settings(self) -> Settings:
        """Ask once for each missing or wrong setting."""
        while True:
            try:
                settings = load_settings()
            except SettingsError as refused:
                self._decide(settings_findings(refused), can_skip=False)
                continue
            self._settings = settings
            wrong = {each.setting: each for each in _refused(settings)}
            missing = (each for each in QUESTIONS if _is_missing(each, settings, wrong.keys()))
            question = next((each for each in missing if each.field not in self._asked), None)
            if question is None:
                return settings
            self._asked.add(question.field)
            fault = wrong.get(variable(question.field))
            if fault is not None and variable(question.field) in variables():
                print_finding(error(str(fault), fault.cure, check="settings"))
            self.ask(question, can_keep=fault is None)

    def ask(self, question: Question, *, can_keep: bool = True) -> None:
        """Ask until the answer is usable, and write it to `.env`. Enter skips the question if possible.

        Without `can_keep`, the present value cannot be used.
        """
        name = variable(question.field)
        known = variables()
        is_exported = bool(os.environ.get(name))
        if is_exported or f"{name}{FILE_SUFFIX}" in known:
            place = "the environment" if is_exported else known[f"{name}{FILE_SUFFIX}"]
            click.echo(f"{name} comes from {place}, which overrides {DOTENV}: change it there.")
            return
        now = known.get(name, "")
        offered = _tunnel(self._settings) if question.field == "public_url" else ""
        click.echo(f"\n{question.text}.")
        can_skip = bool(now and can_keep) or not question.is_needed
        if offered:
            click.echo("A tunnel runs at the address below: press Enter to use it.")
        elif can_skip:
            click.echo(f"Enter leaves it {'as it is' if now else 'out'}.")
        login = self._login_name() if question.prepared is hashed and not now else ""
        text = _answer(question, offered, can_skip=can_skip)
        if question is API_SECRET:
            self._api_secret = text
        elif text and login and self._settings is not None:
            give_login(self._settings.console_logins, login, "change", text)
            self._outdated = _server_here(self._settings)
        elif text and (not now or text == now or click.confirm(f"Replace {name} in {DOTENV}?")):
            write_setting(Path(DOTENV), name, text)
            self._outdated = _server_here(self._settings)

    def _login_name(self) -> str:
        """Return "" for a password without a name."""
        while self._settings is not None:
            answer = click.prompt(
                "Your name, such as anna; Enter for a shared password", default="", show_default=False
            )
            try:
                return login_name(answer) if answer else ""
            except CannotRun as error:
                click.echo(error.message)
        return ""

    def run_checks(self, title: str, find: Callable[[Settings], list[Finding]]) -> bool:
        """Run checks until there are no errors (return True), or the user continues with them."""
        click.echo(f"\n{click.style(title, bold=True)}")
        while True:
            findings = find(self.complete_settings())
            errors = [each for each in findings if each.status == "error"]
            for finding in findings:
                if finding.status in ("warning", "unchecked"):
                    print_finding(finding)
            if not errors:
                click.echo(f"{click.style('fine', fg='green')}: {', '.join(_names(findings))}")
                return True
            if not self._decide(errors):
                self.is_incomplete = True
                return False

    def _decide(self, errors: list[Finding], *, can_skip: bool = True) -> bool:
        """Show errors and ask what to do; return False to continue with them."""
        for each in errors:
            print_finding(each)
        named = [_BY_SETTING[name] for name in dict.fromkeys(each.setting for each in errors) if name in _BY_SETTING]
        choices = {"": "Enter looks again"}
        if named:
            choices["c"] = f"c changes {', '.join(variable(each.field) for each in named)}"
        if can_skip:
            choices["s"] = "s leaves it"
        words = ", ".join(choices.values())
        chosen = click.prompt(words, default="", show_default=False, type=click.Choice([*choices]), show_choices=False)
        for question in named if chosen == "c" else ():
            self.ask(question)
        return bool(chosen != "s")

    def server(self, settings: Settings) -> list[Finding]:
        here = _server_here(settings)
        if not here or self.is_server_outdated():
            what = f"the server started before {DOTENV} changed" if here else "no server is running on this machine"
            cure = f"In another terminal, in this folder: {'Ctrl-C, then ' if here else ''}ncco serve"
            return [error(what, cure, check="server")]
        refused = [replace(refused_setting(each), check="settings") for each in _refused(settings)]
        return [*refused, *_findings_of("server", settings)]

    def is_server_outdated(self) -> bool:
        """Whether the running server started before a setting was last changed."""
        return bool(self._outdated) and self._outdated == _server_here(self._settings)

    def application(self, settings: Settings) -> list[Finding]:
        """Offer to replace the URLs at Vonage, then check the configuration of the application."""
        if not (settings.api_secret.get_secret_value() or self._api_secret):
            self.ask(API_SECRET)
        settings = self._with_secret(settings)
        try:
            self._offer_urls(settings)
        except VonageApiError as fault:
            if fault.setting == variable("api_key"):
                self._api_secret = ""  # one of the two is wrong, so ask again
            return [error(str(fault), fault.cure, fault.setting, check="vonage")]
        findings, self.numbers = _looking(settings, _at_vonage)
        return findings

    def _with_secret(self, settings: Settings) -> Settings:
        given = SecretStr(self._api_secret)
        return settings.model_copy(update={"api_secret": given}) if self._api_secret else settings

    def _offer_urls(self, settings: Settings) -> None:
        """Replace the URLs that do not lead to this server, if the user agrees. Raises VonageApiError."""
        found, before = _call_api(settings, lambda account: read_document(account, settings.application_id))
        voice = found.capabilities.voice
        urls = urls_to_change(settings, voice) if voice else {}
        if not urls or before == self._declined:
            return
        if not self.is_reached:
            click.echo("The URLs at Vonage stay as they are until the public URL has no errors.")
            return
        wanted = with_webhooks(before, {name: {"address": url, "http_method": "POST"} for name, url in urls.items()})
        numbers = _call_api(settings, lambda account: numbers_of(account, settings.application_id))
        print_changes(found.name, list(changes_in_words(before, wanted)), numbers)
        click.echo(f"{RECORD} keeps what is there now, and `ncco go-live --undo` puts it back.")
        if not click.confirm("Change it?"):
            self._declined = before
            return
        record(settings.application_id, before, wanted)
        _call_api(settings, lambda account: replace_document(account, settings.application_id, before, wanted))
        click.echo("It is changed.")


def _answer(question: Question, offered: str, *, can_skip: bool) -> str:
    """Ask until the answer can be used; return "" if the question is skipped."""
    name = variable(question.field)
    while True:
        answer = click.prompt(
            "Password" if question.prepared is hashed else name,
            default=offered,
            hide_input=question.is_secret,
            show_default=bool(offered),
            confirmation_prompt="The same again" if question.prepared is hashed else False,
        )
        if not answer.strip():
            if can_skip:
                return ""
            click.echo(f"{name} is needed: no call can be answered without it. Press Ctrl-C to stop.")
            continue
        try:
            text = question.prepared(answer)
            _check(question.field, text)
        except (SettingsError, CannotRun) as error:
            click.echo(f"{error}\n  fix: {error.cure}" if isinstance(error, SettingsError) else error.message)
            continue
        return text


def _undo() -> int:
    """Put back the former URLs, if the user agrees. Raises CannotRun, VonageApiError."""
    settings = load_settings()
    application_id = settings.application_id
    history = history_of(application_id)
    if not history:
        raise CannotRun(
            f"{RECORD} has no URLs of the application {application_id or 'in VONAGE_APPLICATION_ID'}",
            "run it in the folder, and with the VONAGE_APPLICATION_ID, with which `ncco go-live` changed them",
        )
    try:
        while not settings.api_secret.get_secret_value():
            given = click.prompt(variable("api_secret"), default="", show_default=False, hide_input=True)
            settings = settings.model_copy(update={"api_secret": SecretStr(given.strip())})
        found, before = _call_api(settings, lambda account: read_document(account, application_id))
        wanted, kept = put_back(before, history)
        for line in kept:
            click.echo(printable(line))
        if wanted != before:
            numbers = _call_api(settings, lambda account: numbers_of(account, application_id))
            print_changes(found.name, list(changes_in_words(before, wanted)), numbers)
            if not click.confirm("Change it?"):
                return ISSUES
            _call_api(settings, lambda account: replace_document(account, application_id, before, wanted))
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nStopped. Nothing was put back.")
        return INTERRUPTED
    forget(application_id)
    click.echo("What was there before is back." if wanted != before else "There is nothing to put back.")
    return FINE


def _refused(settings: Settings) -> list[SettingsError]:
    return [*unsafe(settings, dev=False), *placeholders(settings), *weak_secrets(settings), *unreachable(settings)]


def _is_missing(question: Question, settings: Settings, wrong: Iterable[str]) -> bool:
    value = getattr(settings, question.field)
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if question.is_for_computed and not any(flow.steps_with_computed_numbers for flow in _flows(settings)):
        return False
    if question.field == "console_password_hash" and (
        settings.has_logins or not settings.console or find_studio() is None
    ):
        return False
    return not text or variable(question.field) in wrong


def _check(field: str, text: str) -> None:
    given: dict[str, Any] = {field: text}
    try:
        settings = load_settings(**given)
        wrong = _refused(settings)
    except SettingsError as error:
        wrong = [error, *error.others]
    for each in wrong:
        if each.setting == variable(field):
            raise each


def _flows(settings: Settings) -> list[Flow]:
    """The flows without errors; none if they cannot be read, which another finding reports."""
    with suppress(CannotRun):
        return list(Source(settings.flows, settings.templates).load(settings.flow_env).project.flows.values())
    return []


def _names(findings: Iterable[Finding]) -> Iterator[str]:
    return iter(dict.fromkeys(finding.check for finding in findings if finding.status == "ok"))


def _looking(settings: Settings, look: Callable[[Surroundings], Awaitable[T]]) -> T:
    """What `look` finds on this machine, or at Vonage. Raises VonageApiError."""

    async def run() -> T:
        async with checking_client() as client:
            return await look(Surroundings(settings, client))

    return asyncio.run(run())


def _tunnel(settings: Settings | None) -> str:
    """Return the URL of a tunnel to the server on this machine, or ""."""
    found = _looking(settings, lambda around: running_tunnels(around.client)) if settings is not None else []
    return next((tunnel.url for tunnel in found if settings and tunnel.port in (None, settings.port)), "")


def _server_here(settings: Settings | None) -> str:
    """Return the ID of the server on this machine, or ""."""
    return "" if settings is None else _looking(settings, lambda around: around.here).server


def _findings_of(group: Group, settings: Settings) -> list[Finding]:
    return _looking(settings, lambda around: findings_of(around, group))


async def _at_vonage(around: Surroundings) -> tuple[list[Finding], list[str]]:
    findings = await findings_of(around, "vonage")
    owned = await around.numbers
    linked = [each.msisdn for each in owned.numbers] if isinstance(owned, OwnedNumbers) else []
    taken = {number for flow in around.flows for number in flow.numbers}
    takes_all = any(flow.default for flow in around.flows)
    return findings, [number for number in linked if takes_all or number in taken]


def _call_api(settings: Settings, work: Callable[[Account], Awaitable[T]]) -> T:
    """Raises VonageApiError."""
    return _looking(settings, lambda around: work(around.account))


def _watch(settings: Settings, numbers: list[str]) -> None:
    since = now_ms()
    named = " or ".join(readable(number) for number in numbers) or "your number"
    click.echo(f"\n{click.style(f'Call {named} now.', bold=True)} Press Ctrl-C to stop waiting.")
    store = open_store(settings.database_url)
    if not store.is_durable:
        click.echo("The server only keeps calls in memory: look at its log.")
        return
    asyncio.run(_show_first_call(store, since))
    if settings.has_console(dev=False) and find_studio() is not None:
        click.echo(f"\nCalls and messages are in the console: {settings.console_link}")


async def _show_first_call(store: Store, since: int) -> None:
    screen = CallPrinter(datetime.now(UTC).astimezone().tzinfo or UTC, is_json=False, whole=False)
    async with store.records() as records:
        waited = 0.0
        while not (found := await records.calls(1, None, CallFilter(since=since))):
            await asyncio.sleep(POLL_S)
            waited += POLL_S
            if waited == PATIENCE_S:
                click.echo(
                    "Nothing yet. Look at the server's terminal: `signature does not match` means that "
                    "VONAGE_SIGNATURE_SECRET is wrong; no line at all means that Vonage does not reach the server."
                )
        await follow_call(records, await find_call(records, found[0].session.id), screen, to_its_end=True)

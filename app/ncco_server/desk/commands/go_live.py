"""`ncco go-live`: leads from a project to a phone number that answers, one question at a time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from pydantic import SecretStr

from ncco_server.desk.application_urls import changes_in_words, numbers_of, print_changes, replace_document
from ncco_server.desk.checks import Group, Surroundings, findings_of
from ncco_server.desk.environment import DOTENV, variables, write_setting
from ncco_server.desk.findings import Finding, error, print_finding
from ncco_server.desk.machine_checks import settings_findings
from ncco_server.desk.network_checks import checking_client
from ncco_server.desk.output import FINE, INTERRUPTED, ISSUES, CannotRun
from ncco_server.desk.project import Source
from ncco_server.desk.vonage_checks import urls_to_change
from ncco_server.errors import SettingsError, VonageApiError
from ncco_server.settings import Settings, load_settings
from ncco_server.settings.fields import variable
from ncco_server.settings.safety import MIN_SECRET_CHARACTERS, placeholders, unreachable, unsafe, weak_secrets
from ncco_server.settings.secrets import FILE_SUFFIX
from ncco_server.vonage.applications import Account, read_document, with_webhooks

T = TypeVar("T")

_DASHBOARD: Final = "in the Vonage dashboard, https://dashboard.vonage.com"


@dataclass(frozen=True, slots=True)
class Question:
    """A question for the setting `field`, without which no call can be answered if it `is_needed`."""

    field: str
    text: str
    is_secret: bool = False
    is_needed: bool = False


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
    Question("private_key", "The path of the application's private.key; only recordings and placed calls need it"),
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
  ncco go-live                             asks questions, checks, and sets the URLs at Vonage
  VONAGE_API_SECRET=... ncco go-live       does not ask for the API secret

Run it in the project's folder, with `ncco serve` and the tunnel in other terminals. Each answer is written to .env at
once, so you can stop with Ctrl-C and continue later. Nothing is replaced, here or at Vonage, unless you agree; and
nothing at Vonage unless a signed request to the public URL has reached the server. Exit codes: 0 the number is live,
1 something was left unfinished, 2 it cannot run, 130 stopped with Ctrl-C.""",
)
def command() -> int:
    """Connect the project to a real phone number: ask for missing settings, check them, and set the URLs at Vonage."""
    Source.here(None, None).read()  # raises CannotRun outside a project
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
            click.echo(f"\n{click.style('Call your number now.', bold=True)} `ncco calls --follow` shows the call.")
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
    """

    is_incomplete: bool = False
    is_reached: bool = False
    _settings: Settings | None = None
    _api_secret: str = ""
    _asked: set[str] = field(default_factory=set)
    _outdated: str = ""

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
            left = (each for each in QUESTIONS if each.field not in self._asked)
            question = next((each for each in left if _is_missing(each, settings, wrong.keys())), None)
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
        click.echo(f"\n{question.text}.")
        can_skip = bool(now and can_keep) or not question.is_needed
        if can_skip:
            click.echo(f"Enter leaves it {'as it is' if now else 'out'}.")
        text = _answer(question, can_skip=can_skip)
        if question is API_SECRET:
            self._api_secret = text
        elif text and (not now or text == now or click.confirm(f"Replace {name} in {DOTENV}?")):
            write_setting(Path(DOTENV), name, text)
            self._outdated = _server_here(self._settings)

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
                click.echo(click.style("fine", fg="green"))
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
        return _findings_of("server", settings)

    def is_server_outdated(self) -> bool:
        """Whether the running server started before a setting was last changed."""
        return bool(self._outdated) and self._outdated == _server_here(self._settings)

    def application(self, settings: Settings) -> list[Finding]:
        """Offer to replace the URLs at Vonage, then check the configuration of the application."""
        if not (settings.api_secret.get_secret_value() or self._api_secret):
            self.ask(API_SECRET)
        if self._api_secret:
            settings = settings.model_copy(update={"api_secret": SecretStr(self._api_secret)})
        try:
            self._offer_urls(settings)
        except VonageApiError as fault:
            if fault.setting == variable("api_key"):
                self._api_secret = ""  # one of the two is wrong, so ask again
            return [error(str(fault), fault.cure, fault.setting, check="vonage")]
        return _findings_of("vonage", settings)

    def _offer_urls(self, settings: Settings) -> None:
        """Replace the URLs that do not lead to this server, if the user agrees. Raises VonageApiError."""
        found, before = _call_api(settings, lambda account: read_document(account, settings.application_id))
        voice = found.capabilities.voice
        urls = urls_to_change(settings, voice) if voice else {}
        if not urls:
            return
        if not self.is_reached:
            click.echo("The URLs at Vonage stay as they are until the public URL has no errors.")
            return
        wanted = with_webhooks(before, {name: {"address": url, "http_method": "POST"} for name, url in urls.items()})
        numbers = _call_api(settings, lambda account: numbers_of(account, settings.application_id))
        print_changes(found.name, list(changes_in_words(before, wanted)), numbers)
        if click.confirm("Change it?"):
            _call_api(settings, lambda account: replace_document(account, settings.application_id, before, wanted))
            click.echo("It is changed.")


def _answer(question: Question, *, can_skip: bool) -> str:
    """Ask until the answer can be used; return "" if the question is skipped."""
    name = variable(question.field)
    while True:
        text = str(click.prompt(name, default="", hide_input=question.is_secret, show_default=False)).strip()
        if not text:
            if can_skip:
                return ""
            click.echo(f"{name} is needed: no call can be answered without it. Press Ctrl-C to stop.")
            continue
        if (wrong := _fault_of(question.field, text)) is None:
            return text
        click.echo(f"{wrong}\n  fix: {wrong.cure}")


def _refused(settings: Settings) -> list[SettingsError]:
    return [*unsafe(settings, dev=False), *placeholders(settings), *weak_secrets(settings), *unreachable(settings)]


def _is_missing(question: Question, settings: Settings, wrong: Iterable[str]) -> bool:
    value = getattr(settings, question.field)
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return not text or variable(question.field) in wrong


def _fault_of(field: str, text: str) -> SettingsError | None:
    given: dict[str, Any] = {field: text}
    try:
        wrong = _refused(load_settings(**given))
    except SettingsError as error:
        wrong = [error, *error.others]
    return next((each for each in wrong if each.setting == variable(field)), None)


def _looking(settings: Settings, look: Callable[[Surroundings], Awaitable[T]]) -> T:
    """What `look` finds on this machine, or at Vonage. Raises VonageApiError."""

    async def run() -> T:
        async with checking_client() as client:
            return await look(Surroundings(settings, client))

    return asyncio.run(run())


def _server_here(settings: Settings | None) -> str:
    """Return the ID of the server on this machine, or ""."""
    return "" if settings is None else _looking(settings, lambda around: around.here).server


def _findings_of(group: Group, settings: Settings) -> list[Finding]:
    return _looking(settings, lambda around: findings_of(around, group))


def _call_api(settings: Settings, work: Callable[[Account], Awaitable[T]]) -> T:
    """Raises VonageApiError."""
    return _looking(settings, lambda around: work(around.account))

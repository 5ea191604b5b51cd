"""`ncco doctor`: checks that everything is ready for real calls."""

from __future__ import annotations

import asyncio
import os
import re
import stat
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from ncco_server.assembly import recording_files_of
from ncco_server.cli import options
from ncco_server.cli.environment import DOTENV, flow_variables, variables
from ncco_server.cli.findings import Finding, Status, count_of, print_findings
from ncco_server.cli.network_checks import network_findings
from ncco_server.cli.output import FINE, ISSUES, CannotRun
from ncco_server.cli.project import LoadedProject, Source
from ncco_server.cli.work_tree import is_for_git
from ncco_server.errors import SettingsError, StoreError
from ncco_server.flow.model import Flow
from ncco_server.flow.report import as_sentence, counted, some_of
from ncco_server.service.recordings import NEWEST, PUT_BACK, count_lost
from ncco_server.service.result_rows import complete_since
from ncco_server.settings import Settings, load_settings
from ncco_server.settings.fields import SECRETS, UUID, variable
from ncco_server.settings.safety import PLACEHOLDERS, placeholders, unsafe
from ncco_server.settings.secrets import CONSOLE_KEY_SUFFIX, KEY_SUFFIX
from ncco_server.settings.values import read_mail_address
from ncco_server.store import PlacingControl, open_store
from ncco_server.verify.prove import SearchLimits, prove, roots_of
from ncco_server.vonage.keys import rsa_modulus

PROOF_S: Final = 10.0
"""Time limit of all proofs together, in seconds."""
LEAST_KEY_BITS: Final = 2048
_INVENTED: Final = re.compile(
    r"447700900\d{3}|442079460\d{3}|441632960\d{3}|44(?:11[3-8]|1[2-6]1)4960\d{3}|1\d{3}55501\d{2}"
)
"""Sources: Ofcom, telephone numbers for drama use; North American Numbering Plan, line numbers 555-0100 to 0199."""


def _read_address(_: click.Context, __: click.Parameter, text: str | None) -> str:
    try:
        return read_mail_address(text or "")
    except ValueError:
        raise click.BadParameter(f"{text} is not a single email address, such as office@example.com") from None


@click.command(
    "doctor",
    epilog="""\b
Examples:
  ncco doctor                              settings, flows, database, public URL
  VONAGE_API_SECRET=... ncco doctor        also checks the configuration at Vonage
  ncco doctor --mail-to you@example.com    the same, and sends a test email
  ncco doctor --offline --format json      only this machine and its database, for a script

It changes nothing here or at Vonage, but it writes an object to the bucket of recordings and removes it again. Run it
in the server's folder, as the server's user, while the server is running. Exit codes: 0 no errors (there may be
warnings), 1 errors, 2 it cannot run.""",
)
@options.output("text", "json")
@click.option("--offline", is_flag=True, help="Check only this machine and the database.")
@click.option("--mail-to", callback=_read_address, help="Send a test email to this address.")
def command(form: str, *, offline: bool, mail_to: str) -> int:
    """Check everything that real calls need: settings, secrets, flows, database, public URL, and the URLs at Vonage."""
    if offline and mail_to:
        raise click.UsageError("--offline sends no email; leave out one of the two")
    findings = list(_findings(is_offline=offline, mail_to=mail_to))
    print_findings(findings, form)
    return ISSUES if count_of(findings, "error") else FINE


def _findings(*, is_offline: bool, mail_to: str) -> Iterator[Finding]:
    try:
        settings = load_settings()
    except SettingsError as error:
        yield from settings_findings(error)
        yield Finding("others", "unchecked", "nothing else can be checked until the settings are right")
        return
    flows = yield from local_findings(settings, is_offline=is_offline)
    yield from asyncio.run(network_findings(settings, flows, is_offline=is_offline, mail_to=mail_to))


def settings_findings(error: SettingsError) -> Iterator[Finding]:
    """The findings about settings that are not valid."""
    return (Finding("settings", "error", str(each), each.cure, each.setting) for each in (error, *error.others))


def local_findings(settings: Settings, *, is_offline: bool = False) -> Generator[Finding, None, Collection[Flow]]:
    """Check this machine, the database and the bucket of recordings; also returns the flows."""
    for check in CHECKS:
        yield from check(settings)
    flows: Collection[Flow] = ()
    try:
        loaded = Source(settings.flows, settings.templates).load(flow_variables())
    except CannotRun as error:
        yield Finding("flows", "error", error.problem, error.cure)
    else:
        flows = loaded.project.flows.values()
        yield from check_flows(loaded)
        yield from check_dialling(settings, flows)
        yield from check_invented(flows)
        yield from check_recordings(settings, flows, is_offline=is_offline)
        yield from asyncio.run(check_placing(settings, flows))
    yield from asyncio.run(check_audio(settings, is_offline=is_offline))
    yield from asyncio.run(check_sums(settings))
    return flows


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Whether the server would start in production, and which settings are questionable."""
    wrong = (*unsafe(settings, dev=False), *placeholders(settings))
    errors = [Finding("settings", "error", str(error), error.cure, error.setting) for error in wrong]
    doubts = [Finding("settings", "warning", text) for text in settings.warnings]
    yield from [*errors, *doubts] or [Finding("settings", "ok", "the settings are valid")]


def check_secrets(settings: Settings) -> Iterator[Finding]:
    """Which secrets are set. Their values are not shown."""
    names = (*SECRETS, "api_secret")
    texts = {variable(name): getattr(settings, name).get_secret_value() for name in names}
    lengths = [f"{name} ({len(text)} characters)" for name, text in texts.items() if text and text not in PLACEHOLDERS]
    if lengths or not any(texts.values()):
        yield Finding("secrets", "ok", f"set: {', '.join(lengths)}" if lengths else "none is set")


def check_files(settings: Settings) -> Iterator[Finding]:
    """Whether other users of this machine can read a file with a secret, or Git would commit it."""
    files = [Path(DOTENV), settings.console_logins, *settings.secret_files]
    if (key := variables().get("VONAGE_PRIVATE_KEY", "")) and "-----BEGIN" not in key:
        files.append(Path(key.strip()).expanduser())
    if (database := open_store(settings.database_url).path) is not None:
        files += [database.with_name(f"{database.name}{suffix}") for suffix in (KEY_SUFFIX, CONSOLE_KEY_SUFFIX)]
    found = [file for file in files if file.is_file()]
    for file in found:
        if file.stat().st_mode & stat.S_IROTH:
            message = f"every user of this machine can read {file}"
            yield Finding("files", "warning", message, f"chmod o= {file}")
        if is_for_git(file):
            yield Finding("files", "warning", f"Git does not ignore {file}", "Add it to .gitignore.")
    if found and not any(file.stat().st_mode & stat.S_IROTH for file in found):
        yield Finding("files", "ok", f"other users cannot read {', '.join(map(str, found))}")


def check_application_id(settings: Settings) -> Iterator[Finding]:
    """Whether the application ID is set. An invalid one is reported with the settings."""
    given = settings.application_id
    cure = "Copy the application ID from the Vonage dashboard into VONAGE_APPLICATION_ID."
    if not given:
        message = "VONAGE_APPLICATION_ID is not set, so webhooks from every application of the account are accepted"
        yield Finding("application", "warning", message, cure)
    elif UUID.fullmatch(given) and given not in PLACEHOLDERS:
        yield Finding("application", "ok", f"VONAGE_APPLICATION_ID is {given}")
    elif not settings.is_signed and given not in PLACEHOLDERS:
        message = "VONAGE_APPLICATION_ID is not a UUID"
        yield Finding("application", "error", message, cure, "VONAGE_APPLICATION_ID")


def check_private_key(settings: Settings) -> Iterator[Finding]:
    """Whether the private key is an RSA key of a usual size."""
    pem = settings.private_key.get_secret_value()
    if not pem:
        yield Finding("key", "ok", "VONAGE_PRIVATE_KEY is not set; only recordings and placed calls need it")
        return
    cure = "Generate a key pair for the application in the Vonage dashboard, and keep its private.key."
    try:
        bits = rsa_modulus(pem).bit_length()
    except ValueError as error:
        yield Finding("key", "error", f"VONAGE_PRIVATE_KEY {error}", cure, "VONAGE_PRIVATE_KEY")
        return
    if bits < LEAST_KEY_BITS:
        message = f"VONAGE_PRIVATE_KEY has {bits} bits; {LEAST_KEY_BITS} are needed"
        yield Finding("key", "error", message, cure, "VONAGE_PRIVATE_KEY")
    else:
        yield Finding("key", "ok", f"VONAGE_PRIVATE_KEY is an RSA key of {bits} bits")


def check_database(settings: Settings) -> Iterator[Finding]:
    """Whether the database can be used. Nothing is written to it."""
    store = open_store(settings.database_url)
    if not store.is_durable:
        cure = "Write NCCO_DATABASE_URL=sqlite:///ncco.db."
        yield Finding("database", "warning", "memory:// loses all calls when the server stops", cure)
        return
    try:
        schema = asyncio.run(store.schema())
    except StoreError as error:
        yield Finding("database", "error", str(error), error.cure or "Try again in a moment.")
        return
    except OSError as error:
        yield Finding("database", "error", f"{store.label}: {error.strerror}", "Give the server's user access to it.")
        return
    if store.path is not None and (blocked := _not_writable(store.path)) is not None:
        cure = "Run this as the server's user; if you already do, give that user permission to write there."
        yield Finding("database", "error", f"{blocked} is not writable by this user", cure)
    elif not schema.found:
        yield Finding("database", "ok", f"{store.label} does not exist yet; the server will create it")
    elif not schema.is_complete:
        cure = "Back it up and run `ncco db upgrade`, or start the server, which upgrades it."
        needed = f"this version needs {schema.newest}" if schema.missing else "this version adds to it"
        message = f"{store.label} has schema {schema.found}, and {needed}"
        yield Finding("database", "warning", message, cure)
    else:
        yield Finding("database", "ok", f"{store.label} can be opened, and has the newest schema, {schema.found}")


def _not_writable(file: Path) -> Path | None:
    """The path that prevents writing a file: the file, or the nearest folder that exists; None if it can be written."""
    if file.exists() and not os.access(file, os.W_OK):
        return file
    folder = next(each for each in file.absolute().parents if each.exists())
    return None if os.access(folder, os.W_OK | os.X_OK) else folder


def check_dialling(settings: Settings, flows: Iterable[Flow]) -> Iterator[Finding]:
    """Whether computed numbers may be dialled."""
    steps = [step for flow in flows for step in flow.computing_numbers]
    if steps and settings.dial_allow:
        prefixes = ", ".join(settings.dial_allow)
        yield Finding(
            "dialling", "ok", f"computed numbers ({some_of(steps)}) are dialled if they begin with {prefixes}"
        )
    elif steps:
        message = f"computed numbers ({some_of(steps)}) are never dialled: those callers take the `error` exit"
        cure = "Set NCCO_DIAL_ALLOW to the prefixes that may be dialled, such as 44,4930."
        yield Finding("dialling", "warning", message, cure)


def check_recordings(settings: Settings, flows: Iterable[Flow], *, is_offline: bool) -> Iterator[Finding]:
    """Whether recordings can be fetched and kept, if a flow makes any."""
    if not settings.keeps_recordings or not any(flow.records for flow in flows):
        yield Finding("recordings", "ok", "no flow records" if settings.keeps_recordings else "no recordings are kept")
        return
    if missing := settings.missing_to_fetch:
        names = " and ".join(missing)
        cure = f"Set {names}, or NCCO_RECORDINGS=off."
        yield Finding("recordings", "warning", f"recordings are not fetched without {names}", cure)
    folder = settings.recordings_folder
    if open_store(settings.database_url).path is None and not settings.recordings and folder is not None:
        cure = "Set NCCO_RECORDINGS to a bucket, or to a folder that all hosts share; a single host may use any folder."
        message = f"each host keeps its own recordings, here in {folder.absolute()}"
        yield Finding("recordings", "warning", message, cure)
    if is_offline and settings.bucket is not None:
        yield Finding("recordings", "unchecked", f"{settings.bucket} is not checked because of --offline")
        return
    try:
        files = recording_files_of(settings)
        problems = list(files.problems()) if files is not None else []
    except SettingsError as error:
        yield Finding("recordings", "error", str(error), error.cure)
        return
    for problem in problems:
        status: Status = "error" if problem.is_error else "warning"
        yield Finding("recordings", status, problem.message, problem.cure)
    if not problems and not missing:
        yield Finding("recordings", "ok", f"recordings are kept in {settings.bucket or (folder and folder.absolute())}")


async def check_audio(settings: Settings, *, is_offline: bool) -> list[Finding]:
    """Whether files of recordings are missing. Another finding reports an unreadable database or bucket."""
    if not settings.keeps_recordings or settings.has_memory_store or (is_offline and settings.bucket is not None):
        return []
    try:
        files = recording_files_of(settings)
        async with open_store(settings.database_url).records() as records:
            lost = await count_lost(records, files) if files is not None else 0
    except (SettingsError, StoreError, OSError):
        return []
    message = f"the audio of {counted(lost, 'recording')} is lost; only the newest {NEWEST} were checked"
    return [Finding("recordings", "error", message, f"{as_sentence(PUT_BACK)}.")] if lost else []


async def check_sums(settings: Settings) -> list[Finding]:
    """Whether reports count the stored calls, once all of these have results.

    Another finding reports an unreadable database.
    """
    wrong = 0
    store = open_store(settings.database_url)
    with suppress(StoreError, OSError):
        if store.is_durable and (store.path is None or store.path.is_file()):
            async with store.records() as records:
                progress = await records.result_progress()
                if progress is not None and complete_since(progress) is None:
                    wrong = await records.count_wrong_sums()
    message = f"reports are wrong: {counted(wrong, 'sum differs', 'sums differ')} from the stored calls"
    return [Finding("reports", "warning", message, "Run `ncco db recount`.")] if wrong else []


def check_flows(loaded: LoadedProject) -> Iterator[Finding]:
    """Whether the flows have no errors, take calls, and lose no caller."""
    flows = loaded.project.flows.values()
    errors = [issue for issue in loaded.issues if issue.is_error]
    if errors:
        first = f"{errors[0].place} {errors[0].code} {errors[0].message}"
        message = f"the flows have {counted(len(errors), 'error')}; the first: {first}"
        yield Finding("flows", "error", message, "Run `ncco check`, and fix them.")
        return
    places = [flow.name for flow in flows if flow.outbound is not None]
    takes = any(flow.is_startable for flow in flows)
    if not takes and not places:
        cure = "Add your number to a flow's `numbers`, or write `default: true`."
        yield Finding("flows", "error", "no flow takes calls", cure)
        return
    if loaded.issues:
        message = f"{counted(len(flows), 'flow')}, with {counted(len(loaded.issues), 'warning')}"
        yield Finding("flows", "warning", message, "Run `ncco check` to see them.")
    else:
        numbers = sorted(number for flow in flows for number in flow.numbers)
        shown = f"they take calls to {', '.join(numbers)}" if numbers else "one of them takes calls to any number"
        shown = shown if takes else "none takes calls, and calls can be placed with " + ", ".join(sorted(places))
        yield Finding("flows", "ok", f"{counted(len(flows), 'flow')} without issues; {shown}")
    yield check_proof(loaded)


async def check_placing(settings: Settings, flows: Iterable[Flow]) -> list[Finding]:
    """Whether calls can be placed, if a flow can be used for that. Another finding reports an unreadable database."""
    if not any(flow.outbound is not None for flow in flows):
        return []
    found = []
    if settings.voice_access is None:
        message = "no calls are placed without VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY"
        found.append(Finding("placing", "warning", message, "Set both."))
    store = open_store(settings.database_url)
    control = PlacingControl()
    with suppress(StoreError, OSError):
        if store.is_durable and (store.path is None or store.path.is_file()):
            async with store.records() as records:
                control = await records.placing()
    if control.paused_at is not None:
        message = f"it is paused by {control.paused_by}: {control.reason or 'no reason given'}"
        found.append(
            Finding("placing", "warning", message, "Fix the reason, then choose Resume, or run `ncco place --resume`.")
        )
    return found or [Finding("placing", "ok", "calls can be placed")]


def check_proof(loaded: LoadedProject) -> Finding:
    """Whether a caller can get lost, as far as can be proved in `PROOF_S` seconds."""
    until = time.monotonic() + PROOF_S
    env = flow_variables()
    now = datetime.now(UTC)
    faults = 0
    unfinished = []
    roots = roots_of(loaded.project.flows)
    for flow in sorted(roots, key=lambda flow: flow.name):
        left = until - time.monotonic()
        proof = prove(flow, now, env=env, bounds=SearchLimits(seconds=max(left, 0.01)))
        faults += sum(violation.is_error for violation in proof.violations)
        if proof.space.stopped:
            unfinished.append(flow.name)
    if faults:
        message = f"`ncco prove` finds {counted(faults, 'fault')} in the flows"
        return Finding(
            "proof", "warning", message, "Run `ncco prove`, which prints the shortest call that leads to each of them."
        )
    if unfinished:
        message = f"{', '.join(unfinished)}: not proved in {PROOF_S:g} seconds"
        return Finding("proof", "unchecked", message, "Run `ncco prove`, which takes longer.")
    return Finding("proof", "ok", f"no caller gets lost in {counted(len(roots), 'flow')}")


def check_invented(flows: Iterable[Flow]) -> Iterator[Finding]:
    """Whether a flow still dials a number from the examples, which belongs to nobody."""
    written = {number: step for flow in flows for number, step in flow.written_numbers.items()}
    if invented := [number for number in written if _INVENTED.fullmatch(number)]:
        message = f"flows dial {some_of(invented)} ({written[invented[0]]}): example numbers, which belong to nobody"
        yield Finding(
            "dialling",
            "warning",
            message,
            "Write your own phone number, or the number of the person who should answer.",
        )


Check = Callable[[Settings], Iterable[Finding]]

CHECKS: Final[tuple[Check, ...]] = (
    check_settings,
    check_secrets,
    check_files,
    check_application_id,
    check_private_key,
    check_database,
)
"""The checks that only need the settings, in order."""

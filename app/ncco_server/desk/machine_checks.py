"""Checks of this machine: settings, secrets, flows, database and the storage of recordings."""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol, TypeVar

from ncco_server.assembly import mail_server_of, recording_files_of, voice_access_of
from ncco_server.desk.database import now_ms
from ncco_server.desk.environment import DOTENV, is_for_git, variables
from ncco_server.desk.findings import Finding, error, ok, unchecked, warning
from ncco_server.desk.output import CannotRun
from ncco_server.desk.project import LoadedProject
from ncco_server.desk.studio import INSTALL, find_studio
from ncco_server.errors import HashKeyLost, SettingsError, StoreError
from ncco_server.flow.model import Flow, Project
from ncco_server.ncco.value_types.phones import is_example_number
from ncco_server.service.recording_files import RecordingFiles
from ncco_server.service.recordings import NEWEST, PUT_BACK, count_lost
from ncco_server.settings import Settings
from ncco_server.settings.fields import SECRETS, UUID, variable
from ncco_server.settings.safety import PLACEHOLDERS, placeholders, unsafe
from ncco_server.settings.secrets import CONSOLE_KEY_SUFFIX, KEY_SUFFIX
from ncco_server.store import PlacingControl, Records, database_file, open_store
from ncco_server.store.table_rows import tables_without_key
from ncco_server.vonage.keys import rsa_modulus
from ncco_server.wording import as_sentence, counted, some_of

T = TypeVar("T")

LEAST_KEY_BITS: Final = 2048


class ReadRecords(Protocol):
    """Reads from the database; see `Surroundings.read`."""

    async def __call__(self, work: Callable[[Records], Awaitable[T]], default: T) -> T:
        """Return the default if the database cannot be read."""


def settings_findings(fault: SettingsError) -> list[Finding]:
    return [replace(refused_setting(each), check="settings") for each in (fault, *fault.others)]


def refused_setting(fault: SettingsError) -> Finding:
    return error(str(fault), fault.cure, fault.setting)


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Check whether the server would start in production; report questionable settings."""
    wrong = (*unsafe(settings, dev=False), *placeholders(settings))
    errors = [refused_setting(each) for each in wrong]
    doubts = [warning(str(each), each.cure, each.setting) for each in settings.warnings]
    yield from [*errors, *doubts] or [ok("the settings are valid")]


def check_secrets(settings: Settings) -> Iterator[Finding]:
    """Never show the values."""
    names = (*SECRETS, "api_secret")
    texts = {variable(name): getattr(settings, name).get_secret_value() for name in names}
    lengths = [f"{name} ({len(text)} characters)" for name, text in texts.items() if text and text not in PLACEHOLDERS]
    if lengths or not any(texts.values()):
        yield ok(f"set: {', '.join(lengths)}" if lengths else "none is set")


def check_files(settings: Settings) -> Iterator[Finding]:
    """Check whether other users of this machine can read a file with a secret, or Git would commit it."""
    files = [Path(DOTENV), settings.console_logins, *settings.secret_files]
    if (key := variables().get("VONAGE_PRIVATE_KEY", "")) and "-----BEGIN" not in key:
        files.append(Path(key.strip()).expanduser())
    if (database := database_file(settings.database_url)) is not None:
        files += [database.with_name(f"{database.name}{suffix}") for suffix in (KEY_SUFFIX, CONSOLE_KEY_SUFFIX)]
    found = [file for file in files if file.is_file()]
    for file in found:
        if file.stat().st_mode & stat.S_IROTH:
            message = f"every user of this machine can read {file}"
            yield warning(message, f"chmod o= {file}")
        if is_for_git(file):
            yield warning(f"Git does not ignore {file}", "Add it to .gitignore.")
    if found and not any(file.stat().st_mode & stat.S_IROTH for file in found):
        yield ok(f"other users cannot read {', '.join(map(str, found))}")


def check_application_id(settings: Settings) -> Iterator[Finding]:
    """If signatures are checked, `check_settings` reports an ID that is no UUID."""
    given = settings.application_id
    cure = "Copy the application ID from the Vonage dashboard into VONAGE_APPLICATION_ID."
    if not given:
        message = "VONAGE_APPLICATION_ID is not set, so webhooks from every application of the account are accepted"
        yield warning(message, cure)
    elif UUID.fullmatch(given) and given not in PLACEHOLDERS:
        yield ok(f"VONAGE_APPLICATION_ID is {given}")
    elif not settings.is_signed and given not in PLACEHOLDERS:
        message = "VONAGE_APPLICATION_ID is not a UUID"
        yield error(message, cure, "VONAGE_APPLICATION_ID")


def check_private_key(settings: Settings) -> Iterator[Finding]:
    pem = settings.private_key.get_secret_value()
    if not pem:
        yield ok("VONAGE_PRIVATE_KEY is not set; only recordings and placed calls need it")
        return
    cure = "Generate a key pair for the application in the Vonage dashboard, and keep its private.key."
    try:
        bits = rsa_modulus(pem).bit_length()
    except ValueError as fault:
        yield error(f"VONAGE_PRIVATE_KEY {fault}", cure, "VONAGE_PRIVATE_KEY")
        return
    if bits < LEAST_KEY_BITS:
        message = f"VONAGE_PRIVATE_KEY has {bits} bits; {LEAST_KEY_BITS} are needed"
        yield error(message, cure, "VONAGE_PRIVATE_KEY")
    else:
        yield ok(f"VONAGE_PRIVATE_KEY is an RSA key of {bits} bits")


async def check_database(settings: Settings) -> Finding:
    """Write nothing to the database."""
    store = open_store(settings.database_url)
    if not store.is_durable:
        cure = "Write NCCO_DATABASE_URL=sqlite:///ncco.db."
        return warning("memory:// loses all calls when the server stops", cure)
    try:
        schema = await store.schema()
    except StoreError as fault:
        return error(str(fault), fault.cure or "Try again in a moment.")
    except OSError as fault:
        return error(f"{store.label}: {fault.strerror}", "Give the server's user access to it.")
    if store.path is not None and (blocked := _not_writable(store.path)) is not None:
        cure = "Run this as the server's user; if you already do, give that user permission to write there."
        return error(f"{blocked} is not writable by this user", cure)
    if not schema.found:
        is_new = store.path is not None and not store.path.exists()
        has = (
            "does not exist yet; the server will create it"
            if is_new
            else "has no tables yet; the server will create them"
        )
        return ok(f"{store.label} {has}")
    if not schema.missing:
        return ok(f"{store.label} can be opened, and has schema {schema.found}")
    cure = "Back it up and run `ncco db upgrade`, or start the server, which upgrades it."
    return warning(f"{store.label} has schema {schema.found}, and this version needs {schema.newest}", cure)


def _not_writable(file: Path) -> Path | None:
    """Return the path that prevents writing, if any: the file, or the nearest existing folder."""
    if file.exists() and not os.access(file, os.W_OK):
        return file
    folder = next(parent for parent in file.absolute().parents if parent.exists())
    return None if os.access(folder, os.W_OK | os.X_OK) else folder


def check_dialling(settings: Settings, flows: Iterable[Flow]) -> Iterator[Finding]:
    steps = [step for flow in flows for step in flow.steps_with_computed_numbers]
    if steps and settings.dial_allow:
        prefixes = ", ".join(settings.dial_allow)
        yield ok(f"computed numbers ({some_of(steps)}) are dialled if they begin with {prefixes}")
    elif steps:
        message = f"computed numbers ({some_of(steps)}) are never dialled: those callers take the `error` exit"
        cure = "Set NCCO_DIAL_ALLOW to the prefixes that may be dialled, such as 44,4930."
        yield warning(message, cure)


def check_recordings(settings: Settings, project: Project, *, is_offline: bool) -> Iterator[Finding]:
    if not settings.keeps_recordings or not any(flow.records for flow in project.flows.values()):
        yield ok("no flow records" if settings.keeps_recordings else "no recordings are kept")
        return
    if missing := settings.missing_to_fetch:
        names = " and ".join(missing)
        yield warning(f"recordings are not fetched without {names}", f"Set {names}, or NCCO_RECORDINGS=off.")
    folder = settings.recordings_folder
    if database_file(settings.database_url) is None and not settings.recordings and folder is not None:
        cure = "Set NCCO_RECORDINGS to a bucket, or to a folder that all hosts share; a single host may use any folder."
        yield warning(f"each host keeps its own recordings, here in {folder.absolute()}", cure)
    if is_offline and settings.has_bucket:
        yield unchecked(f"{settings.recordings} is not checked because of --offline")
        return
    try:
        files = recording_files_of(settings)
    except SettingsError as fault:
        yield error(str(fault), fault.cure)
        return
    problems = list(files.problems()) if files is not None else []
    yield from ((error if problem.is_error else warning)(problem.message, problem.cure) for problem in problems)
    if not problems and not missing:
        yield ok(f"recordings are kept in {folder.absolute() if folder is not None else settings.recordings}")


async def check_audio(files: RecordingFiles, read: ReadRecords) -> list[Finding]:
    return findings_of_audio(await read(lambda records: count_lost(records, files), 0))


def findings_of_audio(lost: int) -> list[Finding]:
    if not lost:
        return []
    message = f"the audio of {counted(lost, 'recording')} is lost; only the newest {NEWEST} were checked"
    plain = f"{counted(lost, 'message')} can no longer be played."
    return [error(message, f"{as_sentence(PUT_BACK)}.", plain=plain)]


async def check_hashes(project: Project, read: ReadRecords) -> list[Finding]:
    """Check whether hashes of forgotten numbers still match somebody."""
    tables = [name for name, table in project.tables.items() if table.after_forget is not None]
    if not tables:
        return []
    lost: list[str] = await read(lambda records: tables_without_key(records, tables), [])
    faults = [HashKeyLost(table) for table in lost]
    found = [error(str(fault), f"{as_sentence(fault.cure)}.") for fault in faults]
    return found or [ok("forgotten numbers still match")]


async def check_sums(read: ReadRecords) -> list[Finding]:
    wrong = await read(Records.count_wrong_sums, 0)
    message = f"reports are wrong: {counted(wrong, 'sum differs', 'sums differ')} from the stored calls"
    return [warning(message, "Run `ncco db recount`.")] if wrong else []


def check_flows(loaded: LoadedProject | CannotRun) -> Finding:
    if isinstance(loaded, CannotRun):
        return error(loaded.problem, loaded.cure)
    flows = loaded.project.flows.values()
    if errors := [issue for issue in loaded.issues if issue.is_error]:
        first = f"{errors[0].place} {errors[0].code} {errors[0].message}"
        message = f"the flows have {counted(len(errors), 'error')}; the first: {first}"
        return error(message, "Run `ncco check`, and fix them.")
    if not _is_used(flows):
        return error("no flow takes calls", "Add your number to a flow's `numbers`, or write `default: true`.")
    if loaded.issues:
        message = f"{counted(len(flows), 'flow')}, with {counted(len(loaded.issues), 'warning')}"
        return warning(message, "Run `ncco check` to see them.")
    numbers = sorted(number for flow in flows for number in flow.numbers)
    if numbers:
        shown = f"they take calls to {', '.join(numbers)}"
    elif any(flow.default for flow in flows):
        shown = "one of them takes calls to any number"
    elif entries := sorted(flow.name for flow in flows if flow.entry):
        shown = "calls start only at " + ", ".join(f"/webhooks/answer/{name}" for name in entries)
    else:
        placing = sorted(flow.name for flow in flows if flow.outbound is not None)
        shown = "none takes calls, and calls can be placed with " + ", ".join(placing)
    return ok(f"{counted(len(flows), 'flow')} without issues; {shown}")


def _is_used(flows: Iterable[Flow]) -> bool:
    return any(flow.is_startable or flow.outbound is not None for flow in flows)


async def check_placing(settings: Settings, flows: Iterable[Flow], read: ReadRecords) -> list[Finding]:
    control = await read(lambda records: records.placing(), PlacingControl())
    found = []
    if control.paused_at is not None:
        message = f"placing calls is paused by {control.paused_by}: {control.reason or 'no reason given'}"
        cure = "Fix the problem, then choose Resume in the console, or run `ncco place --resume`."
        found.append(warning(message, cure, plain="Placing calls is paused."))
    if control.is_held(now_ms()):
        cure = "The server tries again by itself, until the calls expire."
        plain = "Calls wait to be placed, because Vonage accepts no calls at the moment."
        found.append(warning(control.held_for, cure, plain=plain))
    if not any(flow.outbound is not None for flow in flows):
        return found
    if voice_access_of(settings) is None and not settings.has_virtual_vonage:
        message = "no calls are placed without VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY"
        found.append(warning(message, "Set both: `ncco go-live` asks for them."))
    return found or [ok("calls can be placed")]


def check_mail(settings: Settings, flows: Iterable[Flow]) -> list[Finding]:
    """Without a mail server, warn if hooks send emails."""
    if mail_server_of(settings) is not None or not any(hook.mail for flow in flows for hook in flow.hook_definitions):
        return []
    cure = "Set both, or remove `mail` from the flows. Then `ncco hooks retry` sends the parked emails."
    return [warning("NCCO_SMTP_URL or NCCO_MAIL_FROM is not set, so emails are parked", cure)]


def check_proof(settings: Settings, loaded: LoadedProject | CannotRun) -> Iterable[Finding]:
    """Report nothing for flows with errors."""
    if isinstance(loaded, CannotRun) or loaded.has_errors or not _is_used(loaded.project.flows.values()):
        return ()
    studio = find_studio()
    if studio is None:
        return (unchecked("nothing is proved without the studio", f"{INSTALL.capitalize()}."),)
    return studio.check_proof(settings, loaded.project.flows)


def example_numbers(flow: Flow) -> dict[str, str]:
    """With the step that dials each."""
    return {number: step for number, step in flow.written_numbers.items() if is_example_number(number)}


def check_example_numbers(flows: Iterable[Flow]) -> Iterator[Finding]:
    found = {number: step for flow in flows for number, step in example_numbers(flow).items()}
    if found:
        message = (
            f"flows dial {some_of([*found])} ({next(iter(found.values()))}): example numbers, which belong to nobody"
        )
        yield warning(
            message,
            "Write your own phone number, or the number of the person who should answer.",
        )

"""Checks of this machine: settings, secrets, flows, database and the storage of recordings."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from ncco_server.assembly import mail_server_of, recording_files_of, voice_access_of
from ncco_server.desk.database import now_ms
from ncco_server.desk.findings import Finding, error, ok, unchecked, warning
from ncco_server.desk.output import CannotRun
from ncco_server.desk.project import LoadedProject
from ncco_server.desk.studio import INSTALL, find_studio
from ncco_server.errors import SettingsError, StoreError
from ncco_server.flow.model import Flow, Project
from ncco_server.ncco.value_types.phones import is_example_number
from ncco_server.settings import Settings
from ncco_server.settings.safety import placeholders, unsafe
from ncco_server.store import PlacingControl, Records, open_store
from ncco_server.vonage.keys import rsa_modulus
from ncco_server.wording import counted, some_of

T = TypeVar("T")


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


def check_private_key(settings: Settings) -> Iterator[Finding]:
    pem = settings.private_key.get_secret_value()
    try:
        if pem:
            rsa_modulus(pem)
    except ValueError as fault:
        cure = "Generate a key pair for the application in the Vonage dashboard, and keep its private.key."
        yield error(f"VONAGE_PRIVATE_KEY {fault}", cure, "VONAGE_PRIVATE_KEY")


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
        return ok(f"{store.label} has no tables yet; the server will create them")
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
    if steps and not settings.dial_allow:
        message = f"computed numbers ({some_of(steps)}) are never dialled: those callers take the `error` exit"
        cure = "Set NCCO_DIAL_ALLOW to the prefixes that may be dialled, such as 44,4930."
        yield warning(message, cure)


def check_recordings(settings: Settings, project: Project, *, is_offline: bool) -> Iterator[Finding]:
    if not settings.keeps_recordings or not any(flow.records for flow in project.flows.values()):
        return
    if missing := settings.missing_to_fetch:
        names = " and ".join(missing)
        yield warning(f"recordings are not fetched without {names}", f"Set {names}, or NCCO_RECORDINGS=off.")
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
    if files is not None and not problems:
        yield ok(f"recordings are kept in {files.place}")


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
    return ok(f"{counted(len(flows), 'flow')} without issues")


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

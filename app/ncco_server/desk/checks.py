"""All checks of `ncco doctor`, `ncco go-live` and the console's Health, in one table, and what they look at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from inspect import Parameter, isawaitable, signature
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

import httpx

from ncco_server.desk import machine_checks as machine
from ncco_server.desk import network_checks as network
from ncco_server.desk import vonage_checks as vonage
from ncco_server.desk.findings import Finding
from ncco_server.desk.output import CannotRun
from ncco_server.desk.probe import Probe, probe
from ncco_server.desk.project import LoadedProject, Source
from ncco_server.errors import StoreError, VonageApiError
from ncco_server.flow.model import Flow, Project
from ncco_server.settings import Settings
from ncco_server.settings.fields import UUID
from ncco_server.store import Records, Store, open_store
from ncco_server.vonage.applications import (
    Account,
    OwnedNumbers,
    VoiceCapability,
    VonageApplication,
    read_application,
    read_numbers,
)

T = TypeVar("T")
Group: TypeAlias = Literal["machine", "server", "mail", "vonage"]


class Check(NamedTuple):
    """One check.

    Attributes:
        group: its subject. `ncco go-live` passes the groups one by one.
        name: the name of its findings.
        find: returns one finding or more, each with its cure. Its parameters are the attributes of `Surroundings` that
            it needs; if one is None, it does not apply.
        is_online: it sends requests to other machines, so `--offline` leaves it out.
        is_slow: it takes seconds, so Health leaves it out.
        in_development: Health runs it also for a server that takes no real calls.
    """

    group: Group
    name: str
    find: Callable[..., Any]
    is_online: bool = False
    is_slow: bool = False
    in_development: bool = False


CHECKS: Final = (
    Check("machine", "settings", machine.check_settings),
    Check("machine", "key", machine.check_private_key),
    Check("machine", "database", machine.check_database),
    Check("machine", "flows", machine.check_flows),
    Check("machine", "proof", machine.check_proof, is_slow=True),
    Check("machine", "dialling", machine.check_dialling),
    Check("machine", "dialling", machine.check_example_numbers),
    Check("machine", "recordings", machine.check_recordings),
    Check("machine", "placing", machine.check_placing, in_development=True),
    Check("server", "server", network.check_local_server),
    Check("server", "public url", network.check_address, is_online=True),
    Check("server", "tls", network.check_certificate, is_online=True),
    Check("server", "public url", network.check_public_url, is_online=True),
    Check("server", "webhooks", network.check_webhooks, is_online=True),
    Check("mail", "mail", machine.check_mail, in_development=True),
    Check("mail", "mail", network.check_mail_server, is_online=True),
    Check("vonage", "vonage", vonage.check_access, is_online=True),
    Check("vonage", "vonage", vonage.check_application, is_online=True),
    Check("vonage", "answer url", partial(vonage.check_url, name="answer"), is_online=True),
    Check("vonage", "fallback url", partial(vonage.check_url, name="fallback"), is_online=True),
    Check("vonage", "event url", partial(vonage.check_url, name="event"), is_online=True),
    Check("vonage", "signing", vonage.check_signing, is_online=True),
    Check("vonage", "key", vonage.check_key_pair, is_online=True),
    Check("vonage", "numbers", vonage.check_numbers, is_online=True),
    Check("vonage", "clock", network.check_clock, is_online=True),
)
"""In the order in which they run."""


def _once(read: Callable[[Surroundings], Coroutine[Any, Any, T]]) -> cached_property[asyncio.Task[T]]:
    return cached_property(lambda around: asyncio.ensure_future(read(around)))


@dataclass
class Surroundings:
    """This machine, its server, and the application at Vonage. What is missing is None.

    Attributes:
        client: sends requests; see `checking_client`.
        is_offline: check only this machine and the database.
        mail_to: where to send a test email; "" to send none.
        read_before: the project on disk, if it has been read already.
        store: an open store, instead of that of the settings.
    """

    settings: Settings
    client: httpx.AsyncClient
    is_offline: bool = False
    mail_to: str = ""
    read_before: LoadedProject | None = None
    store: Store | None = None

    @cached_property
    def loaded(self) -> LoadedProject | CannotRun:
        if self.read_before is not None:
            return self.read_before
        try:
            return Source.of(self.settings).load(self.settings.flow_env)
        except CannotRun as fault:
            return fault

    @property
    def project(self) -> Project | None:
        """It may have errors."""
        return None if isinstance(self.loaded, CannotRun) else self.loaded.project

    @property
    def flows(self) -> Collection[Flow]:
        return () if self.project is None else self.project.flows.values()

    async def read(self, work: Callable[[Records], Awaitable[T]], default: T) -> T:
        """Return the default if the database is missing or cannot be read."""
        store = self.store or open_store(self.settings.database_url)
        with suppress(StoreError, OSError):
            if self.store or (store.is_durable and (store.path is None or store.path.is_file())):
                async with store.records() as records:
                    return await work(records)
        return default

    @_once
    async def here(self) -> Probe:
        return await probe(self.client, f"{self.settings.address}/healthz")

    @_once
    async def there(self) -> Probe | None:
        public_url = self.settings.public_url
        return await probe(self.client, f"{public_url}/healthz") if public_url else None

    @_once
    async def addresses(self) -> list[str] | None:
        """Return [] if the public URL's host cannot be resolved."""
        public_url = self.settings.public_url
        return await network.addresses_of(public_url) if public_url else None

    @property
    def account(self) -> Account:
        settings = self.settings
        secret = settings.api_secret.get_secret_value()
        return Account(self.client, settings.vonage_api_url, settings.api_key, secret)

    @property
    def missing_access(self) -> list[str]:
        needed = {
            "VONAGE_APPLICATION_ID": UUID.fullmatch(self.settings.application_id),
            "VONAGE_API_KEY": self.settings.api_key,
            "VONAGE_API_SECRET": self.settings.api_secret.get_secret_value(),
        }
        return [name for name, value in needed.items() if not value]

    @_once
    async def application(self) -> VonageApplication | VonageApiError | None:
        if self.missing_access:
            return None
        try:
            return await read_application(self.account, self.settings.application_id)
        except VonageApiError as fault:
            return fault

    @_once
    async def voice(self) -> VoiceCapability | None:
        found = await self.application
        return found.capabilities.voice if isinstance(found, VonageApplication) else None

    @_once
    async def public_key(self) -> str | None:
        """Return "" if the application has no public key."""
        found = await self.application
        return found.keys.public_key if isinstance(found, VonageApplication) else None

    @_once
    async def numbers(self) -> OwnedNumbers | VonageApiError | None:
        if not isinstance(await self.application, VonageApplication):
            return None
        try:
            return await read_numbers(self.account, self.settings.application_id)
        except VonageApiError as fault:
            return fault

    @_once
    async def date(self) -> tuple[str, str]:
        """Return the `Date` header of Vonage's reply, or else the public URL's; and whose it is."""
        found = await self.application
        if found is not None and found.date:
            return found.date, "Vonage's"
        there = await self.there
        return (there.headers.get("date", "") if there is not None else ""), "the public URL's"


async def findings_of(around: Surroundings, group: Group | None = None) -> list[Finding]:
    """Without a group, run the checks of all groups."""
    left_out = [check for check in CHECKS if check.is_online and around.is_offline]
    return await _found(around, [check for check in CHECKS if group in (check.group, None) and check not in left_out])


async def quick_problems(around: Surroundings, *, dev: bool) -> list[Finding]:
    """Return the errors and warnings that need no network and no time, for Health, which reads the server itself."""
    quick = [check for check in CHECKS if not (check.is_online or check.is_slow or check.group == "server")]
    found = await _found(around, [check for check in quick if check.in_development or not dev])
    return [finding for finding in found if finding.status in ("error", "warning")]


async def _found(around: Surroundings, checks: Iterable[Check]) -> list[Finding]:
    return [replace(finding, check=check.name) for check in checks for finding in await _found_by(check, around)]


async def _found_by(check: Check, around: Surroundings) -> list[Finding]:
    needed = [name for name, each in signature(check.find).parameters.items() if each.default is Parameter.empty]
    given = {name: await _value(getattr(around, name)) for name in needed}
    if any(each is None for each in given.values()):
        return []
    found = await _value(check.find(**given))
    return [found] if isinstance(found, Finding) else list(found)


async def _value(found: Any) -> Any:
    return await found if isawaitable(found) else found

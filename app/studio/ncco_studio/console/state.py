"""The console's state between requests, and its route parameter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Final, TypeAlias

from fastapi import Depends
from starlette.requests import HTTPConnection

from ncco_server.assembly import recording_files_of, voice_access_of
from ncco_server.errors import StoreError
from ncco_server.service.hand_hours import HandHours, hand_hours
from ncco_server.service.overview import Overview
from ncco_server.service.phone_numbers import line_of
from ncco_server.service.recording_files import RecordingFiles
from ncco_server.settings import Settings
from ncco_server.store import Records, Store
from ncco_studio.console.caches import ResultCache, ServerReader
from ncco_studio.console.passwords import Logins, Passwords
from ncco_studio.console.phone.calls import PhoneCalls
from ncco_studio.console.phone.incoming import IncomingCalls
from ncco_studio.console.sessions import Sessions
from ncco_studio.editor.project import ProjectFolder, ReadProject
from ncco_studio.editor.worker import Worker

VERSION_TTL_S: Final = 1.0
"""How long a version is used before the store is read again, for any number of pages."""


@dataclass
class Console:
    """The shared state of the console's routes, in `app.state.console`.

    Attributes:
        has_secure_cookies: whether browsers send its cookies only over TLS.
        incoming: the calls that the server places in development; None if it places none with this console.
        worker: answers the editor's and the phone's requests about texts.
    """

    settings: Settings
    dev: bool
    has_secure_cookies: bool
    project: ProjectFolder
    phone_calls: PhoneCalls
    incoming: IncomingCalls | None
    results: ResultCache
    server: ServerReader
    store: Store
    overview: Overview
    logins: Logins
    passwords: Passwords
    sessions: Sessions
    worker: Worker

    @property
    def zone(self) -> str:
        """The line's time zone, in which pages show times; "" for the browser's."""
        zone = self.project.latest.project.zone_of()
        return "" if zone.key == "UTC" else zone.key

    @property
    def line(self) -> str:
        """A number of the line, by whose country pages show numbers."""
        return line_of(self.project.latest.project.flows.values())

    @property
    def can_place(self) -> bool:
        """Whether calls are placed, if only on the phone in the console."""
        return self.incoming is not None or voice_access_of(self.settings) is not None

    @property
    def has_key(self) -> bool:
        return bool(self.settings.private_key.get_secret_value())

    @cached_property
    def recording_files(self) -> RecordingFiles | None:
        """None if recordings are not kept. Raises SettingsError."""
        return recording_files_of(self.settings)

    async def read_project(self) -> ReadProject:
        return await asyncio.to_thread(self.project.current)

    async def opened_store(self) -> Store:
        """Open the store on first use. Raises StoreError if that fails."""
        await self.store.open()
        return self.store

    async def version(self) -> str:
        """See `Overview.version`. All requests share it for a while, also that the store has failed.

        Raises StoreError.
        """

        async def read() -> str | StoreError:
            try:
                return await self.overview.version(datetime.now(UTC))
            except StoreError as error:
                return error

        found = await self.results.get(("version",), read, VERSION_TTL_S)
        if isinstance(found, StoreError):
            raise found.with_traceback(None)
        return str(found)

    async def hand_hours(self, now: datetime) -> HandHours:
        """Return {} while the database does not answer: then the calendars' own hours hold."""
        with suppress(StoreError):
            return await hand_hours((await self.opened_store()).tables, now)
        return {}

    @asynccontextmanager
    async def records(self) -> AsyncIterator[Records]:
        """Raises StoreError if the store is unreadable."""
        store = await self.opened_store()
        async with store.records() as records:
            yield records

    async def close(self) -> None:
        for part in (self.server, self.worker, self.phone_calls, self.store):
            await part.close()


def console_of(connection: HTTPConnection) -> Console:
    console: Console = connection.app.state.console
    return console


async def _console(connection: HTTPConnection) -> Console:
    return console_of(connection)


TheConsole: TypeAlias = Annotated[Console, Depends(_console)]

"""The console's state between requests, and its route parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.console.call_changes import CallChanges
from app.console.figures import Figures
from app.console.passwords import Passwords
from app.console.phone.calls import PhoneCalls
from app.console.phone.incoming import IncomingCalls
from app.console.project import ProjectFolder
from app.console.results import Results
from app.console.services import Services
from app.console.sessions import Sessions
from app.console.worker import Worker
from app.settings import Settings
from app.settings.logins import Logins
from app.store import Store


@dataclass
class Console:
    """The parts of a console, in `app.state.console`.

    Attributes:
        dev: development.
        has_secure_cookies: whether browsers send its cookies only over TLS.
        pictures, results, lists: pictures of flows, counts and proofs, and lists of calls, cached.
        phone_calls: plays the calls of the phone.
        incoming: the calls that the server places in development; None if it places none with this console.
        worker: answers the editor's and the phone's requests about texts.
        prover: explores flows.
    """

    settings: Settings
    services: Services
    dev: bool
    has_secure_cookies: bool
    project: ProjectFolder
    phone_calls: PhoneCalls
    incoming: IncomingCalls | None
    pictures: Results
    results: Results
    lists: Results
    figures: Figures
    store: Store
    changes: CallChanges
    logins: Logins
    passwords: Passwords
    sessions: Sessions
    worker: Worker
    prover: Worker

    async def close(self) -> None:
        """Close resources opened by requests."""
        for part in (self.figures, self.worker, self.prover, self.phone_calls, self.changes, self.store):
            await part.close()


def console_of(connection: HTTPConnection) -> Console:
    """The console of a request."""
    console: Console = connection.app.state.console
    return console


async def _console(connection: HTTPConnection) -> Console:
    return console_of(connection)


TheConsole: TypeAlias = Annotated[Console, Depends(_console)]
"""Route parameter: its console."""

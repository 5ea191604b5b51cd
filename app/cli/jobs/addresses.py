"""A server at a URL, as commands are told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from app.cli.jobs.environment import variables
from app.cli.work import CannotRun
from app.flow.report import printable
from app.simulator import Application

Method: TypeAlias = Literal["GET", "POST"]
SCHEMES: Final = ("http://", "https://")
START_IT: Final = "start it, or write its answer URL as it would stand at Vonage"
"""What to do when nobody listens at an answer URL."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server at URLs.

    Attributes:
        answer_url, event_url, fallback_url: as they would be entered at Vonage; "" for none.
        method: of the answer webhook and the fallback.
        signature_secret, api_key, application_id: what webhooks are signed with; "" for unsigned ones.
    """

    answer_url: str
    event_url: str = ""
    fallback_url: str = ""
    method: Method = "GET"
    signature_secret: str = ""
    api_key: str = ""
    application_id: str = ""

    @property
    def application(self) -> Application:
        """As the simulator takes it. A server that somebody else has written is given no time on our clock."""
        return Application(
            self.answer_url,
            self.event_url,
            self.fallback_url,
            answer_method=self.method,
            signature_secret=self.signature_secret,
            api_key=self.api_key,
            application_id=self.application_id,
        )


def is_url(what: str | None) -> bool:
    """Whether a server at a URL is meant."""
    return what is not None and what.lower().startswith(SCHEMES)


def address_of(answer_url: str, event_url: str, fallback_url: str, method: Method | None, secret: str) -> Address:
    """The server; webhooks are signed as those of the account in the environment, if it has a secret.

    It is asked by GET where no method is named. Raises CannotRun when something is no URL.
    """
    for url in (answer_url, event_url, fallback_url):
        _require_url(url)
    known = variables()
    found = secret or known.get("VONAGE_SIGNATURE_SECRET", "") or known.get("VONAGE_API_SIGNATURE_SECRET", "")
    accounts = known.get("VONAGE_API_KEY", ""), known.get("VONAGE_APPLICATION_ID", "")
    return Address(answer_url, event_url, fallback_url, method or "GET", found, *accounts)


def refuse_at_home(event_url: str, fallback_url: str, method: Method | None, secret: str) -> None:
    """Raises CannotRun for options of a server at a URL where none is called."""
    said = {"--event-url": event_url, "--fallback-url": fallback_url, "--method": method, "--signature-secret": secret}
    for name, value in said.items():
        if value:
            cure = "leave it out, or name the answer URL instead of a flow"
            raise CannotRun(f"{name} is for a server at a URL", cure)


def refuse_far(options: Mapping[str, object]) -> None:
    """Raises CannotRun for options of a project where a server at a URL is called."""
    for name, value in options.items():
        if value:
            raise CannotRun(f"{name} is for the flows of a project", "leave it out; a server at a URL shows no flows")


def _require_url(url: str) -> None:
    """Raises CannotRun for what is no URL of a server; "" is none at all."""
    try:
        is_good = not url or (is_url(url) and bool(urlsplit(url).hostname) and url.isprintable() and " " not in url)
    except ValueError:
        is_good = False
    if not is_good:
        raise CannotRun(f"{printable(url)} is no URL of a server", "write one such as https://calls.example.com/answer")

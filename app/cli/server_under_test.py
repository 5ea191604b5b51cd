"""The server that calls are simulated on: the real one in this process, or one at a URL."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import structlog
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

from app.cli.environment import flow_variables, server_settings, variables
from app.cli.output import CannotRun
from app.flow.report import printable
from app.service.calls import CallService
from app.service.factory import Network
from app.settings import Settings
from app.simulator import Application
from app.store import HookRow
from app.verify.scenarios.line import BASE, BROKEN, Outside
from app.web import create_app
from app.web.webhooks import DEADLINE_S

Method = Literal["GET", "POST"]
START_IT: Final = "start it, or write its answer URL as you would enter it at Vonage"
"""What to do when no server listens at an answer URL."""


class BareSettings(Settings):
    """Settings without the environment, so that a scenario behaves alike on every machine."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed to the constructor."""
        return (init_settings,)


def make_app(
    service: CallService, clock: Callable[[], datetime], log: list[str], *, deadline_s: float = DEADLINE_S
) -> ASGIApp:
    """The server; its warnings and errors are added to `log`, one sentence each. `deadline_s` as in `create_app`."""
    settings = BareSettings(public_url=BASE, database_url="memory://")
    return create_app(settings, service=service, clock=clock, log=_logger(log), deadline_s=deadline_s)


def _logger(log: list[str]) -> FilteringBoundLogger:
    def keep(_: object, level: str, line: MutableMapping[str, Any]) -> str:
        parts = [str(line[name]) for name in ("problem", "error", "message") if line.get(name)]
        prefix = BROKEN if level == "error" else f"the server: {level}: "
        log.append(f"{prefix}{': '.join(parts) or line.get('event', '')}")
        raise structlog.DropEvent

    warnings = structlog.make_filtering_bound_logger(logging.WARNING)
    logger: FilteringBoundLogger = structlog.wrap_logger(None, processors=[keep], wrapper_class=warnings)
    return logger


@asynccontextmanager
async def live_outside(*, is_live: bool) -> AsyncIterator[Outside | None]:
    """With `--live`, what asks lookups and sends hooks as the server would; None without it. Raises CannotRun."""
    if not is_live:
        yield None
        return
    settings = server_settings()
    network = Network(
        settings.lookup_budget_ms, settings.private_hosts, settings.flows.resolve().parent, settings.hook_secrets
    )

    async def post(hook: HookRow) -> str:
        return hook.problem or (await network.post(hook, datetime.now(UTC))).problem

    try:
        yield Outside(flow_variables(), lambda: network.lookups.for_turn().ask, post)
    finally:
        await network.close()


def is_url(what: str | None) -> bool:
    """Whether a word of the command line means a server at a URL."""
    return what is not None and what.lower().startswith(("http://", "https://"))


def remote_application(
    answer_url: str, event_url: str, fallback_url: str, method: Method | None, secret: str
) -> Application:
    """A server at URLs, whose webhooks are signed with the account of the environment, if it has a secret.

    Without a method it is asked by GET. Raises CannotRun for what is no URL.
    """
    for url in (answer_url, event_url, fallback_url):
        _check_url(url)
    known = variables()
    return Application(
        answer_url,
        event_url,
        fallback_url,
        answer_method=method or "GET",
        signature_secret=secret
        or known.get("VONAGE_SIGNATURE_SECRET", "")
        or known.get("VONAGE_API_SIGNATURE_SECRET", ""),
        api_key=known.get("VONAGE_API_KEY", ""),
        application_id=known.get("VONAGE_APPLICATION_ID", ""),
    )


def _check_url(url: str) -> None:
    """Raises CannotRun for what is no URL of a server; "" is none at all."""
    try:
        is_good = not url or (is_url(url) and bool(urlsplit(url).hostname) and url.isprintable() and " " not in url)
    except ValueError:
        is_good = False
    if not is_good:
        raise CannotRun(f"{printable(url)} is no URL of a server", "write one such as https://calls.example.com/answer")


def refuse_remote_options(event_url: str, fallback_url: str, method: Method | None, secret: str) -> None:
    """Raises CannotRun for options of a server at a URL where a project is called."""
    given = {"--event-url": event_url, "--fallback-url": fallback_url, "--method": method, "--signature-secret": secret}
    for name, value in given.items():
        if value:
            raise CannotRun(
                f"{name} is for a server at a URL", "leave it out, or name the answer URL instead of a flow"
            )


def refuse_project_options(given: Mapping[str, object]) -> None:
    """Raises CannotRun for options of a project where a server at a URL is called."""
    for name, value in given.items():
        if value:
            raise CannotRun(f"{name} is for the flows of a project", "leave it out; a server at a URL shows no flows")

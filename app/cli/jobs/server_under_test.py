"""The real server as scenarios play on it: with no settings but its own, and with a log that is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from datetime import datetime
from typing import Any

import structlog
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

from app.service.calls import CallService
from app.settings import Settings
from app.verify.scenarios.stage import BASE, BROKEN
from app.web import create_app
from app.web.webhook import DEADLINE_S


class BareSettings(Settings):
    """Settings that the environment has no part in: a scenario has the same course on every machine."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given here, and nothing else."""
        return (init_settings,)


def make_app(
    service: CallService, clock: Callable[[], datetime], log: list[str], *, deadline_s: float = DEADLINE_S
) -> ASGIApp:
    """The server; what it would warn of goes to `log`, one sentence each. `deadline_s` as in `create_app`."""
    settings = BareSettings(public_url=BASE, database_url="memory://")
    return create_app(settings, service=service, clock=clock, log=_kept_in(log), deadline_s=deadline_s)


def _kept_in(log: list[str]) -> FilteringBoundLogger:
    def keep(_: object, level: str, line: MutableMapping[str, Any]) -> str:
        said = [str(line[name]) for name in ("problem", "error", "message") if line.get(name)]
        begins = BROKEN if level == "error" else f"the server: {level}: "
        log.append(f"{begins}{': '.join(said) or line.get('event', '')}")
        raise structlog.DropEvent

    warnings = structlog.make_filtering_bound_logger(logging.WARNING)
    made: FilteringBoundLogger = structlog.wrap_logger(None, processors=[keep], wrapper_class=warnings)
    return made

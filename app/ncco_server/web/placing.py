"""Makes the placer of calls, with its log and metrics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import httpx
from structlog.typing import FilteringBoundLogger

from ncco_server.assembly import voice_access_of
from ncco_server.service.calls import CallService
from ncco_server.service.placing.placer import Placer, PlacingPolicy
from ncco_server.service.poller import PollListener
from ncco_server.settings import Settings
from ncco_server.store import PlacedCounts, PlacingLimits
from ncco_server.vonage.application_token import ApplicationTokens
from ncco_server.vonage.voice_api import VoiceApi
from ncco_server.web.metrics import Metrics


class PlacingLog(PollListener[PlacedCounts]):
    """Logs and counts placed calls, without data of calls."""

    def __init__(self, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._metrics = metrics
        self._log = log

    def counted(self, counts: PlacedCounts) -> None:
        self._metrics.placed_calls.labels("waiting").set(counts.waiting)
        self._metrics.placed_calls.labels("calling").set(counts.calling)

    def troubled(self, problem: str) -> None:
        self._log.error("calls not placed", problem=problem)


def make_voice_api(
    settings: Settings, client: httpx.AsyncClient, log: FilteringBoundLogger, clock: Callable[[], datetime]
) -> VoiceApi | None:
    """None if the settings lack the application or a valid key."""
    access = voice_access_of(settings)
    if access is None:
        return None
    tokens = application_tokens(access.application_id, access.private_key, log, "calls not placed")
    return VoiceApi(client, access.api_url, tokens, clock) if tokens is not None else None


def application_tokens(
    application_id: str, private_key: str, log: FilteringBoundLogger, event: str
) -> ApplicationTokens | None:
    """None, after the warning `event`, if the key is not valid."""
    try:
        return ApplicationTokens(application_id, private_key)
    except ValueError as error:
        cure = "copy the application's private.key again, and restart the server"
        log.warning(event, problem=f"VONAGE_PRIVATE_KEY {error}", cure=cure)
        return None


def make_placer(
    settings: Settings,
    calls: CallService,
    voice: VoiceApi,
    metrics: Metrics,
    *,
    log: FilteringBoundLogger,
    clock: Callable[[], datetime],
) -> Placer:
    limits = PlacingLimits(settings.place_per_minute, settings.place_per_day)
    policy = PlacingPolicy(base_url=settings.base_url, limits=limits, keeps_hours=not settings.has_virtual_vonage)
    return Placer(calls, voice, policy, PlacingLog(metrics, log), clock)

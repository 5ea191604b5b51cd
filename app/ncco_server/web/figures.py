"""The figures of the last hour, which the console reads as JSON from a port of its own."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ncco_server.service.figures import LookupFigures, ServerFigures

HOUR_S: Final = 3600.0
MARK_S: Final = 60.0
"""The last hour may be this much longer."""
PATH: Final = "/figures"
_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "ncco_webhooks_total": (),
    "ncco_webhook_seconds_bucket": ("le",),
    "ncco_failsafes_total": (),
    "ncco_store_unavailable_total": (),
    "ncco_answers_without_store_total": ("heard",),
    "ncco_signature_rejections_total": ("reason",),
    "ncco_lookups_total": ("name", "result"),
    "ncco_lookup_seconds_sum": ("name",),
    "ncco_hook_tries_total": ("outcome",),
    "ncco_recording_tries_total": ("outcome",),
    "ncco_hooks": ("state",),
    "ncco_recordings": ("state",),
    "ncco_last_backup_timestamp_seconds": (),
    "ncco_backup_due_timestamp_seconds": (),
    "ncco_job_failing_since_timestamp_seconds": ("name",),
}
"""Labels to distinguish; values with other labels are added up."""

Totals: TypeAlias = Mapping[tuple[str, ...], float]
"""The keys are the counter's name and the values of its labels."""


class LastHour:
    """Compares the counters with those of an hour ago (zero in the first hour). They must never decrease."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._clock = clock
        self._marks: deque[tuple[float, Totals]] = deque([(clock(), {})])

    async def mark_forever(self) -> None:
        while True:
            await asyncio.sleep(MARK_S)
            self.mark()

    def mark(self) -> None:
        self._marks.append((self._clock(), self._totals()))

    def figures(self) -> ServerFigures:
        while len(self._marks) > 1 and self._marks[1][0] <= self._clock() - HOUR_S:
            self._marks.popleft()
        before = self._marks[0][1]
        now = self._totals()
        hour = {series: value - before.get(series, 0.0) for series, value in now.items()}
        median_s, p99_s = (quantile(_by_label(hour, "ncco_webhook_seconds_bucket"), share) for share in (0.5, 0.99))
        return ServerFigures(
            webhooks=round(hour.get(("ncco_webhooks_total",), 0)),
            failsafes=round(hour.get(("ncco_failsafes_total",), 0)),
            unanswered=round(hour.get(("ncco_store_unavailable_total",), 0)),
            unstored=_counts(hour, "ncco_answers_without_store_total"),
            refused=_counts(hour, "ncco_signature_rejections_total"),
            median_s=median_s,
            p99_s=p99_s,
            lookups=tuple(sorted(_lookups(hour), key=lambda lookup: (-lookup.failed - lookup.late, lookup.name))),
            hook_tries=_counts(hour, "ncco_hook_tries_total"),
            recording_tries=_counts(hour, "ncco_recording_tries_total"),
            hooks=_counts(now, "ncco_hooks"),
            recordings=_counts(now, "ncco_recordings"),
            last_backup=now.get(("ncco_last_backup_timestamp_seconds",), 0.0),
            backup_due=now.get(("ncco_backup_due_timestamp_seconds",), 0.0),
            jobs_failing_since={
                job: since for job, since in _by_label(now, "ncco_job_failing_since_timestamp_seconds").items() if since
            },
        )

    def _totals(self) -> Totals:
        found = Counter[tuple[str, ...]]()
        for family in self._registry.collect():
            for sample in family.samples:
                if (labels := _LABELS.get(sample.name)) is not None:
                    found[sample.name, *(sample.labels[label] for label in labels)] += sample.value  # type: ignore[assignment]  # a Counter adds up floats too
        return found


def figures_app(hour: LastHour) -> Starlette:
    @asynccontextmanager
    async def marking(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(hour.mark_forever())
        yield
        task.cancel()

    async def show(_: Request) -> Response:
        return Response(hour.figures().model_dump_json(), media_type="application/json")

    return Starlette(routes=[Route(PATH, show)], lifespan=marking)


def _by_label(totals: Totals, name: str) -> dict[str, float]:
    return {series[1]: value for series, value in totals.items() if series[0] == name}


def _counts(totals: Totals, name: str) -> dict[str, int]:
    return {label: round(value) for label, value in _by_label(totals, name).items() if value}


def _lookups(hour: Totals) -> Iterator[LookupFigures]:
    results: dict[str, Counter[str]] = {}
    for series, value in hour.items():
        if series[0] == "ncco_lookups_total" and value:
            results.setdefault(series[1], Counter())[series[2]] += round(value)
    for name, counts in results.items():
        took_s = hour.get(("ncco_lookup_seconds_sum", name), 0.0)
        asked = counts.total()
        yield LookupFigures(name, asked, counts["failed"], counts["late"], 1000 * took_s / asked)


def quantile(buckets: Mapping[str, float], share: float) -> float | None:
    """The time within which this share of webhooks was answered; None without webhooks.

    Interpolated as in Prometheus; times beyond the buckets count as the largest. `buckets` are cumulative counts by
    upper limit.
    """
    counts = sorted((float(most), count) for most, count in buckets.items())
    if not counts or not counts[-1][1]:
        return None
    rank = share * counts[-1][1]
    below = 0.0
    least = 0.0
    for most, count in counts:
        if count >= rank and most != float("inf"):
            return least + (most - least) * (rank - below) / (count - below)
        if most != float("inf"):
            below = count
            least = most
    return least

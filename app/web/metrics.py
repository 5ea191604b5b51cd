"""Counters for Prometheus. Every label comes from a list that is closed, or is counted as `other` once it is long."""

from __future__ import annotations

import os
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.gc_collector import GCCollector
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from app.flow.model import Project
from app.web.answers import Answer

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
MULTIPROCESS_DIR: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that tells the Prometheus library to share its counters among processes."""

SERIES_LIMIT: Final = 500
"""Pairs of kind and outcome that are counted by name. Outcomes have names that authors chose."""

_STATUSES: Final = (
    *("started", "ringing", "answered", "human", "machine", "busy", "cancelled", "unanswered", "timeout"),
    *("rejected", "failed", "disconnected", "completed"),
)
KINDS: Final = frozenset(
    {
        *("answer", "input", "input-dtmf", "input-speech", "event", "notify", "record", "transcription", "transfer"),
        *("error", "fallback", "payment", "onanswer", "unknown", "unreadable"),
        *(f"event-{status}" for status in _STATUSES),
    }
)
_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self._webhooks = Counter("ncco_webhooks", "Webhooks answered", ["kind", "outcome"], registry=registry)
        self._seconds = Histogram(
            "ncco_webhook_seconds", "Time to answer a webhook", buckets=_BUCKETS_S, registry=registry
        )
        self._fallbacks = Counter("ncco_fallbacks", "Webhooks to the fallback URL", registry=registry)
        self._repeats = Counter("ncco_repeats", "Second deliveries, answered as the first", registry=registry)
        self._failsafes = Counter("ncco_failsafes", "Callers who heard the failsafe NCCO", registry=registry)
        self._refusals = Counter("ncco_signature_rejections", "Webhooks refused", ["reason"], registry=registry)
        self._rejected = Counter("ncco_revisions_rejected", "Reads of the flows that had errors", registry=registry)
        self._flows = Gauge(
            "ncco_flows_loaded", "Flows that new calls can start in", multiprocess_mode="mostrecent", registry=registry
        )
        self._hooks = Counter("ncco_hook_tries", "Tries to send a hook", ["outcome"], registry=registry)
        self._hooks_kept = Gauge(
            "ncco_hooks",
            "Hooks that are not sent yet",
            ["state"],
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        self._series: dict[tuple[str, str], Counter] = {}
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)

    def webhook(self, answer: Answer, seconds: float, route: str) -> None:
        """Count one webhook."""
        reply = answer.reply
        (self._series.get((reply.kind, reply.outcome)) or self._new_series(reply.kind, reply.outcome)).inc()
        self._seconds.observe(seconds)
        if route == "fallback":
            self._fallbacks.inc()
        if reply.is_repeat:
            self._repeats.inc()
        if reply.is_failsafe:
            self._failsafes.inc()

    def _new_series(self, kind: str, outcome: str) -> Counter:
        pair = (kind if kind in KINDS else "other", outcome)
        if pair not in self._series and len(self._series) >= SERIES_LIMIT:
            return self._webhooks.labels(pair[0], "other")
        return self._series.setdefault(pair, self._webhooks.labels(*pair))

    def signature_refused(self, reason: str) -> None:
        """Count one webhook without a valid signature."""
        self._refusals.labels(reason).inc()

    def hook_tried(self, outcome: str) -> None:
        """Count one try to send a hook: `sent`, `failed` (it is tried again) or `parked`."""
        self._hooks.labels(outcome).inc()

    def hooks_kept(self, waiting: int, parked: int) -> None:
        """Say how many hooks are not sent yet."""
        self._hooks_kept.labels("waiting").set(waiting)
        self._hooks_kept.labels("parked").set(parked)

    def loaded(self, read: Project, current: Project) -> None:
        """Count one read of the flow files."""
        if read.has_errors:
            self._rejected.inc()
        self._flows.set(len(current.flows))

    def render(self) -> bytes:
        """The exposition text; of all processes together where several serve."""
        return generate_latest(shared_registry() if MULTIPROCESS_DIR in os.environ else self.registry)


def shared_registry() -> CollectorRegistry:
    """The counters of every process that shares this one's directory."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library's own annotations lack one
    return registry

"""Counters for Prometheus.

Every label has a fixed list of values, or a limit beyond which new values are counted as `other`.
"""

from __future__ import annotations

import platform
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from ncco_server.engine import LookupAnswer
from ncco_server.flow.model import Project
from ncco_server.ncco.statuses import WEBHOOK_STATUSES
from ncco_server.service.delivery import Reply
from ncco_server.service.jobs import JOBS
from ncco_server.store import ResultRow
from ncco_server.version import COMMIT, VERSION
from ncco_server.vonage.signatures import Refusal

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
SERIES_LIMIT: Final = 500
"""Pairs of kind and outcome counted by name, because authors choose the names of outcomes."""

KINDS: Final = frozenset(
    {
        *("answer", "input", "input-dtmf", "input-speech", "event", "notify", "record", "transcription", "transfer"),
        *("error", "fallback", "payment", "onanswer", "agent", "check", "unknown", "unreadable"),
        *(f"event-{status}" for status in WEBHOOK_STATUSES),
    }
)
ROUTES: Final = ("answer", "fallback", "event", "input", "notify", "onanswer", "placed", "agent", "check")
REJECTED: Final = frozenset({"unsigned", "wrong-signature"})
"""Outcomes of requests that nobody has proved to be webhooks; they are counted, but say nothing about calls."""
_RESULTS: Final = frozenset({"nomatch", "noinput", "error"})
_LOOKUP_BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)


class Metrics:
    """The counters of one application.

    Attributes:
        backup_due: when the next backup is overdue, in seconds since 1970; 0 if none is expected.
        hook_tries: by outcome: `sent`, `failed` (will be retried) or `parked`.
        unsent_hooks: `waiting` and `parked`.
        placed_calls: `waiting` and `calling`.
        recording_tries: by outcome: `kept`, `failed` (will be retried) or `given up`.
        missing_recordings: of the newest: `waiting`, `failed` (given up, or gone) or `lost`.
        jobs_failing_since: when a job began to fail or hang, in seconds since 1970; 0 if it works.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        count = partial(Counter, registry=self.registry)
        state = partial(Gauge, registry=self.registry)
        time = partial(Histogram, registry=self.registry)
        self._webhooks = count("ncco_webhooks", "Webhooks answered", ["kind", "outcome"])
        seconds = time("ncco_webhook_seconds", "Time to answer an accepted webhook", ["route"], buckets=_BUCKETS_S)
        self._inputs = count("ncco_inputs", "Results of questions to callers", ["flow", "step", "result"])
        self._results = count("ncco_call_results", "Incoming calls that have ended", ["flow", "result", "own"])
        self._lookups = count("ncco_lookups", "Lookups asked", ["name", "result"])
        self._lookup_s = time("ncco_lookup_seconds", "Time that a lookup takes", ["name"], buckets=_LOOKUP_BUCKETS_S)
        self.late_functions = state("ncco_late_functions", "Plain Python functions that run after their time limit")
        self._fallbacks = count("ncco_fallbacks", "Accepted webhooks to the fallback URL")
        self._repeats = count("ncco_repeats", "Repeated deliveries, answered like the first")
        self._failsafes = count("ncco_failsafes", "Callers who heard the failsafe NCCO")
        self._without_store = count("ncco_store_unavailable", "Webhooks that got 503 because the store was unavailable")
        unstored = count("ncco_answers_without_store", "Callers who were answered without the store", ["heard"])
        self._unstored_of = {heard: unstored.labels(heard) for heard in ("error", "failsafe")}
        self.refused_signatures = count("ncco_signature_rejections", "Webhooks refused", ["reason"])
        self._rejected = count("ncco_revisions_rejected", "Reloads of the flows that were refused")
        self._flows = state("ncco_flows_loaded", "Flows in which new calls can start")
        self._is_rejected = state("ncco_revision_rejected", "1 while the flows on disk are refused")
        self._removals = state(
            "ncco_removals_refused", "Numbers, flows and defaults that disappeared from disk and are still in use"
        )
        self.open_calls = state("ncco_open_calls", "Calls of the last 4 hours whose end was not reported")
        self.last_backup = state("ncco_last_backup_timestamp_seconds", "When the last backup was made; 0 if never")
        self.backup_due = state("ncco_backup_due_timestamp_seconds", "When a backup is overdue; 0 if none is expected")
        build = state("ncco_build_info", "What runs; always 1", ["version", "python", "commit"])
        build.labels(VERSION, platform.python_version(), COMMIT).set(1)
        self.hook_tries = count("ncco_hook_tries", "Attempts to send a hook", ["outcome"])
        self.unsent_hooks = state("ncco_hooks", "Hooks that have not been sent yet", ["state"])
        self.placed_calls = state("ncco_placed_calls", "Placed calls that are waiting or in progress", ["state"])
        for calls in ("waiting", "calling"):
            self.placed_calls.labels(calls)
        self.recording_tries = count("ncco_recording_tries", "Attempts to fetch a recording", ["outcome"])
        self.missing_recordings = state("ncco_recordings", "Recordings whose audio is missing", ["state"])
        self.jobs_failing_since = state(
            "ncco_job_failing_since_timestamp_seconds",
            "Since when a job has failed or not ended; 0 if it works",
            ["name"],
        )
        for job in JOBS:
            self.jobs_failing_since.labels(job)
        for reason in Refusal:
            self.refused_signatures.labels(reason)
        self._series: dict[tuple[str, str], Counter] = {}
        self._seconds_of = {route: seconds.labels(route) for route in ROUTES}
        self._inputs_of: dict[tuple[str, str, str], Counter] = {}
        self._results_of: dict[tuple[str, str, str], Counter] = {}
        self._lookup_names: set[str] = set()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def webhook(self, route: str, reply: Reply, status: int, seconds: float) -> None:
        (self._series.get((reply.kind, reply.outcome)) or self._new_series(reply.kind, reply.outcome)).inc()
        if reply.outcome in REJECTED:  # anybody can cause these
            return
        self._seconds_of[route].observe(seconds)
        if route == "input" and reply.heard_in:
            self._input(reply)
        if route == "fallback":
            self._fallbacks.inc()
        if reply.is_repeat:
            self._repeats.inc()
        if reply.is_failsafe:
            self._failsafes.inc()
        if reply.is_unstored:
            self._unstored_of["failsafe" if reply.is_failsafe else "error"].inc()
        if status == 503 and reply.outcome == "no-store":
            self._without_store.inc()

    def _new_series(self, kind: str, outcome: str) -> Counter:
        pair = (kind if kind in KINDS else "other", outcome)
        if pair not in self._series and len(self._series) >= SERIES_LIMIT:
            return self._webhooks.labels(pair[0], "other")
        return self._series.setdefault(pair, self._webhooks.labels(*pair))

    def _input(self, reply: Reply) -> None:
        series = (reply.flow, reply.heard_in, reply.outcome if reply.outcome in _RESULTS else "understood")
        found = self._inputs_of.get(series)
        if found is None:
            named = series if len(self._inputs_of) < SERIES_LIMIT else ("other", "other", series[2])
            found = self._inputs_of[series] = self._inputs.labels(*named)
        found.inc()

    def call_ended(self, row: ResultRow) -> None:
        """Placed calls are not counted."""
        if row.direction != "inbound" or not row.is_last:
            return
        series = (row.flow, row.result, row.own)
        if series not in self._results_of and len(self._results_of) >= SERIES_LIMIT:
            self._results.labels("other", row.result, "other" if row.own else "").inc()
        else:
            if series not in self._results_of:
                self._results_of[series] = self._results.labels(*series)
            self._results_of[series].inc()

    def count_lookup(self, name: str, answer: LookupAnswer) -> None:
        if name not in self._lookup_names:
            name = name if len(self._lookup_names) < SERIES_LIMIT else "other"
            self._lookup_names.add(name)
        self._lookups.labels(name, result_of(answer)).inc()
        self._lookup_s.labels(name).observe(answer.ms / 1000)

    def loaded(self, read: Project, current: Project, removals: int = 0) -> None:
        is_refused = read.has_errors or removals > 0
        if is_refused:
            self._rejected.inc()
        self._is_rejected.set(int(is_refused))
        self._removals.set(removals)
        self._flows.set(len(current.flows))

    def render(self) -> bytes:
        return generate_latest(self.registry)


def result_of(answer: LookupAnswer) -> str:
    if not answer.problem:
        return "cached" if answer.is_cached else "ok"
    return "late" if answer.is_late else "failed"

"""The figures and the readiness of the webhook server next to the console, for the last hour.

They cover one host. The console reads them while it runs, and does not store them.
"""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeAlias

import httpx
from prometheus_client.parser import text_string_to_metric_families

from ncco_server.console.services import Served

READ_S: Final = 10.0
"""How often to read the server."""
FRESH_S: Final = 2.0
"""Greatest age of figures on a page; older ones are read again."""
PATIENCE_S: Final = 2.0
"""Time limit of a response."""
HOUR_S: Final = 3600.0
"""How long to keep counts, in seconds."""
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
}
"""The counters to keep, each with the labels to distinguish; counts with other labels are added up."""
_GAUGES: Final[Mapping[str, tuple[str, ...]]] = {
    "ncco_hooks": ("state",),
    "ncco_recordings": ("state",),
    "ncco_last_backup_timestamp_seconds": (),
    "ncco_backup_due_timestamp_seconds": (),
}
"""The gauges to keep, and their labels."""

Series: TypeAlias = tuple[str, ...]
"""The name of a counter and the values of its labels."""


class ServerState(NamedTuple):
    """What `/readyz` reports.

    Attributes:
        problem: why the server does not respond, or "".
        reasons: why it takes no calls.
        flows: the flows in which new calls can start.
        rejected: the issues of flows on disk that are not in use, with places and fixes.
        loaded_at: when the flows in use were loaded (ISO 8601), "" if none are.
    """

    problem: str = ""
    reasons: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    loaded_at: str = ""


class Figures:
    """Reads the figures of a server regularly.

    Args:
        served: the addresses of the server.
        client: sends the requests.
        clock: returns monotonic seconds.

    Attributes:
        state: the latest state; None before the first reading.
        is_counted: whether the counters could be read.
        gauges: the latest values of the gauges.
    """

    def __init__(
        self,
        served: Served,
        client: httpx.AsyncClient | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state: ServerState | None = None
        self.is_counted = False
        self.gauges: Mapping[Series, float] = {}
        self._served = served
        no_certificates = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # plain HTTP, because the server is on this host
        self._client = client or httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False, verify=no_certificates)
        self._clock = clock
        self._grown: deque[tuple[float, Mapping[Series, float]]] = deque()
        """The increase of the counters at each reading, with the time of the reading."""
        self._latest: Mapping[Series, float] | None = None
        self._read_at = -math.inf
        self._reading = asyncio.Lock()

    async def read_forever(self) -> None:
        """Read every `READ_S` seconds, if the address is known."""
        while self._served.url:
            await self.read()
            await asyncio.sleep(READ_S)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def read(self) -> None:
        """Read the server, unless it was read within `FRESH_S`."""
        async with self._reading:
            now = self._clock()
            if not self._served.url or now - self._read_at < FRESH_S:
                return
            self.state = await self._state()
            self.is_counted = False
            with suppress(httpx.HTTPError, ValueError):
                if not self.state.problem:
                    reply = (await self._client.get(f"{self._served.metrics_url}/metrics")).raise_for_status()
                    self._add(_counters(reply.text), now)
                    self.is_counted = True
            self._read_at = now

    async def _state(self) -> ServerState:
        try:
            found: dict[str, Any] = (await self._client.get(f"{self._served.url}/readyz")).json()
            reasons, flows, rejected = (tuple(map(str, found[name])) for name in ("reasons", "flows", "rejected"))
            return ServerState("", reasons, flows, rejected, found["loaded_at"] or "")
        except httpx.TimeoutException:
            return ServerState(f"it does not answer within {PATIENCE_S:g} seconds")
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            return ServerState(f"{self._served.url}/readyz cannot be read ({type(error).__name__})")

    def _add(self, found: Mapping[Series, float], now: float) -> None:
        """Add the counts since the last reading; after a restart, counters start at 0 again."""
        self.gauges = {series: value for series, value in found.items() if series[0] in _GAUGES}
        counters = {series: value for series, value in found.items() if series[0] in _LABELS}
        before = counters if self._latest is None else self._latest
        grown = dict[Series, float]()
        for series, value in counters.items():
            more = value - before.get(series, 0.0)
            if more:
                grown[series] = more if more > 0 else value
        self._grown.append((now, grown))
        while self._grown[0][0] <= now - HOUR_S:
            self._grown.popleft()
        self._latest = counters

    def hour(self) -> Mapping[Series, float]:
        """The counts of the last hour, or since the console started."""
        since = self._clock() - HOUR_S
        found = defaultdict[Series, float](float)
        for at, grown in self._grown:
            if at > since:
                for series, value in grown.items():
                    found[series] += value
        return found


def _counters(text: str) -> dict[Series, float]:
    """The known counters and gauges of an exposition text. Raises ValueError for another text."""
    kept = {**_LABELS, **_GAUGES}
    found = defaultdict[Series, float](float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in kept:
                found[sample.name, *(sample.labels.get(label, "") for label in kept[sample.name])] += sample.value
    if not any("ncco_webhook_seconds_bucket" in series for series in found):
        raise ValueError("these are not the server's counters")
    return found


def sum_of(counts: Mapping[Series, float], *begins: str) -> int:
    """The total of all series with this name and, if given, these values of the first labels."""
    return round(sum(value for series, value in counts.items() if series[: len(begins)] == begins))


def quantile(counts: Mapping[Series, float], share: float) -> float | None:
    """The time in seconds within which this share of webhooks was answered; None without webhooks.

    It is interpolated inside a bucket as in Prometheus; times beyond the buckets count as the largest.
    """
    buckets = sorted((float(series[1]), value) for series, value in counts.items() if "bucket" in series[0])
    if not buckets or not buckets[-1][1]:
        return None
    rank = share * buckets[-1][1]
    below = 0.0
    least = 0.0
    for most, count in buckets:
        if count >= rank and most != float("inf"):
            return least + (most - least) * (rank - below) / (count - below)
        if most != float("inf"):
            below = count
            least = most
    return least

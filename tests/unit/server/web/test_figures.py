"""The figures of the last hour."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.engine import CallData, LookupAnswer
from ncco_server.service.delivery import Reply
from ncco_server.service.figures import LookupFigures, ServerFigures
from ncco_server.vonage.signatures import Refusal
from ncco_server.web.figures import HOUR_S, MARK_S, PATH, LastHour, figures_app, quantile
from ncco_server.web.metrics import Metrics
from tests.support.cases import each_case
from tests.support.examples import examples

ANSWERED = Reply(b"[]", "answer", "answer", "acme", "menu", CallData(uuid="leg-1", conversation_uuid="CON-1"))


@examples(30)
@given(counted=st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=20))
def test_the_last_hour_contains_what_was_counted_in_it(counted: list[tuple[int, int]]) -> None:
    """Each entry: how many webhooks came, and how many minutes later the counters are marked."""
    now = 0.0
    seen = list[tuple[float, int]]()
    metrics = Metrics()
    hour = LastHour(metrics.registry, lambda: now)
    for count, minutes in counted:
        for _ in range(count):
            metrics.webhook("answer", ANSWERED, 200, 0.01)
        now += minutes * MARK_S
        hour.mark()
        seen.append((now, count))
        begins = max((at for at, _ in seen if at <= now - HOUR_S), default=-1)

        assert sum(count for at, count in seen if at > begins) == hour.figures().webhooks


async def test_the_figures_are_transferred_unchanged() -> None:
    metrics = Metrics()
    metrics.webhook("answer", ANSWERED._replace(is_failsafe=True), 200, 0.02)
    metrics.refused_signatures.labels(Refusal.SIGNATURE).inc(2)
    for answer in (
        LookupAnswer(1, ms=30),
        LookupAnswer(None, "gone", ms=10),
        LookupAnswer(None, "late", 20, is_late=True),
    ):
        metrics.count_lookup("stock", answer)
    metrics.hook_tries.labels("failed").inc(4)
    metrics.unsent_hooks.labels("waiting").set(2)
    metrics.missing_recordings.labels("lost").set(1)
    metrics.last_backup.set(1_790_000_000)
    metrics.jobs_failing_since.labels("delete-calls").set(1_790_000_000)
    metrics.jobs_failing_since.labels("end-calls").set(0)
    app = figures_app(LastHour(metrics.registry))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        found = ServerFigures.model_validate_json((await client.get(PATH)).content)

    assert found == ServerFigures(
        webhooks=1,
        failsafes=1,
        refused={"signature does not match": 2},
        median_s=found.median_s,
        p99_s=found.p99_s,
        lookups=(LookupFigures("stock", 3, 1, 1, 20.0),),
        hook_tries={"failed": 4},
        hooks={"waiting": 2},
        recordings={"lost": 1},
        last_backup=1_790_000_000,
        jobs_failing_since={"delete-calls": 1_790_000_000},
    )


@each_case(
    ("buckets", "share", "expected"),
    [
        ({}, 0.5, None),
        ({"0.1": 0, "+Inf": 0}, 0.5, None),
        ({"0.1": 0, "0.2": 10, "+Inf": 10}, 0.5, 0.15),
        ({"0.1": 10, "0.2": 10, "+Inf": 10}, 0.5, 0.05),
        ({"0.1": 5, "0.2": 5, "+Inf": 10}, 0.99, 0.2),
    ],
)
def test_times_are_interpolated_within_their_bucket(
    buckets: Mapping[str, float], share: float, expected: float | None
) -> None:
    found = quantile(buckets, share)

    assert expected == (None if found is None else pytest.approx(found))

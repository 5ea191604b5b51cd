"""What is counted, under a bounded number of names."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import WrongSignature
from app.flow.issues import Issue
from app.flow.model import Project
from app.flow.nodes import Place
from app.service.delivery import Reply
from app.web.answers import Answer
from app.web.metrics import MULTIPROCESS_DIR, SERIES_LIMIT, Metrics
from tests.web.fake_calls import ANSWERED, EMPTY, FakeCalls, client_of, crash, give

BROKEN = Project({}, (Issue("E101", "error", Place("flows/a.yaml", 1, 1), "no YAML", "write YAML"),), {})


def count(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def counted(*replies: Reply, route: str = "answer") -> Metrics:
    metrics = Metrics()
    for reply in replies:
        metrics.webhook(Answer(reply), 0.002, route)
    return metrics


def test_webhooks_are_counted_by_kind_and_outcome() -> None:
    metrics = counted(ANSWERED, ANSWERED, Reply(None, "event-busy", "recorded"))

    assert 2 == count(metrics, "ncco_webhooks_total", kind="answer", outcome="answer")
    assert 1 == count(metrics, "ncco_webhooks_total", kind="event-busy", outcome="recorded")
    assert 3 == count(metrics, "ncco_webhook_seconds_count")


def test_repeats_fallbacks_and_failsafes_are_counted() -> None:
    metrics = counted(
        Reply(b"[]", "fallback", "repeat", is_repeat=True),
        Reply(b"[]", "fallback", "failsafe", is_failsafe=True),
        route="fallback",
    )

    assert (2, 1, 1) == tuple(
        count(metrics, name) for name in ("ncco_fallbacks_total", "ncco_repeats_total", "ncco_failsafes_total")
    )


def test_a_kind_that_nobody_knows_is_counted_as_other() -> None:
    metrics = counted(Reply(None, "event-made-up", "recorded"))

    assert 1 == count(metrics, "ncco_webhooks_total", kind="other", outcome="recorded")


def test_names_stop_growing() -> None:
    metrics = counted(*(Reply(None, "input-dtmf", f"choice-{number}") for number in range(SERIES_LIMIT + 50)))

    assert 50 == count(metrics, "ncco_webhooks_total", kind="input-dtmf", outcome="other")
    assert SERIES_LIMIT + 1 == metrics.render().count(b"ncco_webhooks_total{")


def test_refused_signatures_are_counted_by_reason() -> None:
    metrics = Metrics()
    metrics.signature_refused(WrongSignature("issued too long ago").reason)

    assert 1 == count(metrics, "ncco_signature_rejections_total", reason="issued too long ago")


def test_reads_of_the_flows_are_counted() -> None:
    metrics = Metrics()
    metrics.loaded(BROKEN, EMPTY)
    metrics.loaded(EMPTY, EMPTY)

    assert (1, 0) == (count(metrics, "ncco_revisions_rejected_total"), count(metrics, "ncco_flows_loaded"))


async def test_the_page_shows_the_counters_in_development() -> None:
    client = client_of(FakeCalls(give(ANSWERED)))
    await client.get("/webhooks/answer")
    page = await client.get("/metrics")

    assert 'ncco_webhooks_total{kind="answer",outcome="answer"} 1.0' in page.text
    assert page.headers["content-type"].startswith("text/plain")


async def test_the_page_is_not_there_when_the_server_is_public() -> None:
    response = await client_of(FakeCalls(), dev=False).get("/metrics")

    assert 404 == response.status_code


@pytest.mark.parametrize(("dev", "status"), [(True, 200), (False, 404)])
@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_the_documentation_is_for_development(path: str, dev: bool, status: int) -> None:
    assert status == (await client_of(FakeCalls(), dev=dev).get(path)).status_code


async def test_a_refused_signature_and_a_failsafe_are_counted_at_the_door() -> None:
    values: dict[str, Any] = {"signature_secret": "a-secret-of-sufficient-length"}
    signed = client_of(FakeCalls(), **values)
    await signed.post("/webhooks/answer")
    broken = client_of(FakeCalls(crash))
    await broken.post("/webhooks/answer")

    assert 'reason="no authorization header"} 1.0' in (await signed.get("/metrics")).text
    assert "ncco_failsafes_total 1.0" in (await broken.get("/metrics")).text


def test_processes_are_counted_together(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MULTIPROCESS_DIR, str(tmp_path))

    assert b"" == Metrics().render()

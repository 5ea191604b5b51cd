"""The counters, under a limited number of names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.language.lookups import LookupRequest
from ncco_server.flow.model import Project
from ncco_server.flow.nodes import Place
from ncco_server.service.delivery import Reply
from ncco_server.service.jobs import JobListener, every
from ncco_server.service.lookups import Ask
from ncco_server.store import BackupRow, Backups, ResultRow, RevisionRow, SqliteDatabase, Store, milliseconds
from ncco_server.vonage.signatures import Refusal
from ncco_server.web.metrics import ROUTES, SERIES_LIMIT, Metrics
from ncco_server.web.own_service import counted_lookups
from ncco_server.web.tasks import count_calls
from tests.support.cases import each_case
from tests.support.stored_rows import NOON_MS, new_call
from tests.unit.server.web.fake_calls import EMPTY, NCCO, FakeCalls, client_of, crash

BROKEN = Project({}, (FlowIssue("E101", "error", Place("flows/a.yaml", 1, 1), "no YAML", "write YAML"),), {})

RESULT = ResultRow(
    call_key=1,
    id="leg-1",
    previous="",
    is_last=True,
    direction="inbound",
    flow="acme",
    party="447700900123",
    party_end="321009007744",
    line="442079460000",
    name="",
    step="acme.menu",
    is_played=False,
    has_failed=False,
    result="missed",
    own="",
    rang="",
    began_at=NOON_MS,
    person_at=None,
    ended_at=NOON_MS + 9000,
    version=2,
    webhook=3,
    changed_at=NOON_MS + 9000,
    is_counted=False,
)


def count(metrics: Metrics, name: str, /, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def giving(answer: LookupAnswer) -> Ask:
    """Give this result to every request."""

    async def ask(lookup: Lookup, left_ms: float) -> LookupAnswer:
        return answer

    return ask


def counted(*replies: Reply, route: str = "answer") -> Metrics:
    metrics = Metrics()
    for reply in replies:
        metrics.webhook(route, reply, 200, 0.002)
    return metrics


def test_repeats_fallbacks_and_failsafes_are_counted() -> None:
    metrics = counted(
        Reply(b"[]", "fallback", "repeat", is_repeat=True),
        Reply(b"[]", "fallback", "failsafe", is_failsafe=True),
        route="fallback",
    )

    assert (2, 1, 1) == tuple(
        count(metrics, name) for name in ("ncco_fallbacks_total", "ncco_repeats_total", "ncco_failsafes_total")
    )


@pytest.mark.parametrize("outcome", ["unsigned", "wrong-signature"])
def test_requests_without_a_valid_signature_say_nothing_about_calls(outcome: str) -> None:
    metrics = Metrics()
    for route in ROUTES:
        metrics.webhook(route, Reply(None, route, outcome), 401, 4.0)

    assert 1 == count(metrics, "ncco_webhooks_total", kind="fallback", outcome=outcome)
    assert 0 == count(metrics, "ncco_fallbacks_total")
    assert {0} == {count(metrics, "ncco_webhook_seconds_count", route=route) for route in ROUTES}


def test_an_unknown_kind_is_counted_as_other() -> None:
    metrics = counted(Reply(None, "event-made-up", "recorded"))

    assert 1 == count(metrics, "ncco_webhooks_total", kind="other", outcome="recorded")


def test_results_of_incoming_calls_are_counted_once_they_have_ended() -> None:
    metrics = Metrics()
    for changes in ({}, {}, {"result": "person", "own": "booked"}, {"direction": "outbound"}, {"is_last": False}):
        metrics.call_ended(RESULT._replace(**changes))

    assert 2 == count(metrics, "ncco_call_results_total", flow="acme", result="missed", own="")
    assert 1 == count(metrics, "ncco_call_results_total", flow="acme", result="person", own="booked")
    assert 3 == sum(
        sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "ncco_call_results_total"
    )


def heard(outcome: str, step: str = "menu", **changes: Any) -> Reply:
    return Reply(NCCO, "input-dtmf", outcome, "acme", "next", heard_in=step)._replace(**changes)


def test_outcomes_of_questions_are_counted_by_the_step_that_asked() -> None:
    metrics = counted(
        heard("nomatch"), heard("noinput"), heard("sales"), heard("support"), heard("", ""), route="input"
    )

    assert (1, 1, 2) == tuple(
        count(metrics, "ncco_inputs_total", flow="acme", step="menu", result=result)
        for result in ("nomatch", "noinput", "understood")
    )
    assert 3 == metrics.render().count(b"ncco_inputs_total{")


@each_case(
    ("expected", "answer"),
    [
        ("ok", LookupAnswer({}, ms=20)),
        ("cached", LookupAnswer({}, is_cached=True)),
        ("late", LookupAnswer(None, "timed out after 700 ms", 700, is_late=True)),
        ("late", LookupAnswer(None, "not asked: the 2000 ms for all lookups of a turn are used up", is_late=True)),
        ("failed", LookupAnswer(None, "status 500", 12)),
    ],
)
def test_lookups_are_counted_by_result(expected: str, answer: LookupAnswer) -> None:
    metrics = Metrics()
    metrics.count_lookup("customer", answer)

    assert 1 == count(metrics, "ncco_lookups_total", name="customer", result=expected)
    assert answer.ms / 1000 == count(metrics, "ncco_lookup_seconds_sum", name="customer")


@each_case(
    ("count_one", "name", "labels"),
    [
        (
            lambda metrics, number: metrics.call_ended(RESULT._replace(result="own", own=f"own-{number}")),
            "ncco_call_results_total",
            {"flow": "other", "result": "own", "own": "other"},
        ),
        (
            lambda metrics, number: metrics.webhook("answer", Reply(None, "input-dtmf", f"choice-{number}"), 200, 0.1),
            "ncco_webhooks_total",
            {"kind": "input-dtmf", "outcome": "other"},
        ),
        (
            lambda metrics, number: metrics.webhook("input", heard("sales", f"step-{number}"), 200, 0.1),
            "ncco_inputs_total",
            {"flow": "other", "step": "other", "result": "understood"},
        ),
        (
            lambda metrics, number: metrics.count_lookup(f"look-up-{number}", LookupAnswer({})),
            "ncco_lookups_total",
            {"name": "other", "result": "ok"},
        ),
    ],
)
def test_the_number_of_counted_names_is_limited(
    count_one: Callable[[Metrics, int], None], name: str, labels: dict[str, str]
) -> None:
    metrics = Metrics()
    for number in range(SERIES_LIMIT + 7):
        count_one(metrics, number)

    assert 7 == count(metrics, name, **labels)


@each_case(
    ("answer", "problems"),
    [
        (LookupAnswer({"tier": "gold"}), []),
        (LookupAnswer({"tier": "platinum"}), ["the answer does not match `returns`: `tier` is not gold"]),
        (LookupAnswer(None, "status 500"), ["status 500"]),
        (LookupAnswer(None, "status 404", status=404), []),
    ],
)
async def test_a_default_that_nobody_intended_is_logged(answer: LookupAnswer, problems: list[str]) -> None:
    request = SimpleNamespace(misfit=lambda value: "" if value["tier"] == "gold" else "`tier` is not gold")
    with capture_logs() as lines:
        ask = counted_lookups(giving(answer), Metrics(), structlog.get_logger())
        await ask(Lookup("menu", "customer", request, "key", "acme"), 2000)

    assert [("warning", "acme", "customer", problem) for problem in problems] == [
        (line["log_level"], line["flow"], line["lookup"], line["problem"]) for line in lines
    ]


async def test_the_log_gives_advice_for_the_failure() -> None:
    failed = LookupAnswer(None, "status 500")
    cases = (
        (LookupAnswer(None, "not listed", cure="list it"), None),
        (failed, LookupRequest("GET", "https://crm.example.com")),
        (failed, LookupRequest("PYTHON", code=dict)),
    )
    with capture_logs() as lines:
        for answer, request in cases:
            ask = counted_lookups(giving(answer), Metrics(), structlog.get_logger())
            await ask(Lookup("menu", "customer", request, "key"), 2000)

    assert "list it" == lines[0]["cure"]
    assert "`timeout`" in lines[1]["cure"]
    assert "`limit_ms`" in lines[2]["cure"]


def test_callers_who_are_answered_without_the_store_are_counted_by_what_they_hear() -> None:
    metrics = counted(
        Reply(b"[]", "answer", "no-store", is_unstored=True),
        Reply(b"[]", "answer", "no-store", is_unstored=True),
        Reply(b"[]", "answer", "failsafe", is_failsafe=True, is_unstored=True),
    )

    heard = (count(metrics, "ncco_answers_without_store_total", heard=word) for word in ("error", "failsafe"))
    assert (2, 1) == tuple(heard)


def test_rejected_flows_are_reported_until_they_are_fixed() -> None:
    metrics = Metrics()
    metrics.loaded(BROKEN, EMPTY)
    before = count(metrics, "ncco_revision_rejected")
    metrics.loaded(EMPTY, EMPTY)

    assert (1, 0) == (before, count(metrics, "ncco_revision_rejected"))


# Open calls


NOON = datetime.fromtimestamp(NOON_MS / 1000, UTC)


async def counted_calls(store: Store, metrics: Metrics, backup_days: int = 7) -> float | None:
    """The gauge, after waiting until it is set."""
    count_once = partial(count_calls, store, metrics, lambda: NOON, backup_days, 0.01)
    task = asyncio.create_task(every(0.01, count_once, "count-calls", JobListener()))
    async with asyncio.timeout(60):  # a slow count is followed by a long pause
        while not (found := count(metrics, "ncco_open_calls")):  # noqa: ASYNC110 - seen in the metrics
            await asyncio.sleep(0.01)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return found


async def test_open_calls_are_counted_in_the_store(tmp_path: Path) -> None:
    store = Store(SqliteDatabase(tmp_path / "calls.db"))
    await store.open()
    await store.open_call(*new_call("leg-1"))
    await store.open_call(*new_call("leg-2", is_over=True))
    await store.open_call(*new_call("never-reported", created_at=milliseconds(NOON - timedelta(hours=5))))

    assert 1 == await counted_calls(store, Metrics())
    await store.close()


@each_case(
    ("backup_days", "backed_up_at", "due_at"),
    [
        (7, None, NOON + timedelta(days=5)),
        (2, None, NOON),
        (7, NOON - timedelta(days=1), NOON + timedelta(days=6)),
        (0, NOON - timedelta(days=1), None),
    ],
    ids=["never, since the first flows", "never", "since the last one", "elsewhere"],
)
async def test_an_overdue_backup_is_counted(
    tmp_path: Path, backup_days: int, backed_up_at: datetime | None, due_at: datetime | None
) -> None:
    store, metrics = Store(SqliteDatabase(tmp_path / "calls.db")), Metrics()
    await store.open()
    for days in (1, 2):
        row = RevisionRow(f"revision {days}", "shop", b"{}", milliseconds(NOON - timedelta(days=days)))
        await store.save_revisions([row])
    await store.open_call(*new_call("leg-1"))
    if backed_up_at is not None:
        await Backups(store.database).add(BackupRow(milliseconds(backed_up_at), 4096))
    await counted_calls(store, metrics, backup_days)

    assert (due_at.timestamp() if due_at else 0) == count(metrics, "ncco_backup_due_timestamp_seconds")
    await store.close()


async def test_open_calls_are_counted_later_if_the_store_is_unavailable(tmp_path: Path) -> None:
    store = Store(SqliteDatabase(tmp_path / "calls.db"))
    metrics = Metrics()
    counting = asyncio.create_task(counted_calls(store, metrics))
    await asyncio.sleep(0.05)
    await store.open()
    await store.open_call(*new_call("leg-1"))

    assert 1 == await counting
    await store.close()


def test_every_reason_for_a_refusal_starts_at_0_so_that_the_first_one_shows_as_a_rise() -> None:
    metrics = Metrics()

    assert {0} == {count(metrics, "ncco_signature_rejections_total", reason=reason) for reason in Refusal}


@pytest.mark.parametrize(("dev", "status"), [(True, 200), (False, 404)])
@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/metrics"])
async def test_the_documentation_and_the_metrics_are_for_development(path: str, dev: bool, status: int) -> None:
    assert status == (await client_of(FakeCalls(), dev=dev).get(path)).status_code


async def test_refused_signatures_and_failsafes_are_counted_in_the_middleware() -> None:
    values: dict[str, Any] = {"signature_secret": "a-secret-of-sufficient-length"}
    signed = client_of(FakeCalls(), **values)
    await signed.post("/webhooks/answer")
    broken = client_of(FakeCalls(crash))
    await broken.post("/webhooks/answer")

    assert 'reason="no authorization header"} 1.0' in (await signed.get("/metrics")).text
    assert "ncco_failsafes_total 1.0" in (await broken.get("/metrics")).text

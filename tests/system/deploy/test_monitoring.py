"""The dashboard and the alert rules query only what /metrics has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ncco_server.engine import LookupAnswer
from ncco_server.service.delivery import Reply
from ncco_server.store import ResultRow
from ncco_server.vonage.signatures import Refusal
from ncco_server.web.metrics import Metrics
from tests.support.cases import each_case
from tests.support.tracked import ROOT

DASHBOARD = ROOT / "deploy" / "grafana" / "ncco-server.json"
ALERTS = ROOT / "deploy" / "alerts.yml"
OF_PROMETHEUS = {"job", "instance"}
"""Labels that Prometheus adds to everything it scrapes."""

FUNCTIONS = {
    *("and", "or", "unless", "on", "by", "le", "up"),
    *("absent", "changes", "histogram_quantile", "increase", "max", "min", "rate", "sum", "time"),
}
SELECTOR = re.compile(r"(\w+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')


def scraped() -> dict[str, dict[str, set[str]]]:
    """The samples of a server on which everything happened once, each with its labels and their values."""
    metrics = Metrics()
    metrics.webhook("answer", Reply(b"[]", "answer", "answer"), 200, 0.1)
    for outcome in ("unsigned", "wrong-signature"):
        metrics.webhook("answer", Reply(None, "answer", outcome), 401, 0.1)
    metrics.webhook("agent", Reply(None, "agent", "handed-back"), 204, 0.1)
    for result in ("nomatch", "noinput", "sales"):
        metrics.webhook("input", Reply(b"[]", "input-dtmf", result, "a", "b", heard_in="menu"), 200, 0.1)
    for answer in (
        LookupAnswer({}),
        LookupAnswer(None, "timed out after 5 ms", is_late=True),
        LookupAnswer(None, "status 500"),
    ):
        metrics.count_lookup("customer", answer)
    nothing = ResultRow._make([0] * len(ResultRow._fields))
    metrics.call_ended(nothing._replace(direction="inbound", is_last=True, flow="a", result="served", own=""))
    metrics.refused_signatures.labels("no authorization header").inc()
    metrics.hook_tries.labels("sent").inc()
    for state in ("waiting", "parked"):
        metrics.unsent_hooks.labels(state).set(1)
    for state in ("waiting", "failed", "lost"):
        metrics.missing_recordings.labels(state).set(0)
    metrics.recording_tries.labels("kept").inc()
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return found


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return loaded


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for rule in rules():
        yield rule["alert"], rule["expr"]


def asked(expression: str) -> Iterator[tuple[str, str, str]]:
    """Each metric in an expression, with each label matcher's label and value; without a matcher, both are ""."""
    for name in re.findall(r"\b(?:ncco|process)_\w+", expression):
        yield name, "", ""
    for name, matchers in SELECTOR.findall(expression):
        for label, value in MATCHER.findall(matchers):
            yield name, label, value


def grouped(expression: str) -> set[str]:
    return {name for names in re.findall(r"\bby \(([^)]*)\)", expression) for name in re.split(r",\s*", names)}


@each_case(("where", "expression"), list(expressions()))
def test_every_queried_metric_is_exposed(where: str, expression: str) -> None:
    known = scraped()
    wrong = [
        (name, label, value)
        for name, label, value in asked(expression)
        if label not in OF_PROMETHEUS
        and (name not in known or (label and not known[name].get(label, set()).issuperset(value.split("|"))))
    ]

    assert [] == wrong, where


@each_case(("where", "expression"), list(expressions()))
def test_every_grouping_is_a_label(where: str, expression: str) -> None:
    known = scraped()
    labels = {label for name, _, _ in asked(expression) for label in known.get(name, ())}

    assert set() == grouped(expression) - labels - OF_PROMETHEUS, where


def test_every_counter_is_listed_with_its_labels() -> None:
    page = (ROOT / "docs" / "how-to" / "monitor.md").read_text(encoding="utf-8")
    told = {
        name: set(labels.split(", ")) for name, labels in re.findall(r"^\| `(ncco_\w+)` \| ([\w, ]*?) ?\|", page, re.M)
    }
    exposed = {re.sub(r"_(?:bucket|sum|count)$", "", name): labels for name, labels in scraped().items()}

    assert told == {
        name: set(labels) - {"le"} or {""}
        for name, labels in exposed.items()
        if name.startswith("ncco_") and not name.endswith("_created")
    }


def test_only_refusals_of_the_own_application_page_somebody() -> None:
    own, others = (
        {value for _, label, value in asked(rule["expr"]) if label == "reason"}
        for name in ("NccoAllRefused", "NccoNoneSigned")
        for rule in rules()
        if rule["alert"] == name
    )
    strangers = {"NO_HEADER", "SEVERAL", "NOT_BEARER", "MALFORMED", "ALGORITHM", "SIGNATURE"}

    assert own == {Refusal[name].value for name in strangers}
    assert {"|".join(sorted(own))} == {"|".join(sorted(value.split("|"))) for value in others}


def test_no_name_in_an_expression_escapes_the_tests() -> None:
    words = {
        word
        for _, expression in expressions()
        for word in re.findall(r"[a-z_]+(?=\s*[({\[])", re.sub(r'"[^"]*"', "", expression))
    }

    assert set() == {word for word in words if not word.startswith(("ncco_", "process_"))} - FUNCTIONS


def test_the_dashboard_has_the_shape_that_grafana_imports() -> None:
    found = dashboard()
    variables = {variable["name"]: variable for variable in found["templating"]["list"]}
    datasources = {target["datasource"]["uid"] for panel in found["panels"] for target in panel.get("targets", ())}

    assert found["schemaVersion"] >= 36
    assert (None, "ncco-server") == (found.get("id"), found["uid"])
    assert ("datasource", "prometheus") == (variables["datasource"]["type"], variables["datasource"]["query"])
    assert {"${datasource}"} == datasources
    assert {"row", "stat", "timeseries"} == {panel["type"] for panel in found["panels"]}
    assert len(found["panels"]) == len({panel["id"] for panel in found["panels"]})


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    for rule in rules():
        assert {"summary", "description"} == set(rule["annotations"]), rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
    assert len(rules()) == len({rule["alert"] for rule in rules()})


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed; Debian's prometheus has it")
@pytest.mark.parametrize(
    "words", [("check", "rules", "../../../deploy/alerts.yml"), ("test", "rules", "alerts_test.yml")]
)
def test_promtool_finds_no_error(words: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *words], cwd=Path(__file__).parent, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout + done.stderr

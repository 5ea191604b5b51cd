"""The names that programs read: metrics, log keys, health, headers and bodies of hooks, routes, settings."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml
from standardwebhooks import Webhook

from tests.contract.server.calls.cases import FOLDER, Exchange, load
from tests.contract.server.calls.conversation import Conversation
from tests.support import loopback
from tests.support.cases import each_case
from tests.support.fork_server import NCCO, run
from tests.support.server import NotStarted, Server, StandIn, free_port, running, standing_in

FORMATS: Final = yaml.load(Path(__file__).with_name("formats.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
EXCHANGES: Final = (
    Exchange(send="answer/tell"),
    Exchange(again=1),
    Exchange.model_validate({"send": "<input>", "with": {"dtmf": {"digits": "1", "timed_out": False}}}),
    Exchange.model_validate({"send": "answer/customer", "with": {"uuid": "{call}-2"}}),
    Exchange.model_validate({"send": "answer/nobody", "with": {"uuid": "{call}-3"}}),
    Exchange.model_validate({"send": "fallback", "with": {"uuid": "{call}-3"}}),
    Exchange(send="input/x"),
    Exchange.model_validate({"send": "event", "with": {"status": "completed"}}),
)
HOOKS: Final = 3


@dataclass(frozen=True)
class Served:
    """A server in development mode after some calls."""

    server: Server
    stand_in: StandIn
    metrics: str

    def get(self, path: str) -> Any:
        return loopback.get(f"{self.server.url}{path}").json()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    project = load(FOLDER / "lookups.yaml").with_files()
    port = free_port()
    with standing_in() as stand_in:
        settings = {name: value.replace("{stand_in}", stand_in.url) for name, value in project.settings.items()}
        settings["NCCO_METRICS_PORT"] = str(port)
        stand_in.reset({"GET /callers/447700900123": {"name": "Ann", "tier": "gold"}})
        home = tmp_path_factory.mktemp("formats")
        with (
            running(home, project.texts, settings, "--dev") as server,
            httpx.Client(base_url=server.url, timeout=30) as client,
        ):
            conversation = Conversation(client, {"call": "leg-1"})
            for exchange in EXCHANGES:
                conversation.send(exchange)
            stand_in.wait_for_hooks(HOOKS)
            server.wait_for_lines("hook sent", HOOKS)
            yield Served(server, stand_in, loopback.get(f"http://127.0.0.1:{port}/metrics").text)


@pytest.mark.parametrize("page", ["healthz", "readyz"])
def test_health_pages_have_their_keys(served: Served, page: str) -> None:
    assert set(FORMATS[page]) <= set(served.get(f"/{page}"))


@each_case(("name", "labels"), FORMATS["metrics"].items())
def test_a_metric_has_its_labels(served: Served, name: str, labels: list[str]) -> None:
    found = re.search(rf"^{name}(?:{{(.*)}})? ", served.metrics, re.MULTILINE)

    assert found
    assert labels == sorted(re.findall(r'(\w+)="', found[1] or ""))


@each_case("series", FORMATS["counted"])
def test_a_series_is_counted(served: Served, series: str) -> None:
    assert f"{series} " in served.metrics


@pytest.mark.parametrize(("event", "keys"), FORMATS["log"].items())
def test_a_log_line_has_its_keys(served: Served, event: str, keys: list[str]) -> None:
    lines = [line for line in served.server.log() if line["event"] == event]

    assert lines
    assert [] == [line for line in lines if set(keys) != set(line) - {"problem", "cure"}]


def test_the_log_shows_the_outcome_of_each_webhook(served: Served) -> None:
    lines = [line for line in served.server.log() if line["event"] == "webhook"]
    found = [[line[key] for key in ("route", "kind", "outcome", "flow", "step", "status")] for line in lines]

    assert FORMATS["logged"] == found


def test_hook_is_signed_and_has_its_headers_and_keys(served: Served) -> None:
    hook = next(hook for hook in served.stand_in.hooks if hook.path == "/chosen")
    headers = {name.lower(): value for name, value in hook.headers.items()}
    body = Webhook(served.server.settings["NCCO_HOOK_SECRET"]).verify(hook.body, headers)

    assert set(FORMATS["hook_headers"]) <= set(headers)
    assert FORMATS["hook_body"] == sorted(body)
    assert FORMATS["hook_data"] == sorted(body["data"])
    assert "tok-42" == headers["x-office"]


def test_lookup_has_its_headers(served: Served) -> None:
    headers = {name.lower(): value for name, value in served.stand_in.asked[0].headers.items()}

    assert set(FORMATS["lookup_headers"]) <= set(headers)
    assert "Bearer tok-42" == headers["authorization"]


def test_openapi_document_names_every_route(served: Served) -> None:
    paths = served.get("/openapi.json")["paths"]

    assert FORMATS["routes"] == {path: sorted(methods) for path, methods in paths.items() if path in FORMATS["routes"]}


def test_the_database_file_is_readable_only_by_its_owner(served: Served) -> None:
    assert 0 == (served.server.home / "calls.db").stat().st_mode & 0o077


def refused(home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """`ncco serve` that does not start."""
    environment = {"PATH": os.environ["PATH"], "NCCO_PUBLIC_URL": "https://calls.example.com", **settings}
    return run([NCCO, "serve"], cwd=home, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_every_wrong_setting_is_named(tmp_path: Path) -> None:
    ended = refused(tmp_path, **FORMATS["wrong_settings"])

    assert 2 == ended.returncode
    assert [] == [name for name in FORMATS["wrong_settings"] if name not in ended.stderr]


def test_server_without_a_secret_does_not_start(tmp_path: Path) -> None:
    ended = refused(tmp_path)

    assert 2 == ended.returncode
    assert "VONAGE_SIGNATURE_SECRET" in ended.stderr


@pytest.mark.parametrize(
    "wrong",
    [{"VONAGE_APPLICATION_ID": "my-app"}, {"VONAGE_SIGNATURE_SECRET": "the signature secret of the Vonage dashboard"}],
)
def test_server_that_would_refuse_every_webhook_does_not_start(tmp_path: Path, wrong: dict[str, str]) -> None:
    settings = {"NCCO_INSECURE": "0", "VONAGE_SIGNATURE_SECRET": "a secret for this test, 32 or more"}
    flows = load(FOLDER / "signed.yaml").with_files().texts
    with pytest.raises(NotStarted), running(tmp_path, flows, settings | wrong):
        pass

"""Limits, permissions and hosts in deploy/ and docker-compose.yml, parsed as the programs that use them would."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
import yaml

from ncco_server.web.server import FINISH_S, KEEP_ALIVE_S
from ncco_server.web.webhook_http import DEADLINE_S
from tests.support.cases import each_case
from tests.support.tracked import ROOT

COMPOSE: Final = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
HOSTS: Final = ("ncco-1", "ncco-2")
VONAGE_WAITS_S: Final = 5
DRAINED_S, LAST_WRITE_S = 30, 5
"""In seconds: the largest NCCO_DRAIN_S that needs no change to the compose file, and the time to close the store."""
CADDYFILE: Final = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")
NGINX: Final = re.sub(r"#.*", "", (ROOT / "deploy" / "nginx-hosts.conf").read_text(encoding="utf-8"))
NGINX_OF_ONE: Final = re.sub(r"#.*", "", (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8"))
PAGES: Final = ("docs/security.md", "docs/how-to/one-host.md", "docs/how-to/several-hosts.md")
HEAD_BYTES: Final = 64 * 1024
READ_WITHIN_S: Final = 10
UNITS: Final = {"m": 1024**2, "g": 1024**3}


def nginx(directive: str, text: str = NGINX) -> list[list[str]]:
    """The arguments of each occurrence of a directive."""
    return [words.split() for words in re.findall(rf"^\s*{directive}\s+([^;{{]+);", text, re.M)]


def locations(text: str = NGINX) -> dict[str, str]:
    return dict(re.findall(r"location ([^{]+?) \{(.*?)\}", text, re.S))


def seconds(directive: str, text: str = NGINX) -> list[float]:
    return [
        float(time.removesuffix("ms")) / 1000 if "ms" in time else float(time[:-1]) for [time] in nginx(directive, text)
    ]


def caddy(option: str) -> list[str]:
    return re.findall(rf"^\t+{option} (\S+)$", CADDYFILE.partition("\n}\n")[0], re.M)


def test_caddy_limits_the_head_of_a_request() -> None:
    assert CADDYFILE.partition("\n{\n")[1] or CADDYFILE.startswith("{")
    assert [f"{HEAD_BYTES // 1024}KiB"] == caddy("max_header_size")
    assert [True] * 2 == [int(wait.removesuffix("s")) <= READ_WITHIN_S for wait in caddy("read_(?:header|body)")]


@pytest.mark.parametrize("text", [NGINX, NGINX_OF_ONE], ids=["several", "one"])
def test_nginx_limits_the_head_of_a_request(text: str) -> None:
    ((count, size),) = nginx("large_client_header_buffers", text)
    waits = nginx("client_header_timeout", text) + nginx("client_body_timeout", text)

    assert HEAD_BYTES == int(count) * int(size.removesuffix("k")) * 1024
    assert [True] * 2 == [int(wait.removesuffix("s")) <= READ_WITHIN_S for (wait,) in waits]


@pytest.mark.parametrize("text", [NGINX, NGINX_OF_ONE], ids=["several", "one"])
def test_nginx_limits_the_connections_of_an_address_with_a_status_that_vonage_repeats(text: str) -> None:
    ((key, zone),) = nginx("limit_conn_zone", text)
    ((name, connections),) = nginx("limit_conn", text)

    assert ("$binary_remote_addr", f"zone={name}") == (key, zone.rpartition(":")[0])
    assert 0 < int(connections) < int(nginx("worker_connections", text)[0][0])
    assert [["429"]] == nginx("limit_conn_status", text)  # a 503 would go to the next host


def test_nginx_uses_the_client_address_from_the_proxy_before_it() -> None:
    assert [["X-Forwarded-For"]] == nginx("real_ip_header")


def test_nginx_serves_neither_readiness_nor_metrics() -> None:
    served = locations()

    assert {"/webhooks/", "= /alive", "@anybody", "@nobody", "= /healthz", "/"} == set(served)
    assert "internal;" in served["= /alive"]
    assert "return 404;" in served["/"]
    assert ["= /alive"] == [place for place, block in served.items() if "/readyz;" in block]
    assert [] == [place for place, block in served.items() if "/metrics" in block]


def test_a_webhook_that_gets_503_reaches_one_further_host_at_most() -> None:
    tried = [
        word
        for place in ("/webhooks/", "@anybody")
        for words in nginx("proxy_next_upstream", locations()[place])
        for word in words
    ]

    assert [] == [word for word in tried if word.startswith("http_")]
    assert {"error", "timeout", "non_idempotent"} == set(tried)


@each_case("name", SERVICES)
def test_every_service_has_limits_and_no_rights(name: str) -> None:
    service = SERVICES[name]
    memory = str(service["mem_limit"])

    assert 128 * UNITS["m"] <= int(memory[:-1]) * UNITS[memory[-1]] <= 4 * UNITS["g"]
    assert 0 < service["pids_limit"] <= 1024
    assert service["read_only"] is True
    assert "/tmp" in service["tmpfs"]  # noqa: S108 - of the container
    assert ["ALL"] == service["cap_drop"]
    assert ["no-new-privileges:true"] == service["security_opt"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else [])


def test_postgres_runs_as_its_own_user_and_writes_its_socket_to_memory() -> None:
    assert "postgres" == SERVICES["postgres"]["user"]
    assert "/var/run/postgresql" in SERVICES["postgres"]["tmpfs"]


def test_no_service_has_a_default_password_and_the_single_server_needs_none() -> None:
    written = [str(value) for service in SERVICES.values() for value in service.get("environment", {}).values()]
    passwords = [value for value in written if "PASSWORD" in value]

    # `:?` would also stop `docker compose up` with one server: Compose reads the whole file before it applies profiles.
    assert {"${POSTGRES_PASSWORD:-}"} == set(passwords)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_says_that_the_server_needs_a_proxy(name: str) -> None:
    assert re.search(r"[Nn]ever expose the server's own port", (ROOT / name).read_text(encoding="utf-8"))


def test_hosts_are_alike_and_wait_for_the_schema() -> None:
    one, two = (SERVICES[name] for name in HOSTS)

    assert one == two
    assert {"migrate": {"condition": "service_completed_successfully"}} == one["depends_on"]
    assert ["db", "upgrade"] == SERVICES["migrate"]["command"]
    assert {"postgres": {"condition": "service_healthy"}} == SERVICES["migrate"]["depends_on"]


@pytest.mark.parametrize("name", ["ncco", *HOSTS])
def test_a_server_gets_enough_time_to_stop(name: str) -> None:
    grace_s = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))

    assert DRAINED_S + FINISH_S + LAST_WRITE_S <= grace_s


def test_only_the_proxy_of_the_hosts_is_published_and_only_on_this_machine() -> None:
    profile = {name: service for name, service in SERVICES.items() if "hosts" in service.get("profiles", ())}

    assert ["proxy"] == [name for name, service in profile.items() if "ports" in service]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["proxy"]["ports"])


@each_case("name", SERVICES)
def test_mounted_files_exist(name: str) -> None:
    mounts = [mount.partition(":")[0] for mount in SERVICES[name].get("volumes", ())]

    assert [] == [
        mount for mount in mounts if not ((ROOT / mount).exists() if "/" in mount else mount in COMPOSE["volumes"])
    ]


def test_the_proxy_of_the_hosts_gives_up_before_vonage_does() -> None:
    waits = seconds("proxy_read_timeout", locations()["/webhooks/"])

    assert waits
    assert all(DEADLINE_S < wait < VONAGE_WAITS_S for wait in waits)
    assert all(wait < VONAGE_WAITS_S - DEADLINE_S for wait in seconds("proxy_connect_timeout"))
    assert [60, 60] == seconds("keepalive_timeout")
    assert seconds("keepalive_timeout")[0] < KEEP_ALIVE_S

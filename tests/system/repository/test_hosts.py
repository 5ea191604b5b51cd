"""Several hosts in docker-compose.yml, and the proxy in front of them: what can be tested without starting them."""

from __future__ import annotations

import re

import pytest
import yaml

from ncco_server.web.server import FINISH_S, KEEP_ALIVE_S
from ncco_server.web.webhook_http import DEADLINE_S
from tests.support.cases import each_case
from tests.support.tracked import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
HOSTS = ("ncco-1", "ncco-2")
PROFILE = {name: service for name, service in SERVICES.items() if "hosts" in service.get("profiles", ())}
NGINX = (ROOT / "deploy" / "nginx-hosts.conf").read_text(encoding="utf-8")
VONAGE_WAITS_S = 5
DRAINED_S, LAST_WRITE_S = 30, 5
"""In seconds: the largest NCCO_DRAIN_S that needs no change to the compose file, and the time to close the store."""


def location(named: str) -> str:
    """The text in the braces after a name."""
    return NGINX.partition(f"{named} {{")[2].partition("}")[0]


def seconds(directive: str, named: str = "") -> list[float]:
    found = re.findall(rf"\b{directive} (\d+)(m?s);", location(named) if named else NGINX)
    return [int(number) / (1000 if unit == "ms" else 1) for number, unit in found]


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


def test_only_the_proxy_is_published_and_only_on_this_machine() -> None:
    assert ["proxy"] == [name for name, service in PROFILE.items() if "ports" in service]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["proxy"]["ports"])


@each_case("name", [name for name, service in SERVICES.items() for _ in service.get("volumes", ())])
def test_mounted_files_exist(name: str) -> None:
    mounts = [mount.partition(":")[0] for mount in SERVICES[name]["volumes"]]

    assert [] == [
        mount for mount in mounts if not ((ROOT / mount).exists() if "/" in mount else mount in COMPOSE["volumes"])
    ]


def test_the_proxy_gives_up_before_vonage_does() -> None:
    assert all(DEADLINE_S < wait < VONAGE_WAITS_S for wait in seconds("proxy_read_timeout", "location /webhooks/"))
    assert all(wait < VONAGE_WAITS_S - DEADLINE_S for wait in seconds("proxy_connect_timeout"))
    assert [60, 60] == seconds("keepalive_timeout")
    assert seconds("keepalive_timeout")[0] < KEEP_ALIVE_S

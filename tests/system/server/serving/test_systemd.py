"""What the server reports to systemd, which deploy/ncco.service waits for."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from ncco_server.web.lifespan import ALIVE_EVERY_S
from tests.contract.server.http.serving import serving
from tests.support.tracked import ROOT

UNIT = (ROOT / "deploy" / "ncco.service").read_text(encoding="utf-8")


@pytest.mark.parametrize("address", ["{folder}/user@1000", "@{folder}/without-a-file"])
def test_it_reports_once_that_it_is_ready_and_then_that_it_is_alive(tmp_path: Path, address: str) -> None:
    address = address.format(folder=tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        systemd.settimeout(60)
        with serving(tmp_path, "--dev", NOTIFY_SOCKET=address) as server:
            first = systemd.recv(100)
            was_ready = server.is_ready()
            later = [systemd.recv(100) for _ in range(2)]
            code = server.stop()

    assert (b"READY=1", True, [b"WATCHDOG=1"] * 2, 0) == (first, was_ready, later, code)


def test_a_systemd_that_does_not_listen_does_no_harm(tmp_path: Path) -> None:
    with serving(tmp_path, "--dev", NOTIFY_SOCKET=f"{tmp_path}/nobody") as server:
        code = server.stop()

    assert 0 == code


def test_the_unit_waits_for_several_reports() -> None:
    [kills_after_s] = re.findall(r"^WatchdogSec=(\d+)s$", UNIT, re.M)

    assert "notify" in re.findall(r"^Type=(.+)$", UNIT, re.M)
    assert 3 * ALIVE_EVERY_S <= int(kills_after_s)

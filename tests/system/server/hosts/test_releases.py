"""Releases and restarts under load; `python -m tests.system.promises hosts` does the same for longer."""

from __future__ import annotations

from tests.system.server.hosts.host import Host
from tests.system.server.hosts.playing import play_under_releases, play_under_restarts


async def test_no_call_hears_two_releases(two_hosts: list[Host]) -> None:
    played = await play_under_releases(two_hosts, calls=40, releases=8, pause_s=0.6, at_once=8)

    assert ([], [], 0) == (played.mixed, played.failed, played.passed_on)
    assert played.calls >= 40
    assert played.heard > 2


async def test_restart_of_one_host_after_the_other_fails_no_webhook(two_hosts: list[Host]) -> None:
    played = await play_under_restarts(two_hosts, calls=40, rounds=1, at_once=8)

    assert ([], []) == (played.failed, played.mixed)
    assert played.calls >= 40
    assert played.passed_on > 0

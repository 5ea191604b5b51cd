"""What an operator does to several hosts while calls go on: change secrets, freeze a host, install another version."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.fork_server import NCCO
from tests.support.postgres_stores import ask, empty_database
from tests.support.server import free_port
from tests.support.tracked import ROOT
from tests.support.waiting import happens
from tests.system.server.faults.office import Office
from tests.system.server.hosts.caller import Vonage
from tests.system.server.hosts.host import hosts
from tests.system.server.hosts.playing import play_during, restart
from tests.system.server.hosts.proxy import NGINX, proxy

OLD, NEW = "the-old-secret-of-the-whole-account", "the-new-secret-of-the-whole-account"
EARLIER = os.environ.get("TEST_UPGRADE_FROM", "HEAD~1")
"""The commit from which the hosts are upgraded."""


def lost(vonage: Vonage) -> dict[str, int]:
    """By leg, how many acknowledged webhooks are not in the database."""
    stored = Counter(str(leg) for (leg,) in ask("SELECT leg FROM webhooks"))
    missing = {leg: sent - stored[leg] for leg, sent in vonage.acknowledged.items()}
    return {leg: number for leg, number in missing.items() if number > 0}


async def until(claim: Callable[[], bool]) -> None:
    assert await asyncio.to_thread(happens, claim)


def changed(*names: str) -> list[dict[str, str]]:
    """The settings of the four starts while these secrets change on several hosts."""
    before, after = (dict.fromkeys(names, secret) for secret in (OLD, NEW))
    old, new = ({f"{name}_PREVIOUS": secret for name in names} for secret in (OLD, NEW))
    return [before, before | new, after | old, after]


async def test_secrets_change_on_hosts_one_after_another_while_calls_go_on(tmp_path: Path) -> None:
    unset = {"NCCO_INSECURE": "0", "NCCO_KEY": ""}
    first, *later = (unset | settings for settings in changed("VONAGE_SIGNATURE_SECRET", "NCCO_KEY"))
    with hosts(tmp_path, empty_database(), (1, 1), env=first) as started:
        async with Vonage([host.address for host in started], secret=OLD) as vonage:
            heard = {f"long-{place}": await vonage.answer(f"long-{place}", place) for place in range(2)}

            async def change() -> None:
                for number, settings in enumerate(later):
                    if number == 2:
                        vonage.secret = NEW  # in the dashboard
                    for host in started:
                        host.env = settings
                        await restart(host)
                        for leg, ncco in heard.items():
                            heard[leg] = await vonage.press(ncco, leg, "9" if host is started[0] else "1")

            played = await play_during(vonage, change(), calls=20, at_once=4)
            missing = lost(vonage)

    assert ([], [], {}) == (played.failed, played.mixed, missing)
    assert [b"goodbye"] * 2 == [b"goodbye" if b"goodbye" in ncco else ncco for ncco in heard.values()]


@pytest.mark.skipif(NGINX is None, reason="the program nginx is not installed; Debian's nginx has it")
async def test_a_host_that_freezes_and_goes_on_loses_no_webhook_and_tells_no_hook_twice(tmp_path: Path) -> None:
    async with Office() as office:
        env = {"FLOW_OFFICE_URL": office.url}
        with (
            hosts(tmp_path, empty_database(), (1, 1), env=env) as started,
            proxy(tmp_path, free_port(), [host.address for host in started]) as address,
        ):
            async with Vonage([address, address]) as vonage:  # Vonage tries a webhook once more

                async def more_calls(number: int) -> None:
                    enough = len(vonage.acknowledged) + number
                    await until(lambda: len(vonage.acknowledged) >= enough)

                async def freeze() -> None:
                    for host in started:
                        await more_calls(8)
                        host.server.process.send_signal(signal.SIGSTOP)
                        try:
                            await more_calls(16)
                        finally:
                            host.server.process.send_signal(signal.SIGCONT)

                played = await play_during(vonage, freeze(), calls=20, at_once=4)
                missing = lost(vonage)
                await until(lambda: ask("SELECT count(*) FROM hooks") == [(0,)])

    assert ([], [], {}) == (played.failed, played.mixed, missing)
    assert len(vonage.acknowledged) == len(office.told["/told"]) == len(office.hooks)


def earlier_version(folder: Path) -> str:
    """The program `ncco` of an earlier commit, with the packages of this one."""
    made = subprocess.run(
        ["git", "archive", "--format=tar", f"--output={folder}/app.tar", EARLIER, "app"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"Git has no earlier commit: {made.stderr.strip()}")
    subprocess.run(["tar", "-xf", "app.tar"], cwd=folder, check=True)
    program = folder / "ncco"
    start = f"{sys.executable} -c 'from ncco_server.desk.commands import main; main()'"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={folder}/app exec {start} "$@"\n')
    program.chmod(0o755)
    return str(program)


async def test_hosts_are_upgraded_and_rolled_back_one_after_another_while_calls_go_on(tmp_path: Path) -> None:
    older = earlier_version(tmp_path)
    with hosts(tmp_path, empty_database(), (1, 1), ncco=older) as started:
        async with Vonage([host.address for host in started]) as vonage:
            one, other = started

            async def install() -> None:
                for host, program in ((one, NCCO), (other, NCCO), (one, older)):
                    host.ncco = program
                    await restart(host)

            played = await play_during(vonage, install(), calls=20, at_once=4)
            missing = lost(vonage)

    assert ([], [], {}) == (played.failed, played.mixed, missing)
    assert played.passed_on > 0

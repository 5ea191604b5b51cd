"""`ncco platform-check` against a virtual Vonage: it probes, resumes after a kill, and reports obstacles."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.rest.access import Access
from ncco_studio.simulator.rest.api import Platform, calls_api
from ncco_studio.simulator.servers import HttpServer
from ncco_studio.verify.platform_check.journal import read_journal
from tests.support.command import ncco
from tests.support.keys import rsa_key
from tests.support.server import free_port
from tests.support.serving_thread import serving_thread
from tests.system.cli.platform_kills import ANSWER_URL, NUMBERS, SPEED, VirtualAccount, virtual_account


@pytest.fixture
def account(tmp_path: Path) -> Iterator[VirtualAccount]:
    with virtual_account(tmp_path) as found:
        yield found


def refusal(account: VirtualAccount, *words: str, **env: str) -> str:
    """The output of the command before it exits with 2."""
    done = ncco("platform-check", "--yes", "--speed", SPEED, *words, cwd=account.folder, env=env)
    assert 2 == done.exit_code, done.output
    return done.output


def test_it_writes_its_observations_and_restores_the_urls(account: VirtualAccount) -> None:
    before = account.urls
    asked = ("--only", "silent_digits", "--only", "inbound_answered")
    files = ("--report", "report.md", "--record", "exchanges", "--format", "json")
    done = ncco("platform-check", "--yes", "--speed", SPEED, *asked, *files, cwd=account.folder)
    assert 0 == done.exit_code, done.output
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert ("after", "after", "1 of 1") == tuple(rows["inbound_answered"][key] for key in ("assumed", "seen", "times"))
    written = yaml.safe_load((account.folder / "platform.yaml").read_text(encoding="utf-8"))
    assert {"inbound_answered": "after", "silent_digits": "empty", "unused_speech": "no_results"} == written
    published = (account.folder / "report.md").read_text(encoding="utf-8")
    published += (account.folder / "exchanges" / "silent_digits.yaml").read_text(encoding="utf-8")
    assert not re.search(r"4420794|CON-|[0-9a-f]{32}", published)
    assert account.application_id not in published
    assert before == account.urls
    assert ANSWER_URL == before["answer_url"]["address"]


def test_a_killed_check_resumes_without_calling_twice(account: VirtualAccount) -> None:
    before = account.urls
    words = ("--only", "silent_digits", "--only", "after_connect", "--only", "hash_key")
    check = account.start(*words)
    while not (found := read_journal(account.folder)) or not found.interrupted or not found.interrupted[0].uuids:
        assert check.poll() is None
        time.sleep(0.01)
    check.send_signal(signal.SIGKILL)
    check.wait()
    assert before != account.urls
    assert 0 == account.start(*words).wait()
    journal = read_journal(account.folder)
    assert journal is not None
    cut_off = [each.probe for each in journal.interrupted]
    asked = [each.probe for each in journal.observations]
    assert 1 == len(cut_off)
    assert sorted(["silent_digits", "after_connect", "hash_key"]) == sorted(cut_off + asked)
    placed = [
        call for call in account.calls() if call["direction"] == "outbound" and call["to"]["number"] == NUMBERS[1]
    ]
    assert 3 == len(placed)
    assert before == account.urls


def kill_when_urls_are_set(account: VirtualAccount, probe: str) -> None:
    before = account.urls
    check = account.start("--only", probe)
    while account.urls == before:
        assert check.poll() is None
        time.sleep(0.05)
    check.send_signal(signal.SIGKILL)
    check.wait()


def test_the_next_run_restores_the_urls_even_if_it_asks_nothing_and_undo_does_only_that(
    account: VirtualAccount,
) -> None:
    before = account.urls
    kill_when_urls_are_set(account, "silent_digits")
    assert "the budget of 0.00 EUR is spent" in refusal(account, "--budget", "0")
    assert before == account.urls

    kill_when_urls_are_set(account, "hash_key")
    done = ncco("platform-check", "--undo", cwd=account.folder)
    assert (0, before) == (done.exit_code, account.urls), done.output


def test_every_obstacle_is_named_before_the_first_call(account: VirtualAccount) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    assert "Vonage does not accept VONAGE_API_KEY" in refusal(account, VONAGE_API_KEY="another")
    assert "447700900123 is not linked to the application" in refusal(account, "--to", "447700900123")
    assert "the budget of 0.00 EUR is spent" in refusal(account, "--budget", "0")
    assert "webhooks would not reach this machine" in refusal(account, NCCO_PUBLIC_URL=nowhere)
    assert [] == list(account.calls())
    unasked = ncco("platform-check", cwd=account.folder)
    (account.folder / ".env").write_text("", encoding="utf-8")
    missing = ncco("platform-check", "--yes", cwd=account.folder)

    assert (2, True) == (unasked.exit_code, "add --yes" in unasked.output)
    assert "VONAGE_APPLICATION_ID and VONAGE_API_KEY and VONAGE_API_SECRET" in missing.output
    assert 2 == missing.exit_code


def test_a_second_number_is_needed(tmp_path: Path) -> None:
    with virtual_account(tmp_path, numbers=NUMBERS[:1]) as account:
        assert "needs two numbers that are linked to the application, and there is 1" in refusal(account)


def test_an_account_without_money_is_named_before_the_first_call(account: VirtualAccount) -> None:
    application = Application("", "", application_id=account.application_id, numbers=NUMBERS)
    clock = VirtualClock(datetime.now(UTC))
    vonage = Vonage(application, HttpServer(), clock)
    access = Access(account.application_id, rsa_key().public_key(), clock)
    with serving_thread(calls_api(Platform(vonage, access, balance_eur=0.0))) as port:
        said = refusal(account, NCCO_VONAGE_API_URL=f"http://127.0.0.1:{port}")
    assert "the account has 0.00 EUR left" in said


def test_a_trunk_that_rejects_the_call_ends_the_check(tmp_path: Path) -> None:
    with virtual_account(tmp_path, f"--party={NUMBERS[1]}=rejected") as account:
        before = account.urls
        said = refusal(account, "--only", "silent_digits")
        assert "did not come in at the application: rejected declined 603" in said
        assert before == account.urls

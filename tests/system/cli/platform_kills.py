"""Kills `ncco platform-check` at random moments and lets it go on, against `ncco vonage`."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx

from ncco_server.vonage.application_token import ApplicationTokens
from ncco_studio.verify.platform_check.journal import Journal, read_journal
from ncco_studio.verify.platform_check.probes import PROBES
from tests.support.fork_server import NCCO, Forked
from tests.support.server import free_port
from tests.system.trial import Outcome, Trial

NUMBERS: Final = ("442079460001", "442079460002")
ANSWER_URL: Final = "http://127.0.0.1:7/answer"
SPEED: Final = "20"
BUDGET_EUR: Final = 0.6
FEW: Final = PROBES[-12:]
"""The questions of the short form: all of them take a minute, and kills are only in the first ones."""
_CALLS: Final = {probe.name: 1 + sum(act.what == "call" for act in probe.acts) for probe in PROBES}


@dataclass(frozen=True, slots=True)
class VirtualAccount:
    """A virtual Vonage in a process of its own, and the project's folder with the settings for it."""

    url: str
    folder: Path
    application_id: str

    def start(self, *words: str) -> Forked:
        command = [NCCO, "platform-check", "--yes", "--speed", SPEED, "--budget", str(BUDGET_EUR), *words]
        with (self.folder / "check.log").open("ab") as log:
            return Forked(command, cwd=self.folder, stdout=log, stderr=log, env=_environment())

    @property
    def urls(self) -> Any:
        reply = httpx.get(f"{self.url}/v2/applications/{self.application_id}", auth=("key", "secret"))
        return reply.json()["capabilities"]["voice"]["webhooks"]

    def calls(self) -> Iterator[dict[str, Any]]:
        """All legs that the virtual Vonage has had."""
        key = (self.folder / ".virtual-vonage" / "private.key").read_text(encoding="ascii")
        tokens = ApplicationTokens(self.application_id, key)
        index = 0
        while True:
            headers = {"authorization": f"Bearer {tokens.make(datetime.now(UTC))}"}
            page = httpx.get(f"{self.url}/v1/calls?page_size=100&record_index={index}", headers=headers).json()
            calls = page["_embedded"]["calls"]
            yield from calls
            index += len(calls)
            if not calls or index >= page["count"]:
                return
            time.sleep(0.1)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("NCCO_", "VONAGE_"))}


@contextmanager
def virtual_account(folder: Path, *more: str, numbers: Sequence[str] = NUMBERS) -> Iterator[VirtualAccount]:
    """`more` are further words of `ncco vonage`."""
    port, own_port = free_port(), free_port()
    words = [*more, *(f"--number={number}" for number in numbers)]
    command = [NCCO, "vonage", "--port", str(port), "--speed", SPEED, "--answer-url", ANSWER_URL, *words]
    with (folder / "vonage.log").open("wb") as log:
        env = _environment() | {"VONAGE_API_KEY": "key"}
        vonage = Forked(command, cwd=folder, stdout=log, stderr=log, env=env)
    try:
        while not (found := re.search(r"application +(\S+)", (folder / "vonage.log").read_text(encoding="utf-8"))):
            time.sleep(0.1)
        settings = {
            "NCCO_PUBLIC_URL": f"http://127.0.0.1:{own_port}",
            "NCCO_PORT": own_port,
            "NCCO_VONAGE_API_URL": f"http://127.0.0.1:{port}",
            "VONAGE_API_KEY": "key",
            "VONAGE_API_SECRET": "secret",
            "VONAGE_APPLICATION_ID": found[1],
            "VONAGE_PRIVATE_KEY": ".virtual-vonage/private.key",
        }
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        (folder / ".env").write_text(lines, encoding="utf-8")
        yield VirtualAccount(f"http://127.0.0.1:{port}", folder, found[1])
    finally:
        vonage.terminate()
        vonage.wait()


async def platform_check_killed(trial: Trial) -> Outcome:
    """Kill the check: no call is placed twice, the budget is kept, and the URLs are put back."""
    return await asyncio.to_thread(_killed, trial)


def _killed(trial: Trial) -> Outcome:
    luck = random.Random(trial.seed)  # noqa: S311 - reproducible, not secret
    words = [] if trial.is_long else [word for probe in FEW for word in ("--only", probe.name)]
    with virtual_account(trial.folder) as account:
        before = account.urls
        killed = 0
        while killed < trial.size:
            check = account.start(*words)
            try:
                check.wait(luck.uniform(0.5, 4))
                break
            except subprocess.TimeoutExpired:
                check.send_signal(signal.SIGKILL)
                check.wait()
                killed += 1
        code = account.start(*words).wait()
        journal = read_journal(account.folder)
        if journal is None:
            return Outcome([f"{killed} kills"], ["there is no journal"])
        return _report(account, journal, killed, code, is_restored=account.urls == before)


def _report(account: VirtualAccount, journal: Journal, killed: int, code: int, *, is_restored: bool) -> Outcome:
    calls = list(account.calls())
    placed = sum(call["direction"] == "outbound" and call["to"]["number"] == NUMBERS[1] for call in calls)
    cost_eur = sum(float(call.get("price", 0)) for call in calls)
    observed = sum(_CALLS[each.probe] for each in journal.observations)
    cut_off = sum(_CALLS[each.probe] for each in journal.interrupted)
    asked = Counter(each.probe for each in journal.observations)
    asked += Counter(each.probe for each in journal.interrupted)
    repeated = [name for name, times in asked.items() if times > 1]
    seen = (
        f"{killed} kills, exit code {code}: {placed} calls placed for {len(journal.observations)} finished and "
        f"{len(journal.interrupted)} interrupted questions ({observed} to {observed + cut_off} expected), "
        f"{len(repeated)} questions twice; {cost_eur:.2f} EUR spent, {journal.spent_eur:.2f} noted, budget "
        f"{BUDGET_EUR:.2f}; URLs {'put back' if is_restored else 'NOT put back'}"
    )
    is_broken = {
        "a call was placed twice or not at all": not observed <= placed <= observed + cut_off or bool(repeated),
        "the URLs were not put back": not is_restored,
        "more was spent than noted, or than the budget": not cost_eur <= journal.spent_eur <= BUDGET_EUR,
    }
    return Outcome([seen], [fault for fault, is_so in is_broken.items() if is_so])

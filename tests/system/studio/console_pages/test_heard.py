"""What a stored call says was heard, compared with what the simulated caller heard."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from itertools import product
from math import inf
from pathlib import Path
from typing import Final

import pytest

from ncco_server.desk.heard import Hearing, sent_in
from ncco_server.ncco.durations import Durations
from ncco_server.store import Timeline, open_store
from ncco_studio.console.app import create_console
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.transcript import Heard
from tests.support.command import ncco
from tests.system.studio.console_pages.test_recorded_calls import database
from tests.system.studio.simulator.own_server import own_line
from tests.unit.studio.console.conftest import logged_in, settings_for

GREETING: Final = " ".join(["You have reached Bright Windows, and nobody can take your call right now."] * 3)
MAILBOX: Final = f"""\
flow: mailbox
numbers: ["442079460010"]
start: greeting
steps:
  greeting:
    do:
      - talk: {GREETING}
      - record: {{endOnSilence: 3}}
      - talk: Thank you for your message.
    goto: end
"""
DESK: Final = """\
flow: desk
numbers: ["442079460011"]
start: menu
steps:
  menu:
    do: [{talk: Welcome to Bright Windows.}, {talk: "For sales, press 1. To leave a message, press 2."}]
    choices: {sales: {dtmf: 1, goto: sales}, message: {dtmf: 2, goto: message}}
    retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], then: end}
  sales:
    do: [{talk: "I am putting you through to sales."}, {connect: "447700900111"}]
    on: {completed: end, otherwise: message}
  message:
    do:
      - talk: Please leave a message.
      - record: {endOnSilence: 3, endOnKey: "#"}
      - talk: Thank you for your message.
    goto: end
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/mailbox.yaml").write_text(MAILBOX, encoding="utf-8")
    (tmp_path / "flows/desk.yaml").write_text(DESK, encoding="utf-8")
    return tmp_path


async def test_a_caller_of_five_seconds_has_not_heard_what_follows_a_long_greeting(project: Path) -> None:
    async with own_line(project / "flows", database_url=database(project)) as vonage:
        leg = await vonage.call("442079460010", "447911123456")
        await leg.listen(until=5)
        await leg.hang_up()
        await vonage.run()

    async with await logged_in(
        create_console(settings_for(project, database_url=database(project)), dev=True)
    ) as client:
        page = (await client.get(f"/calls/{leg.uuid}")).text
    env = {"NCCO_DATABASE_URL": database(project)}
    shown = (await asyncio.to_thread(ncco, "calls", leg.uuid, cwd=project, env=env)).stdout

    bubbles = re.findall(r'<p class="bubble([^"]*)">(.*?)</p>\s*<p class="why">(.*?)</p>', page)
    assert [
        ("", GREETING, "This line, about 0:00, heard in part"),
        (" action unheard", "record endOnSilence 3", "This line, not reached"),
        (" unheard", "Thank you for your message.", "This line, not heard"),
    ] == bubbles
    assert re.search(r'talk +"You have .* \(heard in part\)\n', shown)
    assert re.search(r"record .* \(not reached\)\n", shown)
    assert 'talk      "Thank you for your message." (not heard)\n' in shown


SCRIPTS: Final = (
    ("442079460010", "", "busy"),
    ("442079460011", "", "busy"),
    ("442079460011", "1", "busy"),
    ("442079460011", "1", "completed"),
    ("442079460011", "2", "busy"),
    ("442079460011", "9", "busy"),
)
OUTCOMES: Final[dict[str, Behaviour]] = {"busy": Behaviour("busy"), "completed": Behaviour(talks_s=20)}


async def test_nothing_is_claimed_that_the_caller_did_not_hear(project: Path) -> None:
    known = count = 0
    async with (
        own_line(project / "flows", database_url=database(project)) as vonage,
        open_store(database(project)) as store,
        store.records() as records,
    ):
        for (to, keys, outcome), second, pace in product(SCRIPTS, (2, 8, 14, 45), (0.7, 1.4)):
            vonage.parties = Parties(other=OUTCOMES[outcome])
            vonage.durations = Durations(pace=pace)
            leg = await vonage.call(to, "447911123456")
            await leg.listen(until=second / 2)
            if keys and not leg.is_over:
                await leg.press(keys)
            await leg.listen(until=second)
            if not leg.is_over:
                await leg.hang_up()
            await vonage.run()
            timeline = await records.timeline(leg.uuid)
            assert timeline is not None
            for text, hearing, entry in compared(timeline, leg):
                case = f"{to} {keys} {second} s, pace {pace}: {text}: {hearing}, {entry}"
                assert hearing != "heard" or (entry is not None and not entry.is_cut), case
                assert hearing != "cut" or (entry is not None and entry.is_cut), case
                assert hearing != "begun" or entry is not None, case
                assert hearing != "not" or entry is None, case
                count += 1
                known += hearing in ("heard", "cut", "not")
    assert known > count * 0.6, (known, count)


def compared(timeline: Timeline, leg: Leg) -> Iterator[tuple[str, Hearing, Heard | None]]:
    """Each prompt that was sent, with what the stored call says of it, and what the caller heard of it."""
    starts = [turn.created_at for turn in timeline.turns if turn.ncco]
    ends = [*starts[1:], inf]
    zero_ms = leg.clock.at(leg.zero_ms).timestamp() * 1000
    sent = sent_in(timeline, timeline.webhooks[-1].received_at)
    for turn, start, end in zip((turn for turn in timeline.turns if turn.ncco), starts, ends, strict=True):
        left = [each for each in leg.transcript if start - 5 <= zero_ms + each.at * 1000 < end - 5]
        for each in sent[turn.number]:
            if each.action["action"] == "talk":
                text = each.action["text"]
                entry = next((entry for entry in left if entry.kind == "talk" and entry.text == text), None)
                left = left[left.index(entry) + 1 :] if entry is not None else left
                yield text, each.hearing, entry

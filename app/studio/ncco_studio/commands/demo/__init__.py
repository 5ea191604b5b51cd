"""The practice of `ncco init --demo`: the simulator plays its scenarios against the real server, in virtual time."""

from __future__ import annotations

import asyncio
import io
import math
import random
import struct
import wave
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import Final

from ncco_server.flow.hours.calendar import Calendar
from ncco_server.flow.loader import load_files
from ncco_server.sample_calls import FROM
from ncco_server.service.phone_numbers import line_of
from ncco_server.service.recording_folder import RecordingFolder
from ncco_server.service.turns import no_lookups
from ncco_server.settings import Settings
from ncco_server.store import RecordingRow, milliseconds, open_store
from ncco_studio.console.history import row_of
from ncco_studio.console.messages import change_of
from ncco_studio.verify.scenarios.caller import Caller, parties_of
from ncco_studio.verify.scenarios.files import files_of, read_files
from ncco_studio.verify.scenarios.observed_call import CallConditions
from ncco_studio.verify.scenarios.result import Result
from ncco_studio.verify.scenarios.runner import fitted
from ncco_studio.verify.scenarios.script import HangUpStep, HearStep, ScriptStep, WaitStep
from ncco_studio.verify.scenarios.stage import LocalStage
from ncco_studio.verify.scenarios.tables import changes_of

PRACTICE: Final = Path(__file__).parent / "practice"
DAYS: Final = 28
CALLERS: Final = 30
"""From the number of the scenarios on; all are reserved for fiction."""
NEW_FOR: Final = timedelta(days=2)
"""Older messages are done."""
LONGEST: Final = timedelta(minutes=10)
WHO: Final = "reception"
"""Who has done the messages."""
_RATE: Final = 8_000
_LONGEST_S: Final = 60.0
_HERTZ: Final = 220.0
_SAID: Final = {
    "reception": "Hello, I would like to move my appointment on Friday to next week. Please call me back.",
    "the nurse": "Good morning. The wound looks red today. Could the nurse have a look at it?",
    "prescriptions": "Hello, I need my blood pressure tablets again, please. I can fetch the prescription tomorrow.",
}


def practice_files() -> dict[str, str]:
    paths = sorted(PRACTICE.rglob("*.yaml"))
    return {path.relative_to(PRACTICE).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def play_calls(folder: Path, now: datetime) -> int:
    """Fill the database of the practice with the calls of the weeks before `now`. Returns their number."""
    return asyncio.run(_play(folder, now, random.Random(DAYS)))  # noqa: S311 - any calls will do


async def _play(folder: Path, now: datetime, luck: random.Random) -> int:
    file = folder / Settings().database_url.removeprefix("sqlite:///")
    project = load_files(folder / "flows", folder / "templates")
    calendar = next(iter(project.calendars.values()))
    stage = LocalStage(project, file=file)
    scenarios, _ = fitted(stage, read_files(files_of(folder)))
    rows = tuple(changes_of(scenarios[0].tables, project.tables, line_of(project.flows.values())))
    times = sorted(_times(calendar, now, luck))
    for number, at in enumerate(times):
        fitting = [each for each in scenarios if calendar.is_open(each.made_at) == calendar.is_open(at)]
        scenario = luck.choices(fitting, [1 / (3 + rank) for rank in range(len(fitting))])[0]
        caller = str(int(FROM) + int(luck.triangular(0, CALLERS, 0))) if scenario.from_ == FROM else scenario.from_
        script = tuple(_unheard(scenario.script, luck))
        placed = await stage.ring(
            replace(scenario, from_=caller, made_at=at),
            CallConditions(parties_of(script)),
            look_ups=no_lookups,
            env={},
            seed=str(number),
            rows=None if number else rows,
        )
        await Caller(placed, Result(scenario)).play(script)
        await placed.vonage.run()
    await stage.close()
    await _keep_messages(file, now)
    return len(times)


def _times(calendar: Calendar, now: datetime, luck: random.Random) -> Iterator[datetime]:
    """More when the practice is open."""
    midnight = now.astimezone(calendar.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for day in (midnight - timedelta(days=ago) for ago in range(DAYS)):
        is_open = bool(calendar.spans_on(day.date()))
        for _ in range(luck.randint(8, 12) if is_open else luck.randint(1, 3)):
            at = day + timedelta(hours=luck.triangular(8, 20, 10.5))
            if at < now - LONGEST:
                yield at


def _unheard(script: Sequence[ScriptStep], luck: random.Random) -> Iterator[ScriptStep]:
    """What callers hear differs from call to call; before they hang up, they listen."""
    for step, following in zip_longest(script, script[1:]):
        if not isinstance(step, HearStep):
            yield step
        elif following is None or isinstance(following, HangUpStep):
            yield WaitStep(seconds=luck.randint(3, 12))


async def _keep_messages(file: Path, now: datetime) -> None:
    """Give each recording a tone and a transcript: nothing is fetched."""
    files = RecordingFolder(file.with_name(f"{file.name}-recordings"))
    tone_of = cache(tone)
    now_ms = milliseconds(now)
    async with open_store(f"sqlite:///{file}") as store:
        while rows := await store.recordings.claim(now_ms, now_ms + 60_000, "demo", 100):
            for row in rows:
                audio = tone_of((row.duration_ms or 0) / 1000)
                files.put(row.id, audio)
                await store.recordings.finish(_kept(row, audio), now_ms)
                if row.created_at < milliseconds(now - NEW_FOR):
                    await store.recordings.mark_heard(row.id, row.created_at + 3_600_000, WHO)
                    at = row.created_at + 3_900_000
                    await store.recordings.mark_done(row.id, at, WHO)
                    await store.changes.add(row_of(change_of("done", row, at), WHO, at))


def tone(seconds: float) -> bytes:
    turn = 2 * math.pi * _HERTZ / _RATE
    samples = [round(4_000 * math.sin(number * turn)) for number in range(round(_RATE * min(seconds, _LONGEST_S)))]
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, _RATE, 0, "NONE", ""))
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return made.getvalue()


def _kept(row: RecordingRow, audio: bytes) -> RecordingRow:
    return row._replace(
        state="kept",
        content_type="audio/wav",
        size=len(audio),
        sha256=sha256(audio).hexdigest(),
        transcript_state="kept",
        transcript=_SAID.get(row.about, ""),
    )

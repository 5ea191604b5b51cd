"""Messages that are left on the phone in the browser: in development they stand among the others, with a tone."""

from __future__ import annotations

import asyncio
import hashlib
import io
import math
import struct
import wave
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from app.console.phone_call import PhoneCall
from app.service.recording_files import RecordingFiles, in_thread, new_recording_id
from app.service.recordings import about_call, name_of_caller
from app.store import RecordingRow, Store
from app.verify.scenarios.script import RecordStep

PREFIX: Final = "phone-"
"""Begins the `uuid` of such a message; Vonage's ids have none."""
_RATE: Final = 8_000
_LONGEST_S: Final = 60.0
_KEEP_S: Final = 5.0
_HERTZ: Final = 220.0


async def keep_messages(call: PhoneCall, store: Store, files: RecordingFiles) -> None:
    """Keep the messages of a call that are not kept yet. Raises OSError (also when it takes too long), StoreError."""
    left = sum(isinstance(done.step, RecordStep) for done in call.done)
    reported = (delivery for delivery in call.leg.log if delivery.kind == "record" and delivery.attempts)
    session = call.session
    if not left or session is None or call.playable.project is None:
        return
    for delivery in islice(reported, len(call.kept_messages), left):
        began, ended = (datetime.fromisoformat(delivery.fields[name]) for name in ("start_time", "end_time"))
        audio = tone((ended - began).total_seconds())
        flow = call.playable.project.flows.get(session.at or session.flow)
        row = RecordingRow(
            new_recording_id(),
            f"{PREFIX}{new_recording_id()}",
            "record",
            round(datetime.now(UTC).timestamp() * 1000),
            flow=session.at or session.flow,
            about=about_call(flow, session) if flow is not None else "",
            caller_name=name_of_caller(flow, session) if flow is not None else "",
            from_number=session.call.from_number or session.call.from_user,
            to_number=session.call.to,
            duration_ms=round((ended - began).total_seconds() * 1000),
            size=len(audio),
            content_type="audio/wav",
            sha256=hashlib.sha256(audio).hexdigest(),
            state="kept",
            has_file=1,
        )
        async with asyncio.timeout(_KEEP_S):
            await in_thread(files.put, row.id, audio)
        await store.open()
        await store.recordings.add(row)
        call.kept_messages.append(row.id)


def tone(seconds: float) -> bytes:
    """A WAV file with a soft tone."""
    turn = 2 * math.pi * _HERTZ / _RATE
    samples = [round(4_000 * math.sin(number * turn)) for number in range(round(_RATE * min(seconds, _LONGEST_S)))]
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, _RATE, 0, "NONE", ""))
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return made.getvalue()

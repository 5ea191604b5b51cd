"""Messages left on the phone in the browser: in development, they are listed with the others, with a tone as audio."""

from __future__ import annotations

import asyncio
import hashlib
import io
import math
import struct
import wave
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ncco_server.service.recording_files import RecordingFiles, in_thread, new_recording_id
from ncco_server.store import RecordingRow, Store

PREFIX: Final = "phone-"
"""Vonage's IDs do not have the prefix that the `uuid` of such messages has."""
_RATE: Final = 8_000
_LONGEST_S: Final = 60.0
_KEEP_S: Final = 5.0
_HERTZ: Final = 220.0


async def keep_message(message: Mapping[str, Any], store: Store, files: RecordingFiles) -> None:
    """Raises OSError, even if it takes too long, and StoreError.

    `message`: fields of its row, and its `seconds`.
    """
    seconds = message["seconds"]
    audio = tone(seconds)
    row = RecordingRow(
        new_recording_id(),
        f"{PREFIX}{new_recording_id()}",
        "record",
        round(datetime.now(UTC).timestamp() * 1000),
        duration_ms=round(seconds * 1000),
        size=len(audio),
        content_type="audio/wav",
        sha256=hashlib.sha256(audio).hexdigest(),
        state="kept",
        has_file=1,
        **{name: value for name, value in message.items() if name != "seconds"},
    )
    async with asyncio.timeout(_KEEP_S):
        await in_thread(files.put, row.id, audio)
    await store.open()
    await store.recordings.add(row)


def tone(seconds: float) -> bytes:
    turn = 2 * math.pi * _HERTZ / _RATE
    samples = [round(4_000 * math.sin(number * turn)) for number in range(round(_RATE * min(seconds, _LONGEST_S)))]
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, _RATE, 0, "NONE", ""))
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return made.getvalue()

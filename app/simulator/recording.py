"""Recordings: of a call or a conversation, from when they begin to their webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from app.simulator import payloads
from app.simulator.kernel import Steps, pause

if TYPE_CHECKING:
    from app.simulator.leg import Leg
    from app.simulator.platform import Platform

BYTES_A_SECOND: Final = {"mp3": 4000, "ogg": 4000, "wav": 32000}
"""mp3 of 32 kbit/s. Source: recording guide of 2022; of the others our estimate."""


class Recording:
    """Something that is being recorded.

    Args:
        leg: for whose call.
        action: the record or conversation action that asked for it.
    """

    def __init__(self, platform: Platform, leg: Leg, action: Mapping[str, Any]) -> None:
        self._platform = platform
        self._leg = leg
        self._room = leg.room
        self._action = action
        self._uuid = platform.ids.dashed()
        self._begun = platform.clock.now
        self.is_over = False

    def end(self) -> None:
        """It ends now, and its webhook follows after a while; a second time changes nothing.

        Source: webhook reference, Record and Transcription.
        """
        if not self.is_over:
            self.is_over = True
            self._platform.kernel.spawn(self._report(self._platform.clock.now))

    def _report(self, ended: Any) -> Steps[None]:
        platform, action = self._platform, self._action
        yield from pause(platform.application.recording_s)
        seconds = (ended - self._begun).total_seconds()
        url = f"{platform.application.region_url}/v1/files/{platform.ids.dashed()}"
        size = int(seconds * BYTES_A_SECOND[self._format()])
        fields = payloads.record((url, self._uuid), (self._begun, ended), size, self._room.uuid, platform.clock.now)
        platform.tell("record", fields, self._leg, action)
        if action.get("transcription") is not None:
            yield from pause(platform.application.transcription_s)
            url = f"{platform.application.region_url}/v1/files/{platform.ids.dashed()}"
            target = {**action, **action["transcription"]}
            fields = payloads.transcription(self._uuid, url, self._room.uuid)
            platform.tell("transcription", fields, self._leg, target)

    def _format(self) -> str:
        """Source: NCCO reference, Record (format): wav is the default for more than two channels."""
        written = self._action.get("format")
        return str(written) if written else "wav" if int(self._action.get("channels") or 1) > 2 else "mp3"

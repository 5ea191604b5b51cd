"""Recordings, which are announced during the call or after it, and never decide."""

from __future__ import annotations

from ncco_server.engine.waits.kind import WaitKind


class ObservedWait(WaitKind):
    """Events that hooks may follow, such as the recording of a `conversation`."""

    word = "event"
    is_observed = True


class RecordingWait(ObservedWait):
    """The recording of a `record`, such as a message."""

    name = "record"

"""The kinds of waits: a class each, found by the word in the URL and the wait's name.

The word and the name of a wait are stored with its call, so they never change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ncco_server.engine.session import OpenWait
from ncco_server.engine.waits.agent import AgentOverWait, AgentWait
from ncco_server.engine.waits.called_party import CalledPartyWait
from ncco_server.engine.waits.checkpoint import CheckpointWait, HoldWait, ReachedWait
from ncco_server.engine.waits.detection import DetectionWait
from ncco_server.engine.waits.dial import ConnectedWait, DialWait
from ncco_server.engine.waits.input import InputWait, ObservedKeysWait
from ncco_server.engine.waits.kind import WaitKind
from ncco_server.engine.waits.recording import ObservedWait, RecordingWait
from ncco_server.flow.frame import Callback

_OF_NAME: Final = {
    (kind.word, kind.name): kind
    for kind in (
        InputWait(),
        DialWait(),
        ConnectedWait(),
        CheckpointWait(),
        ReachedWait(),
        HoldWait(),
        ObservedKeysWait(),
        ObservedWait(),
        RecordingWait(),
        AgentWait(),
        AgentOverWait(),
        CalledPartyWait(),
        DetectionWait(),
    )
}
OF_WORD: Final[Mapping[str, WaitKind]] = {word: kind for (word, name), kind in _OF_NAME.items() if not name}
"""For a wait that is closed: only the word in its URL is known."""


def kind_of(wait: OpenWait | Callback) -> WaitKind:
    return _OF_NAME.get((wait.kind, wait.name)) or OF_WORD[wait.kind]

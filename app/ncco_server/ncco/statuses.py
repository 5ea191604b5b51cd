"""The statuses of a call's leg, and what follows from each. Source: webhook reference, Call status events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Status(NamedTuple):
    """A status that event webhooks report.

    Attributes:
        name: as written in `on`, `events` and `outbound`.
        does: what the called party does, in a sentence after its number.
        picked_up: whether somebody, or a machine, has answered.
        fails: whether a dial has failed with it.
        steers: whether Vonage plays an NCCO in the reply. Source: webhook reference, synchronous connect.
        decides: whether `on` may have a line for it after a connect.
        in_rest: whether the REST API has it too. Source: Voice API specification, getCall.
        sub_state: of the webhook, whose `status` then is `machine`. Source: webhook reference, Machine detection.
    """

    name: str
    meaning: str
    does: str
    ends: bool = False
    picked_up: bool = False
    fails: bool = False
    detects: bool = False
    steers: bool = False
    decides: bool = False
    in_rest: bool = True
    sub_state: str = ""

    @property
    def fields(self) -> Mapping[str, str]:
        return {"status": "machine", "sub_state": self.sub_state} if self.sub_state else {"status": self.name}


def _failure(name: str, meaning: str, does: str) -> Status:
    return Status(name, meaning, does, ends=True, fails=True, steers=True, decides=True)


def _detection(name: str, meaning: str, does: str, *, in_rest: bool = False, sub_state: str = "") -> Status:
    return Status(
        name,
        meaning,
        does,
        picked_up=True,
        detects=True,
        steers=True,
        decides=True,
        in_rest=in_rest,
        sub_state=sub_state,
    )


STATUSES: Final[Mapping[str, Status]] = {
    status.name: status
    for status in (
        Status("started", "A call to another party begins.", "is called"),
        Status("ringing", "It rings.", "rings"),
        Status("answered", "A person or a machine answered.", "answers", picked_up=True),
        Status(
            "completed",
            "They talked, and the other party hung up.",
            "is no longer on the line",
            ends=True,
            decides=True,
        ),
        _failure("busy", "The other party is on the phone.", "is busy"),
        _failure("timeout", "It rang for too long.", "does not answer"),
        _failure("unanswered", "Nobody answered, or the call was declined.", "is not available"),
        _failure("rejected", "The call was refused before it rang.", "rejects the call"),
        _failure("failed", "The call could not be connected.", "cannot be reached"),
        Status(
            "disconnected",
            "A websocket was closed at the other end.",
            "closes the connection",
            ends=True,
            steers=True,
            decides=True,
            in_rest=False,
        ),
        _detection("machine", "A machine answered.", "is a machine", in_rest=True),
        _detection("human", "A person answered.", "is recognised as a person"),
        _detection("beep", "A machine played its tone.", "is a machine with a beep", sub_state="beep_start"),
        Status(
            "screener",
            "A call screener asks who is calling; a person may follow (alpha).",
            "asks who is calling",
            picked_up=True,
            in_rest=False,
        ),
        Status("cancelled", "The caller hung up before anybody answered.", "is no longer called", ends=True),
    )
}

BEEP: Final = STATUSES["beep"]
SCREENER: Final = "screener"
DISCONNECTED: Final = "disconnected"
WEBHOOK_STATUSES: Final = tuple(name for name, status in STATUSES.items() if not status.sub_state)
DIAL_OUTCOMES: Final = tuple(name for name, status in STATUSES.items() if status.decides)
DIAL_FAILURES: Final = tuple(name for name, status in STATUSES.items() if status.fails)
DETECTIONS: Final = tuple(name for name, status in STATUSES.items() if status.detects)
PICKED_UP: Final = frozenset(name for name, status in STATUSES.items() if status.picked_up)
STEERING: Final = frozenset(name for name, status in STATUSES.items() if status.steers)
OVER: Final = frozenset(name for name, status in STATUSES.items() if status.ends)

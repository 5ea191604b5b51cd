"""The statuses of a call's leg, and what follows from each. Source: webhook reference, Call status events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Status(NamedTuple):
    """A status that event webhooks report.

    Attributes:
        name: as written in `on`, `events` and `outbound`.
        picked_up: whether somebody, or a machine, has answered.
        fails: whether a dial has failed with it.
        steers: whether Vonage plays an NCCO in the reply. Source: webhook reference, synchronous connect.
        decides: whether `on` may have a line for it after a connect.
        in_rest: whether the REST API has it too. Source: Voice API specification, getCall.
        sub_state: of the webhook, whose `status` then is `machine`. Source: webhook reference, Machine detection.
    """

    name: str
    meaning: str
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


def _failure(name: str, meaning: str) -> Status:
    return Status(name, meaning, ends=True, fails=True, steers=True, decides=True)


def _detection(name: str, meaning: str, *, in_rest: bool = False, sub_state: str = "") -> Status:
    return Status(
        name,
        meaning,
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
        Status("started", "A call to another party begins."),
        Status("ringing", "It rings."),
        Status("answered", "A person or a machine answered.", picked_up=True),
        Status("completed", "They talked, and the other party hung up.", ends=True, decides=True),
        _failure("busy", "The other party is on the phone."),
        _failure("timeout", "It rang for too long."),
        _failure("unanswered", "Nobody answered, or the call was declined."),
        _failure("rejected", "The call was refused before it rang."),
        _failure("failed", "The call could not be connected."),
        Status(
            "disconnected",
            "A websocket was closed at the other end.",
            ends=True,
            steers=True,
            decides=True,
            in_rest=False,
        ),
        _detection("machine", "A machine answered.", in_rest=True),
        _detection("human", "A person answered."),
        _detection("beep", "A machine played its tone.", sub_state="beep_start"),
        Status(
            "screener",
            "A call screener asks who is calling; a person may follow (alpha).",
            picked_up=True,
            in_rest=False,
        ),
        Status("cancelled", "The caller hung up before anybody answered.", ends=True),
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

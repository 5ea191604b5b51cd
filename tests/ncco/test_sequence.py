"""The order of actions."""

from __future__ import annotations

from typing import Any

import pytest

from app.ncco import check

APP = [{"type": "app", "user": "alice"}]
TALK = {"action": "talk", "text": "Hello"}
BARGE = {"action": "talk", "text": "Hello", "bargeIn": True}
STREAM = {"action": "stream", "streamUrl": ["https://example.com/a.mp3"]}
BARGE_STREAM = STREAM | {"bargeIn": True}
INPUT = {"action": "input", "type": ["dtmf"]}
CONNECT = {"action": "connect", "endpoint": APP}
RECORD = {"action": "record"}
ENDLESS = STREAM | {"loop": 0}
TRANSFER = {"action": "transfer", "conversationId": "CON-1"}

ORDERS: list[tuple[list[str], list[dict[str, Any]]]] = [
    ([], [BARGE, INPUT]),
    ([], [BARGE, TALK, INPUT, TALK]),
    ([], [BARGE, BARGE, TALK | {"bargeIn": False}, INPUT]),
    ([], [BARGE_STREAM, STREAM, INPUT]),
    (["N911"], [BARGE, STREAM, INPUT]),
    (["N911"], [BARGE_STREAM, BARGE, INPUT]),
    (["N301"], [BARGE]),
    (["N301"], [BARGE, TALK]),
    (["N301"], [BARGE, CONNECT, INPUT]),
    (["N301"], [BARGE, BARGE, CONNECT]),
    (["N301"], [BARGE_STREAM, RECORD, INPUT]),
    (["N301"], [BARGE_STREAM, TALK, CONNECT]),
    (["N301", "N301"], [BARGE, CONNECT, BARGE_STREAM]),
    (["N301"], [BARGE, INPUT, BARGE]),
    ([], [TALK, TRANSFER]),
    (["N302"], [TRANSFER, TALK]),
    (["N302"], [TRANSFER, TALK, CONNECT]),
    (["N302"], [TRANSFER, TRANSFER]),
    ([], [TALK, ENDLESS]),
    (["N303"], [ENDLESS, TALK]),
    (["N303"], [TALK | {"loop": 0}, CONNECT, STREAM]),
    (["N912"], [ENDLESS, CONNECT]),
    (["N912"], [ENDLESS, INPUT]),
    ([], [ENDLESS | {"bargeIn": True}, INPUT, TALK]),
    ([], [BARGE_STREAM, ENDLESS, INPUT, TALK]),
    (["N303"], [BARGE_STREAM, INPUT, ENDLESS, TALK]),
    ([], [RECORD, CONNECT]),
    (["N913"], [CONNECT, RECORD]),
    ([], [TALK, RECORD | {"endOnSilence": 3}]),
    (["N913"], [TALK, RECORD | {"beepStart": True}, TALK]),
    (["N913"], [TALK, RECORD | {"beepStart": True}, TALK, STREAM]),
    ([], [TALK, RECORD | {"beepStart": True, "endOnKey": "#"}, TALK]),
    ([], [TALK, RECORD | {"beepStart": True}, TALK, ENDLESS]),
    ([], [TALK, RECORD | {"beepStart": True}, {"action": "wait"}, TALK]),
    ([], [RECORD, TALK]),
    ([], [TALK, RECORD | {"timeOut": 30}]),
    ([], [TALK, RECORD | {"endOnKey": "#"}]),
]


@pytest.mark.parametrize(("codes", "actions"), ORDERS, ids=str)
def test_the_order_of_actions(codes: list[str], actions: list[dict[str, Any]]) -> None:
    assert codes == [issue.code for issue in check(actions)]

"""Single webhooks to a server in its own process, and checks of the replies."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final
from uuid import uuid4

from ncco_server.ncco import check
from tests.support.waiting import happens
from tests.system.server.faults.served import Served
from tests.system.server.faults.wire import Answer, Wire

FACTS: Final = {"to": "442079460000", "from": "447700900123"}
IN_A_ROW: Final = 8
LOST: Final = {"reason": "Invalid response code.", "original_request": {"url": "/webhooks/answer", "type": "answer"}}


def post(server: Served, path: str, **fields: Any) -> Answer:
    """Send one webhook, with a new leg unless `fields` names one."""

    async def ask() -> Answer:
        wire = Wire("127.0.0.1", server.port)
        answer = await wire.post(path, {**FACTS, "uuid": uuid4().hex, **fields})
        wire.close()
        return answer

    return asyncio.run(ask())


def post_again(server: Served, path: str, within_s: float = 30.0, **fields: Any) -> Answer:
    """Send a webhook again until it is stored: not all processes are ready at once."""
    until = time.monotonic() + within_s
    while (answer := post(server, path, **fields)).is_unstored and time.monotonic() < until:
        time.sleep(0.1)
    return answer


def errors(answer: Answer) -> list[str]:
    """The codes of the errors in an NCCO; an empty reply is an error too."""
    found = [issue.code for issue in check(answer.ncco) if issue.severity == "error"]
    return found if answer.ncco else ["no NCCO"]


def is_answered(server: Served, within_s: float = 30.0) -> bool:
    """Whether several answer webhooks in a row soon get their NCCO: one process may be ready before the others."""
    until, in_a_row = time.monotonic() + within_s, 0
    while in_a_row < IN_A_ROW and time.monotonic() < until:
        answer = post(server, "/webhooks/answer")
        is_there = answer.status == 200 and not answer.is_unstored
        in_a_row = in_a_row + 1 if is_there else 0
        time.sleep(0 if is_there else 0.1)
    return in_a_row == IN_A_ROW


def is_ready(server: Served, within_s: float = 30.0) -> bool:
    """Whether the server soon says that it is ready."""
    return happens(server.is_ready, within_s)


def becomes_unready(server: Served, within_s: float = 30.0) -> bool:
    """Whether the server soon says that it is not ready: it probes its store every two seconds."""
    return happens(lambda: server.readiness() == 503, within_s)

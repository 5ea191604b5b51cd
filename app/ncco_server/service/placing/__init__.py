"""Places calls. Most servers place none, so each function imports the rest when called."""

from __future__ import annotations

from ncco_server.service.delivery import Delivery, Reply
from ncco_server.service.turns import Turns


async def answer(turns: Turns, token: str, delivery: Delivery) -> Reply:
    from ncco_server.service.placing import webhooks  # noqa: PLC0415 - imported by `released.ready` before such a call

    return await webhooks.answer(turns, token, delivery)


async def note_event(turns: Turns, token: str, delivery: Delivery) -> Reply | None:
    from ncco_server.service.placing import webhooks  # noqa: PLC0415 - imported by `released.ready` before such a call

    return await webhooks.note_event(turns, token, delivery)

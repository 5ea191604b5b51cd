"""One webhook as the web room hands it over, and what goes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from app.ncco.webhooks import Webhook, recognise


@dataclass(slots=True)
class Delivery:
    """One webhook, verified and parsed. Nobody changes it.

    Attributes:
        method: `GET` or `POST`.
        raw: the body of a POST, the query string of a GET, as it came.
        fields: top-level fields as parsed ({} when nothing could be read).
        base_url: where callback URLs start, without a trailing slash (`https://calls.example.com`).
        received_at: aware, UTC.
        problem: why the body could not be read, "" when it could.
        came_at: when it had come, in seconds that only grow (`time.perf_counter`); 0 when nobody measures.
        reason: why it has come by the fallback URL, one of Vonage's; "" when it has not, or for another reason.
    """

    method: str
    raw: bytes = field(repr=False)
    fields: Mapping[str, object] = field(repr=False)
    base_url: str
    received_at: datetime
    problem: str = ""
    came_at: float = 0.0
    reason: str = ""
    _recognised: Webhook | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def webhook(self) -> Webhook:
        """What `fields` are recognised as, found when somebody asks: an answer webhook is read without it."""
        if self._recognised is None:
            self._recognised = recognise(self.fields)
        return self._recognised


class Reply(NamedTuple):
    """What goes back to Vonage, and what the log and the metrics say about it.

    Attributes:
        ncco: the JSON bytes to send; None: an empty 200.
        kind: what the webhook was (`answer`, `input-dtmf`, `event-busy`, ...).
        outcome: what it was taken for (`answer`, `sales`, `noinput`, `busy`, `repeat`, `recorded`, `failsafe`, ...).
        flow, step: where the call stands after it; "" when no call is known.
        uuid, conversation_uuid: of the call.
        is_failsafe: nothing of a flow could be played.
        is_repeat: a second delivery; the bytes are those of the first.
        problem: what went wrong, in one sentence for the log and the `ncco-problem` response header.
        heard_in: the step whose wait the webhook was for; "" when it moved nothing.
        revision: of the flow, when the webhook moved the call.
    """

    ncco: bytes | None
    kind: str
    outcome: str
    flow: str = ""
    step: str = ""
    uuid: str = ""
    conversation_uuid: str = ""
    is_failsafe: bool = False
    is_repeat: bool = False
    problem: str = ""
    heard_in: str = ""
    revision: str = ""

"""A class for each webhook of the platform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from pydantic import Field, PrivateAttr

from app.ncco.webhooks.base import LegWebhook, Webhook
from app.ncco.webhooks.reading import Text, Whole, mapping


class AnswerWebhook(LegWebhook):
    """A call has reached one of our numbers, or an outbound call was picked up: which NCCO shall be played?

    It carries no status, direction or timestamp. Source: webhook reference, Answer.
    """

    kind: ClassVar[str] = "answer"

    from_user: Text = None
    """The name of a Client SDK user who calls; then `from_` is missing."""
    endpoint_type: Text = None
    """phone, sip, websocket, app or vbc."""
    region_url: Text = None
    """The REST host that controls this call."""
    custom_data: Any = None
    """What a Client SDK application sent along."""

    @property
    def sip_headers(self) -> Mapping[str, str]:
        """Custom SIP headers by their own name (`X-Tenant`, `User-to-User`), without Vonage's `SipHeader_`."""
        prefix = "SipHeader_"
        return {
            name.removeprefix(prefix): value
            for name, value in self.extras.items()
            if name.startswith(prefix) and isinstance(value, str)
        }


FALLBACK_REASONS: Final = (
    "Connection closed.",
    "Connection reset.",
    "Socket timeout.",
    "Invalid NCCO.",
    "Invalid response code.",
)
"""Why a webhook comes to the fallback URL. Source: webhook reference, Fallback."""


class FallbackWebhook(LegWebhook):
    """A webhook that expected an NCCO has failed; this is the second chance.

    It has the fields of the failed request, which `original` reads. Source: webhook reference, Fallback.
    """

    kind: ClassVar[str] = "fallback"

    reason: Text = None
    """One of FALLBACK_REASONS."""
    original_request: Any = None
    _original: Webhook = PrivateAttr(default_factory=Webhook)

    @property
    def original(self) -> Webhook:
        """The webhook that failed, as far as its fields were sent again."""
        return self._original

    @property
    def original_url(self) -> str | None:
        """The URL that failed."""
        return self._of_request("url")

    @property
    def original_type(self) -> str | None:
        """`answer` or `event`."""
        return self._of_request("type")

    def _of_request(self, name: str) -> str | None:
        value = mapping(self.original_request).get(name)
        return value if isinstance(value, str) else None


class StatusWebhook(LegWebhook):
    """A leg has changed its state. Source: webhook reference, Call status events."""

    kind: ClassVar[str] = "event"

    status: Text = None
    """started, ringing, answered, human, machine, busy, cancelled, unanswered, timeout, rejected, failed,
    disconnected or completed; others may come."""
    direction: Text = None
    """inbound or outbound; not sent for human, machine and websocket legs."""
    detail: Text = None
    sub_state: Text = None
    """beep_start or beep_timeout, with status machine."""
    sip_code: Whole = None
    disconnected_by: Text = None
    """platform or user, with status completed."""
    start_time: Text = None
    end_time: Text = None
    duration: Whole = None
    """Seconds, with status completed."""
    rate: Text = None
    price: Text = None
    network: Text = None


class RecordWebhook(Webhook):
    """A recording is ready. It names no leg. Source: webhook reference, Record."""

    kind: ClassVar[str] = "record"

    recording_url: Text = None
    """Where the audio is; needs the application's JWT."""
    recording_uuid: Text = None
    size: Whole = None
    """Bytes."""
    start_time: Text = None
    end_time: Text = None


class TranscriptionWebhook(Webhook):
    """A recording has been transcribed. Source: webhook reference, Transcription."""

    kind: ClassVar[str] = "transcription"

    transcription_url: Text = None
    """Where the transcript is; needs the application's JWT."""
    recording_uuid: Text = None
    status: Text = None


class NotifyWebhook(Webhook):
    """A call has reached a `notify` action. It names no leg. Source: webhook reference, Notify."""

    kind: ClassVar[str] = "notify"

    payload: Any = None
    """The action's own payload."""


class TransferWebhook(Webhook):
    """A leg has moved from one conversation to another. Source: webhook reference, Transfer."""

    kind: ClassVar[str] = "transfer"

    uuid: Text = None
    conversation_uuid_from: Text = None
    conversation_uuid_to: Text = None


class ErrorWebhook(Webhook):
    """Vonage could not do something, such as read our NCCO. Source: webhook reference, Error."""

    kind: ClassVar[str] = "error"

    reason: Text = None


class PaymentWebhook(LegWebhook):
    """The outcome of the former `pay` action: `status` is success or failure. Source: webhook reference, Payment."""

    kind: ClassVar[str] = "payment"

    status: Text = None
    type_: Text = Field(default=None, alias="type")


class UnknownWebhook(Webhook):
    """None of the others. Its fields are in `extras`."""

    kind: ClassVar[str] = "unknown"

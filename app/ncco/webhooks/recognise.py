"""Which webhook is this? The platform sends no single field that tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.ncco.webhooks.base import Webhook
from app.ncco.webhooks.inputs import InputWebhook
from app.ncco.webhooks.models import (
    AnswerWebhook,
    ErrorWebhook,
    FallbackWebhook,
    NotifyWebhook,
    PaymentWebhook,
    RecordWebhook,
    StatusWebhook,
    TranscriptionWebhook,
    TransferWebhook,
    UnknownWebhook,
)
from app.ncco.webhooks.reading import unnested

Fields = Mapping[str, object]


def _is_fallback(fields: Fields) -> bool:
    return "original_request" in fields


def _is_transfer(fields: Fields) -> bool:
    return "conversation_uuid_from" in fields or fields.get("type") == "transfer"


def _is_transcription(fields: Fields) -> bool:
    """By its URL or status, or by the type alone: a transcription that failed has neither, and is no event of a leg."""
    if "transcription_url" in fields or fields.get("status") == "transcribed":
        return True
    return fields.get("type") == "record" and "recording_url" not in fields


def _is_payment(fields: Fields) -> bool:
    return fields.get("type") == "payment" or fields.get("status") in ("success", "failure")


def _is_status(fields: Fields) -> bool:
    return isinstance(fields.get("status"), (str, int, float))


def _is_answer(fields: Fields) -> bool:
    """Nothing tells an answer webhook for sure: one that says who calls or is called, and no more, is taken for one."""
    if isinstance(fields.get("type"), str):  # RTC events have `from` and a type
        return False
    parties = any(fields.get(name) is not None for name in ("to", "from", "from_user"))
    return parties or {"uuid", "conversation_uuid"} <= fields.keys()


ORDER: tuple[tuple[type[Webhook], Callable[[Fields], bool]], ...] = (
    (FallbackWebhook, _is_fallback),
    (TransferWebhook, _is_transfer),
    (TranscriptionWebhook, _is_transcription),
    (RecordWebhook, lambda fields: "recording_url" in fields),
    (NotifyWebhook, lambda fields: "payload" in fields),
    (InputWebhook, lambda fields: "dtmf" in fields or "speech" in fields),
    (PaymentWebhook, _is_payment),
    (StatusWebhook, _is_status),
    (ErrorWebhook, lambda fields: fields.get("reason") is not None),
    (AnswerWebhook, _is_answer),
)
"""The first class whose test holds is the one. Source: webhook reference; the order is that of the official SDKs."""


def recognise(fields: Fields) -> Webhook:
    """The webhook of a JSON body, a form or a query string.

    Never raises. Nested JSON text (GET) is decoded, `call_uuid` is found under `uuid`, and what fits none of the
    classes is an `UnknownWebhook` with the raw fields.
    """
    wire = unnested(fields)
    if wire.get("uuid") in (None, "") and "call_uuid" in wire:
        wire["uuid"] = wire["call_uuid"]
    webhook = _found(wire).read(wire)
    if isinstance(webhook, FallbackWebhook):
        webhook._original = _original(wire)
    return webhook


def _found(wire: Fields) -> type[Webhook]:
    """The class that fits the values; what is null tells only when nothing else does, since events carry nulls."""
    values = {name: value for name, value in wire.items() if value is not None}
    told = next((webhook for webhook, fits in ORDER if fits(values)), UnknownWebhook)
    if told not in (AnswerWebhook, ErrorWebhook, UnknownWebhook):
        return told
    return next((webhook for webhook, fits in ORDER if fits(wire)), UnknownWebhook)


def _original(fields: Fields) -> Webhook:
    return recognise({name: value for name, value in fields.items() if name not in ("original_request", "reason")})


def webhook_type(webhook: Webhook) -> str:
    """One word for logs and metrics.

    It is answer, event-<status>, input-dtmf, input-speech, notify, record, transcription, transfer, error, fallback,
    payment or unknown.
    """
    if isinstance(webhook, StatusWebhook):
        return f"{webhook.kind}-{webhook.status}"
    if isinstance(webhook, InputWebhook):
        return f"{webhook.kind}-{'speech' if webhook.is_speech else 'dtmf'}"
    return webhook.kind

"""What Vonage sends: a model for each webhook, and `recognise`, which finds the right one."""

from __future__ import annotations

from app.ncco.webhooks.base import LegWebhook, Webhook
from app.ncco.webhooks.inputs import InputWebhook, SpeechResult
from app.ncco.webhooks.models import (
    FALLBACK_REASONS,
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
from app.ncco.webhooks.reading import as_text, unnested
from app.ncco.webhooks.recognise import recognise, webhook_type

__all__ = [
    "FALLBACK_REASONS",
    "AnswerWebhook",
    "ErrorWebhook",
    "FallbackWebhook",
    "InputWebhook",
    "LegWebhook",
    "NotifyWebhook",
    "PaymentWebhook",
    "RecordWebhook",
    "SpeechResult",
    "StatusWebhook",
    "TranscriptionWebhook",
    "TransferWebhook",
    "UnknownWebhook",
    "Webhook",
    "as_text",
    "recognise",
    "unnested",
    "webhook_type",
]

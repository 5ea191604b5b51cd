"""NCCOs: models of their actions, checker, builder and JSON Schema; and Vonage's webhooks."""

from __future__ import annotations

from ncco_server.issue import RULES, Issue, Rule, Severity
from ncco_server.ncco.actions import (
    Action,
    AdvancedMachineDetection,
    AppEndpoint,
    Authorization,
    Connect,
    Conversation,
    DtmfSettings,
    Endpoint,
    Input,
    Notify,
    OnAnswer,
    PhoneEndpoint,
    Record,
    SipEndpoint,
    SpeechSettings,
    Stream,
    Talk,
    TranscriptionSettings,
    Transfer,
    VbcEndpoint,
    Wait,
    WebSocketEndpoint,
)
from ncco_server.ncco.builder import Ncco
from ncco_server.ncco.checker import check, options_are_clean, order_is_clean
from ncco_server.ncco.checks import RECORD_ENDS, is_open_ended
from ncco_server.ncco.model import NccoModel
from ncco_server.ncco.schema import json_schema
from ncco_server.ncco.webhooks import InputWebhook, recognise, webhook_type

__all__ = [
    "RECORD_ENDS",
    "RULES",
    "Action",
    "AdvancedMachineDetection",
    "AppEndpoint",
    "Authorization",
    "Connect",
    "Conversation",
    "DtmfSettings",
    "Endpoint",
    "Input",
    "InputWebhook",
    "Issue",
    "Ncco",
    "NccoModel",
    "Notify",
    "OnAnswer",
    "PhoneEndpoint",
    "Record",
    "Rule",
    "Severity",
    "SipEndpoint",
    "SpeechSettings",
    "Stream",
    "Talk",
    "TranscriptionSettings",
    "Transfer",
    "VbcEndpoint",
    "Wait",
    "WebSocketEndpoint",
    "check",
    "is_open_ended",
    "json_schema",
    "options_are_clean",
    "order_is_clean",
    "recognise",
    "webhook_type",
]

"""NCCO knowledge: what an NCCO may hold, how one is built, and what Vonage sends."""

from __future__ import annotations

from app.ncco.between import is_plain_text
from app.ncco.builder import Ncco
from app.ncco.checker import check, each_is_clean
from app.ncco.issue import Issue, Rule, Severity
from app.ncco.models.actions import Action
from app.ncco.models.base import NccoModel
from app.ncco.models.calls import Connect, Conversation, Notify, Transfer
from app.ncco.models.endpoints import (
    AppEndpoint,
    Endpoint,
    PhoneEndpoint,
    SipEndpoint,
    VbcEndpoint,
    WebSocketEndpoint,
)
from app.ncco.models.prompts import Input, Record, Stream, Talk, Wait
from app.ncco.models.settings import (
    AdvancedMachineDetection,
    Authorization,
    DtmfSettings,
    OnAnswer,
    SpeechSettings,
    TranscriptionSettings,
)
from app.ncco.rules import RULES
from app.ncco.schema import json_schema

__all__ = [
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
    "each_is_clean",
    "is_plain_text",
    "json_schema",
]

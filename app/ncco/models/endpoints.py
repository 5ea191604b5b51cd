"""The five endpoints of `connect`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from app.ncco.between import one_header_spelling, one_ringback, sip_parts_are_names, sip_target, websocket_is_sound
from app.ncco.kinds.objects import Free, StandardHeaders
from app.ncco.kinds.phone import TONES, PhoneNumber, Shaken
from app.ncco.kinds.plain import Name, Word
from app.ncco.kinds.shape import Note, OptionRule
from app.ncco.kinds.web import SipUri, Url
from app.ncco.models.base import NccoModel
from app.ncco.models.settings import Authorization, OnAnswer
from app.ncco.rules.manner import UNUSUAL_SPELLING

CONTENT_TYPES = ("audio/l16;rate=16000", "audio/l16;rate=8000", "audio/l16;rate=24000")


class PhoneEndpoint(NccoModel):
    """A phone number. Source: NCCO reference, Phone (PSTN)."""

    title: ClassVar[str] = "phone endpoint"
    rules: ClassVar[tuple[OptionRule, ...]] = (one_ringback,)

    type: Literal["phone"] = "phone"
    number: Annotated[str, PhoneNumber()]
    """The number to call in E.164 format: digits alone."""
    dtmf_answer: Annotated[str | None, TONES] = None
    """Keys to send when the call is answered; p is a pause of half a second."""
    on_answer: OnAnswer | None = None
    """What the called party hears first."""
    shaken: Annotated[str | None, Shaken()] = None
    """The STIR/SHAKEN Identity header. Source: Voice API specification; the reference has it on connect."""


class AppEndpoint(NccoModel):
    """A user of a Client SDK application. Source: NCCO reference, App."""

    title: ClassVar[str] = "app endpoint"

    type: Literal["app"] = "app"
    user: Annotated[str, Name("the name of the user")]
    """The name of the user, who must exist."""


class WebSocketEndpoint(NccoModel):
    """A WebSocket server. Source: NCCO reference, WebSocket."""

    title: ClassVar[str] = "websocket endpoint"
    rules: ClassVar[tuple[OptionRule, ...]] = (websocket_is_sound,)

    type: Literal["websocket"] = "websocket"
    uri: Annotated[str, Url(("ws", "wss"))]
    """Where the audio is streamed to."""
    content_type: Annotated[
        Literal["audio/l16;rate=16000", "audio/l16;rate=8000", "audio/l16;rate=24000"] | None,
        Word(CONTENT_TYPES),
        Field(alias="content-type"),
    ] = None
    """The audio format. Source: NCCO reference, WebSocket; 24000 is from the Voice API specification."""
    headers: Annotated[dict[str, Any] | None, Free()] = None
    """Metadata that is sent in the first message; at most 512 bytes."""
    authorization: Authorization | None = None
    """The Authorization header of the handshake."""


class SipEndpoint(NccoModel):
    """A SIP endpoint: `uri`, or `user` with `domain`. Source: NCCO reference, SIP."""

    title: ClassVar[str] = "sip endpoint"
    spellings: ClassVar = {"standard_headers": "standardHeaders"}
    notes: ClassVar = {
        "standard_headers": Note(UNUSUAL_SPELLING, "The REST API writes standard_headers.", 'Write "standardHeaders".')
    }
    rules: ClassVar[tuple[OptionRule, ...]] = (sip_target, sip_parts_are_names, one_header_spelling)

    type: Literal["sip"] = "sip"
    uri: Annotated[str | None, SipUri()] = None
    """sip:user@host, with ;transport=tls or ;media=srtp."""
    user: Annotated[str | None, Name("the user part of the URI")] = None
    """The user part of the URI; needs domain."""
    domain: Annotated[str | None, Name("the domain of the trunk")] = None
    """The trunk's domain name from the dashboard; needs user."""
    headers: Annotated[dict[str, Any] | None, Free(text_only=True)] = None
    """Metadata that is sent as X- headers."""
    standard_headers: Annotated[dict[str, str] | None, StandardHeaders()] = None
    """The header User-to-User (RFC 7433), at most 256 characters."""


class VbcEndpoint(NccoModel):
    """An extension of Vonage Business Cloud. Source: NCCO reference, VBC."""

    title: ClassVar[str] = "vbc endpoint"

    type: Literal["vbc"] = "vbc"
    extension: Annotated[str, Name("the extension", digits=True)]
    """The extension to call."""


Endpoint = Annotated[
    PhoneEndpoint | AppEndpoint | WebSocketEndpoint | SipEndpoint | VbcEndpoint, Field(discriminator="type")
]
"""Any endpoint."""

ENDPOINTS: tuple[type[NccoModel], ...] = (PhoneEndpoint, AppEndpoint, WebSocketEndpoint, SipEndpoint, VbcEndpoint)
"""The classes in the reference's order."""

"""Rules between the options of one action or endpoint."""

from __future__ import annotations

from app.ncco.issue import Rule

MUTE_OR_CAN_SPEAK = Rule(
    "N201",
    "error",
    "mute and canSpeak exclude each other.",
    "Leave out one of them; to mute somebody, leave out canSpeak.",
    "NCCO reference, Conversation (mute) and Transfer (mute)",
)
FROM_OR_RANDOM = Rule(
    "N202",
    "error",
    "from and randomFromNumber: true exclude each other.",
    "Leave out one of them.",
    "NCCO reference, Connect (randomFromNumber)",
)
CHANNELS_NEED_SPLIT = Rule(
    "N203",
    "error",
    "channels needs split: conversation.",
    'Add "split": "conversation", or leave out channels.',
    "NCCO reference, Record (channels)",
)
TRANSCRIPTION_NEEDS_RECORD = Rule(
    "N204",
    "error",
    "transcription needs record: true.",
    'Add "record": true, or leave out transcription.',
    "NCCO reference, Conversation (transcription)",
)
URI_OR_DOMAIN = Rule(
    "N205",
    "error",
    "uri and user with domain exclude each other.",
    "Leave out either uri, or both user and domain.",
    "NCCO reference, SIP (uri, user, domain)",
)
NO_SIP_TARGET = Rule(
    "N206",
    "error",
    "A SIP endpoint does not say whom to call.",
    "Write uri, or both user and domain.",
    "NCCO reference, SIP (uri, user, domain)",
)
ASYNCHRONOUS_HAS_NO_SETTINGS = Rule(
    "N207",
    "error",
    "Asynchronous input takes no DTMF settings.",
    "Leave out dtmf, or leave out mode: asynchronous.",
    "NCCO reference, Input (mode)",
)
CUSTOM_NEEDS_VALUE = Rule(
    "N208",
    "error",
    "authorization of type custom needs a value.",
    'Add "value" with the Authorization header to send, or write type "vonage".',
    "Voice API specification, WebSocket endpoint (authorization)",
)

OPTION_RULES = (
    MUTE_OR_CAN_SPEAK,
    FROM_OR_RANDOM,
    CHANNELS_NEED_SPLIT,
    TRANSCRIPTION_NEEDS_RECORD,
    URI_OR_DOMAIN,
    NO_SIP_TARGET,
    ASYNCHRONOUS_HAS_NO_SETTINGS,
    CUSTOM_NEEDS_VALUE,
)

"""Warnings: Vonage takes it, but it does nothing, or not what it seems to do."""

from __future__ import annotations

from app.ncco.issue import Rule

EMPTY_DOCUMENT = Rule(
    "N901",
    "warning",
    "An empty NCCO ends the call at once.",
    "Leave it if that is meant; else add an action.",
    "NCCO reference, NCCO actions (when all actions are complete, the call ends)",
)
PHONE_NEEDS_FROM = Rule(
    "N902",
    "warning",
    "A call to a phone without a number of our own does not connect.",
    'Add "from" with one of your Vonage numbers, or "randomFromNumber": true.',
    "NCCO reference, Connect (from)",
)
RINGBACK_ON_PHONE = Rule(
    "N903",
    "warning",
    "ringbackTone is not recommended for a phone endpoint, whose carrier sends its own.",
    "Leave it out.",
    "NCCO reference, Connect (ringbackTone)",
)
CLAMPED = Rule(
    "N904",
    "warning",
    "A duration outside its range is replaced by the nearest limit.",
    "Write a number inside the range.",
    "NCCO reference, Wait (timeout)",
)
UNKNOWN_VOICE_LANGUAGE = Rule(
    "N905",
    "warning",
    "The language is not in the list of spoken languages.",
    "Check it against the Text-To-Speech guide.",
    "Text-To-Speech guide, supported languages",
)
UNKNOWN_SPEECH_LANGUAGE = Rule(
    "N906",
    "warning",
    "The language is not in the list of recognised languages.",
    "Check it against the speech recognition guide.",
    "speech recognition guide, supported languages",
)
UNKNOWN_STYLE = Rule(
    "N907",
    "warning",
    "The language has no such style.",
    "Choose a style from the Text-To-Speech guide.",
    "Text-To-Speech guide, supported languages",
)
STYLE_WITHOUT_SSML = Rule(
    "N908",
    "warning",
    "This style of the language does not know SSML.",
    "Choose a style that does, or write plain text.",
    "Text-To-Speech guide, supported languages",
)
WITHOUT_EFFECT = Rule(
    "N909",
    "warning",
    "An option has no effect here.",
    "Leave it out.",
    "NCCO reference, the action's table",
)
DEPRECATED = Rule(
    "N910",
    "warning",
    "An option is out of date.",
    "Use what has replaced it.",
    "former NCCO references",
)
MIXED_PROMPTS = Rule(
    "N911",
    "warning",
    "talk and stream are mixed between bargeIn and its input, where the reference allows only one kind.",
    "Use only talk or only stream in front of the input.",
    "NCCO reference, Talk (bargeIn) and Stream (bargeIn)",
)
NEVER_REACHED = Rule(
    "N912",
    "warning",
    "An action stands behind a prompt that loops for ever.",
    "Give the loop a count, or leave out what follows.",
    "NCCO reference, Talk (loop) and Stream (loop)",
)
RECORDS_NOTHING = Rule(
    "N913",
    "warning",
    "A recording without an end starts where nothing is waited for: the call is over before anything is recorded.",
    "Put record in front of what it shall record, or give it endOnSilence, endOnKey or timeOut.",
    "NCCO reference, Record",
)
EMPTY_TEXT = Rule(
    "N914",
    "warning",
    "A text is empty: the caller hears nothing.",
    "Write what shall be said, or leave out the action.",
    "NCCO reference, Talk (text)",
)
LOOSE_TAG = Rule(
    "N915",
    "warning",
    "A plain text holds a < that may be read as a tag.",
    "Write the word, or enclose the text in <speak> and write &lt;.",
    "NCCO reference, Talk (text)",
)
UNKNOWN_TAG = Rule(
    "N916",
    "warning",
    "An SSML tag is not in Vonage's list.",
    "Use break, emphasis, lang, p, phoneme, prosody, s, say-as or sub.",
    "Text-To-Speech guide, customizing spoken text",
)
NOT_MP3_OR_WAV = Rule(
    "N917",
    "warning",
    "The name of an audio file is not that of an mp3 or wav file.",
    "Serve an mp3 or a 16-bit wav file.",
    "NCCO reference, Stream (streamUrl)",
)
HEADERS_TOO_LARGE = Rule(
    "N918",
    "warning",
    "The metadata of a WebSocket is over 512 bytes.",
    "Send an id, and look the rest up on your side.",
    "WebSocket guide, headers",
)
NO_CONTENT_TYPE = Rule(
    "N919",
    "warning",
    "A WebSocket endpoint does not say which audio it takes.",
    'Add "content-type": "audio/l16;rate=16000".',
    "NCCO reference, WebSocket (content-type)",
)
ODD_HEADER = Rule(
    "N920",
    "warning",
    "A header holds what no header can carry, or is over 8191 characters.",
    "Write it on one line in printable ASCII characters, its name without blanks.",
    "NCCO reference, SIP (headers are sent with the INVITE); official SDKs, WebSocket endpoint (authorization)",
)

ADVICE_RULES = (
    EMPTY_DOCUMENT,
    PHONE_NEEDS_FROM,
    RINGBACK_ON_PHONE,
    CLAMPED,
    UNKNOWN_VOICE_LANGUAGE,
    UNKNOWN_SPEECH_LANGUAGE,
    UNKNOWN_STYLE,
    STYLE_WITHOUT_SSML,
    WITHOUT_EFFECT,
    DEPRECATED,
    MIXED_PROMPTS,
    NEVER_REACHED,
    RECORDS_NOTHING,
    EMPTY_TEXT,
    LOOSE_TAG,
    UNKNOWN_TAG,
    NOT_MP3_OR_WAV,
    HEADERS_TOO_LARGE,
    NO_CONTENT_TYPE,
    ODD_HEADER,
)

"""Rules on single values: ranges, words and formats."""

from __future__ import annotations

from app.ncco.issue import Rule

OUT_OF_RANGE = Rule(
    "N108",
    "error",
    "A number is outside its range.",
    "Write a number inside the range.",
    "NCCO reference, the action's table",
)
NOT_A_CHOICE = Rule(
    "N109",
    "error",
    "A word is not one of those that the option takes.",
    "Write one of the listed words.",
    "NCCO reference, the action's table",
)
NOT_A_URL = Rule(
    "N112",
    "error",
    "A URL is not absolute or not of the right scheme.",
    "Write the whole URL, e.g. https://example.com/webhooks/event.",
    "NCCO reference, the action's table",
)
NOT_E164 = Rule(
    "N113",
    "error",
    "A phone number is not in E.164 format.",
    "Write country code and number as 7 to 15 digits without +, blanks or leading zeros, e.g. 447700900123.",
    "NCCO reference, Connect (from) and Phone (number)",
)
NOT_A_SIP_URI = Rule(
    "N114",
    "error",
    "A SIP URI is not of the form sip:user@host.",
    "Write it like sip:rebekka@sip.example.com, with ;transport=tls or ;media=srtp behind it if needed.",
    "NCCO reference, SIP (uri)",
)
NOT_DTMF = Rule(
    "N115",
    "error",
    "Digits to send hold something that is not a key or a pause.",
    "Use 0 to 9, *, # and p (a pause of half a second).",
    "NCCO reference, Phone (dtmfAnswer)",
)
NOT_A_KEY = Rule(
    "N116",
    "error",
    "The key that ends a recording is not a single key.",
    'Write "*", "#" or one digit, e.g. "#".',
    "NCCO reference, Record (endOnKey)",
)
NOT_A_LANGUAGE = Rule(
    "N117",
    "error",
    "A language is not a BCP-47 code.",
    "Write language and region joined by a hyphen, e.g. en-GB.",
    "NCCO reference, Talk (language), Speech Recognition Settings, Transcription Settings",
)
NOT_WHOLE = Rule(
    "N118",
    "error",
    "A number has a fraction where only whole numbers count.",
    "Write a whole number.",
    "NCCO reference, the action's table",
)
TOO_PRECISE = Rule(
    "N119",
    "error",
    "A volume level is finer than a tenth.",
    "Round it to one decimal place, e.g. 0.5.",
    "NCCO reference, Stream (level)",
)
EMPTY = Rule(
    "N122",
    "error",
    "A required name is empty.",
    "Write the name.",
    "NCCO reference, the action's table, column Required",
)
NOT_SHAKEN = Rule(
    "N123",
    "error",
    "The content of the STIR/SHAKEN Identity header is incomplete.",
    'Write <JWT>;info=<https://certificate>;alg=ES256;ppt="shaken".',
    "NCCO reference, Connect (shaken)",
)
NOT_USER_TO_USER = Rule(
    "N124",
    "error",
    "The standard SIP headers hold more than a valid User-to-User header.",
    'Write one key, "User-to-User", with at most 256 printable ASCII characters.',
    "NCCO reference, SIP (standardHeaders)",
)
VALUE_RULES = (
    OUT_OF_RANGE,
    NOT_A_CHOICE,
    NOT_A_URL,
    NOT_E164,
    NOT_A_SIP_URI,
    NOT_DTMF,
    NOT_A_KEY,
    NOT_A_LANGUAGE,
    NOT_WHOLE,
    TOO_PRECISE,
    EMPTY,
    NOT_SHAKEN,
    NOT_USER_TO_USER,
)

"""Warnings on values that are written in an unusual way: Vonage is known or believed to take them."""

from __future__ import annotations

from app.ncco.issue import Rule

NUMBER_AS_TEXT = Rule(
    "N951",
    "warning",
    "A number is written as text.",
    "Leave out the quotes.",
    'NCCO reference, Connect (the example writes "45", the table says integer)',
)
FLAG_AS_TEXT = Rule(
    "N952",
    "warning",
    "true or false is written as text.",
    "Leave out the quotes.",
    "NCCO reference, the action's table",
)
TEXT_AS_NUMBER = Rule(
    "N953",
    "warning",
    "Digits are written as a number.",
    "Put them in quotes, so that no zero is lost.",
    "NCCO reference, Connect (from), Phone (number), VBC (extension), Record (endOnKey)",
)
LEADING_PLUS = Rule(
    "N954",
    "warning",
    "A phone number begins with a plus sign.",
    "Leave out the plus sign.",
    "NCCO reference, Connect (its examples write E.164 numbers as digits alone)",
)
OTHER_CASE = Rule(
    "N955",
    "warning",
    "A word is written in another case than in the reference.",
    "Write it as the reference does.",
    "NCCO reference, the action's table",
)
DISPUTED_VALUE = Rule(
    "N956",
    "warning",
    "Sources disagree on whether this value is allowed.",
    "Choose a value that all sources allow.",
    "NCCO reference and official SDKs",
)
FRACTION = Rule(
    "N957",
    "warning",
    "A duration has a fraction, where every source uses whole seconds.",
    "Write whole seconds.",
    "NCCO reference, the action's table; official SDKs",
)
NULL = Rule(
    "N958",
    "warning",
    "An option is null.",
    "Leave the option out.",
    "official SDKs (they never send null)",
)
NOT_ONE_URL = Rule(
    "N959",
    "warning",
    "There is not exactly one URL where every source has one.",
    "Write one URL in the array, or leave the option out.",
    "NCCO reference, NCCO actions (eventUrl)",
)
UNUSUAL_SPELLING = Rule(
    "N960",
    "warning",
    "An option is spelled as in another of Vonage's interfaces.",
    "Spell it as in the NCCO reference.",
    "NCCO reference, the action's table",
)
ODD_URL = Rule(
    "N961",
    "warning",
    "A URL holds characters that should be percent-encoded.",
    "Percent-encode them.",
    "RFC 3986, section 2",
)
ODD_SIP_TARGET = Rule(
    "N962",
    "warning",
    "A SIP target is not written as in the reference.",
    "Write uri as sip:user@host, or both user and domain.",
    "NCCO reference, SIP (uri, user, domain)",
)
HEADER_NOT_TEXT = Rule(
    "N963",
    "warning",
    "The value of a SIP header is not text.",
    "Put it in quotes.",
    "NCCO reference, SIP (headers)",
)
ARRAY_OF_ONE = Rule(
    "N964",
    "warning",
    "An array stands where a single value is due.",
    "Leave out the square brackets.",
    "NCCO reference, Connect (ringbackTone)",
)

MANNER_RULES = (
    NUMBER_AS_TEXT,
    FLAG_AS_TEXT,
    TEXT_AS_NUMBER,
    LEADING_PLUS,
    OTHER_CASE,
    DISPUTED_VALUE,
    FRACTION,
    NULL,
    NOT_ONE_URL,
    UNUSUAL_SPELLING,
    ODD_URL,
    ODD_SIP_TARGET,
    HEADER_NOT_TEXT,
    ARRAY_OF_ONE,
)

"""Rules between the actions of one NCCO."""

from __future__ import annotations

from app.ncco.issue import Rule

BARGE_IN_NEEDS_INPUT = Rule(
    "N301",
    "error",
    "A prompt that may be interrupted is not followed by an input.",
    "Put an input action behind the prompts, or leave out bargeIn.",
    "NCCO reference, Talk (bargeIn) and Stream (bargeIn)",
)
AFTER_TRANSFER = Rule(
    "N302",
    "error",
    "An action stands behind transfer, which ends this NCCO.",
    "Put it in front of transfer, or leave it out.",
    "NCCO reference, Transfer",
)
AFTER_ENDLESS_LOOP = Rule(
    "N303",
    "error",
    "A prompt stands behind one that loops for ever, so nobody can hear it.",
    "Give the loop a count, let it be interrupted (bargeIn and an input), or leave out what follows.",
    "NCCO reference, Talk (loop) and Stream (loop)",
)

ORDER_RULES = (BARGE_IN_NEEDS_INPUT, AFTER_TRANSFER, AFTER_ENDLESS_LOOP)

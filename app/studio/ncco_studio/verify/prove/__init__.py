"""Explores every call that a flow allows, with the server's engine, and reports violated properties."""

from __future__ import annotations

from ncco_studio.verify.prove.proof import Proof, prove, roots_of
from ncco_studio.verify.prove.properties import CallLimits, Violation
from ncco_studio.verify.prove.space import SearchLimits
from ncco_studio.verify.prove.verdict import FlowVerdict, FoundViolation, never_run, placed_forever

__all__ = [
    "CallLimits",
    "FlowVerdict",
    "FoundViolation",
    "Proof",
    "SearchLimits",
    "Violation",
    "never_run",
    "placed_forever",
    "prove",
    "roots_of",
]

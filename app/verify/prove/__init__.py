"""Explores every call that a flow allows, with the same engine as the server, and reports violated properties."""

from __future__ import annotations

from app.verify.prove.proof import Proof, never_run, placed_forever, prove, roots_of
from app.verify.prove.properties import CallLimits, Violation
from app.verify.prove.space import SearchLimits

__all__ = ["CallLimits", "Proof", "SearchLimits", "Violation", "never_run", "placed_forever", "prove", "roots_of"]

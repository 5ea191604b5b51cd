"""Walks every way through a flow with the engine that answers the phone, and says what nobody should come to."""

from __future__ import annotations

from app.verify.prove.proof import Proof, never_run, prove, roots_of
from app.verify.prove.violation import Violation
from app.verify.prove.violations import Permitted
from app.verify.prove.walked import Bounds

__all__ = ["Bounds", "Permitted", "Proof", "Violation", "never_run", "prove", "roots_of"]

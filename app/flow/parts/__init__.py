"""What a step plays: the items of `do`, each kind in a file of its own."""

from __future__ import annotations

from app.flow.parts.asking import with_input
from app.flow.parts.dial import targets_count, with_dial, with_held
from app.flow.parts.inheritance import check_defaults
from app.flow.parts.items import KINDS, read_do

__all__ = ["KINDS", "check_defaults", "read_do", "targets_count", "with_dial", "with_held", "with_input"]

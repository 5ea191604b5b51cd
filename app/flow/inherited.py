"""What every step of a flow inherits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.flow.menu import Choice
from app.flow.model import Target
from app.flow.nodes import Map
from app.flow.retry import RetrySource


@dataclass(frozen=True, slots=True)
class Defaults:
    """What every step inherits.

    Attributes:
        actions: fields by action, e.g. of every talk.
        choices: by name, added to every menu.
        error: where a value that cannot be computed leads.
        is_whole: everything could be read; what is missing is then really missing.
    """

    actions: Mapping[str, Map] = field(default_factory=dict)
    choices: Mapping[str, Choice] = field(default_factory=dict)
    retry: RetrySource = field(default_factory=RetrySource)
    min_confidence: float = 0.0
    error: Target | None = None
    is_whole: bool = True

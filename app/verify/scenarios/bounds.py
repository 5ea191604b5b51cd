"""What a caller may be spared in a scenario, by the names that `ncco prove` has for it, and how much of it is borne."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BOUNDS: Final[Mapping[str, float]] = {
    "dead_end": 0,
    "silent_fault": 0,
    "lost_webhook": 0,
    "silence": 20,
    "silent_party": 20,
    "error_exit": 0,
    "invalid_ncco": 0,
    "refused_ncco": 0,
    "failsafe": 0,
    "circle": 0,
    "trap": 0,
    "steps": 500,
    "menu_options": 9,
    "prompt_seconds": 60,
    "seconds_to_person": 60,
}
"""What there is to do without, and how much of it is borne where a scenario does not say; 0 where nothing is."""
COUNTED: Final = frozenset(name for name, bound in BOUNDS.items() if bound)
DECIDED: Final = frozenset({"error_exit", "invalid_ncco", "failsafe", "steps", "menu_options"})
"""What only the trace of a flow shows."""
FOR_EVER: Final = frozenset({"circle", "trap"})
"""What shows only when a call is played on behind its script: see `PATIENCE_S` and `PATIENCE`."""
PATIENCE_S: Final = 2 * 3600
"""Seconds after which a call in which nobody does anything any more goes on for ever."""
PATIENCE: Final = 2_000
"""Webhooks after which such a call goes on for ever."""
MOST_WEBHOOKS: Final = 5_000
"""Webhooks that a scenario may wait for at once: some seconds of real time."""
LONGEST_S: Final = 24 * 3600
"""No call takes longer. Source: Voice API specification, length_timer."""
AT_ONCE_S: Final = 0.0005
"""Less than a clock that counts milliseconds can tell."""
PIECE_S: Final = 60
"""Seconds that such a call is listened to at a time."""

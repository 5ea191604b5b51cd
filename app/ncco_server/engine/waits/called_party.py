"""A called party that hears a flow of its own before it is connected.

When its NCCO ends, the parties are connected, and no action can hang up: so a party that declines is kept waiting until
it hangs up. Source: NCCO reference, Phone (onAnswer).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ncco_server.engine.waits.kind import WaitKind
from ncco_server.ncco.statuses import DIAL_FAILURES

JOINED: Final[Mapping[str, Any]] = {"action": "wait", "timeout": 0.1}
"""Plays nothing: an NCCO needs at least one action. Source: NCCO reference, Wait (the shortest timeout)."""

APART: Final[Mapping[str, Any]] = {"action": "wait", "timeout": 7200}
"""For a party that declined. Source: NCCO reference, Wait (the longest timeout)."""


class CalledPartyWait(WaitKind):
    """A dialled party has picked up: its own call begins."""

    word = "onanswer"
    is_called = True


def declined(returned: str, *, is_over: bool) -> str:
    """Return "" if the called party was connected after its own flow.

    `returned` is that flow's outcome, "" for none; `is_over`: it was played to the end.
    """
    if returned in DIAL_FAILURES:
        return returned
    return "" if is_over else "rejected"

"""The called party of a connect, which hears a flow of its own before it is joined.

The parties are joined when that NCCO ends, and nothing in an NCCO hangs up. So a party that declines is kept waiting
until it hangs up itself, and whatever breaks, it is joined: somebody waits for it.

Source: NCCO reference, Phone (onAnswer): the NCCO is executed before that call is joined to your conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.flow.language.outcomes import FAILURES

JOINED: Final[Mapping[str, Any]] = {"action": "wait", "timeout": 0.1}
"""Nothing to hear: an NCCO has at least one action. Source: NCCO reference, Wait (the shortest timeout)."""

APART: Final[Mapping[str, Any]] = {"action": "wait", "timeout": 7200}
"""As long as it waits, nobody is joined. Source: NCCO reference, Wait (the longest timeout)."""


def last_actions(returned: str, *, is_silent: bool) -> tuple[Mapping[str, Any], ...]:
    """The last actions of the NCCO of a called party, after its flow has ended.

    Args:
        returned: the outcome that the flow ended with, "" without one.
        is_silent: whether nothing else is played.
    """
    if returned in FAILURES:
        return (APART,)
    return (JOINED,) if is_silent else ()


def refusal(returned: str, *, is_over: bool) -> str:
    """The outcome of a dial whose called party has left, by how far its flow was; "" when it was joined.

    Args:
        returned: the outcome with which that flow came to its end, "" without one.
        is_over: whether it has come to its end.
    """
    if returned in FAILURES:
        return returned
    return "" if is_over else "rejected"

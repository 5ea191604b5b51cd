"""What befalls the webhooks of a way, and which of them come by themselves."""

from __future__ import annotations

from app.verify.prove.walked import Edge, Walk


def befalling(way: list[Edge], number: int) -> str:
    """The fault that falls on the webhook of a turn; "" for none. What is refused is the reply to it."""
    if number >= len(way):
        return ""
    own = way[number].happened.fault
    if own in ("away", "unreadable"):
        return own
    is_refused = number + 1 < len(way) and way[number + 1].happened.fault == "refused"
    return "refused" if is_refused else ""


def comes_by_itself(walk: Walk, edge: Edge) -> bool:
    """Whether a webhook comes when something was played, and nobody has to do anything for it."""
    happened = edge.happened
    if edge.source < 0 or happened.wait < 0 or happened.kind == "dial":
        return False
    return walk.states[edge.source].session.waits[happened.wait].kind == "notify"

"""What the platform could not do in a call, and what it was advised not to do."""

from __future__ import annotations

from collections.abc import Iterable

from app.simulator import Delivery, PhoneCall
from app.simulator.delivery import NOT_RETRIEVED, SYNTAX_ERROR


def complaints(call: PhoneCall) -> Iterable[str]:
    """What the platform could not play, or whom it could not reach."""
    for delivery in call.log:
        if complaint := complaint_of(delivery):
            yield complaint
    yield from (other.problem for other in call.dialled if other.problem)


def complaint_of(delivery: Delivery) -> str:
    """What is wrong with the reply to a webhook, or is told with it; "" for nothing."""
    verdict = delivery.verdict
    if verdict is not None and verdict.failure and delivery.is_over:
        return f"{delivery.kind} webhook to {delivery.message.url}: {verdict.failure} {verdict.problem}".rstrip()
    if delivery.kind == "error" and delivery.fields["reason"] not in (SYNTAX_ERROR, NOT_RETRIEVED):
        return f"the platform reports an error: {delivery.fields['reason']}"
    return ""


def advice_of(delivery: Delivery) -> Iterable[str]:
    """What is wrong with an NCCO that is played all the same."""
    if delivery.ncco is not None and delivery.verdict is not None:
        for issue in delivery.verdict.issues:
            yield f"{delivery.kind} webhook: {issue.code} {issue.path}: {issue.message}"

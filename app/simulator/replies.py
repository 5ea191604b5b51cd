"""What the platform makes of a reply. Source: delivery rules, what the codes mean for each kind of request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from app.ncco import Issue, check
from app.simulator.application import Application
from app.simulator.requests import Response

RETRIED: Final = frozenset({429, 503, 504})
"""Statuses after which a request is sent again. Source: support article 115016024247."""
GOOD: Final = range(200, 206)
"""Source: webhooks guide, 200 to 205."""
INVALID: Final = "Invalid NCCO."
BAD_STATUS: Final = "Invalid response code."
REASONS: Final = {
    "connect timeout": "Socket timeout.",
    "timeout": "Socket timeout.",
    "closed": "Connection closed.",
    "reset": "Connection reset.",
}
"""`reason` of a fallback by what failed; that a connect time-out has no word of its own is unverified.

Source: webhook reference, Fallback.
"""
REFUSED_TYPES: Final = ("text/html", "application/xml", "text/xml")
"""Content types of which no NCCO is read. Source: support article 115016024247."""
PLAYED_ANYWAY: Final = frozenset({"N301", "N302", "N303"})
"""Faults in the order of actions, which leave an NCCO well-formed (unverified).

Source: webhook reference, Error: what is refused has an "invalid value type or action".
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply comes to.

    Attributes:
        ncco: what is played from now on; None: what runs goes on.
        failure: `reason` of the fallback; "" when nothing failed.
        is_retried: whether the same request is sent again.
        problem: in one sentence, for whoever looks for the fault.
        issues: of the NCCO, errors and warnings.
    """

    ncco: list[dict[str, Any]] | None = None
    failure: str = ""
    is_retried: bool = False
    problem: str = ""
    issues: tuple[Issue, ...] = ()


def judge(response: Response, application: Application, *, is_played: bool, is_answer: bool) -> Verdict:
    """What a reply comes to.

    Args:
        response: what came.
        application: how disputed replies are read.
        is_played: whether an NCCO in it counts; of other requests only the status does.
        is_answer: whether nothing is running yet, so that nothing can go on.
    """
    if response.failure:
        reason = REASONS[response.failure]
        return Verdict(failure=reason, is_retried=True, problem=f"no reply: {response.failure}")
    if response.status not in GOOD:
        problem = f"the status is {response.status}"
        return Verdict(failure=BAD_STATUS, is_retried=response.status in RETRIED, problem=problem)
    return _read(response, application, is_answer=is_answer) if is_played else Verdict()


def _read(response: Response, application: Application, *, is_answer: bool) -> Verdict:
    if response.status == 204 or not response.body.strip():
        return _invalid("the reply is empty") if is_answer else Verdict()
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in REFUSED_TYPES:
        return _invalid(f"the reply is {kind}")
    try:
        document = json.loads(response.body)
    except ValueError:
        return _invalid("the reply is not JSON")
    return Verdict() if not is_answer and _changes_nothing(document, application) else _checked(document)


def _changes_nothing(document: Any, application: Application) -> bool:
    """Whether a reply to an event lets the call go on. What `[]` and objects do is disputed."""
    if isinstance(document, dict):
        return application.object_reply == "ignore"
    return document is None or (document == [] and application.empty_array == "ignore")


def _checked(document: Any) -> Verdict:
    issues = tuple(check(document))
    error = next((issue for issue in issues if issue.is_error and issue.code not in PLAYED_ANYWAY), None)
    if error is not None:
        return Verdict(failure=INVALID, problem=f"{error.code} {error.path}: {error.message}", issues=issues)
    return Verdict(ncco=document, issues=issues)


def _invalid(problem: str) -> Verdict:
    return Verdict(failure=INVALID, problem=problem)

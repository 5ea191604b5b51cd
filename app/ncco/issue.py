"""One fault found in an NCCO, and the rule behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.ncco.shown import encodable

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault.

    Attributes:
        code: the rule's code, e.g. `N108`.
        severity: "error" when Vonage would refuse the NCCO or not do what it says, "warning" when it may.
        path: where, as a JSON Pointer (RFC 6901) from the document's root; "" is the document itself.
        message: one sentence that says what is wrong.
        cure: one sentence that says what to write instead.
    """

    code: str
    severity: Severity
    path: str
    message: str
    cure: str

    @property
    def is_error(self) -> bool:
        """Whether the NCCO must not be sent because of it."""
        return self.severity == "error"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        title: what is wrong in general.
        cure: how it is mended in general.
        source: the place that states the rule, e.g. "NCCO reference, Record".
    """

    code: str
    severity: Severity
    title: str
    cure: str
    source: str

    def at(self, path: str, message: str, cure: str | None = None) -> Issue:
        """The issue that this rule is broken at `path`; `cure` is the rule's own unless a better one is known."""
        return Issue(self.code, self.severity, path, message, self.cure if cure is None else cure)


def member(path: str, name: object) -> str:
    """The JSON Pointer of a member (by key) or an item (by index) of what `path` points to."""
    return f"{path}/{encodable(str(name)).replace('~', '~0').replace('/', '~1')}"

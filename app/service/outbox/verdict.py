"""What came of one try to send a hook."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Verdict(NamedTuple):
    """What came of one try.

    Attributes:
        outcome: `sent`, `again` (it may arrive later), or `never`.
        problem: why it was not sent, in a few words without any value of the call.
        wait_s: how long the receiver asked to be left alone, in seconds; 0 when it did not.
        is_slow: the receiver took all the time that a try has.
    """

    outcome: Literal["sent", "again", "never"]
    problem: str = ""
    wait_s: float = 0.0
    is_slow: bool = False


SENT = Verdict("sent")

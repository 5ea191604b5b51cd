"""Why a look-up has no answer."""

from __future__ import annotations


class Problem(Exception):
    """One short sentence for the trace; nothing of what was sent or came back stands in it.

    Attributes:
        is_failure: whether whoever was asked is away or overloaded, so that asking again at once helps nobody.
    """

    def __init__(self, sentence: str, *, is_failure: bool = False) -> None:
        super().__init__(sentence)
        self.is_failure = is_failure

"""Which calls stand for all others."""

from __future__ import annotations

import pytest

from tests.verify.prove.proved_flows import proof_of

HIDES = """  hello:
    branch:
      - if: {test}
        goto: bye
      - else: sorry
"""


@pytest.mark.parametrize(
    ("test", "callers"),
    [
        ("call.is_hidden", ("447700900123", "anonymous")),
        ('call.is_hidden or call.from == "447700900123"', ("447700900456", "447700900123", "anonymous")),
        ('call.from == "447700900123"', ("447700900456", "447700900123")),
    ],
)
def test_a_flow_that_asks_who_is_hidden_is_walked_with_a_hidden_caller(test: str, callers: tuple[str, ...]) -> None:
    proof = proof_of(HIDES.format(test=test))

    assert callers == proof.representatives["call.from"]

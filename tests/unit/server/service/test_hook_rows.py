"""The stored rows of hooks."""

from __future__ import annotations

from ncco_server.flow.language.hooks import Hook
from ncco_server.service.written_rows import hook_rows

AT = 1_772_625_600_000


def test_a_hook_that_json_cannot_represent_is_parked() -> None:
    [body, header] = hook_rows(
        [Hook("a", "https://x", {"a": "\ud800"}), Hook("b", "https://x", 1, {"X-A": "\ud800"})], "leg-1", AT
    )

    assert (True, True) == (body.is_parked, header.is_parked)
    assert "its body or headers contain something that JSON cannot express" == body.problem == header.problem

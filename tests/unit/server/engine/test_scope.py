"""A stored state that is none of a session."""

from __future__ import annotations

import pytest

from ncco_server.engine.session import from_json
from tests.support.cases import each_case


@each_case("state", [b"[]", b"{}", b'{"call": {}, "waits": [1]}', b'{"call": {"age": 3}, "waits": []}'])
def test_an_invalid_session_is_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match="not the state of a session"):
        from_json(state)


def test_invalid_json_is_refused() -> None:
    with pytest.raises(ValueError, match="empty document"):
        from_json(b"")

"""The stored state of a session, and one that is none."""

from __future__ import annotations

import json

import pytest

from ncco_server.engine.session import CallData, Session, from_json, to_json
from tests.support.cases import each_case


@each_case("state", [b"[]", b"{}", b'{"call": {}, "waits": [1]}', b'{"call": {"age": 3}, "waits": []}'])
def test_an_invalid_session_is_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match="not the state of a session"):
        from_json(state)


def test_invalid_json_is_refused() -> None:
    with pytest.raises(ValueError, match="empty document"):
        from_json(b"")


def test_the_version_before_this_one_can_read_a_call_that_is_over() -> None:
    stored = json.loads(to_json(Session("leg", "shop", "revision", CallData(), is_over=True)))

    assert [] == stored["waits"]

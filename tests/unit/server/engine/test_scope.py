"""The session that is stored."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ncco_server.engine import CallData, OpenWait, Session
from ncco_server.engine.session import OWN_LEG, Level, Observer, from_json, to_json
from tests.support.cases import each_case

NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
CALL = CallData(
    "442079460000", "447700900123", "ann", "leg", "CON-1", "https://x", "phone", "inbound", {"X-A": "1"}, {"a": [1]}
)
WAITS = (
    OpenWait(0, "input", "input", "menu", steers=True, sensitive=True),
    OpenWait(1, "event", "record", "menu", steers=False),
)
SESSION = Session(
    "leg", "acme", "c" * 64, CALL, 3, "menu", 1, 2, 1, 4, {"team": "x"}, NOON, {"digits": "1"}, WAITS, True
)
SELDOM = SESSION._replace(
    at="pin",
    callers=(Level("acme", "check", {"team": "x"}, {"place": {"ok": True}}),),
    lookups={"place": {"ok": False}},
    locale="fr",
    observers=(Observer(1, 0, "acme", "menu"), Observer(3, OWN_LEG, "acme", "room")),
    parent="other",
    returned="declined",
)


@each_case("session", [SESSION, SELDOM, Session("leg", "acme", "", CallData())])
def test_a_session_survives_a_round_trip_through_json(session: Session) -> None:
    assert session == from_json(to_json(session))


@each_case("state", [b"[]", b"{}", b'{"call": {}, "waits": [1]}', b'{"call": {"age": 3}, "waits": []}'])
def test_an_invalid_session_is_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match="not the state of a session"):
        from_json(state)


def test_invalid_json_is_refused() -> None:
    with pytest.raises(ValueError, match="empty document"):
        from_json(b"")

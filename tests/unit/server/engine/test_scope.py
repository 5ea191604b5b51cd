"""The data of a call that flows can read, and the session that is stored."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ncco_server.engine import CallData, OpenWait, Session
from ncco_server.engine.session import OWN_LEG, Level, Observer, from_json, to_json
from tests.support.cases import each_case
from tests.unit.server.engine.scripted_call import ScriptedCall, load_flow

FLOW = """
flow: test
default: true
start: hello
steps:
  hello:
    branch:
      - if: call.is_hidden
        goto: hidden
      - else: shown
  hidden:
    do: [{talk: "Hidden."}]
    goto: end
  shown:
    do: [{talk: "You call from {{ call.from | digits }}."}]
    goto: end
"""


@each_case(
    ("caller", "said"),
    [
        ("447700900123", "You call from 4 4, 7 7 0, 0 9 0, 0 1 2 3."),
        ("+12025550123", "You call from plus 1, 2 0 2, 5 5 5, 0 1 2 3."),
        ("6823000", "You call from 6 8 2, 3 0 0 0."),
    ],
)
def test_a_caller_with_a_number_is_not_hidden(caller: str, said: str) -> None:
    played = ScriptedCall(load_flow(FLOW), call=CallData(to="442079460000", from_number=caller, uuid="u1"))

    assert [said] == played.said


@pytest.mark.parametrize(("caller", "said"), [("anonymous", "Sorry."), ("", "You call from .")])
def test_a_flow_never_reads_out_a_hidden_number(caller: str, said: str) -> None:
    asking = FLOW.replace("start: hello", "start: shown\ndefaults: {on: {error: sorry}}")
    flow = load_flow(f"{asking}  sorry:\n    do: [{{talk: Sorry.}}]\n    goto: end\n")

    assert [said] == ScriptedCall(flow, call=CallData(to="442079460000", from_number=caller, uuid="u1")).said


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

"""Renders hooks with sample values for the tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ncco_server.flow.language.hooks import Hook
from tests.unit.server.flow.loading_flows import flow_of

NOW = datetime(2026, 3, 4, 9, 15, 27, tzinfo=UTC)
CALL = {
    "to": "442079460000",
    "from": "447700900123",
    "from_user": "",
    "uuid": "leg-1",
    "conversation_uuid": "CON-1",
    "region_url": "https://evil.example",
    "custom_data": {},
    "sip": {},
}


def sent(head: str, send: str = "told", **names: Any) -> Hook:
    """The hook that the step `hello` sends first, in a call with `names`."""
    flow = flow_of(f"hello: {{send: {send}, do: [{{talk: hello}}], goto: end}}", head)
    given = {
        "call": CALL,
        "now": NOW,
        "env": {"CRM_URL": "https://crm.example.com/v1", "TOKEN": "t0ken"},
        "flow": "test",
        "step": "hello",
        **{name: variable.default for name, variable in flow.variables.items()},
        **names,
    }
    hook = flow.steps["hello"].sends[0].render(given)
    assert isinstance(hook, Hook)
    return hook

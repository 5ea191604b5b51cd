"""The content and the receiver of a hook."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ncco_server.flow.language.hooks import Hook
from tests.unit.server.flow.loading_flows import flow_of

CRM = 'hooks: {told: {post: "{{ env.CRM_URL }}/told"}}\n'


def test_an_explicit_body_is_the_whole_body_and_keeps_types() -> None:
    head = """
        vars: {answers: {type: list}, stars: {type: int, default: 4}}
        hooks:
          told:
            post: "https://x.example/{{ call.from }}"
            json:
              caller: "{{ call.from }}"
              answers: "{{ answers }}"
              stars: "{{ stars }}"
              text: "{{ stars }} stars"
              at: "{{ now }}"
              nested: [true, 2, {deep: "{{ step }} of {{ flow }}"}, "{{ event.status }}"]
        """

    hook = sent(head, answers=["a", "b"])

    assert "https://x.example/447700900123" == hook.url
    assert {
        "caller": "447700900123",
        "answers": ["a", "b"],
        "stars": 4,
        "text": "4 stars",
        "at": "2026-03-04T09:15:27+00:00",
        "nested": [True, 2, {"deep": "hello of test"}, ""],
    } == hook.json


def test_value_that_json_cannot_hold_is_the_hooks_problem() -> None:
    hook = sent(CRM + "vars: {note: {type: text}}\n", note="\ud800")

    assert "flows/test.yaml:4:9: text with complete characters is needed" == hook.problem


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

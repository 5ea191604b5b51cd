"""A hook whose content cannot be sent."""

from __future__ import annotations

from ncco_server.flow.language.hooks import Hook
from tests.unit.server.engine.scripted_call import NOON
from tests.unit.server.flow.loading_flows import flow_of
from tests.unit.server.flow.lookups.lookup_flows import NAMES

HEAD = 'hooks: {told: {post: "{{ env.CRM_URL }}/told"}}\nvars: {note: {type: text}}\n'


def test_value_that_json_cannot_hold_is_the_hooks_problem() -> None:
    flow = flow_of("hello: {send: told, do: [{talk: hello}], goto: end}", HEAD)
    given = {**NAMES, "now": NOON, "flow": "test", "step": "hello", "note": "\ud800"}
    hook = flow.steps["hello"].sends[0].render(given)

    assert isinstance(hook, Hook)
    assert "flows/test.yaml:4:9: text with complete characters is needed" == hook.problem

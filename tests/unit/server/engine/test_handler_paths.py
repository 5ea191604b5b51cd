"""What is known of a handler without a call."""

from __future__ import annotations

from ncco_server.flow.model import later_hooks
from ncco_studio.verify.scenarios.fitting import env_names
from tests.unit.server.engine.handled_call import handler

MENU = 'await call.choose("Press 1 or 2.", {"one": Choice(1), "two": Choice(2)})'


def test_the_variables_that_a_handler_reads_are_known() -> None:
    flow = handler('await call.talk(call.env.get("GREETING", "Hello."))\nawait call.connect(call.env["DESK"])')
    assert ["DESK"] == env_names([flow])


def test_events_send_hooks_that_the_handler_declares() -> None:
    over = 'hooks={"over": {"post": "https://crm.example.com", "json": {"how": "{{ event.how }}"}}}'
    flow = handler(MENU, options=f'{over}, events={{"ended": "over", "hangup": "over"}}')
    assert ["over"] == [hook.name for hook in later_hooks({"ended": flow.events["ended"]})]

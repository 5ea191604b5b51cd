from __future__ import annotations

import pytest

from ncco_server.errors import RenderError
from ncco_server.flow.frame import Callback
from tests.support.cases import each_case
from tests.unit.server.flow.actions.reading_parts import drafts, parts_of, play

ITEM = "- ncco: list.json.j2"


def test_actions_of_a_document_ask_for_their_webhooks() -> None:
    document = (
        '[{"action": "record"}, {"action": "conversation", "name": "a", "record": true}, '
        '{"action": "notify", "payload": {}}, {"action": "record", "eventUrl": ["https://example.com"]}, '
        '{"action": "input", "type": ["dtmf"], "mode": "asynchronous"}]'
    )
    found = drafts(parts_of(ITEM, templates={"list.json.j2": document}))

    assert [
        Callback("event", "record", steers=False),
        Callback("event", "conversation", steers=False),
        Callback("notify", "notify", steers=False),
        None,
        Callback("event", "input", steers=False),
    ] == [draft.callback for draft in found]


@each_case(
    ("endpoint", "dials"),
    [
        ('[{"type": "phone", "number": "{{ agent }}"}]', "447700900999"),
        ('{"type": "phone", "number": "{{ agent }}"}', "447700900999"),
        ('[{"type": "app", "user": "{{ caller }}"}]', ""),
        ('[{"type": "phone", "number": "447700900111"}]', ""),
        ('[{"type": "phone", "number": "{{ \'447700900999\' }}"}]', "447700900999"),
        ('[{"type": "sip", "uri": "sip:desk@pbx.example.com"}]', ""),
        ('[{"type": "sip", "user": "{{ agent }}", "domain": "pbx.example.com"}]', "sip:447700900999@pbx.example.com"),
        ("[]", ""),
    ],
)
def test_numbers_in_a_computed_document_are_checked_against_the_allow_list(endpoint: str, dials: str) -> None:
    document = '[{"action": "connect", "endpoint": ' + endpoint + '}, {"action": "talk", "text": "{{ caller }}"}]'
    found = drafts(parts_of(ITEM, templates={"list.json.j2": document}))

    assert [dials, ""] == [draft.dials for draft in found]


@each_case(
    ("document", "message"),
    [
        ("[{", "it is not JSON"),
        ("", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ('{"action": "talk"}', "it is not a JSON array"),
        ('["talk"]', "an entry of the array is not an action"),
        ('[{"action": "input", "type": ["dtmf"]}]', "its `input` has no `eventUrl`"),
    ],
)
def test_a_document_that_is_not_an_action_list_takes_the_error_exit(document: str, message: str) -> None:
    parts = parts_of(ITEM, templates={"list.json.j2": document})

    with pytest.raises(RenderError, match=message) as caught:
        play(parts)
    assert ("E413", "flows/test.yaml:1:3") == (caught.value.code, caught.value.where)

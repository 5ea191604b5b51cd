from __future__ import annotations

import pytest

from ncco_server.errors import RenderError
from ncco_server.flow.frame import Callback
from tests.support.cases import each_case
from tests.unit.server.flow.actions.reading_parts import drafts, parts_of, play

ITEM = "- ncco: list.json.j2"


def test_a_document_is_a_whole_action_list() -> None:
    templates = {"list.json.j2": '[{"action": "talk", "text": "{{ caller }}"}, {"action": "wait"}]'}

    assert [{"action": "talk", "text": "Ann"}, {"action": "wait"}] == play(parts_of(ITEM, templates=templates))


def test_data_cannot_add_a_field_to_a_document() -> None:
    templates = {"list.json.j2": '[{"action": "talk", "text": "{{ caller }}"}]'}
    hostile = '", "loop": 0, "text": "'
    parts = parts_of(ITEM, templates=templates)

    assert [{"action": "talk", "text": hostile}] == play(parts, names={"caller": hostile})


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


def test_numbers_that_a_file_writes_out_are_dialled() -> None:
    desk = '{"type": "phone", "number": "447700900111"}'
    for endpoint in (desk, '{% include "desk.j2" %}'):
        document = f'[{{"action": "connect", "endpoint": [{endpoint}]}}]'
        (draft,) = drafts(parts_of(ITEM, templates={"list.json.j2": document, "desk.j2": desk}))
        assert "" == draft.dials


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

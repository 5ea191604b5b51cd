"""An empty value in the path of a lookup would request something else, such as the list of all items."""

from __future__ import annotations

import pytest

from ncco_server.errors import RenderError
from ncco_server.flow.language.lookups import LookupRequest
from tests.support.cases import each_case
from tests.unit.server.flow.lookups.lookup_flows import NAMES, definition_of

RETURNS = "\nreturns: {name: text}\n"


def url(written: str, item: str) -> str:
    """The requested URL if `item` has this value."""
    found = definition_of(f'get: "{written}"{RETURNS}')
    request = found.render({**NAMES, "item": item})
    assert isinstance(request, LookupRequest)
    return request.url


@each_case(
    "written",
    [
        "https://crm.example.com/c/{{ item }}",
        "https://crm.example.com/c/{{ item }}/orders",
        "{{ env.CRM_URL }}/{{ item }}?all=1",
        "https://crm.example.com/{{ item }}/{{ tries }}",
    ],
)
def test_an_empty_segment_is_not_asked_for(written: str) -> None:
    with pytest.raises(RenderError) as raised:
        url(written, "")

    assert "E392" == raised.value.code
    assert "A%2F1" in url(written, "A/1")


@each_case(
    ("written", "asked"),
    [
        ("https://crm.example.com/c?item={{ item }}", "https://crm.example.com/c?item="),
        ("https://crm.example.com/c/item-{{ item }}", "https://crm.example.com/c/item-"),
        ("https://crm.example.com/c/", "https://crm.example.com/c/"),
        ("https://crm.example.com//c/{{ item }}{{ tries }}", "https://crm.example.com//c/2"),
        ("https://crm.example.com/c/{% if item %}{{ item }}{% endif %}", "https://crm.example.com/c/"),
        ("{{ env.CRM_URL }}/", "https://crm.example.com/"),
    ],
)
def test_a_value_that_may_be_empty_is_fine(written: str, asked: str) -> None:
    assert asked == url(written, "")

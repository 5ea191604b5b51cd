"""The page of options lists those that the flow language accepts."""

from __future__ import annotations

import re

from ncco_server.flow.actions.item import ACTIONS
from ncco_server.flow.grammar.fields import ENDPOINT_TYPES, action_fields, endpoint_fields
from tests.support.cases import each_case
from tests.system.docs.headings import section, things_of
from tests.system.docs.options_page import PAGE, page

NAME = "docs/reference/options.md"
OLD_SPELLINGS = {"standard_headers", "conversation_id", "voice_name"}


def told(heading: str) -> set[str]:
    return {name for name in re.findall(r"^\| `([^`]+)`", section(NAME, heading), re.M) if "." not in name}


def test_the_page_has_the_current_options() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run `make docs`"


def test_every_action_and_endpoint_has_its_heading() -> None:
    assert sorted(ACTIONS) == sorted(things_of(NAME, "Actions"))
    assert sorted(ENDPOINT_TYPES) == sorted(things_of(NAME, "Endpoints"))


@each_case("action", ACTIONS)
def test_the_options_of_an_action_match_the_flow_language(action: str) -> None:
    assert set(action_fields(action).fields) - OLD_SPELLINGS == told(f"### `{action}`")


@each_case("endpoint", ENDPOINT_TYPES)
def test_the_options_of_an_endpoint_match_the_flow_language(endpoint: str) -> None:
    assert set(endpoint_fields(endpoint).fields) - OLD_SPELLINGS == told(f"### `{endpoint}`")

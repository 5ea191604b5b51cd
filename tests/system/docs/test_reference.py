"""Each keyword of the flow language, setting, command, route and rule has a heading, and no other headings exist."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from fastapi.routing import APIRoute

from ncco_server.flow.actions.item import ACTIONS, ITEM_WORDS
from ncco_server.flow.grammar.locales import Locale
from ncco_server.flow.hours.declaration import HoursWords
from ncco_server.flow.language.exits import HoldOutcomes
from ncco_server.flow.language.flow import FlowWords
from ncco_server.flow.language.hooks import EVENT, EVENTS
from ncco_server.flow.language.lookups import LookupDefinition
from ncco_server.flow.language.outcomes import OUTCOMES
from ncco_server.flow.language.shared import SharedWords
from ncco_server.flow.language.step import EXITS, STEP_WORDS
from ncco_server.flow.scope import scope_types
from ncco_server.ncco.value_types import TYPES
from ncco_server.web.webhooks import router
from ncco_studio.verify.faults import FAULTS
from tests.support.cases import each_case
from tests.support.tracked import text_of
from tests.system.docs.blocks import pages
from tests.system.docs.errors_page import rules
from tests.system.docs.headings import section, things_of

FLOW, STEPS, ACTS = "docs/reference/flow.md", "docs/reference/steps.md", "docs/reference/actions.md"
TEXT, HOOKS = "docs/reference/text.md", "docs/reference/webhooks.md"
CHAPTERS = [
    (FLOW, "## The head of a flow", sorted(FlowWords.words())),
    (FLOW, "## Shared files", sorted({*SharedWords.words()} - {*FlowWords.words()})),
    (STEPS, "", sorted(STEP_WORDS)),
    (ACTS, "## Actions", sorted(ACTIONS)),
    (ACTS, "## Our own words", sorted({*ITEM_WORDS} - {*ACTIONS})),
    (TEXT, "## Types", sorted(TYPES)),
    (TEXT, "## Names", sorted({*scope_types({}), "hours", "event"})),
    (HOOKS, "## Webhooks", sorted({route.path for route in router.routes if isinstance(route, APIRoute)})),
]
LISTED = [
    ("### `hours`", HoursWords.words()),
    ("### `locales`", Locale.words()),
    ("### `lookups`", LookupDefinition.words()),
]
CODE = re.compile(r"\b[EWNJRL]\d{3}\b")


@each_case(("page", "chapter", "things"), CHAPTERS, ids=[f"{page}{name}" for page, name, _ in CHAPTERS])
def test_each_thing_has_its_heading_and_each_heading_its_thing(page: str, chapter: str, things: list[str]) -> None:
    assert things == sorted(things_of(page, chapter.removeprefix("## ")))


@pytest.mark.parametrize(("heading", "words"), LISTED)
def test_the_keys_within_a_key_are_described(heading: str, words: tuple[str, ...]) -> None:
    told = section(FLOW, heading)

    assert [] == [word for word in words if f"`{word}`" not in told and f"`{word}:" not in told]


def test_every_exit_is_described_in_the_chapter_of_exits() -> None:
    described = {*things_of(STEPS, "Where the call goes")}

    assert set() == {kind.word for kind in EXITS} - described
    assert set() == described.difference(*(kind.form.words() for kind in EXITS))


def test_the_table_of_outcomes_has_every_key_of_on() -> None:
    told = re.findall(r"`(\w+)`", section(STEPS, "## Outcomes"))

    assert set() == {*OUTCOMES, *HoldOutcomes.words(), "error", "noinput", "nomatch"} - {*told}


@pytest.mark.parametrize(
    ("page", "heading", "names"),
    [(FLOW, "### `events`", EVENTS), ("docs/how-to/prove.md", "## The kinds of faults", FAULTS)],
    ids=["events", "faults"],
)
def test_a_table_has_every_name_and_no_other(page: str, heading: str, names: Iterable[str]) -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", section(page, heading), re.M)

    assert {*names} == {name for row in rows for name in re.findall(r"`(\w+)`", row)}


@each_case("page", [FLOW, STEPS, ACTS, TEXT])
def test_every_key_has_an_example(page: str) -> None:
    headings = [line for line in text_of(page).splitlines() if re.fullmatch(r"### (`[^`]+`(, )?)+", line)]
    unshown = [heading for heading in headings if "```yaml" not in section(page, heading)]

    assert [] == [heading for heading in unshown if heading.split("`")[1] not in {*scope_types({}), "hours", "event"}]


def test_every_field_of_an_event_that_the_page_names_is_one() -> None:
    (told,) = re.findall(r"everything that Vonage sent, each as text: (.+?), \.\.\.", section(FLOW, "### `hooks`"))

    assert [] == [name for name in re.findall(r"`(\w+)`", told) if name not in EVENT.fields]


def test_every_code_that_a_page_names_is_one() -> None:
    known = {rule.code for rule in rules()}
    named = {(page, code) for page in pages() if page.startswith("docs/") for code in CODE.findall(text_of(page))}

    assert [] == sorted((page, code) for page, code in named if code not in known)

"""The generated pages, tables and pictures are those of the code: `make docs` writes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ncco_server
import ncco_server.ncco
from ncco_server.flow.actions.item import ACTIONS
from ncco_server.flow.grammar.fields import ENDPOINT_TYPES, action_fields, endpoint_fields
from ncco_server.settings import load_settings
from tests.support.cases import each_case
from tests.support.tracked import ROOT
from tests.system.docs import commands_page, prove_picture, python_page, settings_pages
from tests.system.docs.generated import GENERATED
from tests.system.docs.headings import section
from tests.system.studio.console.screenshots import OWNER_PAGES

OPTIONS = "docs/reference/options.md"
OLD_SPELLINGS = {"standard_headers", "conversation_id", "voice_name"}
OWNER = ROOT / "docs" / "how-to"


@each_case(("path", "text"), GENERATED.items(), ids=lambda value: getattr(value, "name", ""))
def test_a_page_has_the_current_content(path: Path, text: Callable[[], str]) -> None:
    assert text() == path.read_text(encoding="utf-8"), "run `make docs`"


def test_the_examples_that_the_commands_name_exist() -> None:
    epilogs = [each.epilog or "" for _, _, each in commands_page.commands()]
    named = {example for epilog in epilogs for example in re.findall(r"\bexamples/\w+", epilog)}

    assert {"examples/hours", "examples/queue"} <= named
    assert [] == [each for each in sorted(named) if not (ROOT / each).is_dir()]


def told(heading: str) -> set[str]:
    return {name for name in re.findall(r"^\| `([^`]+)`", section(OPTIONS, heading), re.M) if "." not in name}


@each_case("action", ACTIONS)
def test_the_options_of_an_action_match_the_flow_language(action: str) -> None:
    assert set(action_fields(action).fields) - OLD_SPELLINGS == told(f"### `{action}`")


@each_case("endpoint", ENDPOINT_TYPES)
def test_the_options_of_an_endpoint_match_the_flow_language(endpoint: str) -> None:
    assert set(endpoint_fields(endpoint).fields) - OLD_SPELLINGS == told(f"### `{endpoint}`")


@each_case("package", [ncco_server, ncco_server.ncco], ids=lambda package: package.__name__)
def test_every_exported_name_is_on_the_page(package: Any) -> None:
    text = python_page.PAGE.read_text(encoding="utf-8")
    assert [] == [name for name in package.__all__ if f"`{name}`" not in text]


def test_every_setting_says_what_it_does() -> None:
    assert [] == [row.variable for row in settings_pages.rows() if not row.meaning.endswith(".")]


def test_the_example_can_be_used_unchanged() -> None:
    found = load_settings(settings_pages.EXAMPLE).model_dump(exclude={"env_file"})

    assert load_settings(None).model_dump(exclude={"env_file"}) == found


def test_the_picture_of_a_proof_is_small_and_loads_nothing() -> None:
    text = prove_picture.PAGE.read_text(encoding="utf-8")

    assert len(text) < 100_000
    assert "href" not in text
    assert "url(" not in text


def test_the_tour_shows_each_picture_that_is_taken() -> None:
    shown = re.findall(r"!\[.+\]\((.+)\)", (OWNER / "owner.md").read_text(encoding="utf-8"))

    assert [f"owner-{name}.jpg" for name in OWNER_PAGES] == shown
    assert not [name for name in shown if (OWNER / name).stat().st_size > 60_000]

"""The page of commands has the current output of each `--help`."""

from __future__ import annotations

import re

from tests.support.tracked import ROOT
from tests.system.docs.commands_page import PAGE, commands, page
from tests.system.docs.headings import things_of


def test_the_page_has_the_current_commands() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run `make docs`"


def test_every_command_has_its_heading() -> None:
    assert [name for name, _, _ in commands()] == things_of("docs/reference/commands.md")


def test_the_examples_that_the_commands_name_exist() -> None:
    named = {example for _, _, each in commands() for example in re.findall(r"\bexamples/\w+", each.epilog or "")}

    assert {"examples/hours", "examples/queue"} <= named
    assert [] == [each for each in sorted(named) if not (ROOT / each).is_dir()]

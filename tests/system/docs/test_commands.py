"""The commands, options, make targets and files that the pages name do exist."""

from __future__ import annotations

import re

from tests.support.tracked import ROOT, text_of, tracked_files
from tests.system.docs.commands_page import commands


def test_every_option_that_a_page_names_exists() -> None:
    options = {each for _, _, command in commands() for parameter in command.params for each in parameter.opts}
    told = {
        option
        for page in tracked_files()
        if page == "README.md" or (page.startswith("docs/how-to/") and not page.endswith("upgrade.md"))
        for line in text_of(page).splitlines()
        if re.search(r"\bncco (?:serve|check|validate|render|schema)\b", line)
        for option in re.findall(r"(?<=\s)(--[a-z-]+)", line.partition("#")[0])
    }

    assert set() == told - options - {"--help", "--version"}


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.M))
    pages = [name for name in tracked_files() if name.endswith(".md")]
    told = {target for page in pages for target in re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)", text_of(page), re.M)}

    assert set() == {first or second for first, second in told} - targets


def test_every_link_to_a_file_has_a_target() -> None:
    links = [
        (page, target)
        for page in tracked_files()
        if page.endswith(".md")
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text_of(page))
    ]

    assert [] == [(page, target) for page, target in links if not ((ROOT / page).parent / target).exists()]

"""The loader accepts the YAML of the pages."""

from __future__ import annotations

from ncco_server.flow.loader import load
from tests.support.cases import each_case
from tests.system.docs.blocks import Block, pages
from tests.system.docs.flow_blocks import projects

GENERATED = "docs/errors.md"
"""A page left out here: its examples come from the rules and are tested with them."""

PROJECTS = [shown for page in pages() if page != GENERATED for shown in projects(page)]


@each_case(("block", "files"), PROJECTS, ids=[str(block) for block, _ in PROJECTS])
def test_the_yaml_of_a_page_loads_without_error(block: Block, files: dict[str, str]) -> None:
    issues = load(files).issues

    assert [] == [f"{issue.place} {issue.code} {issue.message} {issue.cure}" for issue in issues if issue.is_error]


def test_the_pages_show_flows() -> None:
    assert len(PROJECTS) > 50

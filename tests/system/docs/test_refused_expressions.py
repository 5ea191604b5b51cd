"""Each expression that the page calls refused is refused, with the code that the page gives."""

from __future__ import annotations

import re

from ncco_server.flow.loader import load
from tests.support.cases import each_case
from tests.system.docs.flow_blocks import as_project
from tests.system.docs.headings import section

TABLE = section("docs/reference/expressions.md", "## Errors in expressions")
ROWS = re.findall(r"^\| `(.+?)` \| ([EW]\d{3}) \|", TABLE, re.M)


def test_the_table_is_found() -> None:
    assert len(ROWS) == TABLE.count("\n|") - 2


@each_case(("condition", "code"), ROWS)
def test_a_condition_is_refused_as_the_page_says(condition: str, code: str) -> None:
    quoted = condition.replace("'", "''")
    issues = load(as_project(f"branch:\n  - if: '{quoted}'\n    goto: menu\n  - else: person\n")).issues

    assert [code] == sorted({issue.code for issue in issues if issue.is_error})

"""Makes the table of filters in docs/reference/text.md, generated from the filters' declarations: `make docs`."""

from __future__ import annotations

import re
from typing import Final

from ncco_server.flow.templates.filters import FILTERS, Filter
from tests.support.tracked import ROOT

PAGE: Final = ROOT / "docs" / "reference" / "text.md"
_TABLE: Final = re.compile(r"(?<=\n\| filter \| result \| example \|\n\|---\|---\|---\|\n)(?:\|.*\n)*")


def page() -> str:
    """The page with an up-to-date table."""
    return _TABLE.sub(lambda _: "".join(map(_row, FILTERS.values())), PAGE.read_text(encoding="utf-8"))


def _row(each: Filter) -> str:
    example = each.example.replace("|", "\\|")
    return f"| `{each.name}` | {each.summary} | `{example}` |\n"

"""Writes docs/errors.md from the tables of rules: `python -m tests.docs.errors_page`, or `make docs`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from app.cli.jobs.validate import RULES as JSON_RULES
from app.flow.rules import RULES as FLOW_RULES
from app.flow.rules.running import RUNNING_RULES
from app.ncco import RULES as NCCO_RULES
from tests.house.tracked import ROOT

PAGE: Final = ROOT / "docs" / "errors.md"

HEAD: Final = """# Errors and warnings

Every code that `ncco check` and `ncco validate` can show: what is wrong in general, and how it is mended. An issue
itself says where, what exactly, and the cure for that place. Made from the tables of rules by `make docs`.

A code that begins with E, J or N stops a flow from being served or an NCCO from being sent; W and N9 are warnings.
"""

FLOW_CHAPTERS: Final[Mapping[str, str]] = {
    "E1": "YAML text",
    "E2": "Structure of a flow",
    "E3": "Expressions, templates and types",
    "E4": "NCCO rules in a flow",
    "W": "Warnings about a flow",
}
NCCO_CHAPTERS: Final[Mapping[str, str]] = {
    "N1": "Shape, types and ranges of an NCCO",
    "N2": "Between the options of an action",
    "N3": "Between actions",
    "N4": "Text and SSML",
    "N9": "Warnings about an NCCO",
}


class Rule(Protocol):
    """What the rules of both tables have."""

    @property
    def code(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def cure(self) -> str: ...


def page() -> str:
    """The whole page."""
    chapters = [
        *(_chapter(title, _of(FLOW_RULES, begin)) for begin, title in FLOW_CHAPTERS.items()),
        _chapter(
            "While a call runs (in the log and the trace)", [RUNNING_RULES[code] for code in sorted(RUNNING_RULES)]
        ),
        _chapter("JSON of an NCCO", _of(JSON_RULES, "J")),
        *(_chapter(title, _of(NCCO_RULES, begin)) for begin, title in NCCO_CHAPTERS.items()),
    ]
    return "\n".join([HEAD, *chapters])


def _of(rules: Mapping[str, Rule], begin: str) -> list[Rule]:
    return [rules[code] for code in sorted(rules) if code.startswith(begin)]


def _chapter(title: str, rules: Iterable[Rule]) -> str:
    rows = "".join(f"| {each.code} | {_cell(each.title)} | {_cell(each.cure)} |\n" for each in rules)
    return f"## {title}\n\n| code | what is wrong | cure |\n|---|---|---|\n{rows}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""Makes docs/errors.md, generated from the tables of rules: `make docs`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ncco_server.flow.issues import RULES as FLOW_RULES
from ncco_server.flow.issues import RUNNING_RULES, FlowRule
from ncco_server.ncco import RULES as NCCO_RULES
from ncco_server.ncco import Rule as NccoRule
from ncco_server.ncco.json_text import TEXT_RULES
from tests.support.tracked import ROOT

Rule = FlowRule | NccoRule
PAGE: Final = ROOT / "docs" / "errors.md"

HEAD: Final = """# Errors and warnings

<!-- written by make docs -->

Every code of `ncco check` and `ncco validate`, with its fix. `ncco explain E214` shows the reason and an example.

W and N9 are warnings. All others are errors: the flow is not served, or the NCCO is not sent.
"""

FLOW_CHAPTERS: Final[Mapping[str, str]] = {
    "E1": "YAML text",
    "E2": "Structure of a flow",
    "E3": "Expressions, templates and types",
    "E4": "NCCO rules in a flow",
    "E5": "Opening hours, lookups, tables, locales and hooks",
    "E6": "What is used",
    "E7": "Calls in Python",
    "W": "Warnings about a flow",
}
NCCO_CHAPTERS: Final[Mapping[str, str]] = {
    "N1": "Shape, types and ranges of an NCCO",
    "N2": "Between the options of an action",
    "N3": "Between actions",
    "N4": "Text and SSML",
    "N9": "Warnings about an NCCO",
}


def rules() -> Iterator[Rule]:
    """Every rule in every table."""
    for table in (FLOW_RULES, RUNNING_RULES, TEXT_RULES, NCCO_RULES):
        yield from table.values()


def page() -> str:
    """The whole page."""
    chapters = [
        *(_chapter(title, _of(FLOW_RULES, begin)) for begin, title in FLOW_CHAPTERS.items()),
        _chapter(
            "While a call runs (in the log and the trace)", [RUNNING_RULES[code] for code in sorted(RUNNING_RULES)]
        ),
        _chapter("JSON of an NCCO", _of(TEXT_RULES, "J")),
        *(_chapter(title, _of(NCCO_RULES, begin)) for begin, title in NCCO_CHAPTERS.items()),
    ]
    return "\n".join([HEAD, *(chapter for chapter in chapters if chapter)])


def _of(table: Mapping[str, Rule], begin: str) -> list[Rule]:
    return [table[code] for code in sorted(table) if code.startswith(begin)]


def _chapter(title: str, of: Iterable[Rule]) -> str:
    entries = [_entry(rule) for rule in of]
    return "\n".join([f"## {title}\n", *entries, ""]) if entries else ""


def _entry(rule: Rule) -> str:
    fix = rule.cure if isinstance(rule, FlowRule) else rule.fix
    joint = "." if fix[:1].isupper() else ":"
    return f'- <a id="{rule.code}"></a>**{rule.code}** {_capitalized(_escaped(rule.title))}{joint} {_escaped(fix)}.'


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def _escaped(text: str) -> str:
    """A rule's text, escaped for Markdown."""
    return text.replace("<", "&lt;").replace("*", "\\*").rstrip(".")

"""Writes docs/errors.md from the tables of rules and their examples: `make docs`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import unified_diff
from typing import Final, Protocol

from app.cli.validate import RULES as JSON_RULES
from app.flow.rules import RULES as FLOW_RULES
from app.flow.rules import RUNNING_RULES
from app.ncco import RULES as NCCO_RULES
from tests.system.repository.tracked import ROOT

PAGE: Final = ROOT / "docs" / "errors.md"

HEAD: Final = """# Errors and warnings

<!-- written by make docs -->

Every code of `ncco check` and `ncco validate`, with what to do about it and, where it is short, an example of the
change. `ncco explain E214` shows the reason and a whole example.

Codes that begin with E, J or N are errors: the flow is not served, or the NCCO is not sent. W and N9 are warnings.
"""

FLOW_CHAPTERS: Final[Mapping[str, str]] = {
    "E1": "YAML text",
    "E2": "Structure of a flow",
    "E3": "Expressions, templates and types",
    "E4": "NCCO rules in a flow",
    "E5": "Opening hours, lookups, locales and hooks",
    "E6": "What is used",
    "W": "Warnings about a flow",
}
NCCO_CHAPTERS: Final[Mapping[str, str]] = {
    "N1": "Shape, types and ranges of an NCCO",
    "N2": "Between the options of an action",
    "N3": "Between actions",
    "N4": "Text and SSML",
    "N9": "Warnings about an NCCO",
}


MOST_WORDS: Final = 8
"""Words of a change that is shown."""
HEADS: Final = ("---", "+++", "@@")


class Rule(Protocol):
    """What the rules of all tables have."""

    @property
    def code(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def cure(self) -> str: ...
    @property
    def bad(self) -> str | bytes: ...
    @property
    def good(self) -> str | bytes: ...


def rules() -> Iterator[Rule]:
    """Every rule of every table."""
    for table in (FLOW_RULES, RUNNING_RULES, JSON_RULES, NCCO_RULES):
        yield from table.values()


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
    return "\n".join([HEAD, *(chapter for chapter in chapters if chapter)])


def _of(table: Mapping[str, Rule], begin: str) -> list[Rule]:
    return [table[code] for code in sorted(table) if code.startswith(begin)]


def _chapter(title: str, of: Iterable[Rule]) -> str:
    sections = [_section(rule) for rule in of]
    return "\n".join([f"## {title}\n", *sections]) if sections else ""


def _section(rule: Rule) -> str:
    joint = "." if rule.cure[:1].isupper() else ":"
    parts = [f"### {rule.code}", f"{_capitalized(_escaped(rule.title))}{joint} {_escaped(rule.cure)}.", _diff(rule)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _diff(rule: Rule) -> str:
    """What the right example changes, as a block; "" when it is long or holds unprintable characters."""
    wrong, right = _lines(rule.bad), _lines(rule.good)
    changes = [line for line in unified_diff(wrong, right, n=0, lineterm="") if not line.startswith(HEADS)]
    # The name of a flow is no part of the fault.
    changes = [line for line in changes if line not in ("-flow: bad", "+flow: good")]
    is_plain = all(line.isprintable() and "```" not in line and "\ufffd" not in line for line in changes)
    if not changes or not is_plain or len(" ".join(changes).split()) > MOST_WORDS:
        return ""
    return "\n".join(["```diff", *changes, "```"])


def _lines(example: str | bytes) -> list[str]:
    text = example if isinstance(example, str) else example.decode(errors="replace")
    return [line.rstrip() for line in text.splitlines()]


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def _escaped(text: str) -> str:
    """Text of a rule for Markdown."""
    return text.replace("<", "&lt;").replace("*", "\\*").rstrip(".")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

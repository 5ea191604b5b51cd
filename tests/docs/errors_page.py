"""Writes docs/errors.md from the tables of rules and their examples: `make docs`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from app.cli.validate import RULES as JSON_RULES
from app.flow.rules import RULES as FLOW_RULES
from app.flow.rules import RUNNING_RULES
from app.flow.rules import Rule as FlowRule
from app.ncco import RULES as NCCO_RULES
from tests.house.tracked import ROOT

PAGE: Final = ROOT / "docs" / "errors.md"

HEAD: Final = """# Errors and warnings

<!-- written by make docs -->

Every code that `ncco check` and `ncco validate` can show: what is wrong in general, how it is mended, and an example
that has it. An issue itself says where, what exactly, and the cure for that place. `ncco explain E214` shows the
example mended, too.

A code that begins with E, J or N stops a flow from being served or an NCCO from being sent; W and N9 are warnings.
"""

FLOW_CHAPTERS: Final[Mapping[str, str]] = {
    "E1": "YAML text",
    "E2": "Structure of a flow",
    "E3": "Expressions, templates and types",
    "E4": "NCCO rules in a flow",
    "E5": "Opening hours, look-ups, locales and hooks",
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
    parts = [f"### {rule.code}", f"{_sentence(rule.title)} **Cure:** {_told(rule.cure)}."]
    if isinstance(rule, FlowRule):
        parts.append(_sentence(rule.about))
    return "\n\n".join(filter(None, [*parts, _block(rule.bad)])) + "\n"


def _block(bad: str | bytes) -> str:
    """An example as a block; "" for one that a page cannot show: its fault is a byte, a blank at an end, a link."""
    text = bad if isinstance(bad, str) else bad.decode(errors="replace")
    lines = text.splitlines()
    is_plain = all(sign.isprintable() or sign == "\n" for sign in text) and "\ufffd" not in text
    if (
        not is_plain
        or "```" in text
        or " -> " in text
        or len(lines) > 60
        or any(line != line.rstrip() for line in lines)
    ):
        return ""
    return f"```{'json' if text.lstrip().startswith(('[', '{')) else 'yaml'}\n{text.rstrip()}\n```"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{_told(text[1:])}." if text else ""


def _told(text: str) -> str:
    """Text of a rule as Markdown shows it."""
    return text.replace("<", "&lt;").replace("*", "\\*").rstrip(".")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""`ncco explain CODE`: what a rule is about, what breaks it, and how that is mended."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, Protocol

import click

from app.cli.jobs.examples import unpack
from app.cli.jobs.validate import RULES as JSON_RULES
from app.cli.jobs.validate import faults_of
from app.cli.terminal import takes_colour
from app.cli.work import FINE, CannotRun
from app.flow.loader import load_files
from app.flow.report import printable, report
from app.flow.rules import RULES as FLOW_RULES
from app.flow.rules import RUNNING_RULES
from app.flow.rules import Rule as FlowRule
from app.ncco import RULES as NCCO_RULES

WIDTH: Final = 100
"""Columns of running text."""


class Rule(Protocol):
    """What the rules of all tables have."""

    @property
    def code(self) -> str:
        """Its code."""

    @property
    def severity(self) -> str:
        """`error` or `warning`."""

    @property
    def title(self) -> str:
        """What is wrong in general."""

    @property
    def cure(self) -> str:
        """How it is fixed in general."""

    @property
    def bad(self) -> str | bytes:
        """An example that breaks it."""

    @property
    def good(self) -> str | bytes:
        """The same without the fault."""


RULES: Final[Mapping[str, Rule]] = {**FLOW_RULES, **RUNNING_RULES, **JSON_RULES, **NCCO_RULES}
"""Every code that a command, the log or a trace can show."""

NEAREST: Final = 3
"""How many codes are named for one that does not exist."""
ALL: Final = "`ncco explain` lists all of them"


@dataclass(frozen=True, slots=True)
class _Explained:
    """What there is to say about a rule; `shown` is what the commands print about the wrong example."""

    rule: Rule
    about: str
    wrong: str
    shown: str
    right: str


def explain_code(code: str, form: Literal["text", "json"]) -> int:
    """Print what the code means. Raises CannotRun for one that does not exist."""
    rule = RULES.get(code)
    if rule is None:
        raise CannotRun(f"there is no code {code}", _meant(code))
    colour = takes_colour() and form == "text"
    found = _Explained(rule, _about(rule), _text(rule.bad), _shown(rule, colour), _text(rule.good))
    click.echo(_as_json(found) if form == "json" else _as_text(found, colour), color=colour)
    return FINE


def list_codes(form: Literal["text", "json"]) -> int:
    """Print every code with what is wrong."""
    rules = [RULES[code] for code in sorted(RULES)]
    rows = [{"code": rule.code, "severity": rule.severity, "title": rule.title, "cure": rule.cure} for rule in rules]
    lines = [f"{rule.code}  {rule.title.removesuffix('.')}" for rule in rules]
    click.echo(json.dumps(rows, indent=2, ensure_ascii=False) if form == "json" else "\n".join(lines))
    return FINE


def _meant(code: str) -> str:
    """The same number under another letter, else the nearest numbers."""
    number = code[1:4].ljust(3, "0")
    same = [known for known in sorted(RULES) if known[1:] == number]
    near = sorted(
        (known for known in RULES if known[0] == code[0]), key=lambda known: abs(int(known[1:]) - int(number))
    )
    if same:
        return f"did you mean {', '.join(same)}? {ALL}"
    return f"near it are {', '.join(sorted(near[:NEAREST]))}; {ALL}" if near else ALL


def _about(rule: Rule) -> str:
    """Why the rule is there; for an NCCO the page that states it."""
    return rule.about if isinstance(rule, FlowRule) else f"It is stated in: {getattr(rule, 'source', '')}."


def _text(example: str | bytes) -> str:
    return example if isinstance(example, str) else example.decode("utf-8", errors="replace")


def _shown(rule: Rule, colour: bool) -> str:
    if rule.code in RUNNING_RULES:
        return ""
    if rule.code not in FLOW_RULES:
        bad = _text(rule.bad)
        return report(faults_of("answer.json", bad), {"answer.json": bad}, "text", colour)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        unpack(rule.bad, root)
        project = load_files(root / "flows", root / "templates", {})
        return report(project.issues, project.texts, "text", colour).replace(f"{root}/", "")


def _as_text(found: _Explained, colour: bool) -> str:
    rule = found.rule
    ink = {"error": "red", "warning": "yellow"}[rule.severity] if colour else None
    title = rule.title.removesuffix(".")
    blocks = [
        f"{click.style(rule.code, fg=ink, bold=colour)}  {rule.severity}: {title}\ncure: {rule.cure}",
        textwrap.fill(found.about, WIDTH, break_long_words=False, break_on_hyphens=False),
        _block("Wrong", found.wrong),
        _block("What is said of it", found.shown, is_ours=True),
        _block("Right", found.right),
    ]
    return "\n\n".join(block for block in blocks if block)


def _block(title: str, text: str, *, is_ours: bool = False) -> str:
    lines: Iterable[str] = text.rstrip("\n").splitlines() if is_ours else map(_line, text.rstrip("\n").split("\n"))
    return f"{title}:\n" + "\n".join(f"  {line}".rstrip() for line in lines) if text.strip() else ""


def _line(text: str) -> str:
    return printable(text.replace("\t", "    "))


def _as_json(found: _Explained) -> str:
    rule = found.rule
    row = {"code": rule.code, "severity": rule.severity, "title": rule.title, "cure": rule.cure, "about": found.about}
    return json.dumps({**row, "wrong": found.wrong, "right": found.right}, indent=2, ensure_ascii=False)

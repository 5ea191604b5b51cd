"""`ncco explain`: what the code of an issue means."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, Protocol

import click

import app
from app.cli import options
from app.cli.output import FINE, CannotRun, print_json, shows_colours
from app.cli.validate import RULES as JSON_RULES
from app.cli.validate import faults_of
from app.flow.loader import load_files
from app.flow.report import printable, report
from app.flow.rules import RULES as FLOW_RULES
from app.flow.rules import Rule as FlowRule
from app.flow.rules.running import RUNNING_RULES
from app.ncco import RULES as NCCO_RULES
from app.ncco.issue import RuleBook
from app.ncco.suggest import nearest
from app.verify.scenarios.rules import RULES as SCENARIO_RULES

WIDTH: Final = 100
"""Columns of running text."""
NEAREST: Final = 3
"""How many codes are named for one that does not exist."""

_APP: Final = Path(app.__file__).parent
FLOW_EXAMPLES: Final = _APP / "flow" / "examples"
"""An example is one flow file, or several behind lines `#=== path`; `#=== path -> target` is a link."""
_EXAMPLE_FILE: Final = re.compile(rb"^#=== (?P<path>\S+)(?: -> (?P<link>\S+))?\n", re.MULTILINE)
_HEAD: Final = re.compile(r"(?:# .*\n)*")


Kind = Literal["bad", "good"]


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
        """What to do in general."""


RULES: Final[Mapping[str, Rule]] = {
    **FLOW_RULES,
    **RUNNING_RULES,
    **JSON_RULES,
    **NCCO_RULES,
    **SCENARIO_RULES,
    **RuleBook(FlowRule, _APP / "verify" / "prove" / "rules.yaml"),
}
"""Every code that a command, the log or a trace can show."""


@click.command(
    "explain",
    epilog="""\b
Examples:
  ncco explain E214                  what it means, a file that has it, and the same file without it
  ncco explain N108                  the same for a rule of the NCCO
  ncco explain dead_end              a fault that `ncco prove` finds
  ncco explain                       every code, one a line

Exit codes: 0 explained, 2 there is no such code.""",
)
@click.argument("code", required=False)
@options.output("text", "json")
def command(code: str | None, form: Literal["text", "json"]) -> int:
    """Explain the CODE of an issue: what it means, what causes it, and how it is fixed.

    Without CODE, list the codes.
    """
    if code is None:
        _list_codes(form)
        return FINE
    rule = RULES.get(code) or RULES.get(code.upper())
    if rule is None:
        raise CannotRun(f"there is no code {printable(code)}", _similar(code))
    wrong, right = example(rule.code, "bad") or b"", example(rule.code, "good") or b""
    source = getattr(rule, "source", "")
    about = f"Source: {source}." if source else about_of(right)
    right = right[len(_head(right).encode()) :]
    if form == "json":
        row = {"code": rule.code, "severity": rule.severity, "title": rule.title, "cure": rule.cure, "about": about}
        print_json({**row, "wrong": _decoded(wrong), "right": _decoded(right)})
        return FINE
    blocks = [
        _title(rule),
        textwrap.fill(about, WIDTH, break_long_words=False, break_on_hyphens=False),
        _block("Wrong", [_shown(line) for line in _decoded(wrong).split("\n")]),
        _block("What is reported", _report(rule.code, wrong).splitlines()),
        _block("Right", [_shown(line) for line in _decoded(right).split("\n")]),
    ]
    click.echo("\n\n".join(block for block in blocks if block), color=shows_colours())
    return FINE


def _list_codes(form: Literal["text", "json"]) -> None:
    rules = [RULES[code] for code in sorted(RULES)]
    if form == "json":
        keys = ("code", "severity", "title", "cure")
        print_json([{key: getattr(rule, key) for key in keys} for rule in rules])
    else:
        click.echo("\n".join(f"{rule.code}  {rule.title.removesuffix('.')}" for rule in rules))


def _similar(code: str) -> str:
    """The cure for an unknown code: the same number under another letter, or the nearest codes."""
    every = "`ncco explain` lists all of them"
    if not re.fullmatch(r"[A-Za-z][0-9]{1,4}", code):
        near = nearest(code, RULES)
        return f"did you mean {near}? {every}" if near else every
    letter, number = code[0].upper(), code[1:4].ljust(3, "0")
    numbered = sorted(known for known in RULES if known[1:].isdigit())
    same = [known for known in numbered if known[1:] == number]
    if same:
        return f"did you mean {', '.join(same)}? {every}"
    near_by = sorted(
        (known for known in numbered if known[0] == letter), key=lambda each: abs(int(each[1:]) - int(number))
    )
    return f"near it are {', '.join(sorted(near_by[:NEAREST]))}; {every}" if near_by else every


def example(code: str, kind: Kind) -> bytes | None:
    """The wrong or the right example of a code; None when it has none."""
    rule = NCCO_RULES.get(code) or JSON_RULES.get(code)
    if rule is not None:
        return (rule.bad if kind == "bad" else rule.good).encode()
    path = FLOW_EXAMPLES / f"{code}.{kind}.yaml"
    return path.read_bytes() if path.is_file() else None


def about_of(right: bytes) -> str:
    """Why a rule exists: the comment at the head of its right example; "" without one."""
    return " ".join(line.removeprefix("# ") for line in _head(right).splitlines())


def write_example(data: bytes, root: Path) -> None:
    """Write the project of an example into an empty folder."""
    (root / "flows").mkdir()
    (root / "templates").mkdir()
    marks = list(_EXAMPLE_FILE.finditer(data))
    if not marks:
        (root / "flows/bad.yaml").write_bytes(data)
    ends = [mark.start() for mark in marks[1:]] + [len(data)]
    for mark, end in zip(marks, ends, strict=False):
        path = root / mark["path"].decode()
        if mark["link"]:
            path.symlink_to(mark["link"].decode())
        else:
            path.write_bytes(data[mark.end() : end])


def _head(right: bytes) -> str:
    found = _HEAD.match(right.decode(errors="replace"))
    return found[0] if found else ""


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def _title(rule: Rule) -> str:
    ink = {"error": "red", "warning": "yellow"}[rule.severity] if shows_colours() else None
    code = click.style(rule.code, fg=ink, bold=True) if ink else rule.code
    return f"{code}  {rule.severity}: {rule.title.removesuffix('.')}\ncure: {rule.cure}"


def _report(code: str, wrong: bytes) -> str:
    """What the commands print about the wrong example; "" for what only a call shows."""
    if code in FLOW_RULES:
        with TemporaryDirectory() as folder:
            root = Path(folder)
            write_example(wrong, root)
            project = load_files(root / "flows", root / "templates", {})
            return report(project.issues, project.texts, "text", shows_colours()).replace(f"{root}/", "")
    if code in NCCO_RULES or code in JSON_RULES:
        faults, _ = faults_of("answer.json", _decoded(wrong))
        return report([fault.as_issue() for fault in faults], {"answer.json": _decoded(wrong)}, "text", shows_colours())
    return ""


def _shown(line: str) -> str:
    return printable(line.replace("\t", "    "))


def _block(title: str, lines: list[str]) -> str:
    while lines and not lines[-1]:
        lines = lines[:-1]
    return f"{title}:\n" + "\n".join(f"  {line}".rstrip() for line in lines) if lines else ""

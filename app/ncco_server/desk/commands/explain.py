"""`ncco explain`: explains the code of an issue."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click

from ncco_server.desk import options
from ncco_server.desk.commands.validate import faults_of
from ncco_server.desk.output import FINE, CannotRun, print_json
from ncco_server.desk.rules import Rule, all_rules, fix_of
from ncco_server.flow.issues import RULES as FLOW_RULES
from ncco_server.flow.issues import FlowRule
from ncco_server.flow.loader import load_files
from ncco_server.flow.report import report
from ncco_server.ncco import RULES as NCCO_RULES
from ncco_server.ncco.json_text import TEXT_RULES
from ncco_server.suggest import nearest
from ncco_server.terminal import printable

WIDTH: Final = 100

_EXAMPLE_FILE: Final = re.compile(rb"^#=== (?P<path>\S+)(?: -> (?P<link>\S+))?\n", re.MULTILINE)


@click.command(
    "explain",
    epilog="""\b
Examples:
  ncco explain E214                  what it means, with a wrong and a fixed file
  ncco explain N108                  the same for an NCCO rule
  ncco explain dead_end              a fault found by `ncco prove`
  ncco explain                       every code, one per line

Exit codes: 0 explained, 2 there is no such code.""",
)
@click.argument("code", required=False)
@options.output("text", "json")
def command(code: str | None, form: str) -> int:
    """Explain the CODE of an issue: what it means, what causes it, and how to fix it.

    Without CODE, list the codes.
    """
    if code is None:
        _list_codes(form)
        return FINE
    known = all_rules()
    rule = known.get(code) or known.get(code.upper())
    if rule is None:
        near = nearest(code.upper(), known) or nearest(code, known)
        meant = f"did you mean {near}? " if near else ""
        raise CannotRun(f"there is no code {code}", f"{meant}`ncco explain` lists all of them")
    about = rule.about if isinstance(rule, FlowRule) else f"Source: {rule.source}."
    wrong, right = _decoded(rule.bad), _decoded(rule.good)
    if form == "json":
        row = {"code": rule.code, "severity": rule.severity, "title": rule.title, "fix": fix_of(rule)}
        print_json({**row, "about": about, "wrong": wrong, "right": right})
        return FINE
    ink = {"error": "red", "warning": "yellow"}[rule.severity]
    shown_code = click.style(rule.code, fg=ink, bold=True)
    title = f"{shown_code}  {rule.severity}: {rule.title.removesuffix('.')}\nfix: {fix_of(rule)}"
    parts = {"Wrong": wrong, "What is reported": _report(rule), "Right": right}
    blocks = [_block(name, text, is_plain=name != "What is reported") for name, text in parts.items() if text.strip()]
    filled = textwrap.fill(about, WIDTH, break_long_words=False, break_on_hyphens=False)
    click.echo("\n\n".join([title, *([filled] if filled else []), *blocks]))
    return FINE


def _list_codes(form: str) -> None:
    known = all_rules()
    rules = [known[code] for code in sorted(known)]
    if form == "json":
        keys = ("code", "severity", "title")
        print_json([{key: getattr(rule, key) for key in keys} | {"fix": fix_of(rule)} for rule in rules])
    else:
        click.echo("\n".join(f"{rule.code}  {rule.title.removesuffix('.')}" for rule in rules))


def write_example(example: str | bytes, root: Path) -> None:
    """Write into an empty folder; `ncco_server.flow.issues` describes an example."""
    data = example.encode() if isinstance(example, str) else example
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


def listed_in(root: Path, code: str = "") -> list[str]:
    """What `NCCO_PYTHON_FLOWS` lists in an example, which breaks this rule if it has one."""
    found = sorted(path.name for path in (root / "flows").glob("*.py"))
    return {"E702": [], "W707": ["bakery.py", *found]}.get(code, found)


def _decoded(example: str | bytes) -> str:
    return example if isinstance(example, str) else example.decode("utf-8", errors="replace")


def _report(rule: Rule) -> str:
    """The commands' output for the wrong example; "" if the issue only appears in a call."""
    if rule.code in FLOW_RULES:
        with TemporaryDirectory() as folder:
            root = Path(folder)
            write_example(rule.bad, root)
            handlers = listed_in(root, rule.code)
            project = load_files(root / "flows", root / "templates", {}, modules=(), handlers=handlers)
            return report(project.issues, project.texts, "text", colour=True).replace(f"{root}/", "")
    if rule.code in NCCO_RULES or rule.code in TEXT_RULES:
        wrong = _decoded(rule.bad)
        faults, _ = faults_of("answer.json", wrong)
        return report([fault.as_issue() for fault in faults], {"answer.json": wrong}, "text", colour=True)
    return ""


def _block(title: str, text: str, *, is_plain: bool) -> str:
    """Plain text may contain terminal control characters."""
    lines = text.rstrip("\n").split("\n") if is_plain else text.splitlines()
    shown = (printable(line.replace("\t", "    ")) if is_plain else line for line in lines)
    return f"{title}:\n" + "\n".join(f"  {line}".rstrip() for line in shown)

"""`ncco explain`: explains the code of an issue."""

from __future__ import annotations

import textwrap
from typing import Final

import click

from ncco_server.desk import options
from ncco_server.desk.output import FINE, CannotRun, print_json
from ncco_server.desk.rules import all_rules, fix_of
from ncco_server.flow.issues import FlowRule
from ncco_server.suggest import nearest
from ncco_server.terminal import printable

WIDTH: Final = 100


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
    blocks = [_block(name, text) for name, text in (("Wrong", wrong), ("Right", right)) if text.strip()]
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


def _decoded(example: str | bytes) -> str:
    return example if isinstance(example, str) else example.decode("utf-8", errors="replace")


def _block(title: str, text: str) -> str:
    lines = text.rstrip("\n").split("\n")
    return f"{title}:\n" + "\n".join(f"  {printable(line.replace(chr(9), '    '))}".rstrip() for line in lines)

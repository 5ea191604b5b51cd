"""`ncco explain`: explains the code of an issue."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Final

import click

from ncco_server.desk.output import FINE, CannotRun
from ncco_server.desk.studio import find_studio
from ncco_server.flow.issues import RULES as FLOW_RULES
from ncco_server.flow.issues import RUNNING_RULES, FlowRule
from ncco_server.ncco import RULES as NCCO_RULES
from ncco_server.ncco import Rule as NccoRule
from ncco_server.ncco.json_text import TEXT_RULES
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
def command(code: str | None) -> int:
    """Explain the CODE of an issue: what it means, what causes it, and how to fix it.

    Without CODE, list the codes.
    """
    known = _all_rules()
    if code is None:
        for name in sorted(known):
            click.echo(f"{name}  {known[name].severity}: {known[name].title.removesuffix('.')}")
        return FINE
    rule = known.get(code) or known.get(code.upper())
    if rule is None:
        near = nearest(code.upper(), known) or nearest(code, known)
        meant = f"did you mean {near}? " if near else ""
        raise CannotRun(f"there is no code {code}", f"{meant}`ncco explain` lists all of them")
    about = rule.about if isinstance(rule, FlowRule) else f"Source: {rule.source}."
    cure = rule.cure if isinstance(rule, FlowRule) else rule.fix
    ink = {"error": "red", "warning": "yellow"}[rule.severity]
    shown_code = click.style(rule.code, fg=ink, bold=True)
    title = f"{shown_code}  {rule.severity}: {rule.title.removesuffix('.')}\nfix: {cure}"
    examples = {"Wrong": _decoded(rule.bad), "Right": _decoded(rule.good)}
    blocks = [_block(name, text) for name, text in examples.items() if text.strip()]
    filled = textwrap.fill(about, WIDTH, break_long_words=False, break_on_hyphens=False)
    click.echo("\n\n".join([title, *([filled] if filled else []), *blocks]))
    return FINE


def _all_rules() -> Mapping[str, FlowRule | NccoRule]:
    """All codes in commands, the log and traces; those of the studio if it is installed."""
    studio = find_studio()
    more = studio.rules() if studio is not None else {}
    return {**FLOW_RULES, **RUNNING_RULES, **TEXT_RULES, **NCCO_RULES, **more}


def _decoded(example: str | bytes) -> str:
    return example if isinstance(example, str) else example.decode("utf-8", errors="replace")


def _block(title: str, text: str) -> str:
    lines = text.rstrip("\n").split("\n")
    return f"{title}:\n" + "\n".join(f"  {printable(line.replace(chr(9), '    '))}".rstrip() for line in lines)

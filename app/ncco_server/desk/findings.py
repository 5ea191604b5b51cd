"""What the checks of `ncco doctor` and `ncco go-live` find, and how it is printed, as text or JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import click

from ncco_server.desk.output import print_json
from ncco_server.terminal import printable
from ncco_server.wording import counted

Status = Literal["ok", "warning", "error", "unchecked"]

_COLOURS: Final[Mapping[Status, str]] = {"ok": "green", "warning": "yellow", "error": "red", "unchecked": "cyan"}
_INDENT: Final = " " * 25
_WIDTH: Final = 75


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        status: `unchecked` if it could not be checked; the message says why.
        message: one sentence without secrets.
        cure: what to do; "" if nothing.
        setting: the setting to change, or "".
        check: one or two words, set by the table of checks.
        plain: what it means for the owner of the line, in one sentence; "" if the check's usual sentence says it.
    """

    status: Status
    message: str
    cure: str = ""
    setting: str = ""
    check: str = ""
    plain: str = ""


ok = partial(Finding, "ok")
warning = partial(Finding, "warning")
error = partial(Finding, "error")
unchecked = partial(Finding, "unchecked")


def count_of(findings: Iterable[Finding], status: Status) -> int:
    return sum(finding.status == status for finding in findings)


def print_findings(findings: Sequence[Finding], form: str) -> None:
    """`form` is `text` or `json`."""
    numbers = {status: count_of(findings, status) for status in _COLOURS}
    if form == "json":
        keys = ("check", "status", "message", "setting")
        checks = [{key: getattr(each, key) for key in keys} | {"fix": each.cure} for each in findings]
        print_json({"checks": checks, "counts": numbers})
        return
    for finding in findings:
        print_finding(finding)
    shown = [counted(numbers["error"], "error"), counted(numbers["warning"], "warning")]
    click.echo(f"\n{', '.join(shown)}, {numbers['unchecked']} not checked, {numbers['ok']} fine")


def print_finding(finding: Finding) -> None:
    status = click.style(finding.status.ljust(9), fg=_COLOURS[finding.status])
    click.echo(f"{status}  {finding.check:<12}  {_wrapped(finding.message)}")
    if finding.cure:
        click.echo(f"{_INDENT}{_wrapped(f'fix: {finding.cure}')}")


def _wrapped(text: str) -> str:
    lines = textwrap.wrap(printable(text), _WIDTH, break_on_hyphens=False, break_long_words=False)
    return f"\n{_INDENT}".join(lines)

"""One flow file is checked with what it cannot be understood without, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main

FLOW = """flow: acme
default: true
start: hello
steps:
  hello:
    lookup: customer
    do: [{talk: "Hello {{ customer.name }}."}]
    goto: {run: voicemail}
"""
VOICEMAIL = 'flow: voicemail\nstart: a\nsteps: {a: {do: [{talk: "Speak."}], goto: {run: bye}}}\n'
BYE = 'flow: bye\nstart: a\nsteps: {a: {do: [{talk: "Bye."}], goto: end}}\n'
SHARED = 'shared: true\nlookups: {customer: {get: "https://a.example/", returns: {name: text}, default: {name: ""}}}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = {
        "acme": FLOW,
        "voicemail": VOICEMAIL,
        "bye": BYE,
        "shared": SHARED,
        "broken": "flow: acme\nstart: nowhere\n",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def test_a_flow_is_checked_with_its_shared_parts_and_the_flows_that_it_runs(folder: Path) -> None:
    result = CliRunner().invoke(main, ["check", str(folder / "acme.yaml")])

    assert "" == result.stderr
    assert 0 == result.exit_code, result.output


def test_a_faulty_flow_that_it_runs_is_told_of(folder: Path) -> None:
    (folder / "bye.yaml").write_text(BYE.replace("goto: end", "goto: nd"))
    result = CliRunner().invoke(main, ["check", str(folder / "acme.yaml")])

    assert 1 == result.exit_code
    assert 'E214  unknown step "nd"' in result.output


def test_a_namesake_beside_it_is_left_alone(folder: Path) -> None:
    result = CliRunner().invoke(main, ["check", str(folder)])

    assert 1 == result.exit_code
    assert "E210" in result.output

"""What examples ask the server of a lookup; their scenarios show what callers hear after its answers."""

from __future__ import annotations

from tests.support.cases import each_case
from tests.support.command import ncco
from tests.support.tracked import ROOT

SERVER = "https://own.example.com"


@each_case(
    ("example", "setting", "asked"),
    [
        ("queue", "QUEUE_URL", f"place asks GET {SERVER}/callers/*?from=447700900123"),
        ("crm", "CRM_URL", f"customer asks GET {SERVER}/customers?phone=447700900123"),
        ("survey", "SURVEY_URL", f"survey asks GET {SERVER}/surveys/visit"),
    ],
)
def test_an_example_asks_its_server(example: str, setting: str, asked: str) -> None:
    env = ("--env", f"{setting}={SERVER}", "--env", "CRM_TOKEN=t0ken")
    shown = ncco("simulate", ROOT / "examples" / example, "--from", "447700900123", *env, stdin="hangup\n")
    before, _, after = asked.partition("*")

    assert 0 == shown.exit_code, shown.output
    assert any(f"lookup {before}" in line and line.endswith(after) for line in shown.output.splitlines()), shown.output

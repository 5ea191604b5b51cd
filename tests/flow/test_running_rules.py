from __future__ import annotations

import re
from pathlib import Path

from app.flow.rules import RUNNING_RULES

APP = Path(__file__).resolve().parents[2] / "app"
_RAISED = re.compile(r'RenderError\(\s*"([ER]\d+)"')


def test_every_code_that_a_running_call_can_raise_has_its_rule() -> None:
    raised = {code for file in APP.rglob("*.py") for code in _RAISED.findall(file.read_text(encoding="utf-8"))}

    assert {"R101", "R102", "R103", "R105", "R106"} <= raised
    assert raised - {"E413"} <= RUNNING_RULES.keys()

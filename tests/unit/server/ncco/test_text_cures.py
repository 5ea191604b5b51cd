"""What to write instead, of a text with one issue."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

from ncco_server.ncco.json_text import check_text
from tests.support.cases import each_case

CURES: Final[list[list[str]]] = yaml.load(Path(__file__).with_name("text_cures.yaml").read_bytes(), yaml.CSafeLoader)


@each_case(("text", "expected"), CURES)
def test_a_text_gets_this_cure(text: str, expected: str) -> None:
    (found,) = check_text(text)[0]

    assert expected == found.issue.fix

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from ncco_server.flow.source import read_yaml
from tests.support.cases import each_case

FAULTY: Final[dict[str, dict[str, Any]]] = yaml.safe_load(Path(__file__).with_name("faulty_texts.yaml").read_bytes())
BY_NAME = each_case("name", FAULTY)


def lines_of(text: str) -> list[int]:
    _, issues = read_yaml("flows/a.yaml", text)
    return sorted({issue.place.line for issue in issues})


@BY_NAME
def test_a_mistake_is_reported_in_its_line(name: str) -> None:
    assert FAULTY[name]["lines"] == lines_of(FAULTY[name]["text"])


@pytest.mark.parametrize("breaks", ["\r\n", "\r"])
@BY_NAME
def test_other_line_endings_change_nothing(name: str, breaks: str) -> None:
    assert FAULTY[name]["lines"] == lines_of(FAULTY[name]["text"].replace("\n", breaks))

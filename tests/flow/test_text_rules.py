from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.flow.faulty_texts import FAULTY, Faulty

from app.flow.report import report
from app.flow.rules.text import TEXT_RULES
from app.flow.source import read_yaml

FILE = "flows/a.yaml"
BY_NAME = pytest.mark.parametrize("faulty", FAULTY, ids=lambda faulty: faulty.name)


@BY_NAME
def test_a_fault_is_shown_once_and_where_it_is(faulty: Faulty) -> None:
    _, issues = read_yaml(FILE, faulty.text)

    found = [(issue.code, issue.place.line, issue.place.column, issue.place.length) for issue in issues]
    assert [(faulty.code, *faulty.at)] == found


@BY_NAME
def test_a_cure_removes_its_fault(faulty: Faulty) -> None:
    node, issues = read_yaml(FILE, faulty.cured)

    assert node is not None
    assert [] == issues

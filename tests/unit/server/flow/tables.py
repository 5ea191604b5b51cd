"""Tables of cases: a YAML file beside each test module with a list of cases under the name of each test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def table(beside: str, name: str) -> list[Any]:
    """The cases of the test `name`, from the YAML file of the same name as the test module `beside`."""
    cases = yaml.load(Path(beside).with_suffix(".yaml").read_bytes(), yaml.CSafeLoader)[name]
    return [tuple(case) if isinstance(case, list) else case for case in cases]

"""What flows need is imported when they are loaded: a caller never waits for an import."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent
from typing import Final

import pytest

TABLE: Final = "tables: {customers: {key: {number: phone}, columns: {calls: int}}}"
PLAIN: Final = {"flows/main.yaml": "{flow: main, default: true, start: a, steps: {a: {do: [{talk: Hi}], goto: end}}}"}
TABLES: Final = {**PLAIN, "flows/shared.yaml": f"{{shared: true, {TABLE}}}"}
HOOKS: Final = {**PLAIN, "flows/shared.yaml": "{shared: true, hooks: {done: {post: 'https://example.com/'}}}"}


@pytest.mark.parametrize(
    ("texts", "module", "is_needed"),
    [
        (TABLES, "store.table_rows", True),
        (HOOKS, "store.table_rows", False),
        (PLAIN, "store.table_rows", False),
        (HOOKS, "flow.language.hooks", True),
        (PLAIN, "flow.language.hooks", False),
        (PLAIN, "flow.hours.calendar", False),
    ],
)
def test_a_module_is_loaded_with_the_project_that_needs_it(
    texts: dict[str, str], module: str, *, is_needed: bool
) -> None:
    program = dedent(f"""
        import sys
        import ncco_server.web.app
        from ncco_server.flow.loader import load
        from ncco_server.service.needs import import_needs

        project = load({texts!r}, {{}}, extent="project")
        assert not project.has_errors
        import_needs(project)
        print("ncco_server.{module}" in sys.modules)
    """)
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert str(is_needed) == found.stdout.strip()

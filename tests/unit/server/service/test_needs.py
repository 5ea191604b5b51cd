"""What flows need is imported when they are loaded: a caller never waits for an import."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent
from typing import Final

TABLE: Final = "tables: {customers: {key: {number: phone}, columns: {calls: int}}}"
PLAIN: Final = {"flows/main.yaml": "{flow: main, default: true, start: a, steps: {a: {do: [{talk: Hi}], goto: end}}}"}
TABLES: Final = {**PLAIN, "flows/shared.yaml": f"{{shared: true, {TABLE}}}"}
HOOKS: Final = {**PLAIN, "flows/shared.yaml": "{shared: true, hooks: {done: {post: 'https://example.com/'}}}"}
HOOK, ROWS, CALENDAR = "flow.language.hooks", "store.table_rows", "flow.hours.calendar"


def test_a_module_is_loaded_with_the_project_that_needs_it() -> None:
    program = dedent(f"""
        import sys
        import ncco_server.web.app
        from ncco_server.flow.loader import load
        from ncco_server.service.needs import import_needs

        found = []
        for texts in {[PLAIN, HOOKS, TABLES]}:
            project = load(texts, {{}}, extent="project")
            assert not project.has_errors
            import_needs(project)
            found.append([module for module in {[HOOK, ROWS, CALENDAR]} if "ncco_server." + module in sys.modules])
        assert {[[], [HOOK], [HOOK, ROWS]]} == found, found
    """)
    subprocess.run([sys.executable, "-c", program], check=True)

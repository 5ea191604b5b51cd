"""What connects flows to other systems is imported when they are loaded: a caller never waits for an import."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent
from typing import Final

PLAIN: Final = {"flows/main.yaml": "{flow: main, default: true, start: a, steps: {a: {do: [{talk: Hi}], goto: end}}}"}
HOOKS: Final = {
    "flows/main.yaml": PLAIN["flows/main.yaml"].replace("{do:", "{send: done, do:"),
    "flows/shared.yaml": "{shared: true, hooks: {done: {post: 'https://example.com/'}}}",
}
POSTS, MAIL = "service.hook_posts", "service.mail"


def test_a_module_is_loaded_with_the_project_that_needs_it() -> None:
    program = dedent(f"""
        import sys
        import ncco_server.web.app
        from ncco_server.flow.loader import load
        from ncco_server.service.needs import import_needs

        found = []
        for texts in {[PLAIN, HOOKS]}:
            project = load(texts, {{}}, extent="project")
            assert not project.has_errors
            import_needs(project)
            found.append([module for module in {[POSTS, MAIL]} if "ncco_server." + module in sys.modules])
        assert {[[], [POSTS]]} == found, found
    """)
    subprocess.run([sys.executable, "-c", program], check=True)

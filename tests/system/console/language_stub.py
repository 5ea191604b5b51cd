"""A page with nothing but the editor, and stand-ins for what it asks of the server."""

from __future__ import annotations

import re
from typing import Any, Final

from playwright.sync_api import Page, Route

from app.console.guard import POLICY
from app.console.pages import static_version

TEXT: Final = """start: hello
steps:
  # greeting
  hello:
    do: [talk: "Hello {{ call.from }}, press 1"]
    choices:
      sales: {press: 1, gotoo: sales}
  sales:
    do:
      - talk: "Goodbye"
    goto: end
"""
STATIC: Final = f"/static/{static_version()}"
PAGE: Final = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Editor</title>
<link rel="icon" href="{STATIC}/icon.svg">
<link rel="stylesheet" href="{STATIC}/console.css">
<script type="module" src="{STATIC}/editor.js"></script>
<main>
  <h1>Editor</h1>
  <button>Before</button>
  <flow-editor name="flows/reception.yaml" language="yaml">{TEXT}</flow-editor>
</main>
<div id="status" class="toast" role="status"></div>
"""


def open_editor(page: Page) -> None:
    """Open the page."""
    page.route("**/editor", lambda route: route.fulfill(body=PAGE, headers={"Content-Security-Policy": POLICY}))
    page.route("**/editor/*", lambda route: _answer(route, route.request.post_data_json))
    page.goto("/editor")


def _answer(route: Route, asked: dict[str, Any]) -> None:
    question = route.request.url.rpartition("/")[2]
    answers = {"check": _check, "complete": _complete, "hover": _hover, "definition": _definition}
    route.fulfill(json=answers[question](asked))


def _check(asked: dict[str, Any]) -> dict[str, Any]:
    """One issue for each `gotoo`."""
    issues = []
    for number, line in enumerate(asked["text"].split("\n"), 1):
        for found in re.finditer("gotoo", line):
            place = {"file": asked["file"], "line": number, "column": found.start() + 1}
            edit = {**place, "end_line": number, "end_column": found.end() + 1, "text": "goto"}
            rule = {"code": "E201", "severity": "error", "message": '"gotoo" is no key', "cure": "Write goto."}
            issues.append({**place, **rule, "length": 5, "fixes": [{"title": "Write goto", "edits": [edit]}]})
    return {"issues": issues}


def _complete(asked: dict[str, Any]) -> dict[str, Any]:
    before = asked["text"].split("\n")[asked["line"] - 1][: asked["column"] - 1]
    column = len(re.sub(r"\w+$", "", before)) + 1
    options = [{"label": name, "kind": "step", "detail": "step", "insert": name} for name in ("hello", "sales")]
    return {"from": {"line": asked["line"], "column": column}, "options": options}


def _hover(_asked: dict[str, Any]) -> dict[str, Any]:
    return {"text": "The step that the call goes to."}


def _definition(asked: dict[str, Any]) -> dict[str, Any]:
    return {"file": asked["file"], "line": 8, "column": 3}

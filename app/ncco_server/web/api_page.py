"""The page `/docs`, which shows an OpenAPI document as plain HTML: no script, and nothing from other hosts."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import Environment
from markupsafe import Markup

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
section { border-top: 1px solid #ccc; }
h2 { font-family: monospace; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 1rem 0.25rem 0; }
pre { overflow-x: auto; margin: 0; }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_TEMPLATE: Final = Path(__file__).with_name("api_page.html")


def add_api_page(app: FastAPI) -> None:
    @cache
    def page() -> str:
        template = Environment(autoescape=True, trim_blocks=True).from_string(_TEMPLATE.read_text(encoding="utf-8"))
        return template.render(document=app.openapi(), style=Markup(_STYLE), schema=_schema)  # noqa: S704 - a constant

    async def docs() -> HTMLResponse:
        return HTMLResponse(page(), headers=_HEADERS)

    app.get("/docs", include_in_schema=False)(docs)


def _schema(schema: dict[str, Any]) -> Markup:
    names = [each.get("$ref", "").rpartition("/")[2] for each in schema.get("anyOf", [schema])]
    if all(names):
        return Markup(" or ").join(Markup('<a href="#{0}">{0}</a>').format(name) for name in names)
    return Markup("<pre>{}</pre>").format(json.dumps(schema, indent=2)) if schema else Markup("")

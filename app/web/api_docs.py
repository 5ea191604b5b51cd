"""The page `/docs`: the operations of the OpenAPI document as plain HTML, which needs nothing from the network."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
code {{ font-size: 1rem; }}
section {{ border-top: 1px solid #ccc; padding: .5rem 0; }}
dt {{ float: left; width: 4rem; font-weight: bold; }}
dd {{ margin-left: 4rem; }}
</style>
<h1>{title}</h1>
<p>{description} The same as JSON: <a href="openapi.json">openapi.json</a></p>
{operations}
</html>
"""


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Every operation with its responses."""
    document = request.app.openapi()
    about = document["info"]
    return HTMLResponse(
        _PAGE.format(
            title=escape(f"{about['title']} {about['version']}"),
            description=escape(about["description"]),
            operations="\n".join(_operations(document["paths"])),
        )
    )


def _operations(paths: dict[str, Any]) -> Iterator[str]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            responses = "".join(
                f"<dt>{escape(status)}</dt><dd>{escape(response['description'])}</dd>"
                for status, response in operation["responses"].items()
            )
            name = escape(operation["operationId"])
            summary = escape(operation.get("description") or operation["summary"])
            heading = f'<h2 id="{name}"><code>{method.upper()} {escape(path)}</code></h2>'
            yield f"<section>{heading}<p>{summary}</p><dl>{responses}</dl></section>"

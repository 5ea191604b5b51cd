"""What the application says besides webhooks: errors as JSON, and the documentation of the API."""

from __future__ import annotations

from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from app.web.answers import error_body
from app.web.routes import ROUTES, Route

_CURES = {
    404: "Vonage's URLs are /webhooks/answer, /webhooks/event and /webhooks/fallback; others are /healthz and /readyz.",
    405: "Look at the Allow header.",
}


async def http_error(_: Request, error: Exception) -> Response:
    """An unknown path, a wrong method, or anything else that the framework refuses, as JSON."""
    refusal = cast(HTTPException, error)
    headers = {name.lower(): value for name, value in (refusal.headers or {}).items()}
    body = error_body(str(refusal.detail).lower(), _CURES.get(refusal.status_code, "Look at the documentation."))
    return Response(body, refusal.status_code, headers, "application/json")


async def server_error(_: Request, __: Exception) -> Response:
    """A fault of ours on a page that no caller waits for, as JSON."""
    return Response(error_body("internal error", "Look at the server's log."), 500, media_type="application/json")


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the webhook routes that the framework does not know."""
    document = get_openapi(
        title="NCCO server", version=app.version, routes=app.routes, description="Webhooks of Vonage voice calls."
    )
    for route in ROUTES:
        document["paths"][route.path] = {method: _operation(route, method) for method in ("get", "post")}
    return document


def _operation(route: Route, method: str) -> dict[str, Any]:
    ncco = {"type": "array", "items": {"type": "object"}}
    operation: dict[str, Any] = {
        "tags": ["webhooks"],
        "summary": route.summary,
        "operationId": f"{method}_{route.name}_{route.parameter}".rstrip("_"),
        "responses": {
            "200": {
                "description": "An NCCO, or nothing where Vonage goes on by itself",
                "content": {"application/json": {"schema": ncco}},
            },
            "401": {"description": "The signature is wrong"},
            "503": {"description": "Not signed, or the store is away: send it again"},
        },
    }
    if route.parameter:
        place = {"name": route.parameter, "in": "path", "required": True, "schema": {"type": "string"}}
        operation["parameters"] = [place]
    if method == "post":
        operation["requestBody"] = {"content": {"application/json": {"schema": {"type": "object"}}}}
    return operation

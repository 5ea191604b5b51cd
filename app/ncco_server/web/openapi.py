"""The OpenAPI document, including the models of webhooks and the NCCO."""

from __future__ import annotations

from typing import Any, Final

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ncco_server.ncco import json_schema, webhooks
from ncco_server.ncco.webhooks import Webhook
from ncco_server.service.agents import AgentHandBack, AgentLine

_SCHEMAS: Final = "#/components/schemas/"


def reference(name: str) -> dict[str, str]:
    return {"$ref": f"{_SCHEMAS}{name}"}


def body_of(*models: type[BaseModel]) -> dict[str, Any]:
    any_of = [reference(model.__name__) for model in models]
    schema = any_of[0] if len(any_of) == 1 else {"anyOf": any_of}
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


def document_of(app: FastAPI) -> dict[str, Any]:
    """Source: FastAPI, Extending OpenAPI."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas |= _webhook_schemas() | _ncco_schemas()
        app.openapi_schema = document
    return app.openapi_schema


def _webhook_schemas() -> dict[str, Any]:
    known = [each for each in vars(webhooks).values() if isinstance(each, type) and issubclass(each, Webhook)]
    models: list[type[BaseModel]] = [*known, AgentHandBack, AgentLine]
    _, found = models_json_schema([(model, "validation") for model in models], ref_template=f"{_SCHEMAS}{{model}}")
    schemas: dict[str, Any] = found["$defs"]
    return schemas


def _ncco_schemas() -> dict[str, Any]:
    ncco: dict[str, Any] = orjson.loads(orjson.dumps(json_schema()).replace(b"#/$defs/", _SCHEMAS.encode()))
    own = {name: part for name, part in ncco.items() if name not in ("$schema", "$defs")}
    return {"NCCO": own, **ncco["$defs"]}

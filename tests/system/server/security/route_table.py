"""Requests to every route of an application, made from its own table: a new route is tried without a line of a test."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import httpx
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

Schema: TypeAlias = Mapping[str, Any]

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
DEEPEST: Final = 4
"""How deep the samples of nested bodies are."""
HOSTILE_TEXTS: Final = (
    *("", " ", "0", "-1", "99999999999999999999", "1e400", "NaN", "null", "true", "[]", "{}"),
    *("../../etc/passwd", "..%2f..%2f", "/", "//example.com", "\\", "a\0b", "a\r\nSet-Cookie: a=b", "\u202e\ufeff"),
    *("<script>alert(1)</script>", "' OR 1=1 --", "{{ 7 * 7 }}", "%s%n", "\U0001f600" * 300, "x" * 5_000),
    *("2026-02-30", "9999-12-31T23:59:59+14:00", "0000-00-00", "console", "hook", "%", "_", "*"),
)
HOSTILE_VALUES: Final[Sequence[Any]] = (
    *(None, True, 0, -1, 2**63, 2**1000, 1e308, [], {}, [[[]]], {"a": {"b": []}}, ["x"] * 2_000, {"": ""}),
    *HOSTILE_TEXTS,
)
HOSTILE_BODIES: Final[Mapping[str, bytes]] = {
    "empty": b"",
    "no JSON": b"{",
    "no Unicode": b'{"a": "\\ud800"}',
    "bytes": bytes(range(256)),
    "deep": b"[" * 50_000,
    "NaN": b"NaN",
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "a form": b"a=%ff&b=%00&" + b"c=1&" * 2_000,
}


@dataclass(frozen=True)
class RouteRequest:
    """A request to a route.

    Attributes:
        body: the values of the body; None for none.
        kind: the content type of the body.
        about: what it tries.
    """

    method: str
    route: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = None
    kind: str = JSON
    about: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.route} {dict(self.path)} {self.about}".strip()[:200]

    @property
    def url(self) -> str:
        """The address, with all values in it."""
        path = self.route.replace(":path}", "}")
        for name, value in self.path.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in self.query.items())
        return f"{path}?{query}" if query else path

    async def send(self, client: httpx.AsyncClient, **more: Any) -> httpx.Response:
        """Send it."""
        content: bytes | None = self.body if isinstance(self.body, bytes) else None
        headers = {**more.pop("headers", {}), **({"Content-Type": self.kind} if self.body is not None else {})}
        if content is None and self.body is not None:
            written = httpx.QueryParams(_flat(self.body)) if self.kind == FORM else json.dumps(self.body)
            content = str(written).encode("utf-8", "surrogatepass")
        return await client.request(self.method, self.url, content=content, headers=headers, **more)


def _flat(body: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in body.items()} if isinstance(body, dict) else {}


@dataclass(frozen=True)
class RouteTable:
    """Makes requests for the routes of an application.

    Attributes:
        app: the application.
        known: values that mean something to it, by the name of a parameter or of a field of a body.
    """

    app: FastAPI
    known: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    _components: dict[str, Schema] = field(default_factory=dict)

    def usual(self) -> Iterator[RouteRequest]:
        """Requests as a program would send them: each route with each known value of each parameter."""
        for method, route, operation in self._operations():
            usual = self._usual(method, route, operation)
            yield usual
            for name in usual.path:
                for value in self.known.get(name, ())[1:]:
                    yield replace(usual, path={**usual.path, name: value})
            for name, sample in self._optional(operation).items():
                for value in self.known.get(name, (sample,)):
                    yield replace(usual, query={**usual.query, name: str(value)}, about=f"{name}={value}")
            for name in usual.body if isinstance(usual.body, dict) else ():
                for value in self.known.get(name, ())[1:]:
                    yield replace(usual, body={**usual.body, name: value}, about=f"{name}: {value}")

    def hostile(self) -> Iterator[RouteRequest]:
        """Requests with one hostile value each, in the path, the query or the body; and with hostile bodies."""
        for method, route, operation in self._operations():
            usual = self._usual(method, route, operation)
            for value in HOSTILE_TEXTS:
                for name in usual.path:
                    yield replace(usual, path={**usual.path, name: value}, about=f"{name}={value!r:.40}")
                for name in {**usual.query, **self._optional(operation)}:
                    yield replace(usual, query={**usual.query, name: value}, about=f"{name}={value!r:.40}")
            for name in usual.body if isinstance(usual.body, dict) else ():
                for value in HOSTILE_VALUES:
                    yield replace(usual, body={**usual.body, name: value}, about=f"{name}: {value!r:.40}")
            if method not in ("GET", "HEAD", "OPTIONS"):
                for about, body in HOSTILE_BODIES.items():
                    for kind in (JSON, FORM, "text/plain; charset=utf-7"):
                        yield replace(usual, body=body, kind=kind, about=f"{about} as {kind}")

    def _operations(self) -> Iterator[tuple[str, str, Schema]]:
        """The method, path and description of each route. A route that OpenAPI leaves out has an empty description."""
        described = get_openapi(title="", version="", routes=self.app.routes)
        for each in (described, self.app.openapi()):  # an application may add some of its own
            self._components.update(each.get("components", {}).get("schemas", {}))
        for route in iter_route_contexts(self.app.routes):
            path = (route.path or "").replace(":path}", "}")
            for method in sorted(route.methods or ()):
                yield method, path, described["paths"].get(path, {}).get(method.lower(), {})

    def _optional(self, operation: Schema) -> dict[str, Any]:
        """The parameters of a query that may be left out, with a value each."""
        parameters = [each for each in operation.get("parameters", ()) if each["in"] == "query"]
        left_out = [each for each in parameters if not each.get("required")]
        return {each["name"]: self.sample(each.get("schema", {}), each["name"]) or "" for each in left_out}

    def _usual(self, method: str, route: str, operation: Schema) -> RouteRequest:
        found: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
        for each in (one for one in operation.get("parameters", ()) if one.get("required")):
            name = each["name"]
            sample = self.known[name][0] if self.known.get(name) else self.sample(each.get("schema", {}), name)
            found[each["in"]][name] = str("" if sample is None else sample)
        for name in (part.partition("}")[0] for part in route.split("{")[1:]):
            found["path"].setdefault(name, (self.known.get(name) or ["1"])[0])
        content = operation.get("requestBody", {}).get("content", {})
        kind = next(iter(content), JSON)
        body = self.sample(content[kind]["schema"]) if kind in content else None
        return RouteRequest(method, route, found["path"], found["query"], body, kind)

    def sample(self, schema: Schema, name: str = "", depth: int = 0) -> Any:
        """A value that fits a schema."""
        if "$ref" in schema:
            return self.sample(self._components[schema["$ref"].rpartition("/")[2]], name, depth)
        if self.known.get(name) and schema.get("type") in ("string", None):
            return self.known[name][0]
        for word in ("anyOf", "oneOf", "allOf"):
            if word in schema:
                return self.sample(schema[word][0], name, depth)
        if "default" in schema:
            return schema["default"]
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [""])[0])
        if schema.get("type") == "object":
            fields = schema.get("properties", {}) if depth < DEEPEST else {}
            needed = {*schema.get("required", ()), *self.known}
            return {name: self.sample(each, name, depth + 1) for name, each in fields.items() if name in needed}
        plain = {"integer": schema.get("minimum", 1), "number": 1.0, "boolean": True, "array": [], "null": None}
        return plain.get(schema.get("type", ""), "a")

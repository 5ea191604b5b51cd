"""Makes docs/reference/data.md, from the routes of the API for programs and the documents of rows: `make docs`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from ncco_server.desk.documents import AddressedHook, CallDocument, RecordingDocument
from ncco_server.service.documents import PlacedAttempt, PlacedDocument
from ncco_server.service.tables import TableRowDocument
from ncco_server.web import placing_api, tables_api
from ncco_server.web.tables_api import DeclaredTable
from tests.support.tracked import ROOT

PAGE: Final = ROOT / "docs" / "reference" / "data.md"

INTRODUCTION: Final = """# Data for programs

<!-- written by make docs -->

What the API for programs and `--format json` contain. Names of fields stay as they are; later versions may add
fields. A time is in ISO 8601, in UTC: `2026-03-04T12:00:00Z`, with a fraction of the second where there is one.
"Personal" texts say something about a person;
[`ncco forget`](../security.md#retention-and-erasure-gdpr) deletes them.

## The API for programs

The server listens on `NCCO_API_PORT`, and describes the API at `/openapi.json` there. Every request needs
`Authorization: Bearer KEY`, with a key from `ncco api-key add`. GET routes answer HEAD too.
[Place calls](../how-to/place.md#from-a-program) and [Block a caller](../how-to/tables.md#change-rows-from-outside) have
examples.
"""
REFUSED: Final = """### Refused requests

The reply is `{"detail": {"where": "with.name", "problem": "..", "fix": ".."}}`. `where` is the field that is wrong, or
empty. If several fields of a call are wrong, `others` is a list with the rest of them.

| status | meaning |
|---|---|
"""
PAGES: Final = {
    "PlacedPage": "`calls`, a list of [placed calls](#placed-call), and `next`, the `before` of the next page or null",
    "TableRowsPage": "`rows`, a list of [rows](#row-of-a-table), and `next`, the `after` of the next page or null",
}
COLUMN: Final = "COLUMN"
COLUMNS: Final = "The value of each column, by the column's name; null for none. Values may be JSON or text."


class Subject(NamedTuple):
    """A document, its heading, and where programs find it."""

    kind: type[BaseModel]
    heading: str
    place: str


SUBJECTS: Final = (
    Subject(PlacedDocument, "Placed call", "Replies of the API."),
    Subject(PlacedAttempt, "Attempt", "`attempts` of a placed call."),
    Subject(DeclaredTable, "Table", "Replies of the API."),
    Subject(TableRowDocument, "Row of a table", "Replies of the API, and `ncco table NAME --format json`."),
    Subject(
        CallDocument,
        "Call",
        "`ncco calls --format json` has a list (`calls`) or one call (`call`).",
    ),
    Subject(
        RecordingDocument,
        "Recording",
        "`ncco recordings list --format json` has a list (`recordings`).",
    ),
    Subject(
        AddressedHook,
        "Hook",
        "`ncco hooks --format json` has a list (`hooks`). So has `ncco calls ID --format json`, without `call` and "
        "`url`.",
    ),
)
ANCHORS: Final = {each.kind.__name__: each.heading for each in SUBJECTS}


def page() -> str:
    """The page: the routes of the API, then a list for each document."""
    described = get_openapi(title="", version="", routes=[*placing_api.router.routes, *tables_api.router.routes])
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    refusals = {status: each for _, operation in operations for status, each in operation["responses"].items()}
    refused = "".join(
        f"| {status} | {each['description']} |\n" for status, each in sorted(refusals.items()) if int(status) >= 400
    )
    tables = [_subject(each) for each in SUBJECTS]
    routes = [_route(name, operation) for name, operation in operations]
    return "\n".join([INTRODUCTION, *routes, REFUSED + refused, "## Documents\n", *tables])


def _route(name: str, operation: Mapping[str, Any]) -> str:
    parameters = "".join(_parameters(operation))
    status, reply = next((status, each) for status, each in operation["responses"].items() if int(status) < 400)
    what = _reply(reply["content"]["application/json"]["schema"]) if "content" in reply else "empty"
    listed = f"{parameters}\n" if parameters else ""
    return f"### `{name}`\n\n{operation['description']}\n\n{listed}Reply ({status}): {what}.\n"


def _reply(schema: Mapping[str, Any]) -> str:
    if "items" in schema:
        return f"a list of {_type(schema['items'])}s"
    document = schema["$ref"].rpartition("/")[2]
    return PAGES[document] if document in PAGES else f"a {_link(document)}"


def _parameters(operation: Mapping[str, Any]) -> Iterator[str]:
    for each in operation.get("parameters", ()):
        schema = each["schema"]
        limits = f"{schema['minimum']} to {schema['maximum']}" if "maximum" in schema else ""
        default = f"{schema['default']} by default" if schema.get("default") else ""
        choices = ", ".join(f"`{word}`" for word in schema.get("enum", ()) if word)
        required = "Required." if each["required"] else ""
        values = ", ".join(filter(None, (choices, limits, default)))
        meaning = " ".join(
            filter(None, (each["description"], values and f"{values[:1].upper()}{values[1:]}.", required))
        )
        yield f"- `{each['name']}` ({each['in']}): {meaning}\n"
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        for name, option in schema.get("properties", {COLUMN: {"description": COLUMNS}}).items():
            required = " Required." if name in schema.get("required", ()) else ""
            yield f"- `{name}` (body): {option['description']}{required}\n"


def _subject(subject: Subject) -> str:
    kind = subject.kind
    schema = kind.model_json_schema(mode="serialization")
    rows = "".join(
        f"- `{name}` ({_type(option)}): {_meaning(option)}\n" for name, option in schema["properties"].items()
    )
    return f"### {subject.heading}\n\n{kind.__doc__} {subject.place}\n\n{rows}"


def _type(option: Mapping[str, Any]) -> str:
    """The type of a field, in words."""
    if "$ref" in option:
        return _link(option["$ref"].rpartition("/")[2])
    if "additionalProperties" in option:
        return "map"
    if "anyOf" in option:
        return " or ".join(_type(each) for each in option["anyOf"])
    if isinstance(option["type"], list):
        return " or ".join(_type({"type": each}) for each in option["type"])
    if option["type"] == "array":
        return f"list of {_type(option['items'])}s"
    if option.get("format") == "date-time":
        return "time"
    if "type" not in option:
        return "any value"
    words = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "null": "null"}
    return words[option["type"]]


def _meaning(option: Mapping[str, Any]) -> str:
    personal = " Personal." if option.get("x-personal") else ""
    return " ".join(option.get("description", "").split()) + personal


def _link(name: str) -> str:
    heading = ANCHORS[name]
    return f"[{heading.lower()}](#{heading.lower().replace(' ', '-')})"
